//! Writes results as STIX, Common Output Format, table or CSV, and formats traces.

use crate::cli::Format;
use jiff::Timestamp;
use std::fmt::Write;
use std::io;
use stixmap_engine::printable;
use stixmap_engine::run::{Record, RecordResult, Report, Traced, TracedRelationship};
use stixmap_engine::stix::{Bundle, Layout, Object, Relationship, Seen, stix_time};

/// Writes the merged results of reports.
pub(crate) fn write(format: Format, reports: &mut Vec<Report>, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        Format::Cof => cof(reports, out),
        Format::Stix => stix(&merged(reports), out),
        Format::Table => out.write_all(table(&merged(reports)).as_bytes()),
        Format::Csv => csv(&merged(reports), out),
    }
}

fn merged(reports: &mut Vec<Report>) -> Bundle {
    Bundle::merged(reports.drain(..).map(|report| report.bundle))
}

fn stix(bundle: &Bundle, out: &mut dyn io::Write) -> io::Result<()> {
    bundle.write(Layout::Pretty, |piece| {
        let text = std::str::from_utf8(piece).expect("a bundle is written in pieces of valid UTF-8");
        out.write_all(printable::json(text).as_bytes())
    })?;
    out.write_all(b"\n")
}

/// Writes every valid record, mapped or not, in the Common Output Format.
pub(crate) fn cof(reports: &[Report], out: &mut dyn io::Write) -> io::Result<()> {
    for record in reports.iter().flat_map(|report| &report.trace).filter_map(|traced| traced.record.as_ref()) {
        let line = serde_json::to_string(record)?;
        writeln!(out, "{}", printable::json(&line))?;
    }
    Ok(())
}

const COLUMNS: [&str; 9] = [
    "source_type",
    "source",
    "relationship",
    "target_type",
    "target",
    "start_time",
    "stop_time",
    "description",
    "created_by",
];

fn cells(bundle: &Bundle, relationship: &Relationship) -> [String; 9] {
    let end = |id| {
        let observable = bundle.observable(id).expect("both ends of a relationship are in the bundle");
        (observable.kind().to_string(), observable.value().to_owned())
    };
    let ((source_type, source), (target_type, target)) = (end(relationship.source), end(relationship.target));
    let time = |time: Option<_>| time.map(stix_time).unwrap_or_default();
    let author = bundle.objects().find_map(|object| match object {
        Object::Identity(identity) if identity.id() == relationship.created_by => Some(identity.name().to_owned()),
        _ => None,
    });
    let descriptions: Vec<&str> = relationship.descriptions.iter().map(AsRef::as_ref).collect();
    [
        source_type,
        source,
        relationship.relationship_type.to_string(),
        target_type,
        target,
        time(relationship.start_time),
        time(relationship.stop_time),
        descriptions.join(", "),
        author.unwrap_or_default(),
    ]
}

fn rows(bundle: &Bundle) -> Vec<[String; 9]> {
    let mut rows: Vec<_> = bundle.relationships().map(|relationship| cells(bundle, &relationship)).collect();
    rows.sort();
    rows
}

fn csv(bundle: &Bundle, out: &mut dyn io::Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS)?;
    for row in rows(bundle) {
        writer.write_record(row.map(|cell| spreadsheet_cell(&cell)))?;
    }
    writer.flush()
}

/// Returns a cell that no spreadsheet evaluates as a formula (OWASP, CSV Injection): `'` is inserted before a character that
/// starts a formula, at the start of the cell and after every possible separator or quote. No column contains numbers: `-1`
/// is a provider's text, too.
fn spreadsheet_cell(text: &str) -> String {
    let text = printable::value(text);
    let mut cell = String::with_capacity(text.len() + 1);
    let mut is_start = true;
    for c in text.chars() {
        if is_start && matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') {
            cell.push('\'');
        }
        is_start = matches!(c, ',' | ';' | '|' | '"') || (is_start && c.is_whitespace());
        cell.push(c);
    }
    cell
}

