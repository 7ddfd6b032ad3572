//! What was found, as it grows: observables once, relationships between them widened, whatever order records come in.
//! Becomes a bundle when the run is over.

use super::bundle::Bundle;
use super::columns::{Columns, Link, Moment, NodeNumber};
use super::kind::{Kind, RelationshipType};
use super::object::Identity;
use super::observable::Observable;
use super::tlp::Tlp;
use super::words::Words;
use hashbrown::{DefaultHashBuilder, HashTable};
use jiff::Timestamp;
use std::hash::BuildHasher;
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
    asked_number: NodeNumber,
    policy: Policy,
    found: Columns,
    /// The numbers of observables, by kind and value: no id is derived before all are known.
    known: HashTable<NodeNumber>,
    /// The places of relationships, by what tells them apart.
    linked: HashTable<u32>,
    hasher: DefaultHashBuilder,
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

/// Everything in a graph is of one provider.
const AUTHOR: u8 = 0;

/// What tells relationships apart.
type Key = (NodeNumber, NodeNumber, RelationshipType, Moment);

impl Graph {
    /// A graph that holds nothing but the observable asked about.
    pub fn new(asked: Observable, policy: Policy) -> Self {
        let (mut found, mut known, hasher) = (Columns::new(), HashTable::new(), DefaultHashBuilder::default());
        let asked_number = found.push(&asked, None, None);
        known.insert_unique(hash(&hasher, asked.kind(), asked.value()), asked_number, |_| 0);
        Self { asked, asked_number, policy, found, known, linked: HashTable::new(), hasher }
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
        let (first, last) = (Moment::new(seen.first), Moment::new(seen.last));
        let said = Words::NOTHING;
        let place = self.link(Link { first, last, source, target, said, relationship, tlp });
        let Columns { links, words, .. } = &mut self.found;
        let link = &mut links[place as usize];
        link.first = link.first.earlier(first);
        link.last = link.last.later(last);
        link.tlp = link.tlp.max(tlp);
        link.said = words.add(link.said, description);
        true
    }

    /// The place of a relationship like this one; of this one, if it is the first.
    fn link(&mut self, link: Link) -> u32 {
        let Self { found: Columns { links, .. }, linked, hasher, policy, .. } = self;
        let key = |link: &Link| key(*policy, link);
        let wanted = key(&link);
        let is_it = |place: &u32| key(&links[*place as usize]) == wanted;
        let hash = |link: &Link| hasher.hash_one(key(link));
        if let Some(place) = linked.find(hash(&link), is_it) {
            return *place;
        }
        let place = u32::try_from(links.len()).expect("as many as fit into memory");
        linked.insert_unique(hash(&link), place, |place| hash(&links[*place as usize]));
        links.push(link);
        place
    }

    /// Keeps the observable and says by which number it goes. That of the asked one is not marked higher.
    fn place(&mut self, observable: &Observable, tlp: Tlp) -> NodeNumber {
        let Self { found, known, hasher, .. } = self;
        let (kind, value) = (observable.kind(), observable.value());
        let is_it = |number: &NodeNumber| {
            let node = found.node(*number);
            node.kind == kind && found.value(node) == value
        };
        let hash = |kind: Kind, value: &str| hash(hasher, kind, value);
        if let Some(number) = known.find(hash(kind, value), is_it) {
            let number = *number;
            if number != self.asked_number {
                let node = found.node_mut(number);
                node.tlp = node.tlp.max(Some(tlp));
            }
            return number;
        }
        let number = found.push(observable, Some(tlp), Some(AUTHOR));
        known.insert_unique(hash(kind, value), number, |number| {
            let node = found.node(*number);
            hash(node.kind, found.value(node))
        });
        number
    }

    /// How many relationships there are.
    pub fn len(&self) -> usize {
        self.found.links.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.links.is_empty()
    }

    /// The bundle: the asked observable as it was known, and everything found, marked and signed. Where nothing was found,
    /// the observable alone.
    pub fn into_bundle(self, author: &Identity, asked_tlp: Option<Tlp>, created: Timestamp) -> Bundle {
        let Self { asked, asked_number, policy, mut found, known, linked, .. } = self;
        drop((known, linked));
        found.node_mut(asked_number).tlp = asked_tlp;
        Bundle::found(found, &asked, author, created, policy.start_in_id)
    }
}

/// The hash of an observable.
fn hash(hasher: &DefaultHashBuilder, kind: Kind, value: &str) -> u64 {
    hasher.hash_one((kind, value))
}

/// The start takes part only where repeats stay separate.
fn key(policy: Policy, link: &Link) -> Key {
    let start = if policy.repeats == Repeats::Separate { link.first } else { Moment::new(None) };
    (link.source, link.target, link.relationship, start)
}
