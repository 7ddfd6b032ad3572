//! An answer as rows, and how one page leads to the next. A page or a cursor that comes again is an error: it would
//! go on for ever.

use super::Response;
use super::link;
use super::parts::{Part, Parts};
use super::request::{Redacted, RequestBuilder, Target};
use super::rows::{Envelope, Row, StreamEnd, kind_of};
use crate::plan::{AnswerPlace, LookupPlan, PagingPlan, Path, SignalPlan};
use crate::printable;
use crate::profile::{LevelKind, Scalar};
use serde_json::Value;
use sha1::{Digest, Sha1};
use std::collections::HashSet;
use std::fmt;
use url::Url;

/// How far the pages of a lookup have come.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// How many were read.
    pub(super) count: u32,
    /// How many rows they held.
    pub(super) rows: u64,
    /// The cursor of the next page.
    pub(super) cursor: Option<String>,
    /// The parts of the window, where pages are parts.
    pub(super) parts: Option<Parts>,
    /// Whether one of them said that it was not all there is.
    is_cut: bool,
    seen_rows: HashSet<[u8; 20]>,
    seen_targets: HashSet<String>,
}

/// What follows a page.
#[derive(Debug)]
pub(super) enum NextPage {
    /// Nothing: it was the last.
    Last,
    /// Nothing, although there is more, and why.
    Truncated(String),
    /// The next page.
    Next(Target),
    /// Nothing, since the answer leads nowhere.
    Broken(String),
}

/// What the rows of a page say, in short.
#[derive(Default)]
pub(super) struct Fingerprint {
    hash: Sha1,
    rows: u64,
}

impl Fingerprint {
    pub(super) fn note(&mut self, row: &Row) {
        self.rows += 1;
        for slot in row.slots.as_ref().map_or(&[][..], |slots| slots) {
            self.hash.update(format!("{slot:?},"));
        }
    }
}

/// What came again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    /// The rows of an earlier page.
    Page(u32),
    /// A cursor or URL that was followed before.
    Cursor(u32),
}

impl fmt::Display for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(page) => {
                write!(f, "page {page} holds the rows of an earlier page: paging goes round and round")
            }
            Self::Cursor(page) => write!(f, "page {page} points to a page that was read: paging goes round and round"),
        }
    }
}

impl Pages {
    /// Before the first page.
    pub(super) fn of(parts: Option<Parts>) -> Pages {
        Pages { parts, ..Pages::default() }
    }

    /// Whether rows are told apart from those of earlier pages. Two parts of the window may hold the same.
    pub(super) fn compares(lookup: &LookupPlan) -> bool {
        !matches!(lookup.paging, PagingPlan::None { .. } | PagingPlan::Window { .. })
    }

    /// The part of the window that is due, where pages are parts.
    pub(super) fn part(&self) -> Option<Part> {
        self.parts.as_ref()?.current()
    }

    /// Notes what the rows of a page say, and tells if an earlier page said the same.
    pub(super) fn is_new(&mut self, fingerprint: Fingerprint) -> Result<(), Repeat> {
        match fingerprint.rows > 0 && !self.seen_rows.insert(fingerprint.hash.finalize().into()) {
            true => Err(Repeat::Page(self.count)),
            false => Ok(()),
        }
    }

    /// Where the next page is, if there is one.
    pub(super) fn turn(
        &mut self,
        lookup: &LookupPlan,
        beside: &Envelope,
        response: &Response,
        asker: &RequestBuilder,
        asked: &Redacted,
    ) -> NextPage {
        self.rows += beside.rows;
        match &beside.ending {
            StreamEnd::Cut => return NextPage::Broken("the answer has no last line: it was cut".to_owned()),
            StreamEnd::Failed(reason) => return NextPage::Broken(format!("the provider could not go on: {reason}")),
            StreamEnd::Whole | StreamEnd::Limited | StreamEnd::Silent => {}
        }
        let is_cut = lookup.truncated_when.as_ref().is_some_and(|signal| is_given(signal, beside, response));
        if let PagingPlan::Window { cap, total, .. } = &lookup.paging {
            return match figure(total.as_ref(), beside, response) {
                Ok(total) => self.by_part(lookup, beside, is_cut || beside.ending == StreamEnd::Limited, *cap, total),
                Err(reason) => NextPage::Broken(format!("page {}: {reason}", self.count)),
            };
        }
        self.is_cut |= is_cut;
        let turn = match self.by_kind(lookup, beside, response, asker, asked) {
            Ok(turn) => turn,
            Err(reason) => return NextPage::Broken(format!("page {}: {reason}", self.count)),
        };
        let at_most = lookup.paging.at_most();
        match turn {
            NextPage::Next(_) if self.count >= at_most => {
                NextPage::Truncated(format!("more than {at_most} pages; the rest was not asked for"))
            }
            NextPage::Last if self.is_cut => {
                NextPage::Truncated("the provider holds more records than it gives".to_owned())
            }
            NextPage::Last if beside.ending == StreamEnd::Limited => {
                NextPage::Truncated("the provider holds more records than it gave".to_owned())
            }
            turn => turn,
        }
    }

