//! Parses a large response on another thread while rows are mapped. Rows are copied and transferred in batches, since
//! parsed rows borrow from the response.

use super::extract::Slot;
use super::row::{Row, RowLocation, RowStep, Sink};
use crate::parallel;
use crate::plan::LevelPlan;
use std::borrow::Cow;
use std::ops::Range;

/// Minimum size of a response, in octets: parsing smaller ones takes less time than starting a thread.
const MIN_SIZE: usize = 1024 * 1024;

/// Number of rows per batch.
const BATCH: usize = 256;

/// Whether a response of this size is parsed on another thread.
pub(super) fn is_worth_it(octets: usize) -> bool {
    octets >= MIN_SIZE && parallel::processors() > 1
}

/// Calls `read` on another thread and passes its rows to the sink, in order.
pub(super) fn read<R: Send>(levels: &[LevelPlan], read: impl Fn(Sink) -> R + Sync, sink: Sink) -> R {
    let reading = |emit: &mut dyn FnMut(Rows)| {
        let mut rows = Rows::default();
        let read = read(&mut |row| {
            rows.push(row);
            if rows.rows.len() == BATCH {
                emit(std::mem::take(&mut rows));
            }
        });
        emit(rows);
        read
    };
    parallel::produce_ahead(reading, |rows| rows.emit(levels, sink))
}

/// A batch of copied rows.
#[derive(Default)]
struct Rows {
    texts: String,
    values: Vec<CopiedValue>,
    paths: Vec<RowStep>,
    rows: Vec<End>,
}

/// A copied value; texts as ranges of the batch's text.
enum CopiedValue {
    Text(Range<usize>),
    Texts(Vec<Range<usize>>),
    Other(Slot<'static>),
}

/// The end of a row in the lists of its batch.
struct End {
    values: Result<usize, String>,
    path: usize,
    line: Option<usize>,
    is_excluded: bool,
}

impl Rows {
    fn push(&mut self, row: Row) {
        let is_excluded = row.is_excluded;
        self.paths.extend_from_slice(row.location.path);
        let values = row.slots.map(|slots| {
            for slot in slots {
                let copied = self.copied(slot);
                self.values.push(copied);
            }
            self.values.len()
        });
        self.rows.push(End { values, path: self.paths.len(), line: row.location.line, is_excluded });
    }

    fn copied(&mut self, slot: &Slot) -> CopiedValue {
        CopiedValue::Other(match slot {
            Slot::Text(text) => return CopiedValue::Text(self.text(text)),
            Slot::Texts(texts) => return CopiedValue::Texts(texts.iter().map(|text| self.text(text)).collect()),
            Slot::Absent => Slot::Absent,
            Slot::Null => Slot::Null,
            Slot::Boolean(flag) => Slot::Boolean(*flag),
            Slot::Integer(number) => Slot::Integer(*number),
            Slot::Number(number) => Slot::Number(number.clone()),
            Slot::Node(node) => Slot::Node(Cow::Owned(node.as_ref().clone())),
        })
    }

    fn text(&mut self, text: &str) -> Range<usize> {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    fn emit(&self, levels: &[LevelPlan], sink: Sink) {
        let (mut slots, mut first, mut step) = (vec![], 0, 0);
        for End { values, path, line, is_excluded } in &self.rows {
            let location = RowLocation { levels, path: &self.paths[step..*path], line: *line };
            let is_excluded = *is_excluded;
            step = *path;
            match values {
                Ok(end) => {
                    slots.clear();
                    slots.extend(self.values[first..*end].iter().map(|copied| self.slot(copied)));
                    first = *end;
                    sink(Row { slots: Ok(&slots), location, is_excluded });
                }
                Err(reason) => sink(Row { slots: Err(reason.clone()), location, is_excluded }),
            }
        }
    }

    fn slot(&self, copied: &CopiedValue) -> Slot<'_> {
        let text = |location: &Range<usize>| Cow::Borrowed(&self.texts[location.clone()]);
        match copied {
            CopiedValue::Text(location) => Slot::Text(text(location)),
            CopiedValue::Texts(ranges) => Slot::Texts(ranges.iter().map(text).collect()),
            CopiedValue::Other(slot) => slot.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Emits a thousand rows with every kind of value, some of them bad.
    fn rows(sink: Sink) -> u64 {
        let node = json!({ "a": [1, null] });
        for number in 0..1000_usize {
            let text = format!("text {number}");
            let slots = [
                Slot::Absent,
                Slot::Null,
                Slot::Boolean(number % 2 == 0),
                Slot::Integer(7),
                Slot::Number(serde_json::Number::from_f64(0.5).expect("a number")),
                Slot::Text(Cow::Borrowed(&text)),
                Slot::Text(Cow::Owned(String::new())),
                Slot::Texts(vec![Cow::Borrowed(&text), Cow::Borrowed("é"), Cow::Owned(text.clone())]),
                Slot::Node(Cow::Borrowed(&node)),
            ];
            let path = [RowStep::Index(number), RowStep::Key(text.clone())];
            let location =
                RowLocation { levels: &[], path: &path[..number % 3], line: Some(number).filter(|_| number % 5 > 0) };
            let slots = if number % 7 > 0 { Ok(&slots[number % 4..]) } else { Err(text.clone()) };
            sink(Row { slots, location, is_excluded: number % 11 == 0 });
        }
        1000
    }

    #[test]
    fn read_ahead_emits_the_same_rows() {
        let seen = |rows: &dyn Fn(Sink) -> u64| {
            let mut seen = vec![];
            let count = rows(&mut |row| seen.push(format!("{:?} {:?} {}", row.slots, row.location, row.is_excluded)));
            (count, seen)
        };
        assert_eq!(seen(&|sink| read(&[], rows, sink)), seen(&|sink| rows(sink)));
    }
}
