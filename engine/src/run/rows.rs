//! Splits a response into rows, each emitted as soon as it is read. If a profile reads only values of plain rows, they
//! are extracted directly from the bytes; otherwise the response is parsed to a tree.

use super::Response;
use super::delimited::Delimited;
use super::extract::{Slot, Trie};
use super::prune::{Guard, Keep, Pruned};
use super::read_ahead;
use super::row::{Envelope, Row, RowLocation, RowsError, Sink, StreamEnd};
use super::saf::{FrameSeed, Payload, PayloadSeed};
use super::stream_rows::StreamRows;
use super::tree_rows::TreeRows;
use crate::plan::{ColumnsPlan, FieldPlace, LevelPlan, LookupPlan, Path, PathStep, RecordPlan, RowTestPlan};
use crate::profile::{Framing, LevelKind};
use crate::stix::Observable;
use memchr::{memchr_iter, memrchr};
use serde::de::DeserializeSeed;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Source of a field's value.
#[derive(Debug)]
pub(super) enum Pick {
    /// A slot, by its index.
    Slot(usize),
    /// A constant for all rows of a request.
    Fixed(Slot<'static>),
}

/// Reads the rows of a lookup: defines the slots and the paths that lead to them.
#[derive(Debug)]
pub(super) struct Reader<'p> {
    pub(super) lookup: &'p LookupPlan,
    /// Source of each slot.
    pub(super) origins: Vec<Origin<'p>>,
    /// Paths to all slots, if rows are plain: member names within the row.
    trie: Option<Trie>,
    /// Values of a response that are read to a tree: all of them, or with a `trie` only those outside of the rows.
    keep: Keep,
    /// Alternative sources of each field, in order.
    pub(super) fields: Vec<Vec<Pick>>,
    only: Vec<(usize, &'p RowTestPlan)>,
    except: Vec<(usize, &'p RowTestPlan)>,
    /// Number of lines in previous chunks of the response.
    lines_before: usize,
    /// Whether a previous chunk contains the final line of an SAF stream.
    is_ended: bool,
}

/// Source of a slot.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'p> {
    Row(&'p Path),
    Above(usize, &'p Path),
    Answer(&'p Path),
    Key(usize),
}

impl<'p> Reader<'p> {
    pub(super) fn new(
        plan: &'p RecordPlan,
        lookup: &'p LookupPlan,
        each: Option<&str>,
        asked: &Observable,
        response: &Response,
    ) -> Self {
        let (origins, fields, only, except) = (vec![], vec![], vec![], vec![]);
        let mut reader = Self {
            lookup,
            origins,
            trie: None,
            keep: Keep::default(),
            fields,
            only,
            except,
            lines_before: 0,
            is_ended: false,
        };
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
                FieldPlace::Constant(value) => vec![Pick::Fixed(constant(value))],
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
        reader.keep = reader.values_to_keep(reader.trie.is_none());
        reader
    }

    fn values_to_keep(&self, with_rows: bool) -> Keep {
        let (mut keep, levels) = (Keep::default(), &self.lookup.rows.levels[..]);
        if with_rows {
            keep.add(levels, None, true);
            for origin in &self.origins {
                match origin {
                    Origin::Row(path) => keep.add(levels, Some(path), true),
                    Origin::Above(up, path) => {
                        let above = levels.len().checked_sub(*up).map(|depth| &levels[..depth]);
                        above.into_iter().for_each(|above| keep.add(above, Some(path), false));
                    }
                    Origin::Answer(path) => keep.add(&[], Some(path), false),
                    Origin::Key(_) => {}
                }
            }
        }
        self.lookup.body_places().for_each(|(_, path)| keep.add(&[], Some(path), false));
        keep.finish();
        keep
    }

    /// Returns the reader for a chunk after this number of lines, which may contain the final line of an SAF stream.
    pub(super) fn after_lines(self, lines: usize, is_ended: bool) -> Self {
        Self { lines_before: lines, is_ended, ..self }
    }

    fn slots(&mut self, paths: &'p [Path], origin: impl Fn(&'p Path) -> Origin<'p>) -> Vec<Pick> {
        paths.iter().map(|path| Pick::Slot(self.slot(origin(path)))).collect()
    }

    fn slot(&mut self, origin: Origin<'p>) -> usize {
        self.origins.push(origin);
        self.origins.len() - 1
    }

    /// Returns one empty slot per value; all rows reuse them.
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

    /// Whether `only` and `except` accept a row.
    pub(super) fn is_accepted(&self, slots: &[Slot]) -> bool {
        let holds = |(slot, test): &(usize, &RowTestPlan)| {
            let value = slots[*slot].to_value();
            slots[*slot] != Slot::Absent && test.is.iter().any(|wanted| wanted.is(&value))
        };
        self.only.iter().all(holds) && !self.except.iter().any(holds)
    }

    /// Reads a response. Rows emitted before an error are valid.
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
            Framing::Ndjson => self.lines(lines(), body.len(), sink),
            Framing::Saf => self.framed_lines(lines(), body.len(), sink),
            Framing::Delimited => self.columns(body, response, sink),
        }
    }

    fn document(&self, body: &[u8], sink: Sink<'_>) -> Result<Envelope, RowsError> {
        let guard = Guard::new(body.len());
        let failed = |error: &serde_json::Error| match guard.fault() {
            Some(reason) => RowsError::Syntax { reason, line: error.line() },
            None => not_json(body, error),
        };
        if let Some(trie) = &self.trie {
            let (level, values) = (&self.lookup.rows.levels[0], Pruned::kept(&self.keep, &guard));
            let mut seen = 0;
            let (steps, seen, sink) = (level.at.steps(), &mut seen, &mut *sink);
            let stream = StreamRows { reader: self, trie, steps, values, seen: &mut *seen, sink };
            match read_json(body, stream) {
                Ok(Some(document)) => return Ok(Envelope { document, rows: *seen, ending: StreamEnd::Unknown }),
                Err(error) if guard.fault().is_some() || !error.is_data() => return Err(failed(&error)),
                // The tree gives a precise error.
                Ok(None) | Err(_) => {}
            }
        }
        guard.reset();
        let keep = match self.trie {
            Some(_) => Cow::Owned(self.values_to_keep(true)),
            None => Cow::Borrowed(&self.keep),
        };
        let document = read_json(body, Pruned::kept(&keep, &guard)).map_err(|error| failed(&error))?;
        let rows = self.tree(&document, None, guard.has_repeated_key(), sink)?;
        Ok(Envelope { document, rows, ending: StreamEnd::Unknown })
    }

    /// Reads the rows of a tree. Returns their number at the outermost level.
    fn tree(
        &self,
        answer: &Value,
        line: Option<usize>,
        has_repeated_key: bool,
        sink: Sink<'_>,
    ) -> Result<u64, RowsError> {
        TreeRows::new(self, answer, line, has_repeated_key).rows(sink)
    }

    fn lines<'b>(
        &self,
        lines: impl Iterator<Item = (usize, &'b [u8])>,
        octets: usize,
        sink: Sink<'_>,
    ) -> Result<Envelope, RowsError> {
        let (mut rows, mut slots) = (0, self.empty_slots());
        let guard = Guard::new(octets);
        for (number, line) in lines {
            rows += 1;
            self.line(number, line, &mut slots, &guard, sink)?;
        }
        Ok(Envelope { rows, ..Envelope::default() })
    }

    fn line<'b>(
        &self,
        number: usize,
        line: &'b [u8],
        slots: &mut [Slot<'b>],
        guard: &Guard,
        sink: Sink<'_>,
    ) -> Result<(), RowsError> {
        match read_json(line, self.payload(slots, guard)) {
            Ok(payload) => self.emit(payload, number, slots, guard.has_repeated_key(), sink),
            Err(_) => self.bad_line(number, guard, sink)?,
        }
        Ok(())
    }

    /// Returns the seed of a line's row. Rows in slots may be collected before they are mapped, trees are not.
    fn payload<'s, 'b>(&'s self, slots: &'s mut [Slot<'b>], guard: &'s Guard) -> PayloadSeed<'s, 's, 'b> {
        slots.fill(Slot::Absent);
        if self.trie.is_none() {
            guard.reset();
        }
        PayloadSeed { trie: self.trie.as_ref(), slots, values: Pruned::kept(&self.keep, guard) }
    }

    fn bad_line(&self, number: usize, guard: &Guard, sink: Sink<'_>) -> Result<(), RowsError> {
        match guard.fault() {
            Some(reason) => Err(RowsError::Syntax { reason, line: number }),
            None => {
                sink(bad_row(number, NOT_JSON));
                Ok(())
            }
        }
    }

    fn emit(&self, payload: Payload, number: usize, slots: &[Slot], has_repeated_key: bool, sink: Sink<'_>) {
        match payload {
            Payload::InSlots => sink(Row::new(Ok(slots), on_line(number))),
            Payload::Other(other) => sink(bad_row(number, not_an_object(other))),
            Payload::Tree(value) => {
                if let Err(error) = self.tree(&value, Some(number), has_repeated_key, sink) {
                    sink(bad_row(number, error.to_string()));
                }
            }
        }
    }

    /// Reads an SAF stream. Its first final line decides how it ended; no line may follow.
    fn framed_lines<'b>(
        &self,
        lines: impl Iterator<Item = (usize, &'b [u8])>,
        octets: usize,
        sink: Sink<'_>,
    ) -> Result<Envelope, RowsError> {
        let guard = Guard::new(octets);
        let (mut rows, mut ending, mut slots) = (0, StreamEnd::Truncated, self.empty_slots());
        for (number, line) in lines {
            if self.is_ended || ending != StreamEnd::Truncated {
                let reason = format!("invalid response: line {number} follows the final line of the stream");
                return Err(RowsError::Syntax { reason, line: number });
            }
            let Ok(frame) = read_json(line, FrameSeed(self.payload(&mut slots, &guard))) else {
                rows += 1;
                self.bad_line(number, &guard, sink)?;
                continue;
            };
            rows += u64::from(frame.payload.is_some() || frame.cond.is_none());
            match frame.payload {
                Some(payload) => self.emit(payload, number, &slots, guard.has_repeated_key(), sink),
                None if frame.cond.is_none() => sink(bad_row(number, NO_FRAME)),
                None => {}
            }
            match frame.cond.as_deref() {
                None | Some("begin" | "ongoing") => {}
                Some("succeeded") => ending = StreamEnd::Complete,
                Some("limited") => ending = StreamEnd::Limited,
                Some("failed") => {
                    ending = StreamEnd::Failed(frame.msg.map(Cow::into_owned).unwrap_or_default());
                    break;
                }
                Some(other) => {
                    ending = StreamEnd::Failed(format!("unknown `cond` value `{other}`"));
                    break;
                }
            }
        }
        Ok(Envelope { document: Value::Null, rows, ending })
    }

    fn columns(&self, body: &[u8], response: &Response, sink: Sink<'_>) -> Result<Envelope, RowsError> {
        let columns = self.lookup.rows.columns.as_ref().expect("delimited lines have columns");
        let mut records = Delimited::new(body, response.cut.is_some(), columns);
        let names = match columns.header {
            true => records.next().map(|(line, names)| self.names(line, names)).transpose()?,
            false => None,
        };
        let (mut rows, width) = (0, names.as_ref().map_or_else(|| self.width(columns), Vec::len));
        for (number, cells) in records {
            rows += 1;
            match cells {
                Err(error) => sink(bad_row(number, error)),
                // An unquoted separator within a cell would shift all later cells by a column.
                Ok(cells) if cells.len() > width => {
                    sink(bad_row(number, format!("expected {width} columns, found {}", cells.len())));
                }
                Ok(cells) => {
                    let cells = cells.into_iter().map(Value::from);
                    let value = match &names {
                        Some(names) => Value::Object(names.iter().cloned().zip(cells).collect::<Map<_, _>>()),
                        None => cells.collect(),
                    };
                    self.emit(Payload::Tree(value), number, &[], false, sink);
                }
            }
        }
        Ok(Envelope { rows, ..Envelope::default() })
    }

    /// Returns the maximum number of columns of a line without names: a further one would shift those that are read.
    fn width(&self, columns: &ColumnsPlan) -> usize {
        let read = |origin: &Origin| match origin {
            Origin::Row(path) | Origin::Answer(path) => match path.steps().first() {
                Some(PathStep::Index(index)) => usize::try_from(*index).ok().map(|index| index + 1),
                _ => None,
            },
            Origin::Above(..) | Origin::Key(_) => Some(0),
        };
        // The whole line, or a column that is counted from its end, needs `count`.
        let most_read = || self.origins.iter().map(read).try_fold(0, |most, read| Some(most.max(read?)));
        columns.at_most.or(columns.count).or_else(most_read).unwrap_or(usize::MAX)
    }

    /// Returns the column names. A duplicate name that a field reads is an error.
    fn names(&self, line: usize, names: Result<Vec<String>, &str>) -> Result<Vec<String>, RowsError> {
        let error = |reason: String| RowsError::Syntax { reason: format!("invalid column names: {reason}"), line };
        let names = names.map_err(|reason| error(reason.to_owned()))?;
        let is_read = |name: &str| {
            let first = |origin: &Origin| match origin {
                Origin::Row(path) | Origin::Above(_, path) | Origin::Answer(path) => path.steps().first().cloned(),
                Origin::Key(_) => None,
            };
            self.origins.iter().any(|origin| first(origin) == Some(PathStep::Name(name.to_owned())))
        };
        let is_twice = |(at, name): &(usize, &String)| names[..*at].contains(name) && is_read(name);
        match names.iter().enumerate().find(is_twice) {
            Some((_, name)) => Err(error(format!("duplicate `{name}`"))),
            None => Ok(names),
        }
    }
}

/// Deserializes a JSON document. UTF-8 is validated once as a whole, which is faster than per string.
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

/// Returns the location of a row that is a line.
fn on_line(number: usize) -> RowLocation<'static> {
    RowLocation { levels: &[], path: &[], line: Some(number) }
}

