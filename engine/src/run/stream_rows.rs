//! Streams the rows of a JSON document in one pass, without a tree, for profiles that read only values of plain rows.

use super::extract::{Fill, Slot, Trie};
use super::key::KeySeed;
use super::prune::Pruned;
use super::reader::Reader;
use super::row::not_an_object;
use super::row::{Row, RowLocation, RowStep};
use crate::plan::PathStep;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Visitor that follows the path to the list of rows, keeps the envelope, and emits rows.
pub(super) struct StreamRows<'w, 'p, 's> {
    pub(super) reader: &'w Reader<'p>,
    pub(super) trie: &'w Trie,
    pub(super) steps: &'w [PathStep],
    /// What is read from the envelope.
    pub(super) values: Pruned<'w>,
    pub(super) seen: &'w mut u64,
    pub(super) sink: &'w mut (dyn FnMut(Row<'_>) + 's),
}

impl<'de> DeserializeSeed<'de> for StreamRows<'_, '_, '_> {
    /// The envelope; `None` if the list was not found.
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.steps {
            [] => deserializer.deserialize_seq(self),
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for StreamRows<'_, '_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object on the path to the rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((PathStep::Name(name), rest)) = self.steps.split_first() else {
            return Err(A::Error::custom("expected a list, found an object"));
        };
        let mut envelope = Map::new();
        let mut is_found = false;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if key.0 != *name {
                self.values.member(key, &mut map, &mut envelope)?;
                continue;
            }
            if is_found {
                return Err(self.values.guard.repeated(name));
            }
            let values = self.values.inner_of(name);
            let inner = StreamRows { steps: rest, values, seen: &mut *self.seen, sink: &mut *self.sink, ..self };
            match map.next_value_seed(inner)? {
                Some(inner) => envelope.insert(name.clone(), inner),
                None => return drain(map),
            };
            is_found = true;
        }
        Ok(is_found.then_some(Value::Object(envelope)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut slots: Vec<Slot<'de>> = self.reader.empty_slots();
        let levels = &self.reader.lookup.rows.levels;
        loop {
            slots.fill(Slot::Absent);
            let fill = Fill { trie: self.trie, slots: &mut slots, guard: self.values.guard };
            let Some(other) = list.next_element_seed(fill)? else { break };
            let path = [RowStep::Index(usize::try_from(*self.seen).expect("rows fit into memory"))];
            let location = RowLocation { levels, path: &path, line: None };
            let slots = match other {
                None => Ok(&slots[..]),
                Some(other) => Err(not_an_object(other)),
            };
            (self.sink)(Row::new(slots, location));
            *self.seen += 1;
        }
        Ok(Some(Value::Null))
    }
}

fn drain<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Value>, A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(None)
}
