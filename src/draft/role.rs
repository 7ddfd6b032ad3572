//! Assigns roles to columns: owner name, type, data, times, count. Values decide; names that providers commonly use
//! break ties.

use super::column::{Column, ValuePattern};
use super::table::{Table, names_a_type};
use crate::scaffold::Line;
use std::cmp::Reverse;
use stixmap_engine::dns::{Name, Rdata, RrType, parse_address};
use stixmap_engine::stix::{Observable, ObservableType};

/// Common names of the owner name and of the data, the most specific first.
const OWNER: [&str; 9] = ["rrname", "owner", "query", "qname", "hostname", "host", "domain", "name", "subject"];
const DATA: [&str; 11] =
    ["rdata", "rrdata", "answer", "resolve", "content", "value", "data", "address", "target", "ip", "result"];

/// Parts of common names of the first time, the last time and the count.
const FIRST: [&str; 7] = ["first", "start", "begin", "since", "from", "oldest", "created"];
const LAST: [&str; 8] = ["last", "latest", "stop", "end", "until", "newest", "recent", "updated"];
const COUNT: [&str; 6] = ["count", "times", "hits", "number", "seen", "num"];

/// Minimum percentage of rows whose data is valid for their type.
const FITTING: usize = 50;

/// Maximum number of columns that are compared as owner names, and as data: each of one with each of the other.
const COMPARED: usize = 32;

/// The fields of a record, from the columns.
pub(super) struct Roles {
    pub(super) fields: Vec<(String, Line)>,
    pub(super) orientation: Vec<Line>,
    /// Descriptions of the other columns.
    pub(super) unread: Vec<String>,
    /// Likelihood, to choose among drafts that map as many rows.
    pub(super) likeness: usize,
    /// Questions that the sample leaves open.
    pub(super) questions: Vec<String>,
    /// Number of columns that fit as owner name or data, but were not compared.
    pub(super) omitted: usize,
}

/// A side of a record: a column, or the observable.
#[derive(Clone, Copy)]
enum Side<'c> {
    Column(&'c Column),
    Observable,
}

/// The source of the record type.
#[derive(Clone, Copy)]
enum TypeOf<'c> {
    Column(&'c Column),
    /// The path of the rows names the type.
    Path(RrType),
    /// The data is an address, which determines the type.
    Data,
}

/// Assigns the roles, or returns the reason why the rows are not records.
pub(super) fn roles(table: &Table<'_>, columns: &[Column], observable: &Observable) -> Result<Roles, String> {
    let rrtype = rrtype(table, columns);
    let sides: Vec<Side<'_>> = columns
        .iter()
        .filter(|column| matches!(column.pattern, ValuePattern::Address | ValuePattern::Name | ValuePattern::Text))
        .map(Side::Column)
        .chain([Side::Observable])
        .collect();
    let count = table.rows.len();
    let candidates: Vec<_> = sides.iter().map(|side| Candidate::new(*side, count, rrtype, observable)).collect();
    let (owners, omitted_owners) = likeliest(&candidates, &OWNER, |row| (row.is_owner, row.is_about_as_owner));
    let (data, omitted_data) = likeliest(&candidates, &DATA, |row| (row.is_data, row.is_about_as_data));
    let pairs = owners.iter().flat_map(|owner| data.iter().map(move |data| (*owner, *data)));
    let scored = pairs.filter_map(|(owner, data)| {
        let score = score(rrtype, owner, data, observable)?;
        Some((score, owner.side, data.side))
    });
    let Some((score, owner, data)) = scored.max_by_key(|(score, ..)| *score) else {
        return Err(match rrtype {
            TypeOf::Data => "no record type in the rows, and no address with a name".to_owned(),
            TypeOf::Column(column) => format!("no data in the rows for the types at `{}`", column.path()),
            TypeOf::Path(rrtype) => format!("no data of type {rrtype} in the rows"),
        });
    };
    let mut chosen = Chosen { fields: vec![], used: vec![] };
    chosen.sides(rrtype, owner, data);
    chosen.times(columns);
    chosen.count(columns);
    let orientation = orientation(owner, data);
    let questions =
        columns.iter().filter(|column| is_relative_name(column)).map(|column| relative(column, owner)).collect();
    let is_unread =
        |column: &&Column| !column.is_of_answer() && !chosen.used.iter().any(|used| std::ptr::eq(*used, *column));
    let unread: Vec<&Column> = columns.iter().filter(is_unread).collect();
    let likeness = score.1 + chosen.fields.len();
    let unread = unread.iter().map(|column| format!("{}: {}", column.path(), column.evidence())).collect();
    let omitted = omitted_owners.max(omitted_data);
    Ok(Roles { fields: chosen.fields, orientation, unread, likeness, questions, omitted })
}

