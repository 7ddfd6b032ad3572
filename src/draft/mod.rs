//! `stixmap draft`: generates a profile from a sample response. For each array or object that may contain the rows, a
//! profile is generated, validated and played with the sample; the one that maps most records is kept. Comments give
//! the evidence for each line. The sample becomes the first case.

mod request;
mod column;
mod role;
mod sample;
mod table;

use crate::cli::{AuthKind, DraftArgs, Framing, Verbosity};
use crate::enrich::{kind, observable};
use crate::exit::Exit;
use crate::files::{Bound, operator_path};
use crate::render::{MultilineError, causes};
use crate::scaffold::{self, FirstCase, Line, Lookup, Scaffold};
use crate::{new, quote, render};
use anyhow::{Context, bail};
use request::Asked;
use sample::Sample;
use serde_json::Value;
use std::cmp::Reverse;
use stixmap_engine::case::Played;
use stixmap_engine::printable;
use stixmap_engine::stix::Observable;
use table::{Level, LevelContent, Table};

/// Parts of key names that indicate paging.
const PAGING: [&str; 12] =
    ["next", "cursor", "total", "count", "page", "offset", "more", "limit", "token", "truncated", "partial", "scroll"];

/// Maximum number of reasons reported if no records are found.
const REASONS: usize = 4;

pub(crate) fn run(args: &DraftArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    scaffold::check_name(&args.name)?;
    let observable = observable(&args.observable, kind(args.kind.as_deref())?)?;
    let asked = args.url.as_deref().map(|url| Asked::read(url, &observable)).transpose()?;
    let bytes = without_key(read(args)?, asked.as_ref());
    let drafts = Drafts { args, observable: &observable, asked: asked.as_ref(), bytes: &bytes };
    let (scaffold, played) = drafts.best()?;
    let ended = new::written(&scaffold, &args.out, verbosity)?;
    if verbosity > Verbosity::Quiet {
        render::remark(&format!("result for the sample: {}", played.report.counts));
    }
    Ok(ended)
}

fn read(args: &DraftArgs) -> anyhow::Result<Vec<u8>> {
    let read = operator_path::read_input(&args.sample, Bound::SAMPLE);
    read.with_context(|| format!("failed to read {}", args.sample.display()))
}

/// Replaces the API key in a sample that contains it.
fn without_key(bytes: Vec<u8>, asked: Option<&Asked>) -> Vec<u8> {
    let key = asked.and_then(|asked| asked.key.as_ref()).map(|(_, key)| key.as_str());
    match (key.filter(|key| !key.is_empty()), std::str::from_utf8(&bytes)) {
        (Some(key), Ok(text)) => text.replace(key, "made-up-key").into_bytes(),
        _ => bytes,
    }
}

/// Mapped records, few bad records, likelihood of the roles, few levels.
type Rank = (u64, Reverse<u64>, usize, Reverse<usize>);

/// A draft with its result.
type PlayedDraft = (Rank, Scaffold, Played);

/// The inputs of drafts.
struct Drafts<'d> {
    args: &'d DraftArgs,
    observable: &'d Observable,
    asked: Option<&'d Asked>,
    bytes: &'d [u8],
}

