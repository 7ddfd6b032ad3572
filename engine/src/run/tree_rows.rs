//! The way down a tree to its rows, level by level: for profiles that look at what stands around a row.

use super::extract::Slot;
use super::rows::{Origin, Place, Reader, Row, RowStep, RowsError, Sink, kind_of, not_an_object, pointer};
use crate::plan::{LevelPlan, Path, PathStep};
use crate::profile::LevelKind;
use serde_json::Value;
use std::borrow::Cow;

/// The way down a tree, level by level.
pub(super) struct Descent<'d, 'p> {
    reader: &'d Reader<'p>,
    line: Option<usize>,
    /// The answer, and what was gone into so far.
    above: Vec<&'d Value>,
    trail: Vec<RowStep>,
    /// How many elements the outermost list has; of an object, how many rows: its keys are nothing that pages count.
    outermost: u64,
    /// Whether a level leaves out what is gone into by its key.
    is_left_out: bool,
}

impl<'d, 'p> Descent<'d, 'p> {
    /// At the top of an answer; or of a line, by its number.
    pub(super) fn new(reader: &'d Reader<'p>, answer: &'d Value, line: Option<usize>) -> Self {
        Self { reader, line, above: vec![answer], trail: vec![], outermost: 0, is_left_out: false }
    }

    /// Hands on every row. Gives how many there were at the outermost level.
    pub(super) fn rows(mut self, sink: Sink<'_>) -> Result<u64, RowsError> {
        self.go(sink)?;
        Ok(self.outermost)
    }

    fn go(&mut self, sink: Sink<'_>) -> Result<(), RowsError> {
        let depth = self.trail.len();
        let levels = &self.reader.lookup.rows.levels;
        if depth == 1 && !self.counts_rows() {
            self.outermost += 1;
        }
        let Some(level) = levels.get(depth) else {
            self.row(sink);
            return Ok(());
        };
        let here: &'d Value = self.above[depth];
        let found = level.at.find(here);
        let mut left_out: Vec<(RowStep, &'d Value)> = vec![];
        let items: Vec<(RowStep, &'d Value)> = match (level.is, found) {
            (_, None | Some(Value::Null)) if level.optional => vec![],
            (LevelKind::List | LevelKind::OneOrMany, Some(Value::Array(items))) => {
                items.iter().enumerate().map(|(i, item)| (RowStep::Index(i), item)).collect()
            }
            (LevelKind::Map, Some(Value::Object(keys))) => {
                let wanted = |(key, _): &(&String, &Value)| level.keys.is_empty() || level.keys.contains(key);
                let (wanted, others): (Vec<_>, Vec<_>) = keys.iter().partition(wanted);
                let steps = |keys: Vec<(&String, &'d Value)>| {
                    keys.into_iter().map(|(key, item)| (RowStep::Key(key.clone()), item)).collect()
                };
                left_out = steps(others);
                steps(wanted)
            }
            (LevelKind::OneOrMany, Some(item)) if !item.is_null() => vec![(RowStep::Index(0), item)],
            (_, found) => return self.misses(level, here, found, sink),
        };
        items.into_iter().try_for_each(|(step, item)| self.into(step, item, sink))?;
        let was_left_out = std::mem::replace(&mut self.is_left_out, true);
        let gone = left_out.into_iter().try_for_each(|(step, item)| self.into(step, item, sink));
        self.is_left_out = was_left_out;
        gone
    }

    fn into(&mut self, step: RowStep, item: &'d Value, sink: Sink<'_>) -> Result<(), RowsError> {
        self.trail.push(step);
        self.above.push(item);
        let gone = self.go(sink);
        self.above.pop();
        self.trail.pop();
        gone
    }

    fn counts_rows(&self) -> bool {
        self.reader.lookup.rows.levels.first().is_none_or(|level| level.is == LevelKind::Map)
    }

    fn hand_on(&self, slots: Result<&[Slot], String>, sink: Sink<'_>) {
        sink(Row { slots, place: self.place(), is_left_out: self.is_left_out });
    }

    /// Without its first level an answer is broken; without a later one, a row is bad.
    fn misses(
        &mut self,
        level: &LevelPlan,
        here: &Value,
        found: Option<&Value>,
        sink: Sink<'_>,
    ) -> Result<(), RowsError> {
        let broken = match found {
            Some(other) => {
                let wanted = if level.is == LevelKind::Map { "an object" } else { "a list" };
                let reason = format!("`{}` is {}, not {wanted}", level.at, kind_of(other));
                RowsError::Shape { reason, pointer: pointer(level.at.steps()), found: kind_of(other).to_owned() }
            }
            None => missing(&level.at, here),
        };
        if self.trail.is_empty() {
            return Err(broken);
        }
        self.outermost += u64::from(self.counts_rows());
        self.hand_on(Err(broken.to_string()), sink);
        Ok(())
    }

    /// What the row, or what stands so many levels above it, is called by what holds it.
    fn key(&self, up: usize) -> Slot<'_> {
        match self.trail.len().checked_sub(1 + up).map(|at| &self.trail[at]) {
            Some(RowStep::Key(key)) => Slot::Text(Cow::Borrowed(key.as_str())),
            Some(RowStep::Index(index)) => Slot::Integer(i64::try_from(*index).unwrap_or(i64::MAX)),
            None => Slot::Absent,
        }
    }

    fn place(&self) -> Place<'_> {
        Place { levels: &self.reader.lookup.rows.levels, trail: &self.trail, line: self.line }
    }

    fn row(&mut self, sink: Sink<'_>) {
        self.outermost += u64::from(self.counts_rows());
        let last = self.above.len() - 1;
        let row = self.above[last];
        let goes_in = |origin: &Origin| matches!(origin, Origin::Row(path) if !path.steps().is_empty());
        if self.reader.origins.iter().all(goes_in) && !row.is_object() && !row.is_array() {
            return self.hand_on(Err(not_an_object(kind_of(row))), sink);
        }
        let fill = |origin: &Origin| {
            let found = match origin {
                Origin::Row(path) => path.find(row),
                Origin::Above(up, path) => last.checked_sub(*up).and_then(|at| path.find(self.above[at])),
                Origin::Answer(path) => path.find(self.above[0]),
                Origin::Key(up) => return self.key(*up),
            };
            found.map_or(Slot::Absent, Slot::of)
        };
        let slots: Vec<Slot> = self.reader.origins.iter().map(fill).collect();
        self.hand_on(Ok(&slots), sink);
    }
}

/// Follows the path as far as it leads.
fn missing(records: &Path, envelope: &Value) -> RowsError {
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
    RowsError::Shape { reason, pointer: pointer(&records.steps()[..depth]), found }
}
