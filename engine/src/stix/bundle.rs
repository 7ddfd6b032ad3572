//! A STIX bundle: sorted, without duplicates, and with the same bytes for the same content. Its objects are stored in
//! columns and converted on access.

use super::columns::{Columns, Link, Moment, NodeNumber, ProviderNumber};
use super::id::{Id, Uuid};
use super::object::{Identity, Object, Relationship};
use super::observable::{Observable, derived_id};
use super::observable_type::{ObservableType, RelationshipType};
use super::pap::Pap;
use super::time::id_text;
use super::tlp::Tlp;
use crate::dns::RrType;
use crate::parallel;
use jiff::{SignedDuration, Timestamp};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Number of objects whose data is loaded before the first is used. Sorted objects are scattered in memory, and the
/// processor can wait for several loads at once.
pub(super) const BATCH: usize = 64;

/// A STIX bundle (STIX 2.1 §8) whose id is derived from its objects.
#[derive(Debug, Clone)]
pub struct Bundle {
    pub(super) markings: Vec<Tlp>,
    /// PAP marking of all observables and relationships.
    pub(super) pap: Option<Pap>,
    pub(super) identities: Vec<Identity>,
    /// Identities that reported observables.
    pub(super) providers: Vec<Id>,
    /// Identities that created relationships, with the creation time.
    pub(super) authors: Vec<(Id, Timestamp)>,
    /// Index into `authors` for each relationship; the first author for relationships beyond the end.
    made_by: Vec<u32>,
    pub(super) found: Columns,
    /// UUIDs of the observables, by number.
    ids: Vec<Uuid>,
    pub(super) observables: Vec<NodeNumber>,
    pub(super) relationships: Vec<SortedRelationship>,
}

/// Sort key of a relationship: the rank of its type and its UUID.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SortedRelationship {
    rank: u8,
    /// Four words, for a smaller alignment and size.
    uuid: [u32; 4],
    place: u32,
}

