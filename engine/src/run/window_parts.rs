//! Splits the window of a lookup: a full response is requested again in two halves of its period, newest first, until
//! each part is complete, cannot be divided, or the request limit is reached.
//!
//! Bisection needs more requests than continuing from the oldest record would, but does not depend on the order of
//! records, nor on the time by which the provider filters; neither is known.

use super::extract::Slot;
use super::reader::{Pick, Reader};
use super::row::Row;
use crate::plan::{FieldPlan, Form, LookupPlan, Operand, RecordPlan, after};
use crate::profile::{FieldType, WindowPoint};
use crate::stix::stix_time;
use jiff::{SignedDuration, Timestamp};
use sha1::{Digest, Sha1};
use std::collections::{HashMap, HashSet};
use std::fmt::{Debug, Write};

/// Time after now at which the newest part ends: clocks differ, and some providers read a date as the start of its day,
/// which has 25 hours when daylight saving time ends.
const AHEAD: SignedDuration = SignedDuration::from_hours(26);

/// A period within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowPart {
    start: Timestamp,
    end: Timestamp,
    /// How its end is sent.
    end_parameter: EndParameter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndParameter {
    /// Unchanged.
    Exact,
    /// Extended into the future.
    Ahead,
    /// Omitted.
    Open,
}

impl WindowPart {
    pub(super) fn whole(start: Timestamp, now: Timestamp, open_end: bool) -> WindowPart {
        WindowPart { start, end: now, end_parameter: if open_end { EndParameter::Open } else { EndParameter::Ahead } }
    }

    pub(super) fn is_open(self) -> bool {
        self.end_parameter == EndParameter::Open
    }

    /// Returns the time that is sent for its start or end.
    pub(super) fn sent(self, point: WindowPoint) -> Timestamp {
        match (point, self.end_parameter) {
            (WindowPoint::Start, _) => self.start,
            (WindowPoint::End, EndParameter::Exact) => self.end,
            (WindowPoint::End, EndParameter::Ahead | EndParameter::Open) => after(self.end, AHEAD),
        }
    }

    /// Returns its older and newer half, which overlap by a step; `None` if they would not be shorter.
    fn halves(self, step: SignedDuration) -> Option<[WindowPart; 2]> {
        let length = self.end.duration_since(self.start);
        if length <= step * 2 {
            return None;
        }
        let middle = after(self.start, SignedDuration::from_secs(length.as_secs() / 2));
        let older = WindowPart { end: after(middle, step), end_parameter: EndParameter::Exact, ..self };
        Some([older, WindowPart { start: middle, ..self }])
    }
}

type Key = [u8; 20];

/// Whether a row occurred in earlier responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Novelty {
    /// It is in an earlier response.
    Known,
    /// Its record is in an earlier response, with another last time, count or other value.
    Changed,
    /// Its record is in no earlier response.
    New,
}

/// Number of distinct rows: for each key, the maximum number of occurrences in a single response.
#[derive(Debug, Default)]
struct Tally {
    known: HashMap<Key, Occurrences>,
    /// Number of the current response.
    response: u32,
    distinct: u64,
}

/// Occurrences of a row.
#[derive(Debug, Default, Clone, Copy)]
struct Occurrences {
    /// Maximum in a single response.
    most: u32,
    /// In the response with this number, the latest that has the row.
    latest: u32,
    response: u32,
}

impl Tally {
    fn begin(&mut self) {
        self.response += 1;
    }

    /// Notes a row of the current response, and returns whether it is a further one.
    fn note(&mut self, key: Key) -> bool {
        let row = self.known.entry(key).or_default();
        let before = if row.response == self.response { row.latest } else { 0 };
        (row.latest, row.response) = (before + 1, self.response);
        let is_new = row.latest > row.most;
        if is_new {
            row.most = row.latest;
            self.distinct += 1;
        }
        is_new
    }
}

/// The parts of a lookup's window and the records in their responses.
#[derive(Debug)]
pub(super) struct WindowParts {
    /// Parts still to be requested, the newest last.
    due: Vec<WindowPart>,
    ends: Vec<(WindowPoint, Form)>,
    step: SignedDuration,
    now: Timestamp,
    /// Total that the first response states.
    total: Option<u64>,
    /// Rows, by all that is read from them.
    rows: Tally,
    /// Rows, by identity and first time: a row that differs otherwise is the same record, changed between requests.
    periods: Tally,
    /// Rows, by identity: the minimum number of records, since any other value may change between requests.
    identities: Tally,
    /// Rows without a complete identity in the current response.
    nameless: HashMap<Key, u32>,
    /// Rows without a complete identity that were counted in full responses and must occur again in the parts.
    nameless_due: HashMap<Key, u32>,
    /// Rows of the current response, without times and counts.
    facts: HashSet<Key>,
    /// Rows of full responses, without times and counts, which must occur again in the parts.
    expected: HashSet<Key>,
    found: HashSet<Key>,
    /// The newest part that is full and indivisible, and the number of such parts.
    indivisible: Option<(WindowPart, u32)>,
    /// Buffer for hashing rows.
    text: String,
}

