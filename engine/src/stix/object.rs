//! STIX objects in their final form. The properties of each type are defined once, for every serializer.

use super::id::Id;
use super::json::{InMap, Properties};
use super::observable::Observable;
use super::observable_type::{ObservableType, RelationshipType};
use super::pap::Pap;
use super::time::{object_time, stix_text};
use super::tlp::Tlp;
use crate::dns::RrType;
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// A provider as a STIX Identity (STIX 2.1 §4.5), the author of its relationships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    id: Id,
    name: String,
    class: String,
    created: Timestamp,
}

impl Identity {
    /// Creates an identity with this name and STIX `identity_class`.
    pub fn new(name: &str, class: &str, created: Timestamp) -> Self {
        Self { id: Id::of_identity(name, class), name: name.to_owned(), class: class.to_owned(), created }
    }

    /// Returns the deterministic STIX id (STIX 2.1 §2.9).
    pub fn id(&self) -> Id {
        self.id
    }

    /// Returns the name of the provider.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn write_properties<P: Properties>(&self, to: &mut P) -> Result<(), P::Error> {
        let created = object_time(self.created);
        to.plain("type", "identity")?;
        to.plain("spec_version", "2.1")?;
        to.id("id", self.id)?;
        to.plain("created", &created)?;
        to.plain("modified", &created)?;
        to.text("name", &self.name)?;
        to.text("identity_class", &self.class)
    }
}

/// A STIX Relationship (STIX 2.1 §5.1) between two observables, over the time it was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// Id derived from the type, both ends and, if the profile requires it, the start time.
    pub id: Id,
    /// STIX `relationship_type`, such as `resolves-to`.
    pub relationship_type: RelationshipType,
    /// Id of the source observable (`source_ref`).
    pub source: Id,
    /// Id of the target observable (`target_ref`).
    pub target: Id,
    /// Time of the first observation, if known.
    pub start_time: Option<Timestamp>,
    /// Time of the last observation, if known; always later than `start_time`.
    pub stop_time: Option<Timestamp>,
    /// The type of the records that report it, where records of other types would be another relationship.
    pub rrtype: Option<RrType>,
    /// What was seen, each saying once, sorted.
    pub descriptions: Arc<[Arc<str>]>,
    /// TLP marking of the relationship.
    pub tlp: Tlp,
    /// PAP marking, if the queried observable has one.
    pub pap: Option<Pap>,
    /// Id of the identity that reported it (`created_by_ref`).
    pub created_by: Id,
    /// Creation time of this object, also its `modified` time.
    pub created: Timestamp,
}

impl Relationship {
    /// Adds the names of the reporting providers to the descriptions.
    pub(super) fn add_reporters<'n>(&mut self, names: impl Iterator<Item = &'n String>) {
        let mut names: Vec<&str> = names.map(String::as_str).collect();
        names.sort_unstable();
        let reporters: Arc<str> = format!("reported by {}", names.join(" and ")).into();
        self.descriptions = self.descriptions.iter().cloned().chain([reporters]).collect();
    }

    pub(super) fn write_properties<P: Properties>(&self, to: &mut P, created: &str) -> Result<(), P::Error> {
        to.plain("type", "relationship")?;
        to.plain("spec_version", "2.1")?;
        to.id("id", self.id)?;
        to.plain("created", created)?;
        to.plain("modified", created)?;
        to.id("created_by_ref", self.created_by)?;
        to.plain("relationship_type", self.relationship_type.as_str())?;
        match &self.descriptions[..] {
            [] => {}
            [one] => to.text("description", one)?,
            several => to.text("description", &several.join(", "))?,
        }
        to.id("source_ref", self.source)?;
        to.id("target_ref", self.target)?;
        if let Some(start) = self.start_time {
            to.short("start_time", stix_text(start))?;
        }
        if let Some(stop) = self.stop_time {
            to.short("stop_time", stix_text(stop))?;
        }
        markings(to, Some(self.tlp), self.pap)
    }
}

/// Any object that a bundle can contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A marking definition of the Traffic Light Protocol.
    Marking(Tlp),
    /// A marking definition of the Permissible Actions Protocol.
    PapMarking(Pap),
    /// The identity of a provider.
    Identity(Identity),
    /// An observable. The queried observable has no author, and only the marking that it was received with.
    Observable {
        /// Type and value of the observable.
        observable: Observable,
        /// TLP marking, if any.
        tlp: Option<Tlp>,
        /// PAP marking, if any.
        pap: Option<Pap>,
        /// Id of the identity that reported it.
        created_by: Option<Id>,
    },
    /// A relationship between two observables.
    Relationship(Relationship),
}

impl Object {
    /// Returns the STIX id of the object.
    pub fn id(&self) -> Id {
        match self {
            Self::Marking(tlp) => tlp.marking_id(),
            Self::PapMarking(pap) => pap.marking_id(),
            Self::Identity(identity) => identity.id,
            Self::Observable { observable, .. } => observable.id(),
            Self::Relationship(relationship) => relationship.id,
        }
    }