/// Object at an index of the bundle.
enum At<'b> {
    Pap(Pap),
    Marking(Tlp),
    Identity(&'b Identity),
    Observable(NodeNumber),
    Relationship(&'b SortedRelationship),
}

/// Indexes of the authors of relationships.
type Authors = HashMap<(Id, Timestamp), u32>;

impl Default for Bundle {
    fn default() -> Self {
        Self::of(vec![])
    }
}

impl PartialEq for Bundle {
    fn eq(&self, other: &Self) -> bool {
        self.objects().eq(other.objects())
    }
}

impl Eq for Bundle {}

impl Bundle {
    /// Creates the bundle of one author. The first observable is the queried one.
    pub(super) fn found(
        mut found: Columns,
        asked: &Observable,
        author: &Identity,
        created: Timestamp,
        start_in_id: bool,
    ) -> Bundle {
        let levels: BTreeSet<Tlp> =
            found.nodes.iter().filter_map(|node| node.tlp).chain(found.links.iter().map(|link| link.tlp)).collect();
        let mut ids = parallel::map_chunked(&found.nodes, |_, node| derived_id(node.kind, found.value(node)).uuid());
        ids[0] = asked.id().uuid();
        for link in &mut found.links {
            link.last = Moment::new(stop_after_start(link.first.time(), link.last.time()));
        }
        let identities = if found.links.is_empty() { vec![] } else { vec![author.clone()] };
        let (providers, authors) = (vec![author.id()], vec![(author.id(), created)]);
        let relationships = parallel::map_chunked(&found.links, |place, link| {
            let start = link.first.time().filter(|_| start_in_id).map(id_text);
            let [source, target] = [link.source, link.target].map(|end| node_id(&found, &ids, end));
            let start = start.as_ref().map(|start| start.as_str());
            SortedRelationship::new(
                link.relationship,
                Id::of_relationship(link.relationship, source, target, start, None),
                place,
            )
        });
        let markings = levels.into_iter().collect();
        let (made_by, observables) = (vec![], vec![]);
        Bundle { markings, pap: None, identities, providers, authors, made_by, found, ids, observables, relationships }
            .sorted()
            .told_apart(start_in_id)
    }

    /// Relationships that only their record types tell apart: that of the lowest type keeps the id that others derive, and
    /// the type takes part in those of the others.
    fn told_apart(mut self, start_in_id: bool) -> Bundle {
        let rrtype = |placed: &SortedRelationship| self.link(placed).rrtype;
        let mut found = vec![];
        for same in self.relationships.chunk_by(SortedRelationship::has_id_of).filter(|same| same.len() > 1) {
            let lowest = same.iter().map(rrtype).min();
            found.extend(same.iter().filter(|placed| Some(rrtype(placed)) != lowest).map(|placed| placed.place));
        }
        if found.is_empty() {
            return self;
        }
        let mut ids: HashMap<u32, SortedRelationship> =
            found.into_iter().map(|place| (place, self.placed(place, start_in_id))).collect();
        for placed in &mut self.relationships {
            *placed = ids.remove(&placed.place).unwrap_or(*placed);
        }
        self.relationships.sort_unstable();
        self
    }

    /// A relationship with an id in which its record type takes part.
    fn placed(&self, place: u32, start_in_id: bool) -> SortedRelationship {
        let link = &self.found.links[place as usize];
        let start = link.first.time().filter(|_| start_in_id).map(id_text);
        let [source, target] = [link.source, link.target].map(|end| self.id_of(end));
        let (start, rrtype) = (start.as_ref().map(|start| start.as_str()), link.rrtype.to_string());
        let id = Id::of_relationship(link.relationship, source, target, start, Some(&rrtype));
        SortedRelationship::new(link.relationship, id, place as usize)
    }

    /// Creates a bundle from objects that refer only to each other.
    fn of(objects: Vec<Object>) -> Bundle {
        let mut bundle = Bundle {
            markings: vec![],
            pap: None,
            identities: vec![],
            providers: vec![],
            authors: vec![],
            made_by: vec![],
            found: Columns::new(),
            ids: vec![],
            observables: vec![],
            relationships: vec![],
        };
        let (relationships, others): (Vec<Object>, Vec<Object>) =
            objects.into_iter().partition(|object| matches!(object, Object::Relationship(_)));
        let (mut numbers, mut authors) = (HashMap::new(), Authors::new());
        for object in others {
            match object {
                Object::Marking(tlp) => bundle.markings.push(tlp),
                Object::PapMarking(pap) => bundle.pap = bundle.pap.max(Some(pap)),
                Object::Identity(identity) => bundle.identities.push(identity),
                Object::Observable { observable, tlp, created_by, .. } => {
                    let author = created_by.and_then(|author| number_of(&mut bundle.providers, author));
                    numbers
                        .insert(observable.id(), bundle.found.push(observable.kind(), observable.value(), tlp, author));
                    bundle.ids.push(observable.id().uuid());
                }
                Object::Relationship(_) => unreachable!("relationships were partitioned off"),
            }
        }
        for object in relationships {
            let Object::Relationship(relationship) = object else { continue };
            bundle.push(relationship, &numbers, &mut authors);
        }
        bundle.sorted()
    }

    fn push(&mut self, relationship: Relationship, numbers: &HashMap<Id, NodeNumber>, authors: &mut Authors) {
        let place = self.found.links.len();
        let author = (relationship.created_by, relationship.created);
        let number = *authors.entry(author).or_insert_with(|| {
            self.authors.push(author);
            u32::try_from(self.authors.len() - 1).expect("all authors fit into memory")
        });
        self.made_by.push(number);
        self.relationships.push(SortedRelationship::new(relationship.relationship_type, relationship.id, place));
        let end = |id: Id| numbers[&id];
        self.found.links.push(Link {
            first: Moment::new(relationship.start_time),
            // One bundle may have stated the start, and another the stop.
            last: Moment::new(stop_after_start(relationship.start_time, relationship.stop_time)),
            source: end(relationship.source),
            target: end(relationship.target),
            description: self.found.descriptions.number(relationship.descriptions),
            relationship: relationship.relationship_type,
            tlp: relationship.tlp,
            rrtype: relationship.rrtype.map_or(0, RrType::number),
        });
    }

    /// Sorts the objects: markings and identities by name, observables by type and value, relationships by type and id.
    fn sorted(mut self) -> Bundle {
        self.markings.sort_unstable_by_key(|tlp| tlp.as_str());
        self.identities.sort_unstable_by(|a, b| (a.name(), a.id()).cmp(&(b.name(), b.id())));
        let Self { found, ids, relationships, .. } = &mut self;
        let start = |number| {
            let (kind, value) = found.kind_and_value(number);
            let (first, second) = sort_prefix(kind, value);
            (first, second, number)
        };
        let mut observables: Vec<(u64, u32, NodeNumber)> = found.numbers().map(start).collect();
        let by_value = |a: &(u64, u32, NodeNumber), b: &(u64, u32, NodeNumber)| {
            let rest = |number: NodeNumber| (found.kind_and_value(number).1, Columns::of(ids, number));
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| rest(a.2).cmp(&rest(b.2)))
        };
        let workers = parallel::workers(observables.len() + relationships.len());
        parallel::join(workers, || observables.sort_unstable_by(by_value), || relationships.sort_unstable());
        self.observables = observables.into_iter().map(|(_, _, number)| number).collect();
        self
    }

    /// Merges several bundles: objects are shared, time intervals widened, markings never lowered. A STIX relationship
    /// has one author; if several providers reported it, its description names them.
    pub fn merged(bundles: impl IntoIterator<Item = Bundle>) -> Bundle {
        let mut bundles: Vec<Bundle> = bundles.into_iter().collect();
        if bundles.len() == 1 {
            return bundles.remove(0);
        }
        let mut by_id: BTreeMap<Id, Object> = BTreeMap::new();
        let mut reporters: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
        for object in bundles.iter().flat_map(Bundle::objects) {
            if let Object::Relationship(relationship) = &object {
                reporters.entry(relationship.id).or_default().insert(relationship.created_by);
            }
            match by_id.entry(object.id()) {
                std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().merge(object),
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(object);
                }
            }
        }
        let names: BTreeMap<Id, String> = by_id
            .values()
            .filter_map(|object| match object {
                Object::Identity(identity) => Some((identity.id(), identity.name().to_owned())),
                _ => None,
            })
            .collect();
        for (id, reporters) in reporters.iter().filter(|(_, reporters)| reporters.len() > 1) {
            if let Some(Object::Relationship(relationship)) = by_id.get_mut(id) {
                relationship.add_reporters(reporters.iter().filter_map(|author| names.get(author)));
            }
        }
        Self::of(by_id.into_values().collect())
    }

    /// Marks all observables and relationships with a PAP level, without lowering an existing one.
    pub fn mark(&mut self, pap: Option<Pap>) {
        if !self.is_empty() {
            self.pap = self.pap.max(pap);
        }
    }

    /// Iterates over the objects: markings, identities, observables, relationships, each sorted.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        (0..self.len()).map(|place| self.object_at(place))
    }

    /// Returns the number of STIX objects in the bundle.
    pub fn len(&self) -> usize {
        let markings = self.markings.len() + usize::from(self.pap.is_some());
        markings + self.identities.len() + self.observables.len() + self.relationships.len()
    }

    /// The object at a place of `objects`. Panics if there is none.
    pub fn object_at(&self, place: usize) -> Object {
        match self.at(place) {
            At::Pap(pap) => Object::PapMarking(pap),
            At::Marking(tlp) => Object::Marking(tlp),
            At::Identity(identity) => Object::Identity(identity.clone()),
            At::Observable(number) => {
                let node = self.found.node(number);
                let created_by = node.author.map(|author| self.providers[author.index()]);
                Object::Observable { observable: self.observable_at(number), tlp: node.tlp, pap: self.pap, created_by }
            }
            At::Relationship(placed) => Object::Relationship(self.relationship_of(placed)),
        }
    }

    /// The id of the object at a place of `objects`. Panics if there is none.
    pub fn id_at(&self, place: usize) -> Id {
        match self.at(place) {
            At::Pap(pap) => pap.marking_id(),
            At::Marking(tlp) => tlp.marking_id(),
            At::Identity(identity) => identity.id(),
            At::Observable(number) => self.id_of(number),
            At::Relationship(placed) => placed.id(),
        }
    }

    fn at(&self, place: usize) -> At<'_> {
        let Some(place) = place.checked_sub(usize::from(self.pap.is_some())) else {
            return At::Pap(self.pap.expect("it stands before all others"));
        };
        let Some(place) = place.checked_sub(self.markings.len()) else { return At::Marking(self.markings[place]) };
        let Some(place) = place.checked_sub(self.identities.len()) else {
            return At::Identity(&self.identities[place]);
        };
        let Some(place) = place.checked_sub(self.observables.len()) else {
            return At::Observable(self.observables[place]);
        };
        At::Relationship(&self.relationships[place])
    }

    /// Returns whether the bundle has no objects.
    pub fn is_empty(&self) -> bool {
        self.markings.is_empty() && self.pap.is_none() && self.identities.is_empty() && self.observables.is_empty()
    }

    /// Iterates over the relationships in order of type and id.
    pub fn relationships(&self) -> impl Iterator<Item = Relationship> {
        self.relationships.iter().map(|placed| self.relationship_of(placed))
    }

    fn relationship_of(&self, placed: &SortedRelationship) -> Relationship {
        let link = self.link(placed);
        self.relationship(placed, link, [link.source, link.target].map(|end| self.id_of(end)))
    }

    pub(super) fn link(&self, placed: &SortedRelationship) -> &Link {
        &self.found.links[placed.place as usize]
    }

    pub(super) fn id_of(&self, number: NodeNumber) -> Id {
        node_id(&self.found, &self.ids, number)
    }

    pub(super) fn relationship(
        &self,
        placed: &SortedRelationship,
        link: &Link,
        [source, target]: [Id; 2],
    ) -> Relationship {
        let (created_by, created) = self.authors[self.made_by(placed)];
        Relationship {
            id: placed.id(),
            relationship_type: link.relationship,
            source,
            target,
            start_time: link.first.time(),
            stop_time: link.last.time(),
            rrtype: RrType::of_number(link.rrtype),
            descriptions: self.found.descriptions.of(link.description).clone(),
            tlp: link.tlp,
            pap: self.pap,
            created_by,
            created,
        }
    }

    pub(super) fn made_by(&self, placed: &SortedRelationship) -> usize {
        self.made_by.get(placed.place as usize).map_or(0, |author| *author as usize)
    }

    /// Returns the observable with this id, if the bundle contains it.
    pub fn observable(&self, id: Id) -> Option<Observable> {
        let numbers = self.found.numbers().zip(&self.ids).filter(|(_, uuid)| **uuid == id.uuid());
        numbers.map(|(number, _)| self.observable_at(number)).find(|observable| observable.id() == id)
    }

    fn observable_at(&self, number: NodeNumber) -> Observable {
        let node = self.found.node(number);
        let observable = Observable::new(node.kind, self.found.value(node));
        observable.with_id(self.id_of(number))
    }

    /// Returns the bundle's id, which is derived from the ids of all its objects.
    pub fn id(&self) -> Id {
        let markings = self.markings.iter().map(|tlp| tlp.marking_id());
        let first =
            self.pap.map(Pap::marking_id).into_iter().chain(markings).chain(self.identities.iter().map(Identity::id));
        let together = |numbers: &[NodeNumber]| numbers.iter().map(|number| self.id_of(*number)).collect::<Vec<_>>();
        let observables = self.observables.chunks(BATCH).flat_map(together);
        Id::of_bundle(first.chain(observables).chain(self.relationships.iter().map(SortedRelationship::id)))
    }
}