impl WindowParts {
    pub(super) fn new(lookup: &LookupPlan, whole: WindowPart, now: Timestamp) -> WindowParts {
        WindowParts {
            due: vec![whole],
            ends: lookup.window_ends(),
            step: lookup.window_step(),
            now,
            total: None,
            rows: Tally::default(),
            periods: Tally::default(),
            identities: Tally::default(),
            nameless: HashMap::new(),
            nameless_due: HashMap::new(),
            facts: HashSet::new(),
            expected: HashSet::new(),
            found: HashSet::new(),
            indivisible: None,
            text: String::new(),
        }
    }

    /// Returns the part to request now.
    pub(super) fn current(&self) -> Option<WindowPart> {
        self.due.last().copied()
    }

    /// Starts a new response.
    pub(super) fn begin(&mut self) {
        for tally in [&mut self.rows, &mut self.periods, &mut self.identities] {
            tally.begin();
        }
        self.nameless.clear();
        self.facts.clear();
    }

    /// Whether a row is new: parts overlap, and rows of a full response occur again in its parts. Repetitions within
    /// one response are counted.
    pub(super) fn novelty(&mut self, row: &Row, kinds: &SlotKinds) -> Novelty {
        let slots = match &row.slots {
            Ok(slots) => *slots,
            Err(reason) => return self.nameless(key(&mut String::new(), [reason])),
        };
        let mut chosen = |wanted: &[bool]| {
            let chosen = slots.iter().zip(wanted).filter(|(_, is_wanted)| **is_wanted);
            key(&mut self.text, chosen.map(|(slot, _)| slot))
        };
        let (stable, period, identity) = (chosen(&kinds.stable), chosen(&kinds.period), chosen(&kinds.identity));
        let all = key(&mut self.text, slots.iter());
        self.facts.insert(stable);
        if !kinds.is_named(slots) {
            return self.nameless(all);
        }
        self.identities.note(identity);
        match (self.rows.note(all), self.periods.note(period)) {
            (false, _) => Novelty::Known,
            (true, false) => Novelty::Changed,
            (true, true) => Novelty::New,
        }
    }

    /// Whether a row without a complete identity is new. Different ones may look alike, so that each counts, unless it
    /// may be one that a full response contained.
    fn nameless(&mut self, key: Key) -> Novelty {
        self.identities.note(key);
        *self.nameless.entry(key).or_default() += 1;
        match self.nameless_due.get_mut(&key).filter(|due| **due > 0) {
            Some(due) => {
                *due -= 1;
                Novelty::Known
            }
            None => Novelty::New,
        }
    }

    /// Completes the current part, or replaces it by its halves if its response was full.
    pub(super) fn settle(&mut self, is_full: bool, total: Option<u64>) {
        let Some(part) = self.due.pop() else { return };
        self.total = self.total.or(total);
        let facts = std::mem::take(&mut self.facts);
        match self.split(part).filter(|_| is_full) {
            Some(halves) => {
                self.expected.extend(facts);
                self.due.extend(halves);
                for (key, count) in self.nameless.drain() {
                    *self.nameless_due.entry(key).or_default() += count;
                }
            }
            None => {
                if !self.expected.is_empty() {
                    self.found.extend(facts);
                }
                if is_full {
                    let (newest, count) = self.indivisible.unwrap_or((part, 0));
                    self.indivisible = Some((newest, count + 1));
                }
            }
        }
    }

    /// Returns the halves of a part if their parameters differ from those of the whole, since formats truncate times.
    fn split(&self, part: WindowPart) -> Option<[WindowPart; 2]> {
        let halves = part.halves(self.step)?;
        let is_smaller = halves.iter().all(|half| self.texts(*half) != self.texts(part));
        is_smaller.then_some(halves)
    }

    fn texts(&self, part: WindowPart) -> Vec<String> {
        let is_sent = |point: WindowPoint| point == WindowPoint::Start || !part.is_open();
        let sent = self.ends.iter().filter(|(point, _)| is_sent(*point));
        sent.map(|(point, form)| form.write(part.sent(*point), self.now)).collect()
    }

    /// Returns why the records are incomplete after this number of requests; `None` if they are complete.
    pub(super) fn missing(&self, requests: u32, counts_rows: bool) -> Option<String> {
        let mut reasons = vec![];
        if let Some(next) = self.current() {
            let end = stix_time(next.end);
            reasons.push(format!("records before {end} are incomplete after {requests} requests"));
        }
        if let Some((part, count)) = self.indivisible {
            let (start, end) = (stix_time(part.start), stix_time(part.end));
            let several = if count > 1 {
                format!("{count} periods are full and cannot be divided, the newest from")
            } else {
                "the period from".to_owned()
            };
            let is = if count > 1 { "" } else { " is full and cannot be divided" };
            reasons.push(format!("{several} {start} to {end}{is}"));
        }
        let rows = self.identities.distinct;
        let lost = self.expected.difference(&self.found).count();
        if reasons.is_empty() && lost > 0 {
            reasons.push(format!("records of the whole window missing from its parts: {lost}"));
        }
        let of = self.total.filter(|total| *total > rows && rows > 0 && counts_rows);
        match (of, reasons.is_empty()) {
            (None, true) => None,
            (Some(total), true) => Some(format!("the provider returned {rows} of {total} records")),
            (Some(total), false) => {
                Some(format!("the provider returned {rows} of {total} records: {}", reasons.join("; ")))
            }
            (None, false) => Some(format!("the provider returned {rows} records: {}", reasons.join("; "))),
        }
    }
}

