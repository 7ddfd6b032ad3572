//! An answer cut into rows, each handed on as soon as it is read. Where a profile asks for no more than the values of rows,
//! they are taken from the bytes as they stand; where it looks at what stands around them, the answer is held as a tree.

use super::Response;
use super::delimited::Delimited;
use super::extract::{Slot, Trie};
use super::read_ahead;
use super::saf::{FrameSeed, Payload, PayloadSeed};
use super::stream_rows::Walk;
use super::tree_rows::Descent;
use crate::plan::{FieldPlace, LevelPlan, LookupPlan, Path, PathStep, RecordPlan, RowTestPlan};
use crate::profile::{Framing, LevelKind};
use crate::stix::Observable;
use memchr::{memchr_iter, memrchr};
use serde::de::DeserializeSeed;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// Where a field's value is taken from.
#[derive(Debug)]
pub(super) enum Pick {
    /// A slot, by its number.
    Slot(usize),
    /// The same for every row of a request.
    Fixed(Slot<'static>),
}

/// How rows of a lookup are read: which slots there are, and what leads to them.
#[derive(Debug)]
pub(super) struct Reader<'p> {
    pub(super) lookup: &'p LookupPlan,
    /// What each slot is filled from.
    pub(super) origins: Vec<Origin<'p>>,
    /// Leads to all slots, if rows are plain: names in the row, and nothing around it.
    trie: Option<Trie>,
    /// The alternatives of each field, in order.
    pub(super) fields: Vec<Vec<Pick>>,
    only: Vec<(usize, &'p RowTestPlan)>,
    except: Vec<(usize, &'p RowTestPlan)>,
    /// How many lines of the answer were read before.
    lines_before: usize,
}

/// What a slot is filled from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'p> {
    Row(&'p Path),
    Above(usize, &'p Path),
    Answer(&'p Path),
    Key(usize),
}

/// A row, read.
pub(super) struct Row<'r> {
    /// The values; or why there are none.
    pub(super) slots: Result<&'r [Slot<'r>], String>,
    pub(super) place: Place<'r>,
    /// Whether a level leaves it out by its key.
    pub(super) is_left_out: bool,
}

impl<'r> Row<'r> {
    pub(super) fn new(slots: Result<&'r [Slot<'r>], String>, place: Place<'r>) -> Self {
        Self { slots, place, is_left_out: false }
    }
}

/// Where a row stands in its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'r> {
    pub(super) levels: &'r [LevelPlan],
    pub(super) trail: &'r [RowStep],
    /// The number of its line, from 1, where rows are lines.
    pub(super) line: Option<usize>,
}

/// One step of the way to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowStep {
    Index(usize),
    Key(String),
}

impl Place<'_> {
    /// As people read it: `$.results[3]`, `line 4`.
    pub(super) fn shown(&self) -> String {
        let mut text = self.line.map(|line| format!("line {line}")).unwrap_or_default();
        if self.line.is_none() || !self.trail.is_empty() {
            text.push_str(if self.line.is_some() { " $" } else { "$" });
        }
        for (level, step) in self.levels.iter().zip(self.trail) {
            text.push_str(&level.at.to_string()[1..]);
            match step {
                RowStep::Index(index) => text.push_str(&format!("[{index}]")),
                RowStep::Key(key) => text.push_str(&format!("['{key}']")),
            }
        }
        text
    }

    /// As a JSON pointer into the document; none for lines.
    pub(super) fn pointer(&self) -> Option<String> {
        if self.line.is_some() {
            return None;
        }
        let mut text = String::new();
        for (level, step) in self.levels.iter().zip(self.trail) {
            text.push_str(&pointer(level.at.steps()));
            match step {
                RowStep::Index(index) => text.push_str(&format!("/{index}")),
                RowStep::Key(key) => text.push_str(&format!("/{}", escaped(key))),
            }
        }
        Some(text)
    }
}

/// What stands beside the rows of an answer.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    /// The document, without its rows where nothing else reads them; null for lines.
    pub(super) envelope: Value,
    /// How many rows there were, at the outermost level.
    pub(super) rows: u64,
    /// How lines with framing ended.
    pub(super) ending: StreamEnd,
}

/// What the last line of a stream said.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// Nothing is said by this framing.
    #[default]
    Silent,
    /// All is there.
    Whole,
    /// There is more.
    Limited,
    /// The provider could not go on, and why.
    Failed(String),
    /// The last line is missing.
    Cut,
}

/// Why an answer has no rows, or no more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowsError {
    /// It is JSON, and the rows are not where they should be.
    Shape {
        /// What is wrong.
        reason: String,
        /// How far the path leads.
        pointer: String,
        /// What stands there instead.
        found: String,
    },
    /// It is not what the framing says.
    Syntax {
        /// What is wrong.
        reason: String,
        /// The line on which it breaks.
        line: usize,
    },
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { reason, .. } | Self::Syntax { reason, .. } => f.write_str(reason),
        }
    }
}