fn is_of_row(side: Side<'_>) -> bool {
    matches!(side, Side::Column(column) if column.is_of_row())
}

/// Selects the source of the type: a column of types, preferably with a matching name; else the path; else the data.
fn rrtype<'c>(table: &Table<'_>, columns: &'c [Column]) -> TypeOf<'c> {
    let types = columns.iter().filter(|column| column.pattern == ValuePattern::RrType);
    if let Some(column) = types.max_by_key(|column| column.hint(&["rrtype", "type", "rr"])) {
        return TypeOf::Column(column);
    }
    let named = table.levels.iter().rev().find_map(|level| {
        let word = level.at.rsplit(['.', '\'']).find(|word| !word.is_empty())?;
        names_a_type(word).then(|| RrType::parse(word).ok())?
    });
    named.map_or(TypeOf::Data, TypeOf::Path)
}

/// A side with what its value is in each row.
struct Candidate<'c> {
    side: Side<'c>,
    rows: Vec<RowFacts>,
}

/// What the value of a side is in one row.
#[derive(Clone, Copy, Default)]
struct RowFacts {
    is_present: bool,
    is_owner: bool,
    is_data: bool,
    is_about_as_owner: bool,
    is_about_as_data: bool,
}

impl<'c> Candidate<'c> {
    fn new(side: Side<'c>, rows: usize, rrtype: TypeOf<'_>, observable: &Observable) -> Candidate<'c> {
        let facts = |row: usize| {
            let text = match side {
                Side::Column(column) => column.text(row),
                Side::Observable => Some(observable.value().to_owned()),
            };
            text.map_or_else(RowFacts::default, |text| RowFacts {
                is_present: true,
                // A single label may be any text.
                is_owner: text.contains('.') && parse_address(&text).is_err() && Name::parse(&text).is_ok(),
                is_data: match rrtype {
                    TypeOf::Column(column) => column
                        .text(row)
                        .and_then(|text| RrType::parse(&text).ok())
                        .is_some_and(|rrtype| is_rdata(rrtype, &text)),
                    TypeOf::Path(rrtype) => is_rdata(rrtype, &text),
                    TypeOf::Data => parse_address(&text).is_ok(),
                },
                is_about_as_owner: is_within(&text, observable),
                is_about_as_data: is_same(&text, observable),
            })
        };
        Candidate { side, rows: (0..rows).map(facts).collect() }
    }
}

/// Returns the candidates that fit enough rows, at most [`COMPARED`], and the number of the others that do.
fn likeliest<'a, 'c>(
    candidates: &'a [Candidate<'c>],
    names: &[&str],
    facts: fn(&RowFacts) -> (bool, bool),
) -> (Vec<&'a Candidate<'c>>, usize) {
    let score = |candidate: &Candidate<'_>| {
        let facts = candidate.rows.iter().map(facts);
        let (fitting, about) = facts.fold((0, 0), |(fitting, about), (fits, is_about)| {
            (fitting + usize::from(fits), about + usize::from(is_about))
        });
        is_fitting(fitting, candidate.rows.len()).then(|| (fitting + about, hint(candidate.side, names)))
    };
    let mut scored: Vec<_> = candidates.iter().enumerate().filter_map(|(at, one)| Some((score(one)?, at))).collect();
    scored.sort_by_key(|(score, _)| Reverse(*score));
    let omitted = scored.len().saturating_sub(COMPARED);
    scored.truncate(COMPARED);
    scored.sort_by_key(|(_, at)| *at);
    (scored.into_iter().map(|(_, at)| &candidates[at]).collect(), omitted)
}