    /// Merges another report of the same object: the higher marking, the wider time interval, and all descriptions.
    pub(super) fn merge(&mut self, other: Object) {
        match (self, other) {
            (
                Self::Observable { tlp, pap, created_by, .. },
                Self::Observable { tlp: also, pap: other_pap, created_by: other_author, .. },
            ) => {
                *tlp = (*tlp).max(also);
                *pap = (*pap).max(other_pap);
                *created_by = created_by.and(other_author).and(*created_by);
            }
            (Self::Relationship(one), Self::Relationship(other)) => {
                one.rrtype = one.rrtype.filter(|rrtype| other.rrtype == Some(*rrtype));
                one.start_time = earliest(one.start_time, other.start_time);
                one.stop_time = one.stop_time.max(other.stop_time);
                let mut merged: Vec<_> = one.descriptions.iter().chain(&*other.descriptions).cloned().collect();
                merged.sort_unstable();
                merged.dedup();
                one.descriptions = merged.into();
                one.tlp = one.tlp.max(other.tlp);
                one.pap = one.pap.max(other.pap);
            }
            _ => {}
        }
    }

    /// Writes the properties in their fixed order.
    pub(super) fn write_properties<P: Properties>(&self, to: &mut P) -> Result<(), P::Error> {
        match self {
            Self::Marking(tlp) => marking(to, *tlp),
            Self::PapMarking(pap) => pap_marking(to, *pap),
            Self::Identity(identity) => identity.write_properties(to),
            Self::Observable { observable, tlp, pap, created_by } => {
                let (kind, value, id) = (observable.kind(), observable.value(), observable.id());
                self::observable(to, kind, value, id, (*tlp, *pap), *created_by)
            }
            Self::Relationship(relationship) => relationship.write_properties(to, &object_time(relationship.created)),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write_properties(&mut InMap(&mut map))?;
        map.end()
    }
}

/// Returns the earlier of two times; an unknown time is ignored.
fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Writes a TLP marking definition. The objects that STIX predefines (STIX 2.1 §7.2.1.4) are written without changes or
/// additions: the OASIS validator permits no other property there, and OpenCTI reads `TLP:WHITE` as `TLP:CLEAR`.
pub(super) fn marking<P: Properties>(to: &mut P, tlp: Tlp) -> Result<(), P::Error> {
    match tlp.predefined() {
        Some((name, level)) => definition(to, tlp.marking_id(), name, ("tlp", level)),
        None => statement(to, tlp.marking_id(), "TLP", tlp.as_str()),
    }
}

/// Writes a PAP marking definition in the form of OpenCTI: STIX does not define PAP.
pub(super) fn pap_marking<P: Properties>(to: &mut P, pap: Pap) -> Result<(), P::Error> {
    statement(to, pap.marking_id(), "PAP", pap.as_str())
}

/// Writes a marking definition in OpenCTI's form for levels that STIX does not define.
fn statement<P: Properties>(to: &mut P, id: Id, kind: &str, level: &str) -> Result<(), P::Error> {
    definition(to, id, level, ("statement", "custom"))?;
    to.plain("x_opencti_definition_type", kind)?;
    to.plain("x_opencti_definition", level)
}

fn definition<P: Properties>(
    to: &mut P,
    id: Id,
    name: &str,
    (kind, content): (&'static str, &str),
) -> Result<(), P::Error> {
    to.plain("type", "marking-definition")?;
    to.plain("spec_version", "2.1")?;
    to.id("id", id)?;
    to.plain("created", "2017-01-20T00:00:00.000Z")?;
    to.plain("definition_type", kind)?;
    to.plain("name", name)?;
    to.only_property("definition", kind, content)
}

fn markings<P: Properties>(to: &mut P, tlp: Option<Tlp>, pap: Option<Pap>) -> Result<(), P::Error> {
    match (tlp.map(Tlp::marking_id), pap.map(Pap::marking_id)) {
        (Some(tlp), Some(pap)) => to.ids("object_marking_refs", &[tlp, pap]),
        (Some(one), None) | (None, Some(one)) => to.ids("object_marking_refs", &[one]),
        (None, None) => Ok(()),
    }
}

/// Writes the properties of an observable.
pub(super) fn observable<P: Properties>(
    to: &mut P,
    kind: ObservableType,
    value: &str,
    id: Id,
    (tlp, pap): (Option<Tlp>, Option<Pap>),
    created_by: Option<Id>,
) -> Result<(), P::Error> {
    to.plain("type", kind.stix_type())?;
    to.plain("spec_version", "2.1")?;
    to.id("id", id)?;
    match kind {
        ObservableType::AutonomousSystem => {
            to.number("number", value.parse().expect("the value of an autonomous system is its number"))?;
            to.plain("name", &format!("AS{value}"))?;
        }
        _ => to.text("value", value)?,
    }
    markings(to, tlp, pap)?;
    created_by.map_or(Ok(()), |author| to.id("x_opencti_created_by_ref", author))
}
