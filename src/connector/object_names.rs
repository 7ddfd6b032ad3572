//! The ids that objects of one delivery go by, and which object each leads to. An id that can be read from its object is not held
//! a second time: a million of them as texts take more than the objects.

use super::objects::Objects;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use stixmap_engine::stix::Index;

/// An id that objects go by.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProfileArgument {
    pub(super) number: u32,
    /// The object's place.
    pub(super) place: usize,
}

/// Ids by number, in the order in which they were added.
#[derive(Debug)]
pub(super) struct Names {
    index: Index,
    hasher: RandomState,
    /// The place of the object that each leads to.
    places: Vec<u32>,
    /// Those that are not their object's own id.
    others: HashMap<u32, Box<str>>,
}

impl Names {
    /// Room for so many.
    pub(super) fn with_capacity(count: usize) -> Names {
        Names {
            index: Index::new(),
            hasher: RandomState::new(),
            places: Vec::with_capacity(count),
            others: HashMap::new(),
        }
    }

    /// Says that an object goes by this id; where several do, the last one is meant. `is_own` says whether it is its own id.
    pub(super) fn add(&mut self, objects: &Objects, id: &str, place: usize, is_own: bool) {
        let at = u32::try_from(place).expect("as many as fit into memory");
        let number = match self.get(objects, id) {
            Some(known) => {
                self.places[known.number as usize] = at;
                known.number
            }
            None => {
                let Self { index, hasher, places, others } = self;
                let hash_of = |number| hasher.hash_one(&*id_of(objects, places, others, number));
                index.add(hasher.hash_one(id), hash_of);
                places.push(at);
                u32::try_from(places.len() - 1).expect("as many as fit into memory")
            }
        };
        match is_own {
            true => drop(self.others.remove(&number)),
            false => drop(self.others.insert(number, id.into())),
        }
    }

    /// What goes by this id.
    pub(super) fn get(&self, objects: &Objects, id: &str) -> Option<ProfileArgument> {
        let Self { index, hasher, places, others } = self;
        let is_it = |number| *id_of(objects, places, others, number) == *id;
        let number = index.find(hasher.hash_one(id), is_it)?;
        Some(ProfileArgument { number, place: places[number as usize] as usize })
    }
}

fn id_of(objects: &Objects, places: &[u32], others: &HashMap<u32, Box<str>>, number: u32) -> Box<str> {
    let own = || objects.id(places[number as usize] as usize).unwrap_or_default().into_boxed_str();
    others.get(&number).cloned().unwrap_or_else(own)
}

#[cfg(test)]
mod tests {
    use super::super::objects::Found;
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    proptest! {
        /// Few ids, of which many are somebody's own and somebody else's other.
        #[test]
        fn an_id_leads_to_the_last_object_that_goes_by_it(
            objects in prop::collection::vec((0..9_u8, prop::collection::vec(0..9_u8, 0..3)), 0..40),
        ) {
            let object = |(own, _): &(u8, Vec<u8>)| json!({ "id": own.to_string() });
            let values: Vec<Value> = objects.iter().map(object).collect();
            let known = Objects::of(Found::Values(values));
            let (mut names, mut expected) = (Names::with_capacity(objects.len()), HashMap::new());
            for (place, (own, others)) in objects.iter().enumerate() {
                for (id, is_own) in std::iter::once((own, true)).chain(others.iter().map(|id| (id, id == own))) {
                    names.add(&known, &id.to_string(), place, is_own);
                    let number = expected.len();
                    expected.entry(*id).and_modify(|(_, at)| *at = place).or_insert((number, place));
                }
            }
            for id in 0..9_u8 {
                let found = names.get(&known, &id.to_string()).map(|named| (named.number as usize, named.place));
                prop_assert_eq!(found, expected.get(&id).copied());
            }
        }
    }
}
