//! What is read of each row of a lookup: slots for the values of fields and conditions, and the paths that lead to them.

use super::Response;
use super::extract::{Slot, Trie};
use super::prune::Keep;
use crate::plan::{FieldPlace, LevelPlan, LookupPlan, Path, PathStep, RecordPlan, RowTestPlan};
use crate::profile::{Framing, LevelKind};
use crate::stix::Observable;
use serde_json::Value;
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
    pub(super) trie: Option<Trie>,
    /// Values of a response that are read to a tree: all of them, or with a `trie` only those outside of the rows.
    pub(super) keep: Keep,
    /// Alternative sources of each field, in order.
    pub(super) fields: Vec<Vec<Pick>>,
    /// Slots of each required field.
    pub(super) required: Vec<Vec<usize>>,
    only: Vec<(usize, &'p RowTestPlan)>,
    except: Vec<(usize, &'p RowTestPlan)>,
    /// Number of lines in previous chunks of the response.
    pub(super) lines_before: usize,
    /// Whether a previous chunk contains the final line of an SAF stream.
    pub(super) is_ended: bool,
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
            required: vec![],
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
            if !field.optional {
                let slot = |pick: &Pick| if let Pick::Slot(slot) = pick { Some(*slot) } else { None };
                let slots: Vec<usize> = picks.iter().filter_map(slot).collect();
                reader.required.extend((!slots.is_empty()).then_some(slots));
            }
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

    pub(super) fn values_to_keep(&self, with_rows: bool) -> Keep {
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
}

fn constant(value: &Value) -> Slot<'static> {
    match value {
        Value::String(text) => Slot::Text(Cow::Owned(text.clone())),
        Value::Bool(flag) => Slot::Boolean(*flag),
        Value::Number(number) => number.as_i64().map_or(Slot::Null, Slot::Integer),
        _ => Slot::Null,
    }
}