/// Who takes the rows.
pub(super) type Sink<'s> = &'s mut dyn FnMut(Row<'_>);

impl<'p> Reader<'p> {
    pub(super) fn new(
        plan: &'p RecordPlan,
        lookup: &'p LookupPlan,
        each: Option<&str>,
        asked: &Observable,
        response: &Response,
    ) -> Self {
        let (origins, fields, only, except) = (vec![], vec![], vec![], vec![]);
        let mut reader = Self { lookup, origins, trie: None, fields, only, except, lines_before: 0 };
        for field in &plan.fields {
            let text = |text: Option<&str>| {
                let slot = text.map_or(Slot::Absent, |text| Slot::Text(Cow::Owned(text.to_owned())));
                vec![Pick::Fixed(slot)]
            };
            let picks = match &field.source {
                FieldPlace::Row(paths) => reader.slots(paths, Origin::Row),
                FieldPlace::Above(up, paths) => reader.slots(paths, |path| Origin::Above(*up, path)),
                FieldPlace::Answer(paths) => reader.slots(paths, Origin::Answer),
                FieldPlace::Key(up) => vec![Pick::Slot(reader.slot(Origin::Key(*up)))],
                FieldPlace::Each => text(each),
                FieldPlace::Observable => text(Some(asked.value())),
                FieldPlace::Header(name) => text(response.header(name)),
                FieldPlace::Constant(value) => vec![Pick::Fixed(own(value))],
            };
            reader.fields.push(picks);
        }
        for test in &lookup.rows.only {
            let slot = reader.slot(Origin::Row(&test.at));
            reader.only.push((slot, test));
        }
        for test in &lookup.rows.except {
            let slot = reader.slot(Origin::Row(&test.at));
            reader.except.push((slot, test));
        }
        reader.trie = reader.plain_trie();
        reader
    }

    /// The same for a piece of an answer that stands behind so many lines of it.
    pub(super) fn behind(self, lines: usize) -> Self {
        Self { lines_before: lines, ..self }
    }

    fn slots(&mut self, paths: &'p [Path], origin: impl Fn(&'p Path) -> Origin<'p>) -> Vec<Pick> {
        paths.iter().map(|path| Pick::Slot(self.slot(origin(path)))).collect()
    }

    fn slot(&mut self, origin: Origin<'p>) -> usize {
        self.origins.push(origin);
        self.origins.len() - 1
    }

    /// A slot for each value of a row. All rows are read into the same.
    pub(super) fn empty_slots<'b>(&self) -> Vec<Slot<'b>> {
        vec![Slot::Absent; self.origins.len()]
    }

    fn plain_trie(&self) -> Option<Trie> {
        let rows = &self.lookup.rows;
        let is_plain_list = |level: &LevelPlan| {
            level.is == LevelKind::List
                && !level.optional
                && level.at.steps().iter().all(|step| matches!(step, PathStep::Name(_)))
        };
        let is_plain = match rows.framing {
            Framing::Json => {
                rows.levels.len() == 1 && is_plain_list(&rows.levels[0]) && !self.lookup.reads_rows_twice()
            }
            Framing::Ndjson | Framing::Saf => rows.levels.is_empty(),
            Framing::Delimited => false,
        };
        let mut trie = Trie::default();
        let fits = |(slot, origin): (usize, &Origin)| matches!(origin, Origin::Row(path) if trie.add(path, slot));
        (is_plain && self.origins.iter().enumerate().all(fits)).then_some(trie)
    }

    /// Whether a row is a record at all.
    pub(super) fn is_record(&self, slots: &[Slot]) -> bool {
        let holds = |(slot, test): &(usize, &RowTestPlan)| {
            let value = slots[*slot].to_value();
            slots[*slot] != Slot::Absent && test.is.iter().any(|wanted| wanted.is(&value))
        };
        self.only.iter().all(holds) && !self.except.iter().any(holds)
    }

    /// Reads an answer. What was handed on before it broke is good.
    pub(super) fn read(&self, response: &Response, sink: Sink<'_>) -> Result<Envelope, RowsError> {
        match self.trie.is_some() && read_ahead::is_worth_it(response.body.len()) {
            true => read_ahead::read(&self.lookup.rows.levels, |sink| self.read_here(response, sink), sink),
            false => self.read_here(response, sink),
        }
    }

    fn read_here(&self, response: &Response, sink: Sink<'_>) -> Result<Envelope, RowsError> {
        let body = if self.lines_before == 0 { without_bom(&response.body) } else { &response.body };
        let lines = || whole_lines(body, response).map(|(number, line)| (self.lines_before + number, line));
        match self.lookup.rows.framing {
            Framing::Json => self.document(body, sink),
            Framing::Ndjson => Ok(self.lines(lines(), sink)),
            Framing::Saf => Ok(self.framed_lines(lines(), sink)),
            Framing::Delimited => self.columns(body, response, sink),
        }
    }

    fn document(&self, body: &[u8], sink: Sink<'_>) -> Result<Envelope, RowsError> {
        if let Some(trie) = &self.trie {
            let level = &self.lookup.rows.levels[0];
            let mut seen = 0;
            let walk = Walk { reader: self, trie, steps: level.at.steps(), seen: &mut seen, sink: &mut *sink };
            match read_json(body, walk) {
                Ok(Some(envelope)) => return Ok(Envelope { envelope, rows: seen, ending: StreamEnd::Silent }),
                Err(error) if !error.is_data() => return Err(not_json(body, &error)),
                // The rows are not there: the tree tells why.
                Ok(None) | Err(_) => {}
            }
        }
        let envelope: Value = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
        let rows = self.tree(&envelope, None, sink)?;
        Ok(Envelope { envelope, rows, ending: StreamEnd::Silent })
    }

    /// Goes down the levels of a tree. Gives the number of rows at the outermost.
    fn tree(&self, answer: &Value, line: Option<usize>, sink: Sink<'_>) -> Result<u64, RowsError> {
        Descent::new(self, answer, line).rows(sink)
    }

    fn lines<'b>(&self, lines: impl Iterator<Item = (usize, &'b [u8])>, sink: Sink<'_>) -> Envelope {
        let (mut rows, mut slots) = (0, self.empty_slots());
        for (number, line) in lines {
            rows += 1;
            self.line(number, line, &mut slots, sink);
        }
        Envelope { rows, ..Envelope::default() }
    }

    fn line<'b>(&self, number: usize, line: &'b [u8], slots: &mut [Slot<'b>], sink: Sink<'_>) {
        slots.fill(Slot::Absent);
        match read_json(line, PayloadSeed { trie: self.trie.as_ref(), slots: &mut *slots }) {
            Ok(held) => self.hand_on(held, number, slots, sink),
            Err(_) => sink(bad(number, NO_JSON)),
        }
    }

    fn hand_on(&self, held: Payload, number: usize, slots: &[Slot], sink: Sink<'_>) {
        match held {
            Payload::InSlots => sink(Row::new(Ok(slots), on_line(number))),
            Payload::Other(other) => sink(bad(number, not_an_object(other))),
            Payload::Tree(value) => {
                if let Err(broken) = self.tree(&value, Some(number), sink) {
                    sink(bad(number, broken.to_string()));
                }
            }
        }
    }

    fn framed_lines<'b>(&self, lines: impl Iterator<Item = (usize, &'b [u8])>, sink: Sink<'_>) -> Envelope {
        let (mut rows, mut ending, mut slots) = (0, StreamEnd::Cut, self.empty_slots());
        for (number, line) in lines {
            slots.fill(Slot::Absent);
            let seed = FrameSeed(PayloadSeed { trie: self.trie.as_ref(), slots: &mut slots });
            let Ok(frame) = read_json(line, seed) else {
                rows += 1;
                sink(bad(number, NO_JSON));
                continue;
            };
            rows += u64::from(frame.held.is_some() || frame.cond.is_none());
            match frame.held {
                Some(held) => self.hand_on(held, number, &slots, sink),
                None if frame.cond.is_none() => sink(bad(number, NO_FRAME)),
                None => {}
            }
            match frame.cond.as_deref() {
                None | Some("begin" | "ongoing") => {}
                Some("succeeded") => ending = StreamEnd::Whole,
                Some("limited") => ending = StreamEnd::Limited,
                Some("failed") => ending = StreamEnd::Failed(frame.msg.map(Cow::into_owned).unwrap_or_default()),
                Some(other) => ending = StreamEnd::Failed(format!("its stream says `{other}`, which is not known")),
            }
        }
        Envelope { envelope: Value::Null, rows, ending }
    }

    fn columns(&self, body: &[u8], response: &Response, sink: Sink<'_>) -> Result<Envelope, RowsError> {
        let columns = self.lookup.rows.columns.as_ref().expect("delimited lines have columns");
        let mut records = Delimited::new(body, response.cut.is_some(), columns);
        let names = match columns.header {
            true => records.next().map(|(line, names)| self.names(line, names)).transpose()?,
            false => None,
        };
        // Without names no line says how many there are: the order of lines must not decide.
        let (mut rows, width) = (0, names.as_ref().map_or(usize::MAX, Vec::len));
        for (number, cells) in records {
            rows += 1;
            match cells {
                Err(mistake) => sink(bad(number, mistake)),
                // A separator that nobody put into quotes: all cells behind it would stand one column too far.
                Ok(cells) if cells.len() > width => {
                    sink(bad(number, format!("the line has {} columns, and there are {width}", cells.len())));
                }
                Ok(cells) => {
                    let cells = cells.into_iter().map(Value::from);
                    let value = match &names {
                        Some(names) => Value::Object(names.iter().cloned().zip(cells).collect::<Map<_, _>>()),
                        None => cells.collect(),
                    };
                    self.hand_on(Payload::Tree(value), number, &[], sink);
                }
            }
        }
        Ok(Envelope { rows, ..Envelope::default() })
    }

    /// The names of columns. Of two that are called the same, nobody knows which one is meant.
    fn names(&self, line: usize, names: Result<Vec<String>, &str>) -> Result<Vec<String>, RowsError> {
        let broken = |reason: String| RowsError::Syntax { reason: format!("the names of columns: {reason}"), line };
        let names = names.map_err(|mistake| broken(mistake.to_owned()))?;
        let is_read = |name: &str| {
            let first = |origin: &Origin| match origin {
                Origin::Row(path) | Origin::Above(_, path) | Origin::Answer(path) => path.steps().first().cloned(),
                Origin::Key(_) => None,
            };
            self.origins.iter().any(|origin| first(origin) == Some(PathStep::Name(name.to_owned())))
        };
        let is_twice = |(at, name): &(usize, &String)| names[..*at].contains(name) && is_read(name);
        match names.iter().enumerate().find(is_twice) {
            Some((_, name)) => Err(broken(format!("two are called `{name}`"))),
            None => Ok(names),
        }
    }
}