    fn by_kind(
        &mut self,
        lookup: &LookupPlan,
        beside: &Envelope,
        response: &Response,
        asker: &RequestBuilder,
        asked: &Redacted,
    ) -> Result<NextPage, String> {
        let figure = |place: &Option<AnswerPlace>| figure(place.as_ref(), beside, response);
        Ok(match &lookup.paging {
            PagingPlan::None { total, cap } => {
                self.only_page(figure(total)?, cap.as_ref().map(|cap| asker.number(cap)))
            }
            PagingPlan::Page { first, last, more, total, .. } => {
                let read = first.saturating_add(u64::from(self.count.saturating_sub(1)));
                let more = [figure(last)?.map(|last| last > read), flag(more.as_ref(), beside)];
                self.counted(&more, figure(total)?, beside)
            }
            PagingPlan::Offset { more, total, .. } => {
                self.counted(&[flag(more.as_ref(), beside)], figure(total)?, beside)
            }
            PagingPlan::NextUrl { at, .. } => match next_url(at.as_ref(), beside, response)? {
                Some(next) => self.by_url(asker.own_url(&next, asked)?),
                None => NextPage::Last,
            },
            PagingPlan::Cursor { from, .. } => match next_cursor(from, beside, response)? {
                Some(cursor) => self.by_cursor(cursor),
                None => NextPage::Last,
            },
            PagingPlan::Window { .. } => unreachable!("parts of the window are told before"),
        })
    }

    fn only_page(&self, total: Option<u64>, cap: Option<u64>) -> NextPage {
        match total {
            // Where nothing came, the total tells of another query's records: that is an empty answer, not a cut one.
            Some(total) if total > self.rows && self.rows > 0 => self.gave_less(total),
            _ if cap.is_some_and(|cap| self.rows >= cap) => {
                NextPage::Truncated(format!("the provider gave {} records, as many as it ever gives", self.rows))
            }
            _ => NextPage::Last,
        }
    }

    /// Pages that are counted go on while anything says that there is more; where nothing is said, until one is empty. A page
    /// that is shorter than others says nothing: providers give fewer rows than they are asked for.
    fn counted(&self, more: &[Option<bool>], total: Option<u64>, beside: &Envelope) -> NextPage {
        let missing = total.filter(|total| *total > self.rows);
        let is_told = total.is_some() || more.iter().any(Option::is_some) || beside.ending == StreamEnd::Whole;
        match (missing, beside.rows) {
            _ if more.contains(&Some(true)) => NextPage::Next(Target::Built),
            (Some(total), 0) => self.gave_less(total),
            (Some(_), _) => NextPage::Next(Target::Built),
            (None, 0) => NextPage::Last,
            (None, _) if is_told && beside.ending != StreamEnd::Limited => NextPage::Last,
            (None, _) => NextPage::Next(Target::Built),
        }
    }

    /// What follows an answer to a part of the window.
    fn by_part(
        &mut self,
        lookup: &LookupPlan,
        beside: &Envelope,
        is_cut: bool,
        cap: Option<u64>,
        total: Option<u64>,
    ) -> NextPage {
        // Where nothing came, the total tells of another query's records.
        let has_more = total.is_some_and(|total| total > beside.rows && beside.rows > 0);
        // What gives more than its cap has another one, which nobody knows: its total can be believed, its silence cannot.
        let is_capped = |cap: u64| match total {
            Some(total) if total <= beside.rows => beside.rows == cap,
            _ => beside.rows >= cap,
        };
        let is_full = is_cut || has_more || cap.is_some_and(is_capped);
        self.settle_part(lookup, is_full, total)
    }

