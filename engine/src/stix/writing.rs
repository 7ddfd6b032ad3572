//! A bundle's way to JSON text, in pieces: the whole text of a large bundle is held by nobody, and the processors share the work.

use super::bundle::{Bundle, Placed, TOGETHER};
use super::columns::{Link, NodeNumber};
use super::json::{Layout, Text};
use super::object;
use super::time::object_time;
use crate::parallel;

/// So many objects are handed on at once.
const PIECE: usize = 4 * TOGETHER;

/// So many octets an object has, at most in most.
const OBJECT: usize = 640;

/// The brackets around objects.
const DEPTH: usize = 2;

/// What is written in one go.
struct Piece<'b> {
    /// Nothing stands before it.
    is_first: bool,
    objects: Objects<'b>,
}

enum Objects<'b> {
    Observables(&'b [NodeNumber]),
    Relationships(&'b [Placed]),
}

impl Bundle {
    /// Writes it as JSON, piece by piece.
    pub fn write<E>(&self, layout: Layout, mut sink: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let created: Vec<String> = self.authors.iter().map(|(_, created)| object_time(*created)).collect();
        let pieces: Vec<Piece> = self.pieces().collect();
        let workers = parallel::workers(self.observables.len() + self.relationships.len());
        let written = |piece: &Piece| self.written(layout, piece, &created);
        parallel::in_order(workers, || self.head(layout), &pieces, written, |bytes| sink(&bytes))?;
        sink(&self.tail(layout))
    }

    /// All that stands before observables; with the id, which takes as long as a fourth of the rest.
    fn head(&self, layout: Layout) -> Vec<u8> {
        let mut text = Text::new(layout);
        text.open(b'{');
        text.property("type", "bundle");
        text.property("id", self.id().text().as_str());
        // STIX 2.1 §8: a bundle without objects has no such property.
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
            text.object(|text| identity.tell(text));
        }
        text.bytes
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let is_bare = self.markings.is_empty() && self.pap.is_none() && self.identities.is_empty();
        let observables = self.observables.chunks(PIECE).map(Objects::Observables);
        let objects = observables.chain(self.relationships.chunks(PIECE).map(Objects::Relationships));
        objects.enumerate().map(move |(place, objects)| Piece { is_first: is_bare && place == 0, objects })
    }

    fn written(&self, layout: Layout, piece: &Piece, created: &[String]) -> Vec<u8> {
        let mut text = Text::items(layout, DEPTH, piece.is_first, PIECE * OBJECT);
        match piece.objects {
            Objects::Observables(numbers) => {
                numbers.chunks(TOGETHER).for_each(|numbers| self.write_observables(&mut text, numbers));
            }
            Objects::Relationships(placed) => {
                placed.chunks(TOGETHER).for_each(|placed| self.write_relationships(&mut text, placed, created));
            }
        }
        text.bytes
    }

    fn write_observables(&self, text: &mut Text, numbers: &[NodeNumber]) {
        let nodes: Vec<_> = numbers.iter().map(|number| (self.found.node(*number), self.id_of(*number))).collect();
        let values: Vec<_> = nodes.iter().map(|(node, _)| self.found.value(node)).collect();
        for ((node, id), value) in nodes.into_iter().zip(values) {
            let author = node.author.map(|author| self.providers[author.place()]);
            text.object(|text| object::observable(text, node.kind, value, id, (node.tlp, self.pap), author));
        }
    }

    fn write_relationships(&self, text: &mut Text, placed: &[Placed], created: &[String]) {
        let links: Vec<Link> = placed.iter().map(|placed| self.link(placed).clone()).collect();
        let ends: Vec<_> = links.iter().map(|link| [link.source, link.target].map(|end| self.id_of(end))).collect();
        for (placed, (link, ends)) in placed.iter().zip(links.iter().zip(ends)) {
            let relationship = self.relationship(placed, link, ends);
            text.object(|text| relationship.tell(text, &created[self.made_by(placed)]));
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
    use crate::stix::{Graph, Identity, Kind, Observable, Pap, Policy, RelationshipType, Report, Seen, Tlp};
    use jiff::Timestamp;

    /// So many names on addresses of which some are shared.
    fn bundle(names: u32) -> Bundle {
        let asked = Observable::parse(Kind::DomainName, "example.com").expect("a name");
        let mut graph = Graph::new(asked, Policy::default());
        for number in 0..names {
            let name = Observable::parse(Kind::DomainName, &format!("host-{number}.example.com")).expect("a name");
            let address = Observable::of_address(std::net::Ipv4Addr::from(number / 3).into());
            let report =
                Report { seen: Seen::default(), tlp: Tlp::Green, rrtype: None, description: "A record".into() };
            graph.relate(&name, RelationshipType::ResolvesTo, &address, report);
        }
        let created = Timestamp::UNIX_EPOCH;
        graph.into_bundle(&Identity::new("A provider", "organization", created), None, created)
    }

    #[test]
    fn few_and_many_are_written_as_serde_writes_them() {
        for (names, pap) in [(0, None), (1, None), (1, Some(Pap::Amber)), (200, None), (10_000, None)] {
            let mut bundle = bundle(names);
            bundle.mark(pap);
            let text = |layout| {
                let mut text = vec![];
                let Ok(()) = bundle.write(layout, |piece| {
                    text.extend_from_slice(piece);
                    Ok::<(), std::convert::Infallible>(())
                });
                text
            };
            assert!(text(Layout::Compact) == serde_json::to_vec(&bundle).expect("JSON"), "{names} names");
            assert!(text(Layout::Pretty) == serde_json::to_vec_pretty(&bundle).expect("JSON"), "{names} names");
        }
    }
    #[test]
    fn a_level_of_pap_marks_everything_and_is_never_lowered() {
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
        assert!(objects.iter().any(|object| object["id"] == id.as_str()), "its definition is there");
    }
}