/// Reads a document. One that is text as a whole is told so once, else serde_json tells each of its strings.
fn read_json<'b, S: DeserializeSeed<'b>>(json: &'b [u8], seed: S) -> serde_json::Result<S::Value> {
    fn read<'b, R, S>(mut json: serde_json::Deserializer<R>, seed: S) -> serde_json::Result<S::Value>
    where
        R: serde_json::de::Read<'b>,
        S: DeserializeSeed<'b>,
    {
        let value = seed.deserialize(&mut json)?;
        json.end().map(|()| value)
    }
    match std::str::from_utf8(json) {
        Ok(text) => read(serde_json::Deserializer::from_str(text), seed),
        Err(_) => read(serde_json::Deserializer::from_slice(json), seed),
    }
}

/// A row that is a line by itself.
fn on_line(number: usize) -> Place<'static> {
    Place { levels: &[], trail: &[], line: Some(number) }
}

/// One that cannot be read.
fn bad(number: usize, reason: impl Into<String>) -> Row<'static> {
    Row::new(Err(reason.into()), on_line(number))
}

const NO_JSON: &str = "the line is no JSON";
const NO_FRAME: &str = "the line has neither `cond` nor `obj`";

fn own(value: &Value) -> Slot<'static> {
    match value {
        Value::String(text) => Slot::Text(Cow::Owned(text.clone())),
        Value::Bool(flag) => Slot::Boolean(*flag),
        Value::Number(number) => number.as_i64().map_or(Slot::Null, Slot::Integer),
        _ => Slot::Null,
    }
}