impl Drafts<'_> {
    /// Returns the draft that maps most records; of equal ones, the likeliest with the fewest levels.
    fn best(&self) -> anyhow::Result<(Scaffold, Played)> {
        let (mut best, mut reasons): (Option<PlayedDraft>, _) = (None, vec![]);
        let (mut lists, mut own): (Vec<(String, String)>, Option<String>) = (vec![], None);
        for sample in sample::readings(self.bytes)? {
            for table in table::tables(&sample) {
                match self.play(&sample, &table) {
                    Ok((rank, scaffold, played)) => {
                        let outermost = table.levels.first().map(|level| level.at.clone());
                        lists.extend(outermost.clone().map(|at| (at, rows_at(&table))));
                        if best.as_ref().is_none_or(|(known, ..)| rank > *known) {
                            (best, own) = (Some((rank, scaffold, played)), outermost);
                        }
                    }
                    Err(reason) => {
                        reasons.push(format!("  {}: {}", printable::line(&rows_at(&table)), reason));
                    }
                }
            }
        }
        if let Some((_, mut scaffold, played)) = best {
            scaffold.remarks.extend(other_lists(own.as_deref(), &lists));
            return Ok((scaffold, played));
        }
        if reasons.is_empty() {
            bail!("no list of rows in the sample: use a response with results");
        }
        let more = reasons.len().saturating_sub(REASONS);
        reasons.truncate(REASONS);
        if more > 0 {
            reasons.push(format!("  and {more} more candidates"));
        }
        let head = "no passive-DNS records found in the sample:".to_owned();
        let lines = reasons.iter().flat_map(|reason| reason.lines().map(str::to_owned));
        bail!(MultilineError::new(std::iter::once(head).chain(lines)));
    }

    fn play(&self, sample: &Sample, table: &Table<'_>) -> Result<PlayedDraft, String> {
        let columns = column::columns(table);
        let roles =
            role::roles(table, &columns, self.observable).map_err(|reason| printable::line(&reason).into_owned())?;
        let likeness = roles.likeness;
        let mut scaffold = self.scaffold(sample, table, roles);
        let mut played = scaffold.played().map_err(|error| causes(&error))?;
        if played.report.counts.mapped == 0 && played.report.counts.dropped() > 0 {
            let why = "all rows are about other names, such as subdomains; `drop` would omit them";
            scaffold.other_names = Some(Line::new("keep", why));
            played = scaffold.played().map_err(|error| causes(&error))?;
        }
        let counts = &played.report.counts;
        if counts.mapped == 0 {
            return Err(format!("result: {counts}"));
        }
        let rank = (counts.mapped, Reverse(counts.bad()), likeness, Reverse(table.levels.len()));
        Ok((rank, scaffold, played))
    }

    fn scaffold(&self, sample: &Sample, table: &Table<'_>, roles: role::Roles) -> Scaffold {
        let ending = match sample.framing {
            Framing::Json => "json",
            Framing::Ndjson | Framing::Saf => "ndjson",
            Framing::Delimited => "txt",
        };
        let file = format!("first.{ending}");
        let kind = self.observable.kind();
        let lookup = match self.asked {
            Some(asked) => Lookup { path: asked.path.clone(), query: asked.query.clone() },
            None => Lookup::default(),
        };
        let request = match self.asked {
            Some(asked) => asked.request(self.observable),
            None => {
                let unknown = Asked { base_url: String::new(), path: lookup.path.clone(), query: vec![], key: None };
                unknown.request(self.observable)
            }
        };
        let key = self.asked.and_then(|asked| asked.key.as_ref()).map(|(parameter, _)| parameter.clone());
        let usual = if key.is_some() { AuthKind::Query } else { AuthKind::default() };
        Scaffold {
            id: self.args.name.clone(),
            base_url: self.asked.map_or_else(|| new::BASE_URL.to_owned(), |asked| asked.base_url.clone()),
            auth: self.args.auth.unwrap_or(usual),
            key_parameter: key,
            accepts: vec![kind],
            lookup,
            framing: sample.framing,
            columns: sample.columns.clone(),
            records: records(table),
            paging: self.paging(sample, table),
            fields: roles.fields,
            unread: roles.unread,
            orientation: roles.orientation,
            other_names: None,
            rules: vec![Line::new("use: dns/standard@1", "maps DNS records to relationships that OpenCTI permits")],
            remarks: [self.remarks(sample, table, roles.omitted), roles.questions].concat(),
            case: FirstCase {
                about: format!("Results for {}", self.observable.value()),
                kind,
                value: self.observable.value().to_owned(),
                exchanges: vec![(request, format!("{{ file: {file} }}"))],
                files: vec![(file, self.bytes.to_vec())],
            },
        }
    }

    /// Returns the value of `paging`, with what indicates that the sample is not the whole result.
    fn paging(&self, sample: &Sample, table: &Table<'_>) -> Line {
        let more = paging(sample).into_iter().filter(|(at, value)| indicates_more(at, value, table.rows.len()));
        let more: Vec<String> = more.map(|(at, value)| format!("`{at}`, {value}")).collect();
        let why = match more.is_empty() {
            true => "a single response; `stixmap explain profile` describes the paging methods".to_owned(),
            false => format!(
                "incomplete: further pages are indicated by {}; `stixmap explain profile` describes the paging methods",
                more.join(", ")
            ),
        };
        Line::new("{ kind: none }", why)
    }

    fn remarks(&self, sample: &Sample, table: &Table<'_>, omitted: usize) -> Vec<String> {
        let mut remarks = vec![format!(
            "Draft from a single response, with {}. Review each line; comments give the evidence.",
            rows_at(table)
        )];
        if self.asked.is_none() {
            remarks
                .push("`base_url` and `path` are placeholders: use --url, or the provider's documentation.".to_owned());
        }
        if self.args.auth.is_none() && self.asked.is_none_or(|asked| asked.key.is_none()) {
            remarks.push("`auth` is a placeholder, since responses do not show it: use --auth.".to_owned());
        }
        if !String::from_utf8_lossy(self.bytes).to_lowercase().contains(self.observable.value()) {
            remarks.push(format!("The sample does not contain {}: is this the observable?", self.observable.value()));
        }
        if omitted > 0 {
            remarks.push(format!(
                "Too many columns: {omitted} that may be the owner name or the data were not compared. Review `rrname` and `rdata`."
            ));
        }
        let others: Vec<String> = paging(sample).into_iter().map(|(at, value)| format!("`{at}`, {value}")).collect();
        if !others.is_empty() {
            remarks.push(format!("Possible paging information: {}.", others.join(", ")));
        }
        remarks.push("The case contains the unchanged response: remove private data before you share it.".to_owned());
        remarks
    }
}

