//! `stixmap draft`: a profile to begin with, from an answer that the provider gave. Every place where rows may stand is tried:
//! a profile is written for it, checked, and played with the sample; the one that maps most is kept, and its comments say
//! what spoke for each line. The sample becomes the first case.

mod request;
mod column;
mod role;
mod sample;
mod table;

use crate::cli::{AuthKind, DraftArgs, Framing, Verbosity};
use crate::enrich::{kind, observable};
use crate::files::{Bound, operator_path};
use crate::render::{Several, causes};
use crate::scaffold::{self, FirstCase, Line, Lookup, Scaffold};
use crate::{Exit, new, quote, render};
use anyhow::{Context, bail};
use request::Asked;
use sample::Sample;
use serde_json::Value;
use std::cmp::Reverse;
use stixmap_engine::case::Played;
use stixmap_engine::printable;
use stixmap_engine::stix::Observable;
use table::{Level, LevelContent, Table};

/// Keys beside the rows that tell of other pages.
const PAGING: [&str; 9] = ["next", "cursor", "total", "count", "page", "offset", "more", "limit", "token"];

/// How many reasons are told where nothing was found.
const REASONS: usize = 4;

pub(crate) fn run(args: &DraftArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    scaffold::check_name(&args.name)?;
    let observable = observable(&args.observable, kind(args.kind.as_deref())?)?;
    let asked = args.url.as_deref().map(|url| Asked::read(url, &observable)).transpose()?;
    let bytes = without_key(read(args)?, asked.as_ref());
    let drafts = Drafts { args, observable: &observable, asked: asked.as_ref(), bytes: &bytes };
    let (skeleton, played) = drafts.best()?;
    let ended = new::written(&skeleton, &args.out, verbosity)?;
    if verbosity > Verbosity::Quiet {
        render::remark(&format!("it maps the sample so: {}", played.report.counts));
    }
    Ok(ended)
}

fn read(args: &DraftArgs) -> anyhow::Result<Vec<u8>> {
    let read = operator_path::read_input(&args.sample, Bound::SAMPLE);
    read.with_context(|| format!("{} cannot be read", args.sample.display()))
}

/// A sample in which the key, where the provider repeats it, is made up.
fn without_key(bytes: Vec<u8>, asked: Option<&Asked>) -> Vec<u8> {
    let key = asked.and_then(|asked| asked.key.as_ref()).map(|(_, key)| key.as_str());
    match (key.filter(|key| !key.is_empty()), std::str::from_utf8(&bytes)) {
        (Some(key), Ok(text)) => text.replace(key, "made-up-key").into_bytes(),
        _ => bytes,
    }
}

/// How much of the sample is mapped, how little of it is bad, how likely the roles are, how few the levels.
type Rank = (u64, Reverse<u64>, usize, Reverse<usize>);

/// A draft that was played.
type PlayedDraft = (Rank, Scaffold, Played);

/// What drafts are made of.
struct Drafts<'d> {
    args: &'d DraftArgs,
    observable: &'d Observable,
    asked: Option<&'d Asked>,
    bytes: &'d [u8],
}