impl Serialize for Bundle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "bundle")?;
        map.serialize_entry("id", &self.id())?;
        // A bundle without objects must not have this property (STIX 2.1 §8).
        if !self.is_empty() {
            map.serialize_entry("objects", &self.objects().collect::<Vec<_>>())?;
        }
        map.end()
    }
}

impl SortedRelationship {
    fn new(relationship: RelationshipType, id: Id, place: usize) -> SortedRelationship {
        let place = u32::try_from(place).expect("all relationships fit into memory");
        SortedRelationship { rank: relationship.rank(), uuid: to_words(id.uuid()), place }
    }

    fn has_id_of(&self, other: &SortedRelationship) -> bool {
        (self.rank, self.uuid) == (other.rank, other.uuid)
    }

    pub(super) fn id(&self) -> Id {
        let uuid = self.uuid.map(u32::to_be_bytes);
        Id::new("relationship", *uuid.as_flattened().first_chunk().expect("four words have sixteen octets"))
    }
}

/// Converts a UUID to words with the same order.
fn to_words(uuid: Uuid) -> [u32; 4] {
    let (words, _) = uuid.as_chunks();
    [0, 1, 2, 3].map(|word| u32::from_be_bytes(words[word]))
}

/// Returns the number of a provider, which is added if it is new.
fn number_of(providers: &mut Vec<Id>, wanted: Id) -> Option<ProviderNumber> {
    let place = providers.iter().position(|known| *known == wanted).unwrap_or_else(|| {
        providers.push(wanted);
        providers.len() - 1
    });
    ProviderNumber::at(place)
}

fn node_id(found: &Columns, ids: &[Uuid], number: NodeNumber) -> Id {
    Id::new(found_kind(found, number).stix_type(), *Columns::of(ids, number))
}

fn found_kind(found: &Columns, number: NodeNumber) -> ObservableType {
    found.node(number).kind
}

/// Returns the type and the first octets of a value as numbers: observables are sorted by these unless they are equal.
fn sort_prefix(kind: ObservableType, value: &str) -> (u64, u32) {
    let mut start = [0; 12];
    start[0] = kind as u8;
    let length = value.len().min(11);
    start[1..=length].copy_from_slice(&value.as_bytes()[..length]);
    let [a, b, c, d, e, f, g, h, rest @ ..] = start;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u32::from_be_bytes(rest))
}

/// Returns a stop time after the start time, as STIX 2.1 §5.1 requires: a single observation lasts one second.
fn stop_after_start(start: Option<Timestamp>, stop: Option<Timestamp>) -> Option<Timestamp> {
    match (start, stop) {
        (Some(start), Some(stop)) if stop <= start => start.checked_add(SignedDuration::from_secs(1)).ok(),
        _ => stop,
    }
}
