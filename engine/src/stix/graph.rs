//! What was found, as it grows: observables once, relationships between them joined, whatever order records come in.
//! Becomes a bundle when the run is over.

use super::bundle::Bundle;
use super::columns::{Columns, Link, Moment, NodeNumber, ProviderNumber};
use super::descriptions::DescriptionTable;
use super::index::Index;
use super::kind::{Kind, RelationshipType};
use super::object::Identity;
use super::observable::Observable;
use super::periods::{Period, Reach, joined, without_start_once};
use super::tlp::Tlp;
use crate::dns::RrType;
use hashbrown::DefaultHashBuilder;
use jiff::{SignedDuration, Timestamp};
use std::hash::BuildHasher;
use std::hint::black_box;
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
    /// One relationship for each period: reports of one record type are joined where they overlap or are so near.
    Gap(SignedDuration),
    /// One relationship, from the first of all starts to the last of all stops, whatever the record types.
    #[default]
    Widen,
    /// One relationship for each record type and start.
    Separate,
}

impl Repeats {
    /// How many microseconds may lie between two reports of one relationship.
    fn gap(self) -> i64 {
        match self {
            Self::Gap(gap) => i64::try_from(gap.as_micros()).unwrap_or(i64::MAX),
            Self::Widen | Self::Separate => i64::MAX,
        }
    }
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
    found: Columns,
    /// The numbers of observables, by kind and value: no id is derived before all are known.
    known: Index,
    /// The places of relationships, by what tells them apart.
    linked: Index,
    /// How far those at these places reach.
    reaches: Vec<Reach>,
    /// Reports that were not near the relationship they repeat.
    apart: Vec<Period>,
    /// How many of them may stand before they are joined.
    apart_most: usize,
    hasher: DefaultHashBuilder,
    waiting: Vec<Waiting>,
    /// The values of those that wait.
    values: String,
}

/// So many reports wait for each other: what is known lies scattered in memory, and the processor waits for all of it at once
/// where it is asked for all of it at once.
const BATCH: usize = 32;

/// So many observables are still near the processor.
const NEAR: usize = 16 * 1024;

/// How many octets of an answer say a relationship, at least in most.
const RECORD: usize = 128;

/// An answer of so many octets counts where memory is counted.
const LARGE: usize = 16 * 1024 * 1024;

/// A report of a relationship that is not taken in yet.
#[derive(Debug)]
struct Waiting {
    ends: [End; 2],
    relationship: RelationshipType,
    first: Moment,
    last: Moment,
    tlp: Tlp,
    rrtype: u16,
    description: Arc<str>,
}

/// An end of a relationship.
#[derive(Debug)]
enum End {
    Asked,
    Other { kind: Kind, start: usize, end: usize, hash: u64 },
}

/// What one record says of a relationship.
#[derive(Debug, Clone)]
pub struct Report {
    /// When it was seen.
    pub seen: Seen,
    /// How what the record says is marked.
    pub tlp: Tlp,
    /// The record's type, where it says when.
    pub rrtype: Option<RrType>,
    /// In which words; none if empty.
    pub description: Arc<str>,
}

/// Everything in a graph is of one provider.
const AUTHOR: ProviderNumber = ProviderNumber::FIRST;

/// The observable asked about is the first.
const ASKED: NodeNumber = NodeNumber::at(0);

/// What tells relationships apart.
type Key = (NodeNumber, NodeNumber, RelationshipType, u16, Moment);

/// So many reports that are not near are kept before they are joined for the first time.
const APART: usize = if cfg!(test) { 4 } else { 1024 };

impl Graph {
    /// A graph that holds nothing but the observable asked about.
    pub fn new(asked: Observable, policy: Policy) -> Self {
        let (mut found, mut known, hasher) = (Columns::new(), Index::new(), DefaultHashBuilder::default());
        known.add(hash(&hasher, asked.kind(), asked.value()), |_| unreachable!("it is the first"));
        found.push(asked.kind(), asked.value(), None, None);
        Self {
            asked,
            policy,
            found,
            known,
            linked: Index::new(),
            reaches: vec![],
            apart: vec![],
            apart_most: APART,
            hasher,
            waiting: vec![],
            values: String::new(),
        }
    }

