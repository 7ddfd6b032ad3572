//! The way through a document to its list of rows, in one pass and without a tree: for profiles that ask for no more than the
//! values of rows.

use super::extract::{Fill, KeySeed, Slot, Trie};
use super::rows::{Place, Reader, Row, RowStep, not_an_object};
use crate::plan::PathStep;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// A walk down a document to its list of rows: what stands beside is kept, rows are handed on.
pub(super) struct Walk<'w, 'p, 's> {
    pub(super) reader: &'w Reader<'p>,
    pub(super) trie: &'w Trie,
    pub(super) steps: &'w [PathStep],
    pub(super) seen: &'w mut u64,
    pub(super) sink: &'w mut (dyn FnMut(Row<'_>) + 's),
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, '_> {
    /// What stands beside; none if the list was not met.
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.steps {
            [] => deserializer.deserialize_seq(self),
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the way to the rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((PathStep::Name(name), rest)) = self.steps.split_first() else {
            return Err(A::Error::custom("an object, not a list"));
        };
        let mut beside = Map::new();
        let mut is_met = false;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if key.0 == *name && !is_met {
                let walk = Walk { steps: rest, seen: &mut *self.seen, sink: &mut *self.sink, ..self };
                match map.next_value_seed(walk)? {
                    Some(inner) => beside.insert(name.clone(), inner),
                    None => return drain(map),
                };
                is_met = true;
            } else {
                beside.insert(key.0.into_owned(), map.next_value()?);
            }
        }
        Ok(is_met.then_some(Value::Object(beside)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut slots: Vec<Slot<'de>> = self.reader.empty_slots();
        let levels = &self.reader.lookup.rows.levels;
        loop {
            slots.fill(Slot::Absent);
            let Some(other) = list.next_element_seed(Fill { trie: self.trie, slots: &mut slots })? else { break };
            let trail = [RowStep::Index(usize::try_from(*self.seen).expect("rows fit into memory"))];
            let place = Place { levels, trail: &trail, line: None };
            let slots = match other {
                None => Ok(&slots[..]),
                Some(other) => Err(not_an_object(other)),
            };
            (self.sink)(Row::new(slots, place));
            *self.seen += 1;
        }
        Ok(Some(Value::Null))
    }
}

fn drain<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Value>, A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(None)
}
