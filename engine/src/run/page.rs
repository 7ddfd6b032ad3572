//! An answer as rows, and how one page leads to the next. A page or a cursor that comes again is an error: it would
//! go on for ever.

use super::Response;
use super::request::{Asker, Target};
use crate::plan::{AnswerPlace, LookupPlan, PagingPlan, Path, PathStep, integer};
use crate::profile::Framing;
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
    seen_rows: HashSet<[u8; 20]>,
    seen_targets: HashSet<String>,
}

/// A page's rows.
#[derive(Debug)]
pub(super) struct Rows {
    /// The rows, or why a line is none.
    pub(super) rows: Vec<Row>,
    /// The whole document, for what stands beside the rows; null for lines.
    envelope: Value,
    /// Where the rows stand in the document; none for lines.
    list: Option<Path>,
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    /// Its number in the list, or of its line, from 0.
    pub(super) position: usize,
    /// What it says, or why it cannot be read.
    pub(super) value: Result<Value, String>,
}

impl Rows {
    /// Where a row stands, as people read it: `$.results[3]`, `line 4`.
    pub(super) fn place(&self, row: &Row) -> String {
        match &self.list {
            Some(list) => format!("{list}[{}]", row.position),
            None => format!("line {}", row.position + 1),
        }
    }

    /// The same as a JSON pointer, in a document.
    pub(super) fn pointer(&self, row: &Row) -> Option<String> {
        self.list.as_ref().map(|list| format!("{}/{}", pointer(list.steps()), row.position))
    }
}

/// Why an answer has no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is JSON, and the rows are not where they should be.
    Shape {
        /// What is wrong.
        reason: String,
        /// How far the path leads.
        pointer: String,
        /// What stands there instead.
        found: String,
    },
    /// It is no JSON.
    Syntax {
        /// What is wrong.
        reason: String,
        /// The line on which it breaks.
        line: usize,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { reason, .. } | Self::Syntax { reason, .. } => f.write_str(reason),
        }
    }
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
                write!(f, "page {page} holds the rows of an earlier page: paging goes round in circles")
            }
            Self::Cursor(page) => write!(f, "page {page} points to a page that was read: paging goes round in circles"),
        }
    }
}

/// Cuts an answer into rows.
pub(super) fn rows(lookup: &LookupPlan, response: &Response) -> Result<Rows, Broken> {
    match lookup.framing {
        Framing::Json => document(&lookup.records, &response.body),
        Framing::Ndjson => Ok(lines(response)),
    }
}

fn document(records: &Path, body: &[u8]) -> Result<Rows, Broken> {
    let mut envelope: Value = serde_json::from_slice(without_bom(body)).map_err(|error| not_json(body, &error))?;
    let rows = match records.find(&envelope) {
        Some(Value::Array(_)) => take(&mut envelope, records),
        Some(other) => {
            let reason = format!("`{records}` is {}, not a list", kind_of(other));
            return Err(Broken::Shape { reason, pointer: pointer(records.steps()), found: kind_of(other).to_owned() });
        }
        None => return Err(missing(records, &envelope)),
    };
    let rows = rows.into_iter().enumerate().map(|(position, value)| Row { position, value: Ok(value) });
    Ok(Rows { rows: rows.collect(), envelope, list: Some(records.clone()) })
}

/// Follows the path as far as it leads.
fn missing(records: &Path, envelope: &Value) -> Broken {
    let (mut reached, mut depth) = (envelope, 0);
    while let Some(next) = records.steps().get(depth).and_then(|step| step.enter(reached)) {
        (reached, depth) = (next, depth + 1);
    }
    let wanted = match &records.steps()[depth] {
        PathStep::Name(name) => format!("`{name}`"),
        PathStep::Index(index) => format!("element {index}"),
    };
    let reason = format!("`{records}` finds nothing in the response");
    let found = format!("this is {}; it has no {wanted}", kind_of(reached));
    Broken::Shape { reason, pointer: pointer(&records.steps()[..depth]), found }
}

