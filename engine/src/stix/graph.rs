//! What was found, as it grows: observables once, relationships between them widened, whatever order records come in.
//! Becomes a bundle when the run is over.

use super::bundle::{Bundle, Identity, Object, Relationship, earliest};
use super::id::Id;
use super::kind::RelationshipType;
use super::observable::Observable;
use super::time::id_time;
use super::tlp::Tlp;
use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// When something was seen; either end may be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// First.
    pub first: Option<Timestamp>,
    /// Last.
    pub last: Option<Timestamp>,
}

/// What becomes of a second report of the same relationship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeats {
    /// One relationship, from the first of all starts to the last of all stops.
    #[default]
    Widen,
    /// One relationship for each start.
    Separate,
}

/// How relationships are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// What repeats become.
    pub repeats: Repeats,
    /// Whether the start time takes part in the id.
    pub start_in_id: bool,
}

/// The relationships found around one observable.
#[derive(Debug)]
pub struct Graph {
    asked: Observable,
    policy: Policy,
    observables: HashMap<Id, (Observable, Tlp)>,
    links: HashMap<Key, Link>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: Id,
    target: Id,
    relationship: RelationshipType,
    /// Only where repeats stay separate.
    start: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Link {
    seen: Seen,
    tlp: Option<Tlp>,
    descriptions: BTreeSet<Arc<str>>,
}

/// What one record says of a relationship.
#[derive(Debug, Clone, Copy)]
pub struct Report<'r> {
    /// When it was seen.
    pub seen: Seen,
    /// How what the record says is marked.
    pub tlp: Tlp,
    /// In which words; none if empty.
    pub description: &'r Arc<str>,
}

impl Graph {
    /// A graph that holds nothing but the observable asked about.
    pub fn new(asked: Observable, policy: Policy) -> Self {
        Self { asked, policy, observables: HashMap::new(), links: HashMap::new() }
    }

    /// Adds a relationship, or widens the one that stands. Says whether there is one: nothing relates to itself.
    pub fn relate(
        &mut self,
        source: &Observable,
        relationship: RelationshipType,
        target: &Observable,
        report: Report<'_>,
    ) -> bool {
        if source.is_same(target) {
            return false;
        }
        let Report { seen, tlp, description } = report;
        let (source, target) = (self.place(source, tlp), self.place(target, tlp));
        let start = seen.first.filter(|_| self.policy.repeats == Repeats::Separate);
        let link = self.links.entry(Key { source, target, relationship, start }).or_default();
        link.seen.first = earliest(link.seen.first, seen.first);
        link.seen.last = link.seen.last.max(seen.last);
        link.tlp = link.tlp.max(Some(tlp));
        if !description.is_empty() && !link.descriptions.contains(description) {
            link.descriptions.insert(Arc::clone(description));
        }
        true
    }

    /// Keeps the observable and says by which id it goes: the asked one keeps its own.
    fn place(&mut self, observable: &Observable, tlp: Tlp) -> Id {
        if observable.is_same(&self.asked) {
            return self.asked.id();
        }
        let (known, level) = self.observables.entry(observable.id()).or_insert_with(|| (observable.clone(), tlp));
        *level = tlp.max(*level);
        known.id()
    }

    /// How many relationships there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The bundle: the asked observable as it was known, and everything found, marked and signed. Where nothing was found,
    /// the observable alone.
    pub fn into_bundle(self, author: &Identity, asked_tlp: Option<Tlp>, created: Timestamp) -> Bundle {
        let of_observables = self.observables.values().map(|(_, tlp)| *tlp);
        let of_links = self.links.values().filter_map(|link| link.tlp);
        let levels: BTreeSet<Tlp> = asked_tlp.into_iter().chain(of_observables).chain(of_links).collect();
        let mut objects: Vec<Object> = levels.into_iter().map(Object::Marking).collect();
        if !self.is_empty() {
            objects.push(Object::Identity(author.clone()));
        }
        objects.push(Object::Observable { observable: self.asked, tlp: asked_tlp, created_by: None });
        objects.extend(self.observables.into_values().map(|(observable, tlp)| Object::Observable {
            observable,
            tlp: Some(tlp),
            created_by: Some(author.id()),
        }));
        let start_in_id = self.policy.start_in_id;
        objects.extend(self.links.into_iter().map(|(key, link)| {
            let start_text = link.seen.first.filter(|_| start_in_id).map(id_time);
            Object::Relationship(Relationship {
                id: Id::of_relationship(key.relationship, key.source, key.target, start_text.as_deref()),
                relationship_type: key.relationship,
                source: key.source,
                target: key.target,
                start_time: link.seen.first,
                stop_time: later_than(link.seen.first, link.seen.last),
                descriptions: link.descriptions,
                tlp: link.tlp.expect("a relationship was reported by a record"),
                created_by: author.id(),
                created,
            })
        }));
        Bundle::new(objects)
    }
}

/// STIX 2.1 §5.1 wants a stop after the start: something seen once was seen for a second.
fn later_than(start: Option<Timestamp>, stop: Option<Timestamp>) -> Option<Timestamp> {
    match (start, stop) {
        (Some(start), Some(stop)) if stop <= start => start.checked_add(SignedDuration::from_secs(1)).ok(),
        _ => stop,
    }
}