fn is_fitting(fitting: usize, rows: usize) -> bool {
    fitting * 100 >= rows * FITTING && fitting > 0
}

/// Scores two sides: rows about the observable, then names; `None` if they do not fit.
fn score(
    rrtype: TypeOf<'_>,
    owner: &Candidate<'_>,
    data: &Candidate<'_>,
    observable: &Observable,
) -> Option<(usize, usize)> {
    let is_address = matches!(observable.kind(), ObservableType::Ipv4Addr | ObservableType::Ipv6Addr);
    match (owner.side, data.side) {
        (Side::Observable, Side::Observable) => return None,
        (Side::Observable, _) if is_address => return None,
        (_, Side::Observable) if !is_address && matches!(rrtype, TypeOf::Data) => return None,
        (Side::Column(owner), Side::Column(data)) if std::ptr::eq(owner, data) => return None,
        (Side::Column(owner), _) if owner.is_list() => return None,
        // A row with only the observable on both sides contains no data.
        _ if ![owner.side, data.side].into_iter().any(is_of_row) => return None,
        _ => {}
    }
    let (mut fitting, mut about) = (0, 0);
    for (owner, data) in owner.rows.iter().zip(&data.rows).filter(|(owner, data)| owner.is_present && data.is_present) {
        fitting += usize::from(data.is_data && owner.is_owner);
        about += usize::from(owner.is_about_as_owner || data.is_about_as_data);
    }
    let names = hint(owner.side, &OWNER) + hint(data.side, &DATA);
    is_fitting(fitting, owner.rows.len()).then_some((fitting + about, names))
}

/// Scores the name of a side and its distance from the row.
fn hint(side: Side<'_>, names: &[&str]) -> usize {
    match side {
        Side::Column(column) => column.hint(names) + column.nearness(),
        Side::Observable => 0,
    }
}

/// Common names of a column whose single labels are host names relative to a domain.
const RELATIVE: [&str; 9] = ["host", "hostname", "rrname", "owner", "name", "subdomain", "label", "prefix", "record"];

/// Tests whether a column contains names of a single label, which may be relative to another column or the observable.
fn is_relative_name(column: &Column) -> bool {
    let is_label = |text: &str| {
        !text.is_empty()
            && (text == "@" || !text.contains('.') && Name::parse(text).is_ok() && RrType::parse(text).is_err())
    };
    let texts = || column.values.iter().flatten().filter_map(serde_json::Value::as_str);
    column.hint(&RELATIVE) > 0 && texts().next().is_some() && texts().all(is_label)
}

/// Asks whether the names of a column are relative, in which case the owner name of the draft is wrong.
fn relative(column: &Column, owner: Side<'_>) -> String {
    let path = column.path();
    let suffix = match owner {
        Side::Column(owner) => owner.path(),
        Side::Observable => "observable".to_owned(),
    };
    format!(
        "Question: are the names at `{path}` relative to `{suffix}`? If so, `rrname` is wrong: use `relative_to` (`stixmap explain profile`)."
    )
}

fn is_count(column: &Column) -> bool {
    column.pattern == ValuePattern::Integer && !column.is_of_answer() && column.hint(&COUNT) > 0
}

/// Tests whether a text is valid data of a type.
fn is_rdata(rrtype: RrType, text: &str) -> bool {
    Rdata::parse(rrtype, text).is_ok()
}

fn is_same(text: &str, observable: &Observable) -> bool {
    Observable::detect(text).is_ok_and(|value| value.is_same(observable))
}

/// Tests whether a name is the observable or one of its subdomains.
fn is_within(text: &str, observable: &Observable) -> bool {
    let name = text.trim_end_matches('.').to_lowercase();
    is_same(text, observable) || name.strip_suffix(observable.value()).is_some_and(|rest| rest.ends_with('.'))
}

