//! Markings of an entity, from all sources: the platform's response, the message, and the bundle of a playbook.

use super::message::Content;
use serde_json::{Map, Value, json};
use stixmap_engine::stix::{Evidence, Flattened, Id, Marking, Object, Observable, Pap, Subject, Tlp};

/// Markings of an entity, for the gate and for the result.
#[derive(Debug, Clone, Default)]
pub(super) struct Markings {
    /// Markings that the TLP and PAP gates evaluate.
    pub(super) evidence: Vec<Marking>,
    /// Definitions of the markings that are added to all found objects: all but TLP, which the engine sets.
    pub(super) carried: Vec<Value>,
}

impl Markings {
    /// Collects the markings of the entity from the platform and the message; the highest level applies.
    pub(super) fn read(
        (requested, response): (&str, &Value),
        observable: &Observable,
        bundle: Option<&Value>,
        content: &Content,
    ) -> Markings {
        let mut evidence = Evidence::default();
        let nodes = of_platform(response).unwrap_or_else(|reason| {
            evidence.unreadable(reason);
            vec![]
        });
        for node in &nodes {
            evidence.marking(node["standard_id"].as_str(), node);
        }
        let parts = content.read().unwrap_or_else(|reason| {
            evidence.unreadable(reason);
            Default::default()
        });
        let bundled = bundle.and_then(|bundle| bundle["objects"].as_array()).map_or(&[][..], Vec::as_slice);
        let sources = [bundled, &parts.objects].map(Flattened::new);
        let ids = ["id", "standard_id"].into_iter().filter_map(|key| response[key].as_str());
        // The message may name a former id, such as that of an entity that was merged.
        let subject = Subject::new(observable, ids.chain([requested]));
        for objects in &sources {
            evidence.objects(&subject, objects);
        }
        let others = &sources[usize::from(bundled.is_empty())];
        parts.entity.iter().for_each(|entity| evidence.object(entity, others));
        let properties =
            properties(response, "objectMarking").chain(properties(bundle.unwrap_or(&Value::Null), "objects"));
        let properties = properties.chain(parts.properties.iter().map(|(key, value)| (key, value)));
        properties.for_each(|(key, value)| evidence.property(key, value, others));
        let carried = evidence.ids().iter().filter(|id| !Tlp::ALL.iter().any(|tlp| tlp.marking_id() == **id));
        let carried = carried.filter_map(|id| definition(*id, &nodes, &sources)).collect();
        Markings { evidence: evidence.markings(), carried }
    }

    /// Adds the entity's markings to a found object.
    pub(super) fn carry(&self, found: &mut Value) {
        if self.carried.is_empty() || matches!(found["type"].as_str(), None | Some("identity" | "marking-definition")) {
            return;
        }
        let mut refs = found["object_marking_refs"].as_array().cloned().unwrap_or_default();
        let carried = self.carried.iter().map(|definition| &definition["id"]).filter(|id| !refs.contains(id)).cloned();
        refs.extend(carried.collect::<Vec<_>>());
        found["object_marking_refs"] = Value::from(refs);
    }
}

/// Returns the properties of an object but one.
fn properties<'v>(object: &'v Value, except: &'static str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    object.as_object().into_iter().flatten().filter(move |(key, _)| *key != except)
}

/// Returns the markings in the platform's response: a list, or the edges of a GraphQL connection.
pub(super) fn of_platform(response: &Value) -> Result<Vec<&Value>, String> {
    match &response["objectMarking"] {
        Value::Array(markings) => Ok(markings.iter().collect()),
        Value::Object(connection) => {
            nodes(connection).ok_or_else(|| "invalid `objectMarking`: incomplete connection".to_owned())
        }
        // Unmarked entities have an empty list.
        Value::Null => Err("missing `objectMarking`".to_owned()),
        _ => Err("invalid `objectMarking`: expected a list".to_owned()),
    }
}

/// Returns the nodes of a connection; none if there are more pages or unknown fields.
fn nodes(connection: &Map<String, Value>) -> Option<Vec<&Value>> {
    let is_last = match connection.get("pageInfo") {
        None | Some(Value::Null) => true,
        Some(page) => page["hasNextPage"] == false,
    };
    let is_whole = is_last && has_only(connection, &["edges", "pageInfo", "__typename"]);
    connection.get("edges").filter(|_| is_whole)?.as_array()?.iter().map(node).collect()
}

fn node(edge: &Value) -> Option<&Value> {
    edge.as_object().filter(|edge| has_only(edge, &["node", "cursor", "__typename"]))?.get("node")
}

fn has_only(object: &Map<String, Value>, keys: &[&str]) -> bool {
    object.keys().all(|key| keys.contains(&key.as_str()))
}

/// Returns the definition of a marking: from the bundles, from the platform, or predefined by TLP or PAP.
fn definition(id: Id, nodes: &[&Value], sources: &[Flattened<'_>]) -> Option<Value> {
    let is_it = |text: &Value| text.as_str().and_then(Id::parse_marking) == Some(id);
    let received = sources.iter().flat_map(Flattened::objects).find(|object| is_it(&object["id"]));
    let received = received.map(|object| (*object).clone());
    let known = || nodes.iter().find(|node| is_it(&node["standard_id"])).map(|node| to_stix(node));
    received.or_else(known).or_else(|| predefined(id))
}

/// Converts a marking of the platform to STIX. TLP markings are recognized by their id and have their fixed content (STIX 2.1
/// §7.2.1.4); all others become statements, and keep their case.
pub(super) fn to_stix(response: &Value) -> Value {
    let text = |key: &str| response[key].as_str().filter(|text| !text.is_empty());
    let fixed = text("standard_id").and_then(Id::parse_marking).filter(|id| Tlp::ALL.map(Tlp::marking_id).contains(id));
    fixed.and_then(predefined).unwrap_or_else(|| {
        let definition = text("definition").unwrap_or_default();
        json!({
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": response["standard_id"],
            "created": text("created").unwrap_or("2017-01-20T00:00:00.000Z"),
            "definition_type": "statement",
            "name": definition,
            "definition": { "statement": definition },
            "x_opencti_definition_type": text("definition_type").unwrap_or_default(),
            "x_opencti_definition": definition,
        })
    })
}

/// Returns the TLP or PAP marking with this id, as the engine serializes it.
fn predefined(id: Id) -> Option<Value> {
    let tlp = Tlp::ALL.into_iter().map(Object::Marking);
    let marking = tlp.chain(Pap::ALL.into_iter().map(Object::PapMarking)).find(|marking| marking.id() == id)?;
    Some(serde_json::to_value(marking).expect("a marking is JSON"))
}

#[cfg(test)]
mod tests;