pub(super) fn not_an_object(other: &str) -> String {
    format!("the row is {other}, not an object")
}

/// The lines that arrived whole, with their numbers, from 1; blank ones are none.
fn whole_lines<'b>(body: &'b [u8], response: &Response) -> impl Iterator<Item = (usize, &'b [u8])> {
    // Of a body that was cut, the last line is not whole.
    let whole = match response.cut {
        Some(_) => memrchr(b'\n', body).map_or(&body[..0], |end| &body[..end]),
        None => body,
    };
    let mut start = 0;
    let lines = memchr_iter(b'\n', whole).chain([whole.len()]).map(move |end| {
        let line = &whole[start..end];
        start = end + 1;
        line.strip_suffix(b"\r").unwrap_or(line)
    });
    (1..).zip(lines).filter(|(_, line)| !line.trim_ascii().is_empty())
}

pub(super) fn pointer(steps: &[PathStep]) -> String {
    let part = |step: &PathStep| match step {
        PathStep::Name(name) => format!("/{}", escaped(name)),
        PathStep::Index(index) => format!("/{index}"),
    };
    steps.iter().map(part).collect()
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn not_json(body: &[u8], error: &serde_json::Error) -> RowsError {
    let start = String::from_utf8_lossy(&body[..body.len().min(256)]).trim_start().to_lowercase();
    let reason = if body.iter().all(u8::is_ascii_whitespace) {
        "the response is empty, where JSON was expected".into()
    } else if start.starts_with("<!doctype html") || start.starts_with("<html") {
        "the response is a web page, not JSON".into()
    } else {
        format!("the response is no JSON: line {}, column {}", error.line(), error.column())
    };
    RowsError::Syntax { reason, line: error.line() }
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