fn orientation(owner: Side<'_>, data: Side<'_>) -> Vec<Line> {
    let name_of = |side: Side<'_>, name: &'static str| match side {
        Side::Column(_) => name,
        Side::Observable => "observable",
    };
    match (owner, data) {
        (Side::Column(_), Side::Column(_)) => vec![],
        _ => {
            let yaml = format!("{{ rrname: {}, rdata: {} }}", name_of(owner, "rrname"), name_of(data, "rdata"));
            vec![Line::new(yaml, "the rows do not contain the observable")]
        }
    }
}

/// The fields assigned so far.
struct Chosen<'c> {
    fields: Vec<(String, Line)>,
    used: Vec<&'c Column>,
}

impl<'c> Chosen<'c> {
    fn column(&mut self, name: &str, kind: &str, column: &'c Column) {
        self.fields.push((name.to_owned(), Line::new(column.field(kind), column.evidence())));
        self.used.push(column);
    }

    fn sides(&mut self, rrtype: TypeOf<'c>, owner: Side<'c>, data: Side<'c>) {
        if let Side::Column(column) = owner {
            self.column("rrname", "dns-name", column);
        }
        match (rrtype, data) {
            (TypeOf::Column(column), _) => self.column("rrtype", "rrtype", column),
            (TypeOf::Path(rrtype), _) => {
                let line = Line::new(
                    format!("{{ from: constant, value: {rrtype}, as: rrtype }}"),
                    "from the path of the rows",
                );
                self.fields.push(("rrtype".to_owned(), line));
            }
            (TypeOf::Data, Side::Column(column)) => {
                let line = Line::new(column.field("rrtype-of-address"), "all data is addresses");
                self.fields.push(("rrtype".to_owned(), line));
            }
            (TypeOf::Data, Side::Observable) => {
                let line = Line::new("{ from: observable, as: rrtype-of-address }", "names of an address");
                self.fields.push(("rrtype".to_owned(), line));
            }
        }
        if let Side::Column(column) = data {
            self.column("rdata", "rdata", column);
        }
    }

    /// Assigns the first and the last time; if names do not decide, the earlier and the later.
    fn times(&mut self, columns: &'c [Column]) {
        let is_time = |column: &&Column| matches!(column.pattern, ValuePattern::Time(..)) && !column.is_of_answer();
        let times: Vec<&Column> = columns.iter().filter(is_time).collect();
        let called = |names: &[&str]| {
            let times = times.iter().copied().filter(|column| column.hint(names) > 0);
            times.max_by_key(|column| {
                (column.hint(names), column.filled(), column.nearness(), Reverse(column.name.len()))
            })
        };
        let first = called(&FIRST);
        let last = called(&LAST).filter(|last| first.is_none_or(|first| !std::ptr::eq(first, *last)));
        let others: Vec<&Column> = times
            .iter()
            .copied()
            .filter(|column| [first, last].into_iter().flatten().all(|known| !std::ptr::eq(known, *column)))
            .collect();
        let (first, last) = match (first, last, &others[..]) {
            (None, None, [one, other]) if one.is_never_after(other) => (Some(*one), Some(*other)),
            (None, None, [one, other]) if other.is_never_after(one) => (Some(*other), Some(*one)),
            (None, None, [only]) => (None, Some(*only)),
            (first, last, _) => (first, last),
        };
        first.into_iter().for_each(|column| self.time("time_first", column, &times, &FIRST));
        last.into_iter().for_each(|column| self.time("time_last", column, &times, &LAST));
    }

    /// Assigns a time; another column with a similar name supplies it for rows that lack it.
    fn time(&mut self, name: &str, column: &'c Column, times: &[&'c Column], names: &[&str]) {
        let hint = column.hint(names);
        let other =
            times.iter().find(|other| hint > 0 && other.hint(names) == hint && column.is_complemented_by(other));
        let Some(other) = other else { return self.column(name, "timestamp", column) };
        let evidence = format!("{}; or {}", column.evidence(), other.evidence());
        self.fields.push((name.to_owned(), Line::new(column.field_or("timestamp", Some(other)), evidence)));
        self.used.extend([column, other]);
    }

    fn count(&mut self, columns: &'c [Column]) {
        let numbers = columns.iter().filter(|column| is_count(column));
        if let Some(column) = numbers.max_by_key(|column| column.hint(&COUNT)) {
            self.column("count", "integer", column);
        }
    }
}
