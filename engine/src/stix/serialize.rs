//! Serializes a bundle to JSON in chunks, so that the whole text of a large bundle is never in memory. Chunks are
//! serialized in parallel.

use super::bundle::{BATCH, Bundle, SortedRelationship};
use super::columns::{Link, NodeNumber};
use super::json::{Layout, Text};
use super::object;
use super::time::object_time;
use crate::parallel;

/// Number of objects in a chunk.
const CHUNK: usize = 4 * BATCH;

/// Upper bound of the usual length of an object in octets.
const OBJECT_LENGTH: usize = 640;

/// Depth of the objects in the JSON text.
const DEPTH: usize = 2;

/// Objects that are serialized together.
struct Chunk<'b> {
    /// No object precedes the chunk.
    is_first: bool,
    objects: Objects<'b>,
}

enum Objects<'b> {
    Observables(&'b [NodeNumber]),
    Relationships(&'b [SortedRelationship]),
}

impl Bundle {
    /// Writes the bundle as JSON text, chunk by chunk.
    pub fn write<E>(&self, layout: Layout, mut sink: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let created: Vec<String> = self.authors.iter().map(|(_, created)| object_time(*created)).collect();
        let chunks: Vec<Chunk> = self.chunks().collect();
        let workers = parallel::workers(self.observables.len() + self.relationships.len());
        let serialized = |chunk: &Chunk| self.serialized(layout, chunk, &created);
        parallel::map_in_order(workers, || self.head(layout), &chunks, serialized, |bytes| sink(&bytes))?;
        sink(&self.tail(layout))
    }

    /// Serializes everything in front of the observables, including the id, whose computation takes about a fourth of
    /// the remaining time.
    fn head(&self, layout: Layout) -> Vec<u8> {
        let mut text = Text::new(layout);
        text.open(b'{');
        text.property("type", "bundle");
        text.property("id", self.id().text().as_str());
        // A bundle without objects must not have this property (STIX 2.1 §8).
        if !self.is_empty() {
            text.name("objects");
            text.open(b'[');
        }
        if let Some(pap) = self.pap {
            text.object(|text| object::pap_marking(text, pap));
        }
        for tlp in &self.markings {
            text.object(|text| object::marking(text, *tlp));
        }
        for identity in &self.identities {
            text.object(|text| identity.write_properties(text));
        }
        text.bytes
    }

    fn chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        let is_bare = self.markings.is_empty() && self.pap.is_none() && self.identities.is_empty();
        let observables = self.observables.chunks(CHUNK).map(Objects::Observables);
        let objects = observables.chain(self.relationships.chunks(CHUNK).map(Objects::Relationships));
        objects.enumerate().map(move |(place, objects)| Chunk { is_first: is_bare && place == 0, objects })
    }

    fn serialized(&self, layout: Layout, chunk: &Chunk, created: &[String]) -> Vec<u8> {
        let mut text = Text::items(layout, DEPTH, chunk.is_first, CHUNK * OBJECT_LENGTH);
        match chunk.objects {
            Objects::Observables(numbers) => {
                numbers.chunks(BATCH).for_each(|numbers| self.write_observables(&mut text, numbers));
            }
            Objects::Relationships(placed) => {
                placed.chunks(BATCH).for_each(|placed| self.write_relationships(&mut text, placed, created));
            }
        }
        text.bytes
    }

    fn write_observables(&self, text: &mut Text, numbers: &[NodeNumber]) {
        let nodes: Vec<_> = numbers.iter().map(|number| (self.found.node(*number), self.id_of(*number))).collect();
        let values: Vec<_> = nodes.iter().map(|(node, _)| self.found.value(node)).collect();
        for ((node, id), value) in nodes.into_iter().zip(values) {
            let author = node.author.map(|author| self.providers[author.index()]);
            text.object(|text| object::observable(text, node.kind, value, id, (node.tlp, self.pap), author));
        }
    }

    fn write_relationships(&self, text: &mut Text, placed: &[SortedRelationship], created: &[String]) {
        let links: Vec<Link> = placed.iter().map(|placed| self.link(placed).clone()).collect();
        let ends: Vec<_> = links.iter().map(|link| [link.source, link.target].map(|end| self.id_of(end))).collect();
        for (placed, (link, ends)) in placed.iter().zip(links.iter().zip(ends)) {
            let relationship = self.relationship(placed, link, ends);
            text.object(|text| relationship.write_properties(text, &created[self.made_by(placed)]));
        }
    }

    fn tail(&self, layout: Layout) -> Vec<u8> {
        let mut text = Text::items(layout, if self.is_empty() { 1 } else { DEPTH }, false, 0);
        if !self.is_empty() {
            text.close(b']');
        }
        text.close(b'}');
        text.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stix::{
        Graph, Identity, Observable, ObservableType, Pap, Policy, RelationshipReport, RelationshipType, Seen, Tlp,
    };
    use jiff::Timestamp;

    /// Creates a bundle of names and addresses, some of which are shared.
    fn bundle(names: u32) -> Bundle {
        let asked = Observable::parse(ObservableType::DomainName, "example.com").expect("a name");
        let mut graph = Graph::new(asked, Policy::default());
        for number in 0..names {
            let name =
                Observable::parse(ObservableType::DomainName, &format!("host-{number}.example.com")).expect("a name");
            let address = Observable::of_address(std::net::Ipv4Addr::from(number / 3).into());
            let report = RelationshipReport {
                seen: Seen::default(),
                tlp: Tlp::Green,
                rrtype: None,
                description: "A record".into(),
            };
            graph.relate(&name, RelationshipType::ResolvesTo, &address, report);
        }
        let created = Timestamp::UNIX_EPOCH;
        graph.into_bundle(&Identity::new("A provider", "organization", created), None, created)
    }

    #[test]
    fn write_equals_serde_output_for_any_size() {
        for (names, pap) in [(0, None), (1, None), (1, Some(Pap::Amber)), (200, None), (10_000, None)] {
            let mut bundle = bundle(names);
            bundle.mark(pap);
            let text = |layout| {
                let mut text = vec![];
                let Ok(()) = bundle.write(layout, |chunk| {
                    text.extend_from_slice(chunk);
                    Ok::<(), std::convert::Infallible>(())
                });
                text
            };
            assert!(text(Layout::Compact) == serde_json::to_vec(&bundle).expect("JSON"), "{names} names");
            assert!(text(Layout::Pretty) == serde_json::to_vec_pretty(&bundle).expect("JSON"), "{names} names");
        }
    }
    #[test]
    fn mark_applies_pap_to_all_objects_and_never_lowers_it() {
        let [mut green, mut red] = [1, 2].map(bundle);
        green.mark(Some(Pap::Green));
        red.mark(Some(Pap::Red));
        red.mark(Some(Pap::Clear));
        let written = serde_json::to_value(Bundle::merged([green, red])).expect("JSON");
        let objects = written["objects"].as_array().expect("objects");
        let id = Pap::Red.marking_id().to_string();
        for object in
            objects.iter().filter(|object| object["type"] != "identity" && object["type"] != "marking-definition")
        {
            let refs = object["object_marking_refs"].as_array().expect("it is marked");
            assert!(refs.iter().any(|reference| *reference == id.as_str()), "{object}");
        }
        assert!(objects.iter().any(|object| object["id"] == id.as_str()), "the marking definition is included");
    }
}
