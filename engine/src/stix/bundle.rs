//! STIX objects in their final form, and the bundle that holds them: sorted, each once, the same bytes for the same content.

use super::id::Id;
use super::kind::RelationshipType;
use super::observable::Observable;
use super::time::{object_time, stix_time};
use super::tlp::Tlp;
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who says so: the provider, as a STIX identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    id: Id,
    name: String,
    class: String,
    created: Timestamp,
}

impl Identity {
    /// An identity of this name and STIX `identity_class`.
    pub fn new(name: &str, class: &str, created: Timestamp) -> Self {
        Self { id: Id::of_identity(name, class), name: name.to_owned(), class: class.to_owned(), created }
    }

    /// Its STIX id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The provider's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A relationship between two observables, over the time it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// Derived from type, ends and, where the profile says so, the start time.
    pub id: Id,
    /// What it says.
    pub relationship_type: RelationshipType,
    /// From.
    pub source: Id,
    /// To.
    pub target: Id,
    /// First seen.
    pub start_time: Option<Timestamp>,
    /// Last seen; always later than `start_time`.
    pub stop_time: Option<Timestamp>,
    /// What was seen, each saying once.
    pub descriptions: BTreeSet<Arc<str>>,
    /// Its marking.
    pub tlp: Tlp,
    /// Who reported it.
    pub created_by: Id,
    /// When this object was made.
    pub created: Timestamp,
}

/// Any object that a bundle can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A marking definition of the Traffic Light Protocol.
    Marking(Tlp),
    /// A provider.
    Identity(Identity),
    /// An observable. The one that was asked about carries no author, and only the marking it came with.
    Observable {
        /// What it is.
        observable: Observable,
        /// Its marking.
        tlp: Option<Tlp>,
        /// Who reported it.
        created_by: Option<Id>,
    },
    /// A relationship.
    Relationship(Relationship),
}

impl Object {
    /// Its STIX id.
    pub fn id(&self) -> Id {
        match self {
            Self::Marking(tlp) => tlp.marking_id(),
            Self::Identity(identity) => identity.id,
            Self::Observable { observable, .. } => observable.id(),
            Self::Relationship(relationship) => relationship.id,
        }
    }

    /// What an object may refer to stands before it.
    fn place(&self) -> (u8, &str, Id) {
        match self {
            Self::Marking(tlp) => (0, tlp.as_str(), self.id()),
            Self::Identity(identity) => (1, &identity.name, identity.id),
            Self::Observable { observable, .. } => (2 + observable.kind() as u8, observable.value(), observable.id()),
            Self::Relationship(relationship) => (u8::MAX, relationship.relationship_type.as_str(), relationship.id),
        }
    }

    /// Two reports of one object: the higher marking, the wider time, all that was said.
    fn absorb(&mut self, other: Object) {
        match (self, other) {
            (
                Self::Observable { tlp, created_by, .. },
                Self::Observable { tlp: also, created_by: other_author, .. },
            ) => {
                *tlp = (*tlp).max(also);
                *created_by = created_by.and(other_author).and(*created_by);
            }
            (Self::Relationship(one), Self::Relationship(other)) => {
                one.start_time = earliest(one.start_time, other.start_time);
                one.stop_time = one.stop_time.max(other.stop_time);
                one.descriptions.extend(other.descriptions);
                one.tlp = one.tlp.max(other.tlp);
            }
            _ => {}
        }
    }
}

/// The earlier of two times, where there are two.
pub(super) fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A STIX bundle. Its id follows from its objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    objects: Vec<Object>,
}

impl Bundle {
    /// Sorts the objects; of one id there may be only one.
    pub(super) fn new(mut objects: Vec<Object>) -> Self {
        objects.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        Self { objects }
    }

    /// One bundle of several: objects are shared, relationships widened, markings never lowered.
    pub fn merged(bundles: impl IntoIterator<Item = Bundle>) -> Bundle {
        let mut by_id: BTreeMap<Id, Object> = BTreeMap::new();
        for object in bundles.into_iter().flat_map(|bundle| bundle.objects) {
            match by_id.entry(object.id()) {
                std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().absorb(object),
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(object);
                }
            }
        }
        Self::new(by_id.into_values().collect())
    }

    /// The objects: markings, identities, observables, relationships, each sorted.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Only the relationships.
    pub fn relationships(&self) -> impl Iterator<Item = &Relationship> {
        self.objects.iter().filter_map(|object| match object {
            Object::Relationship(relationship) => Some(relationship),
            _ => None,
        })
    }

    /// The observable of this id.
    pub fn observable(&self, id: Id) -> Option<&Observable> {
        self.objects.iter().find_map(|object| match object {
            Object::Observable { observable, .. } if observable.id() == id => Some(observable),
            _ => None,
        })
    }

    /// Its id: another one as soon as any object has another id.
    pub fn id(&self) -> Id {
        let ids: Vec<String> = self.objects.iter().map(|object| object.id().to_string()).collect();
        Id::of_bundle(&ids.join(","))
    }
}

