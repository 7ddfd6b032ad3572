//! Rows of a large answer, read by one processor while another maps those before them. They go from one to the other by the
//! hundred, copied: what a reader hands on is borrowed from where it reads.

use super::extract::Slot;
use super::rows::{Place, Row, RowStep, Sink};
use crate::parallel;
use crate::plan::LevelPlan;
use std::borrow::Cow;
use std::ops::Range;

/// Shorter answers are read before another thread has begun.
const LARGE: usize = 1024 * 1024;

/// So many rows go together.
const TOGETHER: usize = 256;

/// Whether an answer of so many octets is read ahead.
pub(super) fn is_worth_it(octets: usize) -> bool {
    octets >= LARGE && parallel::processors() > 1
}

/// Has rows read elsewhere, and hands them on here, in their order.
pub(super) fn read<R: Send>(levels: &[LevelPlan], read: impl Fn(Sink) -> R + Sync, sink: Sink) -> R {
    let reading = |hand_on: &mut dyn FnMut(Rows)| {
        let mut rows = Rows::default();
        let read = read(&mut |row| {
            rows.keep(row);
            if rows.rows.len() == TOGETHER {
                hand_on(std::mem::take(&mut rows));
            }
        });
        hand_on(rows);
        read
    };
    parallel::produce_ahead(reading, |rows| rows.hand_on(levels, sink))
}

/// Rows one behind the other.
#[derive(Default)]
struct Rows {
    texts: String,
    values: Vec<Kept>,
    trails: Vec<RowStep>,
    rows: Vec<End>,
}

/// A value of a row; texts by their places.
enum Kept {
    Text(Range<usize>),
    Texts(Vec<Range<usize>>),
    Other(Slot<'static>),
}

/// Where a row ends.
struct End {
    values: Result<usize, String>,
    trail: usize,
    line: Option<usize>,
    is_left_out: bool,
}

impl Rows {
    fn keep(&mut self, row: Row) {
        let is_left_out = row.is_left_out;
        self.trails.extend_from_slice(row.place.trail);
        let values = row.slots.map(|slots| {
            for slot in slots {
                let kept = self.kept(slot);
                self.values.push(kept);
            }
            self.values.len()
        });
        self.rows.push(End { values, trail: self.trails.len(), line: row.place.line, is_left_out });
    }

    fn kept(&mut self, slot: &Slot) -> Kept {
        Kept::Other(match slot {
            Slot::Text(text) => return Kept::Text(self.text(text)),
            Slot::Texts(texts) => return Kept::Texts(texts.iter().map(|text| self.text(text)).collect()),
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

    fn hand_on(&self, levels: &[LevelPlan], sink: Sink) {
        let (mut slots, mut first, mut step) = (vec![], 0, 0);
        for End { values, trail, line, is_left_out } in &self.rows {
            let place = Place { levels, trail: &self.trails[step..*trail], line: *line };
            let is_left_out = *is_left_out;
            step = *trail;
            match values {
                Ok(end) => {
                    slots.clear();
                    slots.extend(self.values[first..*end].iter().map(|kept| self.slot(kept)));
                    first = *end;
                    sink(Row { slots: Ok(&slots), place, is_left_out });
                }
                Err(reason) => sink(Row { slots: Err(reason.clone()), place, is_left_out }),
            }
        }
    }

    fn slot(&self, kept: &Kept) -> Slot<'_> {
        let text = |place: &Range<usize>| Cow::Borrowed(&self.texts[place.clone()]);
        match kept {
            Kept::Text(place) => Slot::Text(text(place)),
            Kept::Texts(places) => Slot::Texts(places.iter().map(text).collect()),
            Kept::Other(slot) => slot.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A thousand rows of all that a row can hold, some of them bad.
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
            let trail = [RowStep::Index(number), RowStep::Key(text.clone())];
            let place =
                Place { levels: &[], trail: &trail[..number % 3], line: Some(number).filter(|_| number % 5 > 0) };
            let slots = if number % 7 > 0 { Ok(&slots[number % 4..]) } else { Err(text.clone()) };
            sink(Row { slots, place, is_left_out: number % 11 == 0 });
        }
        1000
    }

    #[test]
    fn rows_that_were_read_ahead_are_those_that_were_read() {
        let seen = |rows: &dyn Fn(Sink) -> u64| {
            let mut seen = vec![];
            let count = rows(&mut |row| seen.push(format!("{:?} {:?} {}", row.slots, row.place, row.is_left_out)));
            (count, seen)
        };
        assert_eq!(seen(&|sink| read(&[], rows, sink)), seen(&|sink| rows(sink)));
    }
}