    /// Makes room for what a large answer of so many octets may say.
    pub fn make_room(&mut self, octets: usize) {
        if octets >= LARGE {
            self.found.make_room(octets / RECORD);
        }
    }

    /// Adds a report of a relationship. Says whether there is one: nothing relates to itself.
    pub fn relate(
        &mut self,
        source: &Observable,
        relationship: RelationshipType,
        target: &Observable,
        report: Report,
    ) -> bool {
        if source.is_same(target) {
            return false;
        }
        let ends = [source, target].map(|end| self.end(end));
        let (first, last) = (Moment::new(report.seen.first), Moment::new(report.seen.last));
        self.waiting.push(Waiting {
            ends,
            relationship,
            first,
            last,
            tlp: report.tlp,
            rrtype: self.told_apart(&report),
            description: report.description,
        });
        if self.waiting.len() == BATCH {
            self.settle();
        }
        true
    }

    /// The record type by which a report is told apart. Where nothing says when, no periods can be mixed.
    fn told_apart(&self, report: &Report) -> u16 {
        let is_timed = report.seen != Seen::default();
        let rrtype = report.rrtype.filter(|_| is_timed && self.policy.repeats != Repeats::Widen);
        rrtype.map_or(0, RrType::number)
    }

    fn end(&mut self, observable: &Observable) -> End {
        if observable.is_same(&self.asked) {
            return End::Asked;
        }
        let (kind, start) = (observable.kind(), self.values.len());
        self.values.push_str(observable.value());
        End::Other { kind, hash: hash(&self.hasher, kind, observable.value()), start, end: self.values.len() }
    }

    /// Takes in all that wait, in their order. What they look for is looked for twice where it is far away: once to have it
    /// brought, once to use it.
    fn settle(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let is_far = self.found.nodes.len() > NEAR;
        for end in waiting.iter().flat_map(|waiting| &waiting.ends).filter(|_| is_far) {
            black_box(self.number(end));
        }
        let mut links = [const { None }; BATCH];
        for (waiting, link) in waiting.iter().zip(&mut links) {
            let [source, target] = [0, 1].map(|end| self.place(&waiting.ends[end], waiting.tlp));
            let Waiting { relationship, first, last, tlp, rrtype, .. } = *waiting;
            *link = Some(Link {
                first,
                last,
                source,
                target,
                description: DescriptionTable::EMPTY,
                relationship,
                tlp,
                rrtype,
            });
        }
        for link in links.iter().flatten().filter(|_| is_far) {
            black_box(self.linked(link));
        }
        for (waiting, link) in waiting.iter().zip(links.into_iter().flatten()) {
            self.take_in(link, &waiting.description);
        }
        // Texts are let go at the end: each of them waits until all that was written before is in its place.
        waiting.clear();
        self.waiting = waiting;
        self.values.clear();
    }

    fn take_in(&mut self, reported: Link, description: &Arc<str>) {
        let (place, reach) = (self.link(&reported), Reach::of(&reported));
        let known = &mut self.reaches[place as usize];
        let Columns { links, words, .. } = &mut self.found;
        if known.is_near(reach, self.policy.repeats.gap()) {
            known.widen(reach);
            let link = &mut links[place as usize];
            link.widen(&reported);
            link.description = words.add(link.description, description);
            return;
        }
        let description = words.add(DescriptionTable::EMPTY, description);
        self.apart.push(Period { place, reach, link: Link { description, ..reported } });
        // A provider may say the same of a second period any number of times.
        if self.apart.len() >= self.apart_most {
            let periods = self.joined();
            self.apart = self.set_apart(periods);
            self.apart_most = APART.max(2 * self.apart.len());
        }
    }

