//! An answer as rows, and how one page leads to the next. A page or a cursor that comes again is an error: it would
//! go on for ever.

use super::Response;
use super::request::{Asker, Shown, Target};
use super::rows::{Beside, Ending, Row, kind_of};
use crate::plan::{AnswerPlace, LookupPlan, PagingPlan, Path, SignalPlan, integer};
use crate::profile::Scalar;
use serde_json::Value;
use sha1::{Digest, Sha1};
use std::collections::HashSet;
use std::fmt;

/// How far the pages of a lookup have come.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// How many were read.
    pub(super) count: u32,
    /// How many rows they held.
    pub(super) rows: u64,
    /// The cursor of the next page.
    pub(super) cursor: Option<String>,
    /// Whether one of them said that it was not all there is.
    is_cut: bool,
    seen_rows: HashSet<[u8; 20]>,
    seen_targets: HashSet<String>,
}

/// What follows a page.
#[derive(Debug)]
pub(super) enum Turn {
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
    /// Whether rows are told apart from those of earlier pages.
    pub(super) fn compares(lookup: &LookupPlan) -> bool {
        !matches!(lookup.paging, PagingPlan::None { .. })
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
        beside: &Beside,
        response: &Response,
        asker: &Asker,
        asked: &Shown,
    ) -> Turn {
        self.rows += beside.rows;
        match &beside.ending {
            Ending::Cut => return Turn::Broken("the answer has no last line: it was cut".to_owned()),
            Ending::Failed(reason) => return Turn::Broken(format!("the provider could not go on: {reason}")),
            Ending::Whole => return Turn::Last,
            Ending::Limited if matches!(lookup.paging, PagingPlan::None { .. }) => {
                return Turn::Truncated("the provider holds more records than it gave".to_owned());
            }
            Ending::Limited | Ending::Silent => {}
        }
        self.is_cut |= lookup.truncated_when.as_ref().is_some_and(|signal| is_given(signal, beside, response));
        let turn = match &lookup.paging {
            PagingPlan::None { total, cap } => self.only_page(figure(total.as_ref(), beside, response), *cap),
            PagingPlan::Page { first, last, more, total, .. } => {
                let [last, total] = [last, total].map(|place| figure(place.as_ref(), beside, response));
                self.numbered(*first, last, more.as_ref(), total, beside)
            }
            PagingPlan::Offset { limit, total, .. } => {
                self.by_offset(limit.as_ref().map(|(_, size)| *size), figure(total.as_ref(), beside, response), beside)
            }
            PagingPlan::NextUrl { at, .. } => self.by_url(at.as_ref(), beside, response, asker, asked),
            PagingPlan::Cursor { from, .. } => self.by_cursor(from, beside, response),
        };
        let at_most = lookup.paging.at_most();
        match turn {
            Turn::Next(_) if self.count >= at_most => {
                Turn::Truncated(format!("more than {at_most} pages; the rest was not asked for"))
            }
            Turn::Last if self.is_cut => Turn::Truncated("the provider holds more records than it gives".to_owned()),
            turn => turn,
        }
    }

    fn only_page(&self, total: Option<i64>, cap: Option<u64>) -> Turn {
        match total.and_then(|total| u64::try_from(total).ok()) {
            // Where nothing came, the total tells of another query's records: that is an empty answer, not a cut one.
            Some(total) if total > self.rows && self.rows > 0 => {
                Turn::Truncated(format!("the provider holds {total} records and gave {}", self.rows))
            }
            _ if cap.is_some_and(|cap| self.rows >= cap) => {
                Turn::Truncated(format!("the provider gave {} records, as many as it ever gives", self.rows))
            }
            _ => Turn::Last,
        }
    }

    fn numbered(
        &self,
        first: u64,
        last: Option<i64>,
        more: Option<&Path>,
        total: Option<i64>,
        beside: &Beside,
    ) -> Turn {
        let read = first.saturating_add(u64::from(self.count.saturating_sub(1)));
        let more = more.map(|path| path.find(&beside.envelope).is_some_and(is_yes));
        let is_last = match (last, more, total) {
            (Some(last), ..) => i128::from(read) >= i128::from(last),
            (None, Some(more), _) => !more,
            (None, None, Some(total)) => i128::from(self.rows) >= i128::from(total) || beside.rows == 0,
            (None, None, None) => beside.rows == 0,
        };
        if is_last { Turn::Last } else { Turn::Next(Target::Built) }
    }

    fn by_offset(&self, size: Option<u64>, total: Option<i64>, beside: &Beside) -> Turn {
        let came = beside.rows;
        let is_last = match total {
            _ if beside.ending == Ending::Limited => came == 0,
            Some(total) => i128::from(self.rows) >= i128::from(total) || came == 0,
            None => came == 0 || size.is_some_and(|size| came < size),
        };
        if is_last { Turn::Last } else { Turn::Next(Target::Built) }
    }

    fn by_url(
        &mut self,
        at: Option<&Path>,
        beside: &Beside,
        response: &Response,
        asker: &Asker,
        asked: &Shown,
    ) -> Turn {
        let next = match at {
            Some(path) => match path.find(&beside.envelope) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) if text.is_empty() => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => return Turn::Broken(format!("`{path}` is {}, not a URL", kind_of(other))),
            },
            None => response.header("link").and_then(next_link),
        };
        let Some(next) = next else { return Turn::Last };
        match asker.own_url(&next, asked) {
            Err(reason) => Turn::Broken(format!("page {}: {reason}", self.count)),
            Ok(url) if !self.seen_targets.insert(url.to_string()) => {
                Turn::Broken(Repeat::Cursor(self.count).to_string())
            }
            Ok(url) => Turn::Next(Target::Url(url)),
        }
    }

    fn by_cursor(&mut self, from: &AnswerPlace, beside: &Beside, response: &Response) -> Turn {
        let cursor = match from {
            AnswerPlace::Header(name) => response.header(name).map(str::to_owned),
            AnswerPlace::Body(path) => match path.find(&beside.envelope) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(Value::Number(number)) => Some(number.to_string()),
                Some(other) => return Turn::Broken(format!("`{path}` is {}, not a cursor", kind_of(other))),
            },
        };
        let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else { return Turn::Last };
        if !self.seen_targets.insert(cursor.clone()) {
            return Turn::Broken(Repeat::Cursor(self.count).to_string());
        }
        self.cursor = Some(cursor);
        Turn::Next(Target::Built)
    }
}

/// A whole number that an answer gives, if it does.
fn figure(place: Option<&AnswerPlace>, beside: &Beside, response: &Response) -> Option<i64> {
    match place? {
        AnswerPlace::Body(path) => integer(path.find(&beside.envelope)?),
        AnswerPlace::Header(name) => response.header(name)?.trim().parse().ok(),
    }
}

/// Whether a flag is set, also one written as a number or as text.
fn is_yes(value: &Value) -> bool {
    match value {
        Value::String(text) => ["true", "yes", "1"].iter().any(|yes| text.eq_ignore_ascii_case(yes)),
        value => is_something(value),
    }
}

fn is_given(signal: &SignalPlan, beside: &Beside, response: &Response) -> bool {
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
        Value::Bool(true) | Value::Object(_) => true,
    }
}

/// The URL with `rel="next"` of a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<String> {
    header.split(',').find_map(|link| {
        let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let value = parameter.trim().strip_prefix("rel=").map(|value| value.trim_matches('"'));
            value.is_some_and(|relations| relations.split(' ').any(|relation| relation.eq_ignore_ascii_case("next")))
        });
        is_next.then(|| url.to_owned())
    })
}