fn key<T: Debug>(text: &mut String, values: impl IntoIterator<Item = T>) -> Key {
    text.clear();
    for value in values {
        // Texts are quoted, so that commas in them are unambiguous.
        write!(text, "{value:?},").expect("writing to a string cannot fail");
    }
    Sha1::digest(text.as_bytes()).into()
}

/// What the slots of a reader identify.
pub(super) struct SlotKinds {
    /// Slots that are neither times nor counts.
    stable: Vec<bool>,
    /// Slots of the identity and of the first time.
    period: Vec<bool>,
    /// Slots of the record type, the owner name and the data, in any orientation.
    identity: Vec<bool>,
    /// For each orientation, the slots of each of its fields whose sources are all slots.
    names: Vec<Vec<Vec<usize>>>,
}

impl SlotKinds {
    pub(super) fn of(reader: &Reader, record: &RecordPlan) -> SlotKinds {
        let slots = |index: usize| {
            reader.fields[index].iter().filter_map(|pick| match pick {
                Pick::Slot(at) => Some(*at),
                Pick::Fixed(_) => None,
            })
        };
        let marked = |is_wanted: &dyn Fn(usize, &FieldPlan) -> bool| {
            let mut marked = vec![false; reader.origins.len()];
            let wanted = record.fields.iter().enumerate().filter(|(index, field)| is_wanted(*index, field));
            wanted.flat_map(|(index, _)| slots(index)).for_each(|at| marked[at] = true);
            marked
        };
        let [first, _, count, ..] = record.roles;
        let operands = record.orientation.iter().map(|row| {
            let field = |operand| if let Operand::Field(index) = operand { Some(index) } else { None };
            [Some(record.rrtype), field(row.rrname), field(row.rdata)].into_iter().flatten().collect::<Vec<usize>>()
        });
        let operands: Vec<Vec<usize>> = operands.collect();
        let names = |index: usize| operands.iter().any(|row| row.contains(&index));
        let changing = marked(&|index, field| field.kind == FieldType::Timestamp || count == Some(index));
        let all_slots = |index: &usize| reader.fields[*index].iter().all(|pick| matches!(pick, Pick::Slot(_)));
        SlotKinds {
            stable: changing.into_iter().map(|changes| !changes).collect(),
            period: marked(&|index, _| names(index) || first == Some(index)),
            identity: marked(&|index, _| names(index)),
            names: operands
                .iter()
                .map(|row| row.iter().copied().filter(all_slots).map(|index| slots(index).collect()).collect())
                .collect(),
        }
    }

    /// Whether a row has a value for each field of the identity in an orientation.
    fn is_named(&self, slots: &[Slot]) -> bool {
        let has_value = |at: &usize| !matches!(slots[*at], Slot::Absent | Slot::Null);
        self.names.iter().any(|fields| fields.iter().all(|sources: &Vec<usize>| sources.iter().any(has_value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(start: i64, length: i64) -> WindowPart {
        let at = |second| Timestamp::from_second(second).expect("in range");
        WindowPart { start: at(start), end: at(start + length), end_parameter: EndParameter::Exact }
    }

    proptest! {
        #[test]
        fn halves_are_shorter_and_cover_the_whole(start in 0_i64..2_000_000_000, length in 0_i64..900_000_000, step in 1_i64..200_000) {
            let whole = part(start, length);
            let Some([older, newer]) = whole.halves(SignedDuration::from_secs(step)) else {
                prop_assert!(length <= 2 * step);
                return Ok(());
            };
            prop_assert_eq!((older.start, newer.end), (whole.start, whole.end));
            // Even if both ends are truncated by up to a step.
            prop_assert!(older.end.duration_since(newer.start) >= SignedDuration::from_secs(step));
            for half in [older, newer] {
                prop_assert!(half.start < half.end && half.end.duration_since(half.start) < whole.end.duration_since(whole.start));
            }
        }
    }

    #[test]
    fn bisection_of_full_responses_terminates() {
        for step in [1, 60, 3600, 86_400, 93_600] {
            let (mut due, mut requests) = (vec![part(1_700_000_000, 864_000)], 0);
            while let Some(part) = due.pop() {
                requests += 1;
                due.extend(part.halves(SignedDuration::from_secs(step)).into_iter().flatten());
            }
            assert!(requests < 4 * 864_000, "{requests} parts with a step of {step} s");
        }
    }
}