    /// What follows a part of the window that was asked for.
    pub(super) fn settle_part(&mut self, lookup: &LookupPlan, is_full: bool, total: Option<u64>) -> NextPage {
        let parts = self.parts.as_mut().expect("a lookup by parts has them");
        parts.settle(is_full, total);
        if parts.current().is_some() && self.count < lookup.paging.at_most() {
            return NextPage::Next(Target::Built);
        }
        // Of lists in lists, a total counts those outside.
        let levels = &lookup.rows.levels;
        let counts_rows = levels.len() <= 1 || levels[0].is == LevelKind::Map;
        match parts.missing(self.count, counts_rows) {
            Some(reason) => NextPage::Truncated(reason),
            None => NextPage::Last,
        }
    }

    fn gave_less(&self, total: u64) -> NextPage {
        NextPage::Truncated(format!("the provider holds {total} records and gave {}", self.rows))
    }

    fn by_url(&mut self, next: Url) -> NextPage {
        match self.seen_targets.insert(next.to_string()) {
            true => NextPage::Next(Target::Url(next)),
            false => NextPage::Broken(Repeat::Cursor(self.count).to_string()),
        }
    }

    fn by_cursor(&mut self, cursor: String) -> NextPage {
        if !self.seen_targets.insert(cursor.clone()) {
            return NextPage::Broken(Repeat::Cursor(self.count).to_string());
        }
        self.cursor = Some(cursor);
        NextPage::Next(Target::Built)
    }
}

/// The URL of the next page, if there is one.
fn next_url(at: Option<&Path>, beside: &Envelope, response: &Response) -> Result<Option<String>, String> {
    let Some(path) = at else {
        return link::next(response.headers("link")).map_err(|error| format!("the header `Link` {error}"));
    };
    match path.find(&beside.envelope) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("`{path}` is {}, not a URL", kind_of(other))),
    }
}

/// The cursor of the next page, if there is one.
fn next_cursor(from: &AnswerPlace, beside: &Envelope, response: &Response) -> Result<Option<String>, String> {
    let cursor = match from {
        AnswerPlace::Header(name) => response.header(name).map(str::to_owned),
        AnswerPlace::Body(path) => match path.find(&beside.envelope) {
            None | Some(Value::Null | Value::Bool(false)) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(other) => return Err(format!("`{path}` is {}, not a cursor", kind_of(other))),
        },
    };
    Ok(cursor.filter(|cursor| !cursor.is_empty()))
}

/// A whole number that an answer gives, if it does; less than nothing stands for none. What is no number is an error: taken
/// for none, pages would be missing.
fn figure(place: Option<&AnswerPlace>, beside: &Envelope, response: &Response) -> Result<Option<u64>, String> {
    let Some(place) = place else { return Ok(None) };
    let number = match place {
        AnswerPlace::Body(path) => match path.find(&beside.envelope) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => whole(value).ok_or_else(|| format!("`{path}` is {}, not a whole number", shown(value)))?,
        },
        AnswerPlace::Header(name) => match response.header(name).map(str::trim) {
            None => return Ok(None),
            Some(text) => text.parse().map_err(|_| format!("the header `{name}` is not a whole number"))?,
        },
    };
    Ok(u64::try_from(number).ok())
}

/// A whole number, also one written as text or with a fraction of nothing.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
            // A number that is larger than any count is as good as the largest.
            Some(float as i64)
        }),
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", printable::line(&text.chars().take(40).collect::<String>())),
        other => kind_of(other).to_owned(),
    }
}

/// What a flag says, also one written as a number or as text; nothing where it is absent or null.
fn flag(place: Option<&Path>, beside: &Envelope) -> Option<bool> {
    match place?.find(&beside.envelope)? {
        Value::Null => None,
        Value::String(text) => {
            let is_no = |no: &&str| text.trim().eq_ignore_ascii_case(no);
            Some(!["", "0", "false", "no", "n", "none", "null"].iter().any(is_no))
        }
        value => Some(is_something(value)),
    }
}

fn is_given(signal: &SignalPlan, beside: &Envelope, response: &Response) -> bool {
    let header;
    let found = match &signal.place {
        AnswerPlace::Body(path) => path.find(&beside.envelope),
        AnswerPlace::Header(name) => {
            header = response.header(name).map(Value::from);
            header.as_ref()
        }
    };
    found.is_some_and(|found| says(&signal.is, found))
}

/// Whether a value is one of these; or, where none is named, whether it is anything at all.
pub(super) fn says(wanted: &[Scalar], found: &Value) -> bool {
    match wanted {
        [] => is_something(found),
        wanted => wanted.iter().any(|value| value.is(found)),
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(keys) => !keys.is_empty(),
        Value::Bool(true) => true,
    }
}
