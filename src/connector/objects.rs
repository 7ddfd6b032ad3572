//! The objects of one delivery: those received with the entity, and those found by the run. Found objects stay in the engine's
//! column store and become JSON one at a time, since as JSON values they take twenty times the memory.

use super::entity::{Entity, share};
use super::marking::Markings;
use serde::Serialize;
use serde::ser::Serializer;
use serde_json::Value;
use std::collections::HashSet;
use std::ops::Range;
use stixmap_engine::stix::Bundle;

/// Objects by position: first those received, then those found that were not received.
#[derive(Debug, Default)]
pub(super) struct Objects {
    received: Vec<Value>,
    found: Found,
    /// Positions in `found` of the objects that were not received.
    new: Vec<u32>,
    markings: Markings,
    organizations: Vec<String>,
}

/// Objects found by a run.
#[derive(Debug)]
pub(super) enum Found {
    Bundle(Box<Bundle>),
    /// Any JSON, for tests and fuzzers.
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

    fn positions(&self) -> Range<u32> {
        0..u32::try_from(self.len()).expect("as many as fit into memory")
    }

    fn id(&self, position: usize) -> Option<String> {
        match self {
            Self::Bundle(bundle) => Some(bundle.id_at(position).to_string()),
            Self::Values(values) => values[position]["id"].as_str().map(str::to_owned),
        }
    }

    fn at(&self, position: usize) -> Value {
        match self {
            Self::Bundle(bundle) => serde_json::to_value(bundle.object_at(position)).expect("an object is JSON"),
            Self::Values(values) => values[position].clone(),
        }
    }
}

impl Objects {
    /// Returns the objects to publish: those received, then those found that are not among them, with the markings of the
    /// entity and shared with its organizations.
    pub(super) fn enriched(entity: Entity, found: Found) -> Objects {
        let Entity { objects: mut received, markings, organizations, .. } = entity;
        let mut known: HashSet<String> =
            received.iter().filter_map(|object| object["id"].as_str().map(str::to_owned)).collect();
        let mut is_new = |id: Option<String>| id.is_some_and(|id| known.insert(id));
        let carried = if found.len() == 0 { &[][..] } else { &markings.carried };
        received.extend(carried.iter().filter(|object| is_new(object["id"].as_str().map(str::to_owned))).cloned());
        received.iter_mut().for_each(|object| share(object, &organizations));
        // A bundle has no duplicates.
        let mut new = Vec::with_capacity(found.len());
        match &found {
            Found::Bundle(_) => {
                new.extend(
                    found.positions().filter(|at| !found.id(*at as usize).is_some_and(|id| known.contains(&id))),
                );
            }
            Found::Values(_) => new.extend(found.positions().filter(|at| is_new(found.id(*at as usize)))),
        }
        Objects { received, found, new, markings, organizations }
    }

    /// Returns found objects without an entity.
    pub(super) fn of(found: Found) -> Objects {
        Objects { new: found.positions().collect(), found, ..Objects::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.received.len() + self.new.len()
    }

    /// Returns the `id` of an object, if it has one.
    pub(super) fn id(&self, position: usize) -> Option<String> {
        match self.found_position(position) {
            Some(position) => self.found.id(position),
            None => self.received[position]["id"].as_str().map(str::to_owned),
        }
    }

    /// Returns the platform's ids of an object; only received objects have any.
    pub(super) fn other_ids(&self, position: usize) -> Vec<String> {
        match (&self.found, self.found_position(position)) {
            (Found::Bundle(_), Some(_)) => vec![],
            (Found::Values(values), Some(position)) => other_ids(&values[position]),
            (_, None) => other_ids(&self.received[position]),
        }
    }

    /// Returns an object as it is published, except that dangling references are not removed.
    pub(super) fn at(&self, position: usize) -> Value {
        let Some(position) = self.found_position(position) else { return self.received[position].clone() };
        let mut object = self.found.at(position);
        self.markings.carry(&mut object);
        share(&mut object, &self.organizations);
        object
    }

    /// Returns the position of an object in `found`; none if it was received.
    fn found_position(&self, position: usize) -> Option<usize> {
        position.checked_sub(self.received.len()).map(|position| self.new[position] as usize)
    }
}

/// Serializes as an array, one object at a time.
impl Serialize for Objects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.len()).map(|position| self.at(position)))
    }
}

fn other_ids(object: &Value) -> Vec<String> {
    let extensions = object.get("extensions").and_then(Value::as_object).into_iter().flatten();
    let of_extensions = extensions.filter_map(|(_, extension)| extension.get("id"));
    let ids = object.get("x_opencti_id").into_iter().chain(of_extensions);
    ids.filter_map(Value::as_str).map(str::to_owned).collect()
}
