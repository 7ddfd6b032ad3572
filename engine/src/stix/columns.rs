//! Compact storage of observables and relationships as columns: a million of them take about sixty bytes each. Does not
//! detect duplicates and does not sort.

use super::descriptions::{DescriptionId, DescriptionTable};
use super::observable_type::{ObservableType, RelationshipType};
use super::tlp::Tlp;
use jiff::Timestamp;
use std::num::NonZeroU16;

/// Index of an observable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeNumber(u32);

impl NodeNumber {
    /// Returns the number of the observable at this index.
    pub(super) const fn at(index: u32) -> NodeNumber {
        NodeNumber(index)
    }
}

/// Number of a provider, counted from 1, so that an `Option` takes no additional memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProviderNumber(NonZeroU16);

impl ProviderNumber {
    /// Number of the first provider.
    pub(super) const FIRST: ProviderNumber = ProviderNumber(NonZeroU16::MIN);

    /// Returns the number of the provider at this index. `None` after 65,535 providers: a wider number would cost
    /// memory for each of a million observables, and the relationships still name the provider.
    pub(super) fn at(index: usize) -> Option<ProviderNumber> {
        u16::try_from(index + 1).ok().and_then(NonZeroU16::new).map(ProviderNumber)
    }

    /// Returns the index of the provider.
    pub(super) fn index(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

/// An observable: its type, the location of its value, and its marking.
#[derive(Debug, Clone)]
pub(super) struct Node {
    start: usize,
    length: u32,
    pub(super) kind: ObservableType,
    pub(super) tlp: Option<Tlp>,
    /// Provider that reported it.
    pub(super) author: Option<ProviderNumber>,
}

/// A relationship between two observables.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) first: Moment,
    pub(super) last: Moment,
    pub(super) source: NodeNumber,
    pub(super) target: NodeNumber,
    pub(super) description: DescriptionId,
    pub(super) relationship: RelationshipType,
    pub(super) tlp: Tlp,
    /// Number of the records' type; 0 if types are not distinguished.
    pub(super) rrtype: u16,
}

impl Link {
    /// Extends to the earlier start, the later stop and the higher marking.
    pub(super) fn widen(&mut self, other: &Link) {
        self.first = self.first.earlier(other.first);
        self.last = self.last.later(other.last);
        self.tlp = self.tlp.max(other.tlp);
    }
}

/// A time that may be unknown, in microseconds, the finest unit that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Moment(i64);

impl Moment {
    const UNKNOWN: Moment = Moment(i64::MIN);

    pub(super) fn new(time: Option<Timestamp>) -> Moment {
        time.map_or(Self::UNKNOWN, |time| Moment(time.as_microsecond()))
    }

    pub(super) fn time(self) -> Option<Timestamp> {
        let is_known = self != Self::UNKNOWN;
        // `Timestamp::from_microsecond` rejects the last second of the range of `Timestamp`.
        let (second, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        is_known.then(|| Timestamp::new(second, micros as i32 * 1_000).expect("it was converted from a timestamp"))
    }

    /// Returns the earlier instant; an unknown one is ignored.
    pub(super) fn earlier(self, other: Moment) -> Moment {
        match (self, other) {
            (Self::UNKNOWN, known) | (known, Self::UNKNOWN) => known,
            (one, other) => Moment(one.0.min(other.0)),
        }
    }

    /// Whether it is later than another by more than this number of microseconds.
    pub(super) fn is_after(self, other: Moment, microseconds: i64) -> bool {
        self.0.saturating_sub(other.0) > microseconds
    }

    /// Returns the later instant; an unknown one is ignored.
    pub(super) fn later(self, other: Moment) -> Moment {
        Moment(self.0.max(other.0))
    }
}

/// Estimated length of a value in octets.
const VALUE_LENGTH: usize = 16;

/// All observables and relationships of a bundle.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    values: String,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<Link>,
    pub(super) descriptions: DescriptionTable,
}

impl Columns {
    pub(super) fn new() -> Columns {
        Columns { values: String::new(), nodes: vec![], links: vec![], descriptions: DescriptionTable::new() }
    }

    /// Reserves capacity for a number of records. Unused capacity takes no physical memory, and lists that need not
    /// grow are never in memory twice.
    pub(super) fn make_room(&mut self, records: usize) {
        self.values.reserve(records * VALUE_LENGTH);
        self.nodes.reserve(records);
        self.links.reserve(records);
    }

    /// Adds an observable and returns its number.
    pub(super) fn push(
        &mut self,
        kind: ObservableType,
        value: &str,
        tlp: Option<Tlp>,
        author: Option<ProviderNumber>,
    ) -> NodeNumber {
        let number = NodeNumber(u32::try_from(self.nodes.len()).expect("all observables fit into memory"));
        let start = self.values.len();
        let length = u32::try_from(value.len()).expect("a value is shorter than 4 GiB");
        self.values.push_str(value);
        self.nodes.push(Node { start, length, kind, tlp, author });
        number
    }

    pub(super) fn node(&self, number: NodeNumber) -> &Node {
        &self.nodes[number.0 as usize]
    }

    pub(super) fn node_mut(&mut self, number: NodeNumber) -> &mut Node {
        &mut self.nodes[number.0 as usize]
    }

    /// Returns the numbers of all observables.
    pub(super) fn numbers(&self) -> impl Iterator<Item = NodeNumber> + use<> {
        (0..).map(NodeNumber).take(self.nodes.len())
    }

    /// Returns the value of an observable.
    pub(super) fn value(&self, node: &Node) -> &str {
        &self.values[node.start..node.start + node.length as usize]
    }

    /// Returns type and value of an observable.
    pub(super) fn kind_and_value(&self, number: NodeNumber) -> (ObservableType, &str) {
        let node = self.node(number);
        (node.kind, self.value(node))
    }

    /// Returns the item of an observable in a parallel list.
    pub(super) fn of<T>(each: &[T], number: NodeNumber) -> &T {
        &each[number.0 as usize]
    }
}
