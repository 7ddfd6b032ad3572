//! The objects of one delivery: those that came with the entity, and those that were found. What was found stays in the
//! engine's columns; an object is JSON only while it is looked at, since all of them as values take twenty times the memory.

use super::entity::{Entity, share};
use super::marking::Markings;
use serde::Serialize;
use serde::ser::Serializer;
use serde_json::Value;
use std::collections::HashSet;
use std::ops::Range;
use stixmap_engine::stix::Bundle;

/// Objects by their places: those that came first, then those that were found and had not come.
#[derive(Debug, Default)]
pub(super) struct Objects {
    came: Vec<Value>,
    found: Found,
    /// The places of those that had not come, among those found.
    new: Vec<u32>,
    markings: Markings,
    organisations: Vec<String>,
}

/// What was found.
#[derive(Debug)]
pub(super) enum Found {
    Bundle(Box<Bundle>),
    /// What no engine found: tests and fuzzers have anything in its place.
    Values(Vec<Value>),
}

impl Default for Found {
    fn default() -> Self {
        Self::Values(vec![])
    }
}

impl Found {
    fn len(&self) -> usize {
        match self {
            Self::Bundle(bundle) => bundle.len(),
            Self::Values(values) => values.len(),
        }
    }

    fn places(&self) -> Range<u32> {
        0..u32::try_from(self.len()).expect("as many as fit into memory")
    }

    fn id(&self, place: usize) -> Option<String> {
        match self {
            Self::Bundle(bundle) => Some(bundle.id_at(place).to_string()),
            Self::Values(values) => values[place]["id"].as_str().map(str::to_owned),
        }
    }

    fn at(&self, place: usize) -> Value {
        match self {
            Self::Bundle(bundle) => serde_json::to_value(bundle.object_at(place)).expect("an object is JSON"),
            Self::Values(values) => values[place].clone(),
        }
    }
}

impl Objects {
    /// What is sent: the objects that came, then what was found that is not among them; everything marked as the entity is,
    /// and shared with whom the entity is.
    pub(super) fn enriched(entity: Entity, found: Found) -> Objects {
        let Entity { objects: mut came, markings, organisations, .. } = entity;
        let mut known: HashSet<String> =
            came.iter().filter_map(|object| object["id"].as_str().map(str::to_owned)).collect();
        let mut is_new = |id: Option<String>| id.is_some_and(|id| known.insert(id));
        let carried = if found.len() == 0 { &[][..] } else { &markings.carried };
        came.extend(carried.iter().filter(|object| is_new(object["id"].as_str().map(str::to_owned))).cloned());
        came.iter_mut().for_each(|object| share(object, &organisations));
        // A bundle has each object once.
        let mut new = Vec::with_capacity(found.len());
        match &found {
            Found::Bundle(_) => {
                new.extend(found.places().filter(|at| !found.id(*at as usize).is_some_and(|id| known.contains(&id))));
            }
            Found::Values(_) => new.extend(found.places().filter(|at| is_new(found.id(*at as usize)))),
        }
        Objects { came, found, new, markings, organisations }
    }

    /// Objects as they are.
    pub(super) fn of(found: Found) -> Objects {
        Objects { new: found.places().collect(), found, ..Objects::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.came.len() + self.new.len()
    }

    /// The object's own id, if it has one.
    pub(super) fn id(&self, place: usize) -> Option<String> {
        match self.found_place(place) {
            Some(place) => self.found.id(place),
            None => self.came[place]["id"].as_str().map(str::to_owned),
        }
    }

    /// What else an object goes by: the platform's own ids, which only what came has.
    pub(super) fn other_ids(&self, place: usize) -> Vec<String> {
        match (&self.found, self.found_place(place)) {
            (Found::Bundle(_), Some(_)) => vec![],
            (Found::Values(values), Some(place)) => other_ids(&values[place]),
            (_, None) => other_ids(&self.came[place]),
        }
    }

    /// The object at a place, as it is sent but for references that lead to nothing.
    pub(super) fn at(&self, place: usize) -> Value {
        let Some(place) = self.found_place(place) else { return self.came[place].clone() };
        let mut object = self.found.at(place);
        self.markings.carry(&mut object);
        share(&mut object, &self.organisations);
        object
    }

    /// Where an object stands among those found; none if it came.
    fn found_place(&self, place: usize) -> Option<usize> {
        place.checked_sub(self.came.len()).map(|place| self.new[place] as usize)
    }
}

/// As a list, object by object.
impl Serialize for Objects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.len()).map(|place| self.at(place)))
    }
}

fn other_ids(object: &Value) -> Vec<String> {
    let extensions = object.get("extensions").and_then(Value::as_object).into_iter().flatten();
    let of_extensions = extensions.filter_map(|(_, extension)| extension.get("id"));
    let ids = object.get("x_opencti_id").into_iter().chain(of_extensions);
    ids.filter_map(Value::as_str).map(str::to_owned).collect()
}