/// Returns a bad_row row.
fn bad_row(number: usize, reason: impl Into<String>) -> Row<'static> {
    Row::new(Err(reason.into()), on_line(number))
}

const NOT_JSON: &str = "the line is not valid JSON";
const NO_FRAME: &str = "missing `cond` and `obj` in the line";

fn constant(value: &Value) -> Slot<'static> {
    match value {
        Value::String(text) => Slot::Text(Cow::Owned(text.clone())),
        Value::Bool(flag) => Slot::Boolean(*flag),
        Value::Number(number) => number.as_i64().map_or(Slot::Null, Slot::Integer),
        _ => Slot::Null,
    }
}

pub(super) fn not_an_object(other: &str) -> String {
    format!("invalid row: expected an object, found {other}")
}

/// Iterates over complete, non-blank lines with their numbers, from 1.
fn whole_lines<'b>(body: &'b [u8], response: &Response) -> impl Iterator<Item = (usize, &'b [u8])> {
    // The last line of a truncated body is incomplete.
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

fn not_json(body: &[u8], error: &serde_json::Error) -> RowsError {
    let start = String::from_utf8_lossy(&body[..body.len().min(256)]).trim_start().to_lowercase();
    let reason = if body.iter().all(u8::is_ascii_whitespace) {
        "empty response, expected JSON".into()
    } else if start.starts_with("<!doctype html") || start.starts_with("<html") {
        "the response is HTML, expected JSON".into()
    } else {
        format!("response is not valid JSON: line {}, column {}", error.line(), error.column())
    };
    RowsError::Syntax { reason, line: error.line() }
}

fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Returns the JSON type of a value for messages.
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