impl Drafts<'_> {
    /// The draft that maps most of the sample; of equals, the one that reads most, with the fewest levels.
    fn best(&self) -> anyhow::Result<(Scaffold, Played)> {
        let (mut best, mut reasons): (Option<PlayedDraft>, _) = (None, vec![]);
        for sample in sample::readings(self.bytes)? {
            for table in table::tables(&sample) {
                match self.tried(&sample, &table) {
                    Ok((rank, skeleton, played)) => {
                        if best.as_ref().is_none_or(|(known, ..)| rank > *known) {
                            best = Some((rank, skeleton, played));
                        }
                    }
                    Err(reason) => {
                        reasons.push(format!("  {}: {}", printable::line(&rows_at(&table)), reason));
                    }
                }
            }
        }
        if let Some((_, skeleton, played)) = best {
            return Ok((skeleton, played));
        }
        if reasons.is_empty() {
            bail!("the sample holds no list of rows: take an answer in which something was found");
        }
        let more = reasons.len().saturating_sub(REASONS);
        reasons.truncate(REASONS);
        if more > 0 {
            reasons.push(format!("  and {more} places more"));
        }
        let head = "no passive-DNS records were found in the sample:".to_owned();
        let lines = reasons.iter().flat_map(|reason| reason.lines().map(str::to_owned));
        bail!(Several::new(std::iter::once(head).chain(lines)));
    }

    fn tried(&self, sample: &Sample, table: &Table<'_>) -> Result<PlayedDraft, String> {
        let columns = column::columns(table);
        let roles =
            role::roles(table, &columns, self.observable).map_err(|reason| printable::line(&reason).into_owned())?;
        let likeness = roles.likeness;
        let mut skeleton = self.skeleton(sample, table, roles);
        let mut played = skeleton.played().map_err(|error| causes(&error))?;
        if played.report.counts.mapped == 0 && played.report.counts.dropped() > 0 {
            let why = "all rows are about other names, such as those below it; `drop` leaves them out";
            skeleton.other_names = Some(Line::new("keep", why));
            played = skeleton.played().map_err(|error| causes(&error))?;
        }
        let counts = &played.report.counts;
        if counts.mapped == 0 {
            return Err(format!("what it would map: {counts}"));
        }
        let rank = (counts.mapped, Reverse(counts.bad()), likeness, Reverse(table.levels.len()));
        Ok((rank, skeleton, played))
    }

    fn skeleton(&self, sample: &Sample, table: &Table<'_>, roles: role::Roles) -> Scaffold {
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
            paging: Line::new(
                "{ kind: none }",
                "one answer; `stixmap explain profile` has the ways to go on to more pages",
            ),
            fields: roles.fields,
            unread: roles.unread,
            orientation: roles.orientation,
            other_names: None,
            rules: vec![Line::new("use: dns/standard@1", "what DNS records mean, as OpenCTI can say it")],
            remarks: self.remarks(sample, table),
            case: FirstCase {
                about: format!("What was found of {}", self.observable.value()),
                kind,
                value: self.observable.value().to_owned(),
                exchanges: vec![(request, format!("{{ file: {file} }}"))],
                files: vec![(file, self.bytes.to_vec())],
            },
        }
    }

    fn remarks(&self, sample: &Sample, table: &Table<'_>) -> Vec<String> {
        let mut remarks = vec![format!(
            "A draft from one answer, with {}. Look at each line; what spoke for it stands beside it.",
            rows_at(table)
        )];
        if self.asked.is_none() {
            remarks.push(
                "`base_url` and `path` are made up: give --url, or write what the provider's documentation says."
                    .to_owned(),
            );
        }
        if self.args.auth.is_none() && self.asked.is_none_or(|asked| asked.key.is_none()) {
            remarks.push("How the provider knows who asks is made up too: no answer shows it; give --auth.".to_owned());
        }
        if !String::from_utf8_lossy(self.bytes).to_lowercase().contains(self.observable.value()) {
            remarks.push(format!("The sample does not name {}: was it asked about?", self.observable.value()));
        }
        let others = paging(sample);
        if !others.is_empty() {
            remarks.push(format!("Of other pages may tell: {}.", others.join(", ")));
        }
        remarks.push("The case holds the answer as it is: take out what is private before you share it.".to_owned());
        remarks
    }
}

/// Where a table's rows stand, in words.
fn rows_at(table: &Table<'_>) -> String {
    let rows = table.rows.len();
    let plural = if rows == 1 { "" } else { "s" };
    match table.levels.is_empty() {
        true => format!("{rows} row{plural}, one a line"),
        false => {
            let way: Vec<&str> = table.levels.iter().map(|level| level.at.as_str()).collect();
            format!("{rows} row{plural} at `{}`", way.join("` → `"))
        }
    }
}

/// The block that says where rows stand: a path where that is enough.
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

/// What stands beside the rows and may lead to other pages.
fn paging(sample: &Sample) -> Vec<String> {
    let [Value::Object(answer)] = &sample.values[..] else { return vec![] };
    let inner = answer.iter().filter_map(|(key, value)| Some((table::member("$", key), value.as_object()?)));
    let places = std::iter::once(("$".to_owned(), answer)).chain(inner);
    let mut found = vec![];
    for (at, object) in places {
        for (key, value) in object {
            let is_single = !value.is_object() && !value.is_array();
            if is_single && PAGING.iter().any(|word| key.to_lowercase().contains(word)) {
                found.push(format!("`{}`, {value}", table::member(&at, key)));
            }
        }
    }
    found
}