impl Serialize for Bundle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "bundle")?;
        map.serialize_entry("id", &self.id())?;
        // STIX 2.1 §8: a bundle without objects has no such property.
        if !self.objects.is_empty() {
            map.serialize_entry("objects", &self.objects)?;
        }
        map.end()
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Marking(tlp) => marking(&mut map, *tlp)?,
            Self::Identity(identity) => identity_entries(&mut map, identity)?,
            Self::Observable { observable, tlp, created_by } => {
                map.serialize_entry("type", observable.kind().stix_type())?;
                map.serialize_entry("spec_version", "2.1")?;
                map.serialize_entry("id", &observable.id())?;
                match observable.number() {
                    Some(number) => {
                        map.serialize_entry("number", &number)?;
                        map.serialize_entry("name", &format!("AS{number}"))?;
                    }
                    None => map.serialize_entry("value", observable.value())?,
                }
                if let Some(tlp) = tlp {
                    map.serialize_entry("object_marking_refs", &[tlp.marking_id()])?;
                }
                if let Some(author) = created_by {
                    map.serialize_entry("x_opencti_created_by_ref", author)?;
                }
            }
            Self::Relationship(relationship) => relationship_entries(&mut map, relationship)?,
        }
        map.end()
    }
}

/// TLP 1 levels are STIX's own objects; those of TLP 2 have no such object, OpenCTI carries them as statements.
fn marking<M: SerializeMap>(map: &mut M, tlp: Tlp) -> Result<(), M::Error> {
    map.serialize_entry("type", "marking-definition")?;
    map.serialize_entry("spec_version", "2.1")?;
    map.serialize_entry("id", &tlp.marking_id())?;
    map.serialize_entry("created", "2017-01-20T00:00:00.000Z")?;
    let of_tlp_1 = match tlp {
        Tlp::Green => Some("green"),
        Tlp::Amber => Some("amber"),
        Tlp::Red => Some("red"),
        Tlp::Clear | Tlp::AmberStrict => None,
    };
    if let Some(level) = of_tlp_1 {
        map.serialize_entry("definition_type", "tlp")?;
        map.serialize_entry("name", tlp.as_str())?;
        map.serialize_entry("definition", &BTreeMap::from([("tlp", level)]))
    } else {
        map.serialize_entry("definition_type", "statement")?;
        map.serialize_entry("name", tlp.as_str())?;
        map.serialize_entry("definition", &BTreeMap::from([("statement", "custom")]))?;
        map.serialize_entry("x_opencti_definition_type", "TLP")?;
        map.serialize_entry("x_opencti_definition", tlp.as_str())
    }
}

fn identity_entries<M: SerializeMap>(map: &mut M, identity: &Identity) -> Result<(), M::Error> {
    map.serialize_entry("type", "identity")?;
    map.serialize_entry("spec_version", "2.1")?;
    map.serialize_entry("id", &identity.id)?;
    map.serialize_entry("created", &object_time(identity.created))?;
    map.serialize_entry("modified", &object_time(identity.created))?;
    map.serialize_entry("name", &identity.name)?;
    map.serialize_entry("identity_class", &identity.class)
}

fn relationship_entries<M: SerializeMap>(map: &mut M, relationship: &Relationship) -> Result<(), M::Error> {
    map.serialize_entry("type", "relationship")?;
    map.serialize_entry("spec_version", "2.1")?;
    map.serialize_entry("id", &relationship.id)?;
    map.serialize_entry("created", &object_time(relationship.created))?;
    map.serialize_entry("modified", &object_time(relationship.created))?;
    map.serialize_entry("created_by_ref", &relationship.created_by)?;
    map.serialize_entry("relationship_type", relationship.relationship_type.as_str())?;
    let description = relationship.descriptions.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if !description.is_empty() {
        map.serialize_entry("description", &description)?;
    }
    map.serialize_entry("source_ref", &relationship.source)?;
    map.serialize_entry("target_ref", &relationship.target)?;
    if let Some(start) = relationship.start_time {
        map.serialize_entry("start_time", &stix_time(start))?;
    }
    if let Some(stop) = relationship.stop_time {
        map.serialize_entry("stop_time", &stix_time(stop))?;
    }
    map.serialize_entry("object_marking_refs", &[relationship.tlp.marking_id()])
}
