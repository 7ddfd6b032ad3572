//! Parts of the window: an answer that is full is asked for again in two halves of its time, newest first, until every part is
//! whole, cannot be made smaller, or as many requests were sent as may be.
//!
//! Parts are halved. To go on from the oldest record of a full answer would need fewer requests, but only of a provider that
//! gives the newest records first, by the time it goes by: neither is known, and what it gives otherwise would be missed.

use super::rows::{Pick, Reader, Row};
use crate::plan::{FieldPlan, Form, LookupPlan, RecordPlan, after};
use crate::profile::{FieldType, WindowPoint};
use crate::stix::stix_time;
use jiff::{SignedDuration, Timestamp};
use sha1::{Digest, Sha1};
use std::collections::{HashMap, HashSet};
use std::fmt::{Debug, Write};

/// How far ahead of now the newest part ends: clocks differ, and some providers take a date for the start of its day, which has
/// 25 hours where the clock is put back.
const AHEAD: SignedDuration = SignedDuration::from_hours(26);

/// A part of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    start: Timestamp,
    end: Timestamp,
    /// How the end is sent.
    ending: StreamEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamEnd {
    /// As it is.
    Exact,
    /// With what may lie ahead of now.
    Ahead,
    /// Not at all.
    Open,
}

impl Part {
    pub(super) fn whole(start: Timestamp, now: Timestamp, open_end: bool) -> Part {
        Part { start, end: now, ending: if open_end { StreamEnd::Open } else { StreamEnd::Ahead } }
    }

    pub(super) fn is_open(self) -> bool {
        self.ending == StreamEnd::Open
    }

    /// What is sent for an end of it.
    pub(super) fn sent(self, point: WindowPoint) -> Timestamp {
        match (point, self.ending) {
            (WindowPoint::Start, _) => self.start,
            (WindowPoint::End, StreamEnd::Exact) => self.end,
            (WindowPoint::End, StreamEnd::Ahead | StreamEnd::Open) => after(self.end, AHEAD),
        }
    }

    /// Its older and its newer half, which overlap by a step. `None` where one of them would be no shorter than the whole.
    fn halves(self, step: SignedDuration) -> Option<[Part; 2]> {
        let length = self.end.duration_since(self.start);
        if length <= step * 2 {
            return None;
        }
        let middle = after(self.start, SignedDuration::from_secs(length.as_secs() / 2));
        let older = Part { end: after(middle, step), ending: StreamEnd::Exact, ..self };
        Some([older, Part { start: middle, ..self }])
    }
}

type Key = [u8; 20];

/// The parts of one lookup's window, and what their answers held.
#[derive(Debug)]
pub(super) struct Parts {
    /// The parts that are due, the newest last.
    due: Vec<Part>,
    ends: Vec<(WindowPoint, Form)>,
    step: SignedDuration,
    now: Timestamp,
    /// How many records the first answer told of.
    total: Option<u64>,
    /// How many rows were new, of all answers.
    rows: u64,
    /// How often each row came, in the answer that held it most often.
    known: HashMap<Key, u32>,
    /// How often each row came in the answer at hand.
    here: HashMap<Key, u32>,
    /// What the rows of the answer at hand say, but for times and counts.
    facts: HashSet<Key>,
    /// What those of full answers say: it must come again in their parts.
    expected: HashSet<Key>,
    found: HashSet<Key>,
    /// The newest part that is full and cannot be made smaller, and how many there are.
    solid: Option<(Part, u32)>,
    /// What a row says, while it is hashed.
    text: String,
}

impl Parts {
    pub(super) fn new(lookup: &LookupPlan, whole: Part, now: Timestamp) -> Parts {
        Parts {
            due: vec![whole],
            ends: lookup.window_ends(),
            step: lookup.window_step(),
            now,
            total: None,
            rows: 0,
            known: HashMap::new(),
            here: HashMap::new(),
            facts: HashSet::new(),
            expected: HashSet::new(),
            found: HashSet::new(),
            solid: None,
            text: String::new(),
        }
    }

    /// The part that is asked for now.
    pub(super) fn current(&self) -> Option<Part> {
        self.due.last().copied()
    }

    /// Begins with the rows of an answer.
    pub(super) fn begin(&mut self) {
        self.here.clear();
        self.facts.clear();
    }

    /// Whether a row is not the same as one of an earlier answer: parts overlap, and a full answer's rows come again in its
    /// parts. One that an answer holds several times counts as often.
    pub(super) fn is_new(&mut self, row: &Row, volatile: &[bool]) -> bool {
        let key = match &row.slots {
            Ok(slots) => {
                let lasting = slots.iter().zip(volatile).filter(|(_, is_volatile)| !**is_volatile);
                self.facts.insert(key(&mut self.text, lasting.map(|(slot, _)| slot)));
                key(&mut self.text, slots.iter())
            }
            Err(reason) => key(&mut self.text, [reason]),
        };
        let here = self.here.entry(key).or_default();
        *here += 1;
        let known = self.known.entry(key).or_default();
        let is_new = *here > *known;
        if is_new {
            *known = *here;
            self.rows += 1;
        }
        is_new
    }

