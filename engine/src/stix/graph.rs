//! Collects observables and relationships during a run, without duplicates and independently of the order of records,
//! and converts them to a bundle at the end.

use super::bundle::Bundle;
use super::columns::{Columns, Link, Moment, NodeNumber, ProviderNumber};
use super::descriptions::DescriptionTable;
use super::index::Index;
use super::object::Identity;
use super::observable::Observable;
use super::observable_type::{ObservableType, RelationshipType};
use super::periods::{Period, TimeRange, join, join_without_start};
use super::tlp::Tlp;
use crate::dns::RrType;
use hashbrown::{DefaultHashBuilder, HashMap};
use jiff::{SignedDuration, Timestamp};
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Arc;

/// First and last observation; either may be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Time of the first observation.
    pub first: Option<Timestamp>,
    /// Time of the last observation.
    pub last: Option<Timestamp>,
}

/// How repeated reports of a relationship are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeats {
    /// One relationship per record type and period: reports are joined if they overlap or their distance is at most
    /// this duration.
    Gap(SignedDuration),
    /// One relationship from the earliest start to the latest stop, for all record types.
    #[default]
    Widen,
    /// One relationship per record type and start time.
    Separate,
}

impl Repeats {
    /// Returns the maximum distance between joined reports, in microseconds.
    fn gap(self) -> i64 {
        match self {
            Self::Gap(gap) => i64::try_from(gap.as_micros()).unwrap_or(i64::MAX),
            Self::Widen | Self::Separate => i64::MAX,
        }
    }
}

/// Identity of relationships: which reports are the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// How repeated reports are combined.
    pub repeats: Repeats,
    /// Whether `start_time` contributes to the id.
    pub start_in_id: bool,
}

/// Observables and relationships around one observable.
#[derive(Debug)]
pub struct Graph {
    asked: Observable,
    policy: Policy,
    found: Columns,
    /// Index of observables by type and value; ids are derived at the end.
    known: Index,
    /// Index of relationships by their key.
    index_of: Index,
    /// Ranges of relationships that exceed their own times, because some of their reports had one time only.
    exceeding: HashMap<u32, TimeRange>,
    /// Further periods of relationships.
    further: Vec<Period>,
    /// Number of further periods at which they are joined.
    further_limit: usize,
    hasher: DefaultHashBuilder,
    waiting: Vec<Waiting>,
    /// Values of the waiting reports.
    values: String,
}

/// Number of reports per batch: lookups in large tables are cache misses, which the processor can overlap within a
/// batch.
const BATCH: usize = 32;

/// Number of observables that fit into the processor's cache.
const CACHED: usize = 16 * 1024;

/// Typical size of a record in a response, in octets.
const RECORD_SIZE: usize = 128;

/// Minimum size of a response for which capacity is reserved, in octets.
const LARGE: usize = 16 * 1024 * 1024;

/// A report that waits to be added.
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

/// Source or target of a waiting report.
#[derive(Debug)]
enum End {
    Asked,
    Other { kind: ObservableType, start: usize, end: usize, hash: u64 },
}

/// A record's statement about a relationship.
#[derive(Debug, Clone)]
pub struct RelationshipReport {
    /// Times of the first and last observation.
    pub seen: Seen,
    /// TLP marking of the statement.
    pub tlp: Tlp,
    /// Record type, which separates periods.
    pub rrtype: Option<RrType>,
    /// Description of the relationship; empty for none.
    pub description: Arc<str>,
}

/// The provider of all objects in a graph.
const AUTHOR: ProviderNumber = ProviderNumber::FIRST;

/// The number of the queried observable.
const ASKED: NodeNumber = NodeNumber::at(0);

/// Key of a relationship.
type Key = (NodeNumber, NodeNumber, RelationshipType, u16, Moment);

/// Number of further periods at which they are joined first.
const FURTHER_LIMIT: usize = if cfg!(test) { 4 } else { 1024 };