/// Describes the location of a table's rows.
fn rows_at(table: &Table<'_>) -> String {
    let rows = table.rows.len();
    let plural = if rows == 1 { "" } else { "s" };
    match table.levels.is_empty() {
        true => format!("{rows} row{plural}, one per line"),
        false => {
            let path: Vec<&str> = table.levels.iter().map(|level| level.at.as_str()).collect();
            format!("{rows} row{plural} at `{}`", path.join("` → `"))
        }
    }
}

/// Returns the value of `records`: a path if that suffices, otherwise levels.
fn records(table: &Table<'_>) -> Option<Line> {
    let plural = if table.rows.len() == 1 { "" } else { "s" };
    let rows = format!("{} row{plural} in the sample", table.rows.len());
    match &table.levels[..] {
        [] => None,
        [only] if only.is == LevelContent::List && !only.is_optional => {
            Some(Line::new(scaffold::plain(&only.at), rows))
        }
        levels => {
            let lines: Vec<String> = levels.iter().map(level).collect();
            Some(Line::new(format!("\n{}", lines.join("\n")), rows))
        }
    }
}

fn level(level: &Level) -> String {
    let mut yaml = format!("- {{ at: {}", scaffold::plain(&level.at));
    yaml += match level.is {
        LevelContent::List => "",
        LevelContent::Map => ", is: map",
        LevelContent::OneOrMany => ", is: one-or-many",
    };
    if !level.keys.is_empty() {
        let keys: Vec<String> = level.keys.iter().map(|key| quote::yaml(key)).collect();
        yaml += &format!(", keys: [{}]", keys.join(", "));
    }
    if level.is_optional {
        yaml += ", optional: true";
    }
    yaml + " }"
}

/// Returns a remark about lists with records that the draft does not read.
fn other_lists(own: Option<&str>, lists: &[(String, String)]) -> Option<String> {
    let own = own?;
    let is_other = |(at, _): &&(String, String)| !at.starts_with(own) && !own.starts_with(at.as_str());
    let mut others: Vec<&str> = lists.iter().filter(is_other).map(|(_, rows)| rows.as_str()).collect();
    others.dedup();
    let others = others.join(", ");
    (!others.is_empty())
        .then(|| format!("Other records that this draft does not read: {others}. Add a lookup for them."))
}

/// Tests whether a member indicates rows beyond those of the response: a next page, or a total that is larger.
fn indicates_more(at: &str, value: &Value, rows: usize) -> bool {
    let name = at.rsplit(['.', '\'']).find(|word| word.chars().any(char::is_alphanumeric)).unwrap_or(at).to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let is_larger = value.as_u64().is_some_and(|number| number > rows as u64);
    match value {
        Value::Bool(flag) => *flag && has(&["more", "next", "truncated", "partial"]),
        Value::Number(_) if has(&["total", "count", "pages"]) => {
            is_larger || has(&["pages"]) && value.as_u64() > Some(1)
        }
        Value::Number(_) => has(&["next", "cursor"]),
        Value::String(text) => !text.is_empty() && has(&["next", "cursor", "token", "scroll"]),
        _ => false,
    }
}

/// Returns the members outside the rows that may control paging, and their values.
fn paging(sample: &Sample) -> Vec<(String, Value)> {
    let [Value::Object(answer)] = &sample.values[..] else { return vec![] };
    let inner = answer.iter().filter_map(|(key, value)| Some((table::member("$", key), value.as_object()?)));
    let places = std::iter::once(("$".to_owned(), answer)).chain(inner);
    let mut found = vec![];
    for (at, object) in places {
        for (key, value) in object {
            let is_single = !value.is_object() && !value.is_array();
            if is_single && PAGING.iter().any(|word| key.to_lowercase().contains(word)) {
                found.push((table::member(&at, key), value.clone()));
            }
        }
    }
    found
}
