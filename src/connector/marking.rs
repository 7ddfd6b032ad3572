//! The markings of an entity, from everywhere that tells them: the platform by GraphQL, the message, and the bundle of a playbook.

use super::message::Content;
use serde_json::{Map, Value, json};
use stixmap_engine::stix::{Evidence, Id, Marking, Object, Pap, Tlp};

/// How an entity is marked.
#[derive(Debug, Clone, Default)]
pub(super) struct Markings {
    /// What the gate decides by.
    pub(super) evidence: Vec<Marking>,
    /// The definitions of what is carried to everything that is found: all markings but the levels of TLP, which the engine sets.
    pub(super) carried: Vec<Value>,
}

impl Markings {
    /// Reads the markings of the entity with this id. Platform and message both count, and the highest decides.
    pub(super) fn read(told: &Value, id: &str, bundle: Option<&Value>, content: &Content) -> Markings {
        let mut evidence = Evidence::default();
        let nodes = of_platform(told).unwrap_or_else(|reason| {
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
        let bundle = bundle.and_then(|bundle| bundle["objects"].as_array()).map_or(&[][..], Vec::as_slice);
        for objects in [bundle, &parts.objects] {
            if !objects.iter().all(Value::is_object) {
                evidence.unreadable("a bundle with something that is not an object");
            }
            evidence.objects(id, objects);
        }
        let others = if bundle.is_empty() { &parts.objects } else { bundle };
        parts.entity.iter().for_each(|entity| evidence.object(entity, others));
        let carried = evidence.ids().iter().filter(|id| !Tlp::ALL.iter().any(|tlp| tlp.marking_id() == **id));
        let carried = carried.filter_map(|id| definition(*id, &nodes, &[bundle, &parts.objects])).collect();
        Markings { evidence: evidence.markings(), carried }
    }

    /// Marks what was found as the entity is.
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

/// What the platform gives as markings: a list, or the edges of a connection.
pub(super) fn of_platform(told: &Value) -> Result<Vec<&Value>, String> {
    match &told["objectMarking"] {
        Value::Array(markings) => Ok(markings.iter().collect()),
        Value::Object(connection) => {
            nodes(connection).ok_or_else(|| "`objectMarking` is not a whole connection".to_owned())
        }
        // The platform gives a list of an unmarked entity too.
        Value::Null => Err("`objectMarking` is missing".to_owned()),
        _ => Err("`objectMarking` is not a list".to_owned()),
    }
}

/// The nodes of a connection; none if it has more of them elsewhere, or anything else beside them.
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

/// The definition of a marking as it came, as the platform knows it, or as it must be.
fn definition(id: Id, nodes: &[&Value], bundles: &[&[Value]]) -> Option<Value> {
    let is_it = |text: &Value| text.as_str().and_then(Id::parse_marking) == Some(id);
    let brought = bundles.iter().copied().flatten().find(|object| is_it(&object["id"])).cloned();
    let known = || nodes.iter().find(|node| is_it(&node["standard_id"])).map(|node| exported(node));
    brought.or_else(known).or_else(|| predefined(id))
}

/// A marking of the platform as STIX. One whose content its id fixes is written so, whatever the platform calls it; all others
/// are statements, as STIX has no type for them, and keep their case.
pub(super) fn exported(told: &Value) -> Value {
    let text = |key: &str| told[key].as_str().filter(|text| !text.is_empty());
    let fixed = text("standard_id").and_then(Id::parse_marking).filter(|id| Tlp::ALL.map(Tlp::marking_id).contains(id));
    fixed.and_then(predefined).unwrap_or_else(|| {
        let definition = text("definition").unwrap_or_default();
        json!({
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": told["standard_id"],
            "created": text("created").unwrap_or("2017-01-20T00:00:00.000Z"),
            "definition_type": "statement",
            "name": definition,
            "definition": { "statement": definition },
            "x_opencti_definition_type": text("definition_type").unwrap_or_default(),
            "x_opencti_definition": definition,
        })
    })
}

/// The marking of TLP or PAP with this id, as the engine writes it.
fn predefined(id: Id) -> Option<Value> {
    let tlp = Tlp::ALL.into_iter().map(Object::Marking);
    let marking = tlp.chain(Pap::ALL.into_iter().map(Object::PapMarking)).find(|marking| marking.id() == id)?;
    Some(serde_json::to_value(marking).expect("a marking is JSON"))
}

#[cfg(test)]
mod tests;