impl Graph {
    /// Creates a graph that contains only the queried observable.
    pub fn new(asked: Observable, policy: Policy) -> Self {
        let (mut found, mut known, hasher) = (Columns::new(), Index::new(), DefaultHashBuilder::default());
        known.add(hash(&hasher, asked.kind(), asked.value()), |_| unreachable!("it is the first"));
        found.push(asked.kind(), asked.value(), None, None);
        Self {
            asked,
            policy,
            found,
            known,
            index_of: Index::new(),
            exceeding: HashMap::default(),
            further: vec![],
            further_limit: FURTHER_LIMIT,
            hasher,
            waiting: vec![],
            values: String::new(),
        }
    }

    /// Reserves capacity for a large response of this size in octets.
    pub fn make_room(&mut self, octets: usize) {
        if octets >= LARGE {
            self.found.make_room(octets / RECORD_SIZE);
        }
    }

    /// Adds a report of a relationship. Returns `false` for a relationship to itself, which is not added.
    pub fn relate(
        &mut self,
        source: &Observable,
        relationship: RelationshipType,
        target: &Observable,
        report: RelationshipReport,
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
            rrtype: self.key_rrtype(&report),
            description: report.description,
        });
        if self.waiting.len() == BATCH {
            self.settle();
        }
        true
    }

    /// Returns the record type for the key of a report; 0 without times, since no periods can be confused.
    fn key_rrtype(&self, report: &RelationshipReport) -> u16 {
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

    /// Adds all waiting reports in order. For large graphs each lookup is made twice: first to load the data into the
    /// cache, then to use it.
    fn settle(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let is_uncached = self.found.nodes.len() > CACHED;
        for end in waiting.iter().flat_map(|waiting| &waiting.ends).filter(|_| is_uncached) {
            black_box(self.number(end));
        }
        let mut links = [const { None }; BATCH];
        for (waiting, link) in waiting.iter().zip(&mut links) {
            let [source, target] = [0, 1].map(|end| self.node_number(&waiting.ends[end], waiting.tlp));
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
        for link in links.iter().flatten().filter(|_| is_uncached) {
            black_box(self.index_of(link));
        }
        for (waiting, link) in waiting.iter().zip(links.into_iter().flatten()) {
            self.add(link, &waiting.description);
        }
        // Dropping texts last avoids waiting for earlier writes with each of them.
        waiting.clear();
        self.waiting = waiting;
        self.values.clear();
    }

    fn add(&mut self, reported: Link, description: &Arc<str>) {
        let (at, range) = (self.link(&reported), TimeRange::of(&reported));
        let known = self.range(at);
        let Columns { links, descriptions, .. } = &mut self.found;
        if known.is_within(range, self.policy.repeats.gap()) {
            let link = &mut links[at as usize];
            link.widen(&reported);
            link.description = descriptions.add(link.description, description);
            self.set_range(at, known.widened(range));
            return;
        }
        let description = descriptions.add(DescriptionTable::EMPTY, description);
        self.further.push(Period { at, range, link: Link { description, ..reported } });
        // A provider may report another period any number of times.
        if self.further.len() >= self.further_limit {
            let periods = self.join();
            self.further = self.store_first(periods);
            self.further_limit = FURTHER_LIMIT.max(2 * self.further.len());
        }
    }

    /// Joins the further periods with those of their relationships.
    fn join(&mut self) -> Vec<Period> {
        let mut periods = std::mem::take(&mut self.further);
        let mut numbers: Vec<u32> = periods.iter().map(|period| period.at).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let first = |at: u32| Period { at, range: self.range(at), link: self.found.links[at as usize].clone() };
        periods.extend(numbers.into_iter().map(first));
        join(periods, self.policy.repeats.gap(), &mut self.found.descriptions)
    }

    /// Returns the range of the reports of a relationship's first period.
    fn range(&self, at: u32) -> TimeRange {
        self.exceeding.get(&at).copied().unwrap_or_else(|| TimeRange::of(&self.found.links[at as usize]))
    }

    /// Sets the range of the reports of a relationship's first period, after its times. Only a gap depends on it.
    fn set_range(&mut self, at: u32, range: TimeRange) {
        let is_derived = range == TimeRange::of(&self.found.links[at as usize]);
        if is_derived || !matches!(self.policy.repeats, Repeats::Gap(_)) {
            self.exceeding.remove(&at);
        } else {
            self.exceeding.insert(at, range);
        }
    }

    /// Stores the first period of each relationship, and returns the others.
    fn store_first(&mut self, periods: Vec<Period>) -> Vec<Period> {
        let mut last = None;
        let (firsts, further): (Vec<Period>, _) =
            periods.into_iter().partition(|period| last.replace(period.at) != Some(period.at));
        for Period { at, range, link } in firsts {
            self.found.links[at as usize] = link;
            self.set_range(at, range);
        }
        further
    }

    /// Returns the index of the relationship with the same key; adds it if there is none.
    fn link(&mut self, link: &Link) -> u32 {
        if let Some(at) = self.index_of(link) {
            return at;
        }
        let Self { found: Columns { links, .. }, index_of, hasher, policy, .. } = self;
        let hash = |link: &Link| hasher.hash_one(key(*policy, link));
        index_of.add(hash(link), |at| hash(&links[at as usize]));
        links.push(link.clone());
        u32::try_from(links.len() - 1).expect("all relationships fit into memory")
    }

    /// Returns the index of the relationship with the same key, if there is one.
    fn index_of(&self, link: &Link) -> Option<u32> {
        let wanted = key(self.policy, link);
        let is_it = |at: u32| key(self.policy, &self.found.links[at as usize]) == wanted;
        self.index_of.find(self.hasher.hash_one(wanted), is_it)
    }

    /// Returns the number of an observable, if it is known.
    fn number(&self, end: &End) -> Option<NodeNumber> {
        let End::Other { kind, start, end, hash } = *end else { return Some(ASKED) };
        let wanted = (kind, &self.values[start..end]);
        self.known.find(hash, |at| self.found.kind_and_value(NodeNumber::at(at)) == wanted).map(NodeNumber::at)
    }

    /// Adds an observable and returns its number. The marking of the queried observable is not raised.
    fn node_number(&mut self, end: &End, tlp: Tlp) -> NodeNumber {
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
                known.add(*hash, |at| {
                    let (kind, value) = found.kind_and_value(NodeNumber::at(at));
                    self::hash(hasher, kind, value)
                });
                found.push(*kind, &values[*start..*end], Some(tlp), Some(AUTHOR))
            }
        }
    }

    /// Converts to a bundle: the queried observable with its original marking, and all objects found, marked and
    /// attributed. Without any finding, the observable alone.
    pub fn into_bundle(mut self, author: &Identity, asked_tlp: Option<Tlp>, created: Timestamp) -> Bundle {
        self.settle();
        let periods = self.join();
        let periods = join_without_start(periods, &mut self.found.descriptions);
        let further = self.store_first(periods);
        let Self { asked, policy, mut found, known, index_of, exceeding, .. } = self;
        drop((known, index_of, exceeding));
        found.links.extend(further.into_iter().map(|period| period.link));
        found.node_mut(ASKED).tlp = asked_tlp;
        Bundle::found(found, &asked, author, created, policy.start_in_id)
    }
}

/// Returns the hash of an observable.
fn hash(hasher: &DefaultHashBuilder, kind: ObservableType, value: &str) -> u64 {
    hasher.hash_one((kind, value))
}

/// Returns the key of a relationship; the start time is a part of it only for [`Repeats::Separate`].
fn key(policy: Policy, link: &Link) -> Key {
    let start = if policy.repeats == Repeats::Separate { link.first } else { Moment::new(None) };
    (link.source, link.target, link.relationship, link.rrtype, start)
}