fn pointer(steps: &[PathStep]) -> String {
    let part = |step: &PathStep| match step {
        PathStep::Name(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        PathStep::Index(index) => format!("/{index}"),
    };
    steps.iter().map(part).collect()
}

/// Moves the rows out of the document, so that they are held once.
fn take(envelope: &mut Value, records: &Path) -> Vec<Value> {
    match envelope.pointer_mut(&pointer(records.steps())).map(Value::take) {
        Some(Value::Array(rows)) => rows,
        // An index from the end is no pointer.
        _ => records.find(envelope).and_then(Value::as_array).cloned().unwrap_or_default(),
    }
}

fn not_json(body: &[u8], error: &serde_json::Error) -> Broken {
    let start = String::from_utf8_lossy(&body[..body.len().min(256)]).trim_start().to_lowercase();
    let reason = if body.iter().all(u8::is_ascii_whitespace) {
        "the response is empty, where JSON was expected".into()
    } else if start.starts_with("<!doctype html") || start.starts_with("<html") {
        "the response is a web page, not JSON".into()
    } else {
        format!("the response is no JSON: line {}, column {}", error.line(), error.column())
    };
    Broken::Syntax { reason, line: error.line() }
}

fn lines(response: &Response) -> Rows {
    let body = without_bom(&response.body);
    // Of a body that was cut, the last line is not whole.
    let whole = match response.cut {
        Some(_) => body.iter().rposition(|&b| b == b'\n').map_or(&body[..0], |end| &body[..end]),
        None => body,
    };
    let lines = whole.split(|&b| b == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    let rows = lines.map(|(position, line)| Row {
        position,
        value: serde_json::from_slice(line).map_err(|_| "the line is no JSON".to_owned()),
    });
    Rows { rows: rows.collect(), envelope: Value::Null, list: None }
}

fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A value's JSON type, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl Pages {
    /// Notes the rows of a page, and tells if they came before.
    pub(super) fn is_new(&mut self, lookup: &LookupPlan, rows: &Rows) -> Result<(), Repeat> {
        self.rows += rows.rows.len() as u64;
        if matches!(lookup.paging, PagingPlan::None { .. }) || rows.rows.is_empty() {
            return Ok(());
        }
        let mut hash = Sha1::new();
        for row in &rows.rows {
            hash.update(row.value.as_ref().map(Value::to_string).unwrap_or_default());
        }
        if self.seen_rows.insert(hash.finalize().into()) { Ok(()) } else { Err(Repeat::Page(self.count)) }
    }

    /// Where the next page is, if there is one.
    pub(super) fn turn(&mut self, lookup: &LookupPlan, rows: &Rows, response: &Response, asker: &Asker) -> Turn {
        let turn = match &lookup.paging {
            PagingPlan::None { total } => return self.only_page(total.as_ref(), rows),
            PagingPlan::Page { first, last, more, .. } => self.numbered(*first, last.as_ref(), more.as_ref(), rows),
            PagingPlan::Offset { limit, total, .. } => {
                self.by_offset(limit.as_ref().map(|(_, size)| *size), total.as_ref(), rows)
            }
            PagingPlan::NextUrl { at, .. } => self.by_url(at.as_ref(), rows, response, asker),
            PagingPlan::Cursor { from, .. } => self.by_cursor(from, rows, response),
        };
        let at_most = lookup.paging.at_most();
        match turn {
            Turn::Next(_) if self.count >= at_most => {
                Turn::Truncated(format!("more than {at_most} pages; the rest was not asked for"))
            }
            turn => turn,
        }
    }

    fn only_page(&self, total: Option<&Path>, rows: &Rows) -> Turn {
        let total = total.and_then(|path| path.find(&rows.envelope)).and_then(integer);
        match total.and_then(|total| u64::try_from(total).ok()) {
            // Where nothing came, the total tells of another query's records: that is an empty answer, not a cut one.
            Some(total) if total > self.rows && self.rows > 0 => {
                Turn::Truncated(format!("the provider holds {total} records and gave {}", self.rows))
            }
            _ => Turn::Last,
        }
    }

    fn numbered(&self, first: u64, last: Option<&Path>, more: Option<&Path>, rows: &Rows) -> Turn {
        let read = first + u64::from(self.count) - 1;
        let last = last.and_then(|path| path.find(&rows.envelope)).and_then(integer);
        let more = more.map(|path| path.find(&rows.envelope).and_then(Value::as_bool).unwrap_or(false));
        let is_last = match (last, more) {
            (Some(last), _) => i128::from(read) >= i128::from(last),
            (None, Some(more)) => !more,
            (None, None) => rows.rows.is_empty(),
        };
        if is_last { Turn::Last } else { Turn::Next(Target::Built) }
    }

    fn by_offset(&self, size: Option<u64>, total: Option<&Path>, rows: &Rows) -> Turn {
        let total = total.and_then(|path| path.find(&rows.envelope)).and_then(integer);
        let came = rows.rows.len() as u64;
        let is_last = match total {
            Some(total) => i128::from(self.rows) >= i128::from(total) || came == 0,
            None => came == 0 || size.is_some_and(|size| came < size),
        };
        if is_last { Turn::Last } else { Turn::Next(Target::Built) }
    }

    fn by_url(&mut self, at: Option<&Path>, rows: &Rows, response: &Response, asker: &Asker) -> Turn {
        let next = match at {
            Some(path) => match path.find(&rows.envelope) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) if text.is_empty() => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => return Turn::Broken(format!("`{path}` is {}, not a URL", kind_of(other))),
            },
            None => response.header("link").and_then(next_link),
        };
        let Some(next) = next else { return Turn::Last };
        match asker.own_url(&next) {
            Err(reason) => Turn::Broken(format!("page {}: {reason}", self.count)),
            Ok(url) if !self.seen_targets.insert(url.to_string()) => {
                Turn::Broken(Repeat::Cursor(self.count).to_string())
            }
            Ok(url) => Turn::Next(Target::Url(url)),
        }
    }

    fn by_cursor(&mut self, from: &AnswerPlace, rows: &Rows, response: &Response) -> Turn {
        let cursor = match from {
            AnswerPlace::Header(name) => response.header(name).map(str::to_owned),
            AnswerPlace::Body(path) => match path.find(&rows.envelope) {
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