    /// The periods of all relationships of which some were apart, as far as they are not near now.
    fn joined(&mut self) -> Vec<Period> {
        let mut periods = std::mem::take(&mut self.apart);
        let mut places: Vec<u32> = periods.iter().map(|period| period.place).collect();
        places.sort_unstable();
        places.dedup();
        let Self { reaches, found: Columns { links, words, .. }, .. } = self;
        let first = |place: u32| Period { place, reach: reaches[place as usize], link: links[place as usize].clone() };
        periods.extend(places.into_iter().map(first));
        joined(periods, self.policy.repeats.gap(), words)
    }

    /// Puts the first period of each place there. Gives the others.
    fn set_apart(&mut self, periods: Vec<Period>) -> Vec<Period> {
        let mut last = None;
        let (firsts, apart): (Vec<Period>, _) =
            periods.into_iter().partition(|period| last.replace(period.place) != Some(period.place));
        for Period { place, reach, link } in firsts {
            (self.reaches[place as usize], self.found.links[place as usize]) = (reach, link);
        }
        apart
    }

    /// The place of a relationship like this one; of this one, if it is the first.
    fn link(&mut self, link: &Link) -> u32 {
        if let Some(place) = self.linked(link) {
            return place;
        }
        let Self { found: Columns { links, .. }, linked, hasher, policy, .. } = self;
        let hash = |link: &Link| hasher.hash_one(key(*policy, link));
        linked.add(hash(link), |place| hash(&links[place as usize]));
        links.push(link.clone());
        self.reaches.push(Reach::of(link));
        u32::try_from(links.len() - 1).expect("as many as fit into memory")
    }

    /// The place of a relationship like this one, if there is one.
    fn linked(&self, link: &Link) -> Option<u32> {
        let wanted = key(self.policy, link);
        let is_it = |place: u32| key(self.policy, &self.found.links[place as usize]) == wanted;
        self.linked.find(self.hasher.hash_one(wanted), is_it)
    }

    /// The number of an observable, if it has one.
    fn number(&self, end: &End) -> Option<NodeNumber> {
        let End::Other { kind, start, end, hash } = *end else { return Some(ASKED) };
        let wanted = (kind, &self.values[start..end]);
        self.known.find(hash, |place| self.found.kind_and_value(NodeNumber::at(place)) == wanted).map(NodeNumber::at)
    }

    /// Keeps the observable and says by which number it goes. That of the asked one is not marked higher.
    fn place(&mut self, end: &End, tlp: Tlp) -> NodeNumber {
        let number = self.number(end);
        let Self { found, known, hasher, values, .. } = self;
        match (number, end) {
            (Some(ASKED), _) | (None, End::Asked) => ASKED,
            (Some(number), _) => {
                let node = found.node_mut(number);
                node.tlp = node.tlp.max(Some(tlp));
                number
            }
            (None, End::Other { kind, start, end, hash }) => {
                known.add(*hash, |place| {
                    let (kind, value) = found.kind_and_value(NodeNumber::at(place));
                    self::hash(hasher, kind, value)
                });
                found.push(*kind, &values[*start..*end], Some(tlp), Some(AUTHOR))
            }
        }
    }

    /// The bundle: the asked observable as it was known, and everything found, marked and signed. Where nothing was found,
    /// the observable alone.
    pub fn into_bundle(mut self, author: &Identity, asked_tlp: Option<Tlp>, created: Timestamp) -> Bundle {
        self.settle();
        let periods = self.joined();
        let periods = without_start_once(periods, &mut self.found.words);
        let apart = self.set_apart(periods);
        let Self { asked, policy, mut found, known, linked, reaches, .. } = self;
        drop((known, linked, reaches));
        found.links.extend(apart.into_iter().map(|period| period.link));
        found.node_mut(ASKED).tlp = asked_tlp;
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
    (link.source, link.target, link.relationship, link.rrtype, start)
}
