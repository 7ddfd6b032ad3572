//! Index of the objects of one delivery by any of their ids. Ids that can be read from their object are not stored again: as
//! strings, a million of them take more memory than the objects.

use super::objects::Objects;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use stixmap_engine::stix::Index;

/// An id and the object that has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedObject {
    /// Number of the id, in the order of addition.
    pub(super) number: u32,
    /// Position of the object.
    pub(super) position: usize,
}

/// Hash index from ids to positions of objects.
#[derive(Debug)]
pub(super) struct Names {
    index: Index,
    hasher: RandomState,
    /// Position of the object, by number of the id.
    positions: Vec<u32>,
    /// Ids that differ from the `id` of their object, by number.
    others: HashMap<u32, Box<str>>,
}

impl Names {
    /// Creates an empty index with space for `count` ids.
    pub(super) fn with_capacity(count: usize) -> Names {
        Names {
            index: Index::new(),
            hasher: RandomState::new(),
            positions: Vec::with_capacity(count),
            others: HashMap::new(),
        }
    }

    /// Adds an id of an object; the last object with an id wins. `is_own` says whether it is the object's `id`.
    pub(super) fn add(&mut self, objects: &Objects, id: &str, position: usize, is_own: bool) {
        let at = u32::try_from(position).expect("as many as fit into memory");
        let number = match self.get(objects, id) {
            Some(known) => {
                self.positions[known.number as usize] = at;
                known.number
            }
            None => {
                let Self { index, hasher, positions, others } = self;
                let hash_of = |number| hasher.hash_one(&*id_of(objects, positions, others, number));
                index.add(hasher.hash_one(id), hash_of);
                positions.push(at);
                u32::try_from(positions.len() - 1).expect("as many as fit into memory")
            }
        };
        match is_own {
            true => drop(self.others.remove(&number)),
            false => drop(self.others.insert(number, id.into())),
        }
    }

    /// Returns the object with this id.
    pub(super) fn get(&self, objects: &Objects, id: &str) -> Option<NamedObject> {
        let Self { index, hasher, positions, others } = self;
        let is_it = |number| *id_of(objects, positions, others, number) == *id;
        let number = index.find(hasher.hash_one(id), is_it)?;
        Some(NamedObject { number, position: positions[number as usize] as usize })
    }
}

fn id_of(objects: &Objects, positions: &[u32], others: &HashMap<u32, Box<str>>, number: u32) -> Box<str> {
    let own = || objects.id(positions[number as usize] as usize).unwrap_or_default().into_boxed_str();
    others.get(&number).cloned().unwrap_or_else(own)
}

#[cfg(test)]
mod tests {
    use super::super::objects::Found;
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    proptest! {
        /// Few ids, so that many are the `id` of one object and another id of a second.
        #[test]
        fn last_object_with_an_id_is_found(
            objects in prop::collection::vec((0..9_u8, prop::collection::vec(0..9_u8, 0..3)), 0..40),
        ) {
            let object = |(own, _): &(u8, Vec<u8>)| json!({ "id": own.to_string() });
            let values: Vec<Value> = objects.iter().map(object).collect();
            let known = Objects::of(Found::Values(values));
            let (mut names, mut expected) = (Names::with_capacity(objects.len()), HashMap::new());
            for (position, (own, others)) in objects.iter().enumerate() {
                for (id, is_own) in std::iter::once((own, true)).chain(others.iter().map(|id| (id, id == own))) {
                    names.add(&known, &id.to_string(), position, is_own);
                    let number = expected.len();
                    expected.entry(*id).and_modify(|(_, at)| *at = position).or_insert((number, position));
                }
            }
            for id in 0..9_u8 {
                let found = names.get(&known, &id.to_string()).map(|named| (named.number as usize, named.position));
                prop_assert_eq!(found, expected.get(&id).copied());
            }
        }
    }
}
