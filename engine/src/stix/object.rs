//! STIX objects in their final form: what each is made of, and its properties, told once for whoever writes them.

use super::id::Id;
use super::json::{InMap, Properties};
use super::kind::{Kind, RelationshipType};
use super::observable::Observable;
use super::pap::Pap;
use super::time::{object_time, stix_text};
use super::tlp::Tlp;
use crate::dns::RrType;
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
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

    pub(super) fn tell<P: Properties>(&self, to: &mut P) -> Result<(), P::Error> {
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
    /// The type of the records that report it, where records of other types would be another relationship.
    pub rrtype: Option<RrType>,
    /// What was seen, each saying once, sorted.
    pub descriptions: Arc<[Arc<str>]>,
    /// Its marking.
    pub tlp: Tlp,
    /// How far one may go with it, where the observable asked about says so.
    pub pap: Option<Pap>,
    /// Who reported it.
    pub created_by: Id,
    /// When this object was made.
    pub created: Timestamp,
}

impl Relationship {
    /// Says by name who reported it.
    pub(super) fn reported_by<'n>(&mut self, names: impl Iterator<Item = &'n String>) {
        let mut names: Vec<&str> = names.map(String::as_str).collect();
        names.sort_unstable();
        let said: Arc<str> = format!("reported by {}", names.join(" and ")).into();
        self.descriptions = self.descriptions.iter().cloned().chain([said]).collect();
    }

    pub(super) fn tell<P: Properties>(&self, to: &mut P, created: &str) -> Result<(), P::Error> {
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

/// Any object that a bundle can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A marking definition of the Traffic Light Protocol.
    Marking(Tlp),
    /// A marking definition of the Permissible Actions Protocol.
    PapMarking(Pap),
    /// A provider.
    Identity(Identity),
    /// An observable. The one that was asked about carries no author, and only the marking it came with.
    Observable {
        /// What it is.
        observable: Observable,
        /// Its marking.
        tlp: Option<Tlp>,
        /// Its PAP marking.
        pap: Option<Pap>,
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
            Self::PapMarking(pap) => pap.marking_id(),
            Self::Identity(identity) => identity.id,
            Self::Observable { observable, .. } => observable.id(),
            Self::Relationship(relationship) => relationship.id,
        }
    }

    /// Two reports of one object: the higher marking, the wider time, all that was said.
    pub(super) fn absorb(&mut self, other: Object) {
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
                let mut said: Vec<_> = one.descriptions.iter().chain(&*other.descriptions).cloned().collect();
                said.sort_unstable();
                said.dedup();
                one.descriptions = said.into();
                one.tlp = one.tlp.max(other.tlp);
                one.pap = one.pap.max(other.pap);
            }
            _ => {}
        }
    }

    /// Tells its properties, in the order they are written in.
    pub(super) fn tell<P: Properties>(&self, to: &mut P) -> Result<(), P::Error> {
        match self {
            Self::Marking(tlp) => marking(to, *tlp),
            Self::PapMarking(pap) => pap_marking(to, *pap),
            Self::Identity(identity) => identity.tell(to),
            Self::Observable { observable, tlp, pap, created_by } => {
                let (kind, value, id) = (observable.kind(), observable.value(), observable.id());
                self::observable(to, kind, value, id, (*tlp, *pap), *created_by)
            }
            Self::Relationship(relationship) => relationship.tell(to, &object_time(relationship.created)),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.tell(&mut InMap(&mut map))?;
        map.end()
    }
}

/// The earlier of two times, where there are two.
fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A marking of the Traffic Light Protocol. What STIX fixes is written word for word, with nothing beside: OASIS's validator
/// takes no other property there, and OpenCTI reads `TLP:WHITE` as `TLP:CLEAR`.
pub(super) fn marking<P: Properties>(to: &mut P, tlp: Tlp) -> Result<(), P::Error> {
    match tlp.predefined() {
        Some((name, level)) => definition(to, tlp.marking_id(), name, ("tlp", level)),
        None => statement(to, tlp.marking_id(), "TLP", tlp.as_str()),
    }
}

/// A marking of OpenCTI's own: it has no object in STIX.
pub(super) fn pap_marking<P: Properties>(to: &mut P, pap: Pap) -> Result<(), P::Error> {
    statement(to, pap.marking_id(), "PAP", pap.as_str())
}

/// How OpenCTI carries what STIX has no object for.
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

/// What an observable says.
pub(super) fn observable<P: Properties>(
    to: &mut P,
    kind: Kind,
    value: &str,
    id: Id,
    (tlp, pap): (Option<Tlp>, Option<Pap>),
    created_by: Option<Id>,
) -> Result<(), P::Error> {
    to.plain("type", kind.stix_type())?;
    to.plain("spec_version", "2.1")?;
    to.id("id", id)?;
    match kind {
        Kind::AutonomousSystem => {
            to.number("number", value.parse().expect("its value is its number"))?;
            to.plain("name", &format!("AS{value}"))?;
        }
        _ => to.text("value", value)?,
    }
    markings(to, tlp, pap)?;
    created_by.map_or(Ok(()), |author| to.id("x_opencti_created_by_ref", author))
}