fn table(bundle: &Bundle) -> String {
    let rows: Vec<[String; 6]> = rows(bundle)
        .into_iter()
        .map(|[_, source, relationship, _, target, start, stop, description, _]| {
            [source, relationship, target, start, stop, description].map(|cell| printable::value(&cell).into_owned())
        })
        .collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

/// Formats the trace: each record with its values, its rule and its objects.
pub(crate) fn trace(report: &Report) -> String {
    report.trace.iter().map(traced_line).collect::<Vec<_>>().join("\n")
}

fn traced_line(traced: &Traced) -> String {
    let mut text = head(traced);
    for (name, value) in &traced.values {
        let _ = write!(text, "\n    {}: {}", printable::line(name), printable::value(value));
    }
    match &traced.result {
        RecordResult::Mapped => traced.links.iter().for_each(|link| text.push_str(&link_line(link))),
        RecordResult::Dropped(reason, _) => {
            let _ = write!(text, "\n    dropped: {}", printable::line(reason));
        }
        RecordResult::Bad(reason) => {
            let _ = write!(text, "\n    bad: {}", printable::line(reason));
        }
        RecordResult::Outside => text.push_str("\n    outside the window"),
    }
    text
}

fn head(traced: &Traced) -> String {
    let Traced { lookup, page, place, record, .. } = traced;
    let text = record.as_ref().map(|Record { rrname, rrtype, rdata, .. }| format!("{rrname} {rrtype} {rdata}"));
    let text = format!("{lookup} page {page} {place}  {}", text.unwrap_or_default());
    printable::line(text.trim_end()).into_owned()
}

fn link_line(link: &TracedRelationship) -> String {
    let TracedRelationship { source, relationship, target, line, .. } = link;
    let (source, target) = (source.to_string(), target.to_string());
    let (source, target) = (printable::line(&source), printable::line(&target));
    format!("\n    → {source} {relationship} {target}  by the rule on line {line}")
}

/// Returns the records and rules that produced an object; none if it is not in the bundle.
pub(crate) fn why(reports: &[&Report], id: &str) -> Option<String> {
    let mut text = String::new();
    for report in reports {
        let Some(object) = report.bundle.objects().find(|object| object.id().to_string() == id) else {
            continue;
        };
        let made = |traced: &Traced, link: &TracedRelationship| match &object {
            Object::Relationship(relationship) => {
                (link.relationship, link.source.id(), link.target.id())
                    == (relationship.relationship_type, relationship.source, relationship.target)
                    && is_of_type(traced, relationship)
                    && is_within(link.seen, relationship)
            }
            Object::Observable { observable, .. } => link.source.is_same(observable) || link.target.is_same(observable),
            Object::Identity(_) | Object::Marking(_) | Object::PapMarking(_) => false,
        };
        for traced in &report.trace {
            let links: String = traced.links.iter().filter(|link| made(traced, link)).map(link_line).collect();
            if !links.is_empty() {
                let _ = writeln!(text, "{}{links}", head(traced));
            }
        }
        if text.is_empty() {
            let _ = writeln!(text, "{id} is the observable, its marking or the provider: not from a record");
        }
    }
    (!text.is_empty()).then(|| text.trim_end().to_owned())
}

/// Returns whether a record has the record type of a relationship.
fn is_of_type(traced: &Traced, relationship: &Relationship) -> bool {
    let record = traced.record.as_ref();
    relationship.rrtype.is_none_or(|rrtype| record.is_some_and(|record| record.rrtype == rrtype))
}

/// Returns whether a record was seen within the period of a relationship.
fn is_within(seen: Seen, relationship: &Relationship) -> bool {
    let (start, stop) = (relationship.start_time, relationship.stop_time);
    // Objects contain times in microseconds.
    let is_later = |one: Timestamp, other: Timestamp| one.as_microsecond() > other.as_microsecond();
    let is_after_start = |time: Timestamp| start.is_none_or(|start| !is_later(start, time));
    let is_before_stop = |time: Timestamp| stop.is_none_or(|stop| !is_later(time, stop));
    let is_of_start = seen.first.is_none() || start.is_some();
    let mut times = seen.first.into_iter().chain(seen.last);
    is_of_start && times.all(|time| is_after_start(time) && is_before_stop(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(spreadsheet_cell(text), expected);
    }

    #[test]
    fn formula_in_cell_is_escaped() {
        check("=1+1", "'=1+1");
        check("-1", "'-1");
        check("  @SUM(A1)", "  '@SUM(A1)");
        check("\u{3000}＝1", "\u{3000}'＝1");
        check("a;=1", "a;'=1");
        check("a\" ,\"+1", "a\" ,\"'+1");
        check("\t=1", r"\009=1");
        check("\r\n-1", r"\013\010-1");
        check("ns-1.example.com", "ns-1.example.com");
        check("v=spf1 -all", "v=spf1 -all");
    }

    /// Parses a line as a spreadsheet with these settings.
    fn cells(line: &[u8], delimiter: u8, has_quotes: bool) -> Vec<String> {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.has_headers(false).flexible(true).delimiter(delimiter).quoting(has_quotes);
        let mut rows = reader.from_reader(line).into_records();
        rows.next().map_or(vec![], |row| row.expect("a row").iter().map(str::to_owned).collect())
    }

    proptest! {
        #[test]
        fn cell_is_no_formula_with_any_separator_and_quote(
            texts in prop::collection::vec("[=+@＝＋－＠a,;|\"'\t\r\n \u{a0}\u{3000}\\-]{0,8}", 1..4),
        ) {
            let mut line = vec![];
            let row: Vec<String> = texts.iter().map(|text| spreadsheet_cell(text)).collect();
            let mut writer = csv::Writer::from_writer(&mut line);
            writer.write_record(&row).expect("a row");
            drop(writer);
            prop_assert_eq!(cells(&line, b',', true), row);
            for (delimiter, has_quotes) in [b',', b';', b'|', b'\t'].into_iter().flat_map(|c| [(c, true), (c, false)]) {
                for cell in cells(&line, delimiter, has_quotes) {
                    let bare = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
                    prop_assert!(!bare.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{:?} in {:?}", cell, line);
                }
            }
        }
    }
}
