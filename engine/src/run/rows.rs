//! Splits a response into rows, each emitted as soon as it is read. If a profile reads only values of plain rows, they
//! are extracted directly from the bytes; otherwise the response is parsed to a tree.

use super::Response;
use super::delimited::Delimited;
use super::extract::Slot;
use super::prune::{Guard, Pruned};
use super::read_ahead;
use super::reader::{Origin, Reader};
use super::row::{Envelope, Row, RowLocation, RowsError, Sink, StreamEnd, not_an_object};
use super::saf::{FrameSeed, Payload, PayloadSeed};
use super::stream_rows::StreamRows;
use super::tree_rows::TreeRows;
use crate::plan::{ColumnsPlan, PathStep};
use crate::profile::Framing;
use memchr::{memchr_iter, memrchr};
use serde::de::DeserializeSeed;
use serde_json::{Map, Value};
use std::borrow::Cow;

impl Reader<'_> {
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
        let mut is_whole = true;
        for (number, line) in lines {
            rows += 1;
            is_whole = self.line(number, line, &mut slots, &guard, sink)?;
        }
        // JSON that ends early is a mistake in any other line, but in the last one the response was cut.
        let ending = if is_whole { StreamEnd::Unknown } else { StreamEnd::Incomplete };
        Ok(Envelope { rows, ending, ..Envelope::default() })
    }

    /// Reads a line. Returns whether it was whole: not the start of a JSON value.
    fn line<'b>(
        &self,
        number: usize,
        line: &'b [u8],
        slots: &mut [Slot<'b>],
        guard: &Guard,
        sink: Sink<'_>,
    ) -> Result<bool, RowsError> {
        match read_json(line, self.payload(slots, guard)) {
            Ok(payload) => self.emit(payload, number, slots, guard.has_repeated_key(), sink),
            Err(error) => {
                self.bad_line(number, guard, sink)?;
                return Ok(!error.is_eof());
            }
        }
        Ok(true)
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

    /// Returns the first column of a required field of which no column exists: the first line is a row, an error message, or of
    /// another table.
    fn missing_column(&self, names: &[String]) -> Option<&str> {
        let column = |slot: &usize| match &self.origins[*slot] {
            Origin::Row(path) => match path.steps().first() {
                Some(PathStep::Name(name)) => Some(name.as_str()),
                _ => None,
            },
            Origin::Above(..) | Origin::Answer(_) | Origin::Key(_) => None,
        };
        self.required.iter().find_map(|slots| {
            let columns: Option<Vec<&str>> = slots.iter().map(column).collect();
            columns
                .filter(|columns| !columns.iter().any(|column| names.iter().any(|name| name == column)))?
                .first()
                .copied()
        })
    }

    /// Returns the column names. A duplicate name that a field reads is an error, and one that a required field lacks.
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
        if let Some((_, name)) = names.iter().enumerate().find(is_twice) {
            return Err(error(format!("duplicate `{name}`")));
        }
        match self.missing_column(&names) {
            Some(name) => Err(error(format!("missing `{name}`"))),
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