    /// Takes the part that was asked for as answered, and puts its halves in its place where the answer was full.
    pub(super) fn settle(&mut self, is_full: bool, total: Option<u64>) {
        let Some(part) = self.due.pop() else { return };
        self.total = self.total.or(total);
        let facts = std::mem::take(&mut self.facts);
        match self.split(part).filter(|_| is_full) {
            Some(halves) => {
                self.expected.extend(facts);
                self.due.extend(halves);
            }
            None => {
                if !self.expected.is_empty() {
                    self.found.extend(facts);
                }
                if is_full {
                    let (newest, count) = self.solid.unwrap_or((part, 0));
                    self.solid = Some((newest, count + 1));
                }
            }
        }
    }

    /// The halves of a part, if each is sent otherwise than the whole: ends are cut off to what their format can say.
    fn split(&self, part: Part) -> Option<[Part; 2]> {
        let halves = part.halves(self.step)?;
        let is_smaller = halves.iter().all(|half| self.texts(*half) != self.texts(part));
        is_smaller.then_some(halves)
    }

    fn texts(&self, part: Part) -> Vec<String> {
        let is_sent = |point: WindowPoint| point == WindowPoint::Start || !part.is_open();
        let sent = self.ends.iter().filter(|(point, _)| is_sent(*point));
        sent.map(|(point, form)| form.write(part.sent(*point), self.now)).collect()
    }

    /// Why not all that the provider holds was read, after so many requests; `None` if it was.
    pub(super) fn missing(&self, requests: u32, counts_rows: bool) -> Option<String> {
        let mut reasons = vec![];
        if let Some(next) = self.current() {
            let end = stix_time(next.end);
            reasons.push(format!("{requests} requests are used up, and not all before {end} was asked for"));
        }
        if let Some((part, count)) = self.solid {
            let (start, end) = (stix_time(part.start), stix_time(part.end));
            let several = if count > 1 {
                format!("{count} parts of the window are full, the newest from")
            } else {
                "the part of the window from".to_owned()
            };
            let is = if count > 1 { "" } else { " is full" };
            reasons.push(format!("{several} {start} to {end}{is}, and cannot be made smaller"));
        }
        let lost = self.expected.difference(&self.found).count();
        if reasons.is_empty() && lost > 0 {
            reasons.push(format!("{lost} of the records of the whole window came in none of its parts"));
        }
        let of = self.total.filter(|total| *total > self.rows && self.rows > 0 && counts_rows);
        match (of, reasons.is_empty()) {
            (None, true) => None,
            (Some(total), true) => Some(format!("the provider holds {total} records and gave {}", self.rows)),
            (Some(total), false) => {
                Some(format!("the provider holds {total} records and gave {}: {}", self.rows, reasons.join("; ")))
            }
            (None, false) => Some(format!("the provider gave {} records: {}", self.rows, reasons.join("; "))),
        }
    }
}

fn key<T: Debug>(text: &mut String, values: impl IntoIterator<Item = T>) -> Key {
    text.clear();
    for value in values {
        // Texts are quoted: a comma within one ends nothing.
        write!(text, "{value:?},").expect("a text takes whatever is written");
    }
    Sha1::digest(text.as_bytes()).into()
}

/// Of each slot, whether it says when or how often a record was seen: between two requests, that may change.
pub(super) fn volatile(reader: &Reader, record: &RecordPlan) -> Vec<bool> {
    let mut volatile = vec![false; reader.origins.len()];
    let count = record.roles[2];
    let may_change = |(index, field): &(usize, &FieldPlan)| field.kind == FieldType::Timestamp || count == Some(*index);
    for (index, _) in record.fields.iter().enumerate().filter(may_change) {
        for pick in &reader.fields[index] {
            if let Pick::Slot(at) = pick {
                volatile[*at] = true;
            }
        }
    }
    volatile
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(start: i64, length: i64) -> Part {
        let at = |second| Timestamp::from_second(second).expect("in range");
        Part { start: at(start), end: at(start + length), ending: StreamEnd::Exact }
    }

    proptest! {
        #[test]
        fn halves_are_shorter_and_leave_no_instant_out(start in 0_i64..2_000_000_000, length in 0_i64..900_000_000, step in 1_i64..200_000) {
            let whole = part(start, length);
            let Some([older, newer]) = whole.halves(SignedDuration::from_secs(step)) else {
                prop_assert!(length <= 2 * step);
                return Ok(());
            };
            prop_assert_eq!((older.start, newer.end), (whole.start, whole.end));
            // Also where each end is cut off by as much as a step, less a second, and belongs to no part.
            prop_assert!(older.end.duration_since(newer.start) >= SignedDuration::from_secs(step));
            for half in [older, newer] {
                prop_assert!(half.start < half.end && half.end.duration_since(half.start) < whole.end.duration_since(whole.start));
            }
        }
    }

    #[test]
    fn parts_of_full_answers_come_to_an_end() {
        for step in [1, 60, 3600, 86_400, 93_600] {
            let (mut due, mut asked) = (vec![part(1_700_000_000, 864_000)], 0);
            while let Some(part) = due.pop() {
                asked += 1;
                due.extend(part.halves(SignedDuration::from_secs(step)).into_iter().flatten());
            }
            assert!(asked < 4 * 864_000, "{asked} parts by {step} s");
        }
    }
}
