//! The entity that is enriched: as the platform tells it, as STIX to send along, and as what the engine is asked about.

use super::marking::{Markings, exported as marking, of_platform};
use super::message::Content;
use super::split::SHARING;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use stixmap_engine::stix::{Id, Kind, Observable};

/// OpenCTI's extension of any object.
const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";

/// What is enriched, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    /// As the engine is asked about it; by the platform's id.
    pub(super) observable: Observable,
    /// How it is marked.
    pub(super) markings: Markings,
    /// The organisations it is shared with.
    pub(super) organisations: Vec<String>,
    /// The objects that came, or that the platform told: the entity last.
    pub(super) objects: Vec<Value>,
}

impl Entity {
    /// Reads what the platform tells of an observable, and what the message does. In a playbook, the objects are those of its
    /// bundle.
    pub(super) fn read(told: &Value, bundle: Option<&Value>, content: &Content) -> Result<Entity, String> {
        let kind_word = text(told, "entity_type").unwrap_or_default();
        let kind =
            Kind::parse(&kind_word).ok_or_else(|| format!("`{kind_word}` is no observable that can be looked up"))?;
        let value = text(told, "value").or_else(|| text(told, "observable_value")).unwrap_or_default();
        let observable = Observable::asked(Some(kind), &value).map_err(|error| error.to_string())?;
        let standard = text(told, "standard_id").unwrap_or_default();
        let observable = match Id::parse_observable(kind, &standard) {
            Some(id) => observable.with_id(id),
            None => return Err(format!("`{standard}` is no id of a {kind}")),
        };
        let objects = match bundle {
            Some(bundle) => bundle["objects"].as_array().cloned().unwrap_or_default(),
            None => exported(told, kind),
        };
        let base = objects.iter().find(|object| object["id"].as_str() == Some(standard.as_str()));
        if base.is_none() {
            return Err("the bundle does not hold the entity it is about".to_owned());
        }
        // A step before may have marked it, and the platform does not know that yet.
        let markings = Markings::read(told, &standard, bundle, content);
        let organisations = base.and_then(shared_with).unwrap_or_else(|| names(told, "objectOrganization"));
        Ok(Entity { observable, markings, organisations, objects })
    }
}

/// Whom an object says it is shared with; none if it does not say.
fn shared_with(object: &Value) -> Option<Vec<String>> {
    let own = object.get(SHARING);
    let refs = own.or_else(|| object.get("extensions")?.get(EXTENSION)?.get("granted_refs"))?;
    Some(refs.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn names(told: &Value, key: &str) -> Vec<String> {
    let listed = told[key].as_array().into_iter().flatten();
    listed.filter_map(|item| text(item, "standard_id")).collect()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The entity as STIX, with what it refers to before it.
fn exported(told: &Value, kind: Kind) -> Vec<Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !value.is_null() && *value != json!([]) && *value != json!("")) {
            object.insert(key.to_owned(), value);
        }
    };
    let string = |key: &str| text(told, key).map(Value::from);
    put("id", string("standard_id"));
    put("type", Some(Value::from(kind.stix_type())));
    put("spec_version", Some(Value::from("2.1")));
    put("x_opencti_id", string("id"));
    put("x_opencti_type", string("entity_type"));
    put("value", string("value"));
    put("number", told.get("number").cloned());
    put("name", string("name"));
    put("x_opencti_score", told.get("x_opencti_score").cloned());
    put("x_opencti_description", string("x_opencti_description"));
    let labels = told["objectLabel"].as_array().into_iter().flatten().filter_map(|label| text(label, "value"));
    put("x_opencti_labels", Some(labels.collect()));
    put("external_references", Some(external_references(told)));
    put(SHARING, Some(json!(names(told, "objectOrganization"))));
    let markings = of_platform(told).unwrap_or_default();
    put("object_marking_refs", Some(markings.iter().filter_map(|node| text(node, "standard_id")).collect()));
    let author = author(told);
    put("x_opencti_created_by_ref", author.as_ref().map(|author| author["id"].clone()));
    let markings = markings.into_iter().map(marking);
    author.into_iter().chain(markings).chain([Value::Object(object)]).collect()
}

fn external_references(told: &Value) -> Value {
    let edges = told["externalReferences"]["edges"].as_array().into_iter().flatten();
    let reference = |edge: &Value| -> Value {
        let keys = ["source_name", "description", "url", "hash", "external_id"];
        let told = keys.iter().filter_map(|key| Some(((*key).to_owned(), Value::from(text(&edge["node"], key)?))));
        Value::Object(told.collect())
    };
    edges.map(reference).collect()
}

fn author(told: &Value) -> Option<Value> {
    let author = told.get("createdBy").filter(|author| author.is_object())?;
    // The platform says so in the place of one that this account may not see.
    if [text(author, "name"), text(author, "identity_class")]
        .iter()
        .flatten()
        .all(|word| word.eq_ignore_ascii_case("restricted"))
    {
        return None;
    }
    let mut object = json!({
        "type": "identity",
        "spec_version": "2.1",
        "id": text(author, "standard_id")?,
        "name": text(author, "name")?,
        "identity_class": text(author, "identity_class").unwrap_or_else(|| "organization".to_owned()),
    });
    for key in ["description", "created", "modified"] {
        if let Some(value) = text(author, key) {
            object[key] = Value::from(value);
        }
    }
    Some(object)
}

/// Shares an object with organisations. A marking definition is everybody's: the platform shares none, and STIX fixes what
/// stands in those of TLP. A bundle may hold what is no object: that is shared with nobody, and never sent.
pub(super) fn share(object: &mut Value, organisations: &[String]) {
    if object["type"] == "marking-definition" {
        object.as_object_mut().map(|properties| properties.remove(SHARING));
        return;
    }
    if organisations.is_empty() || !object.is_object() {
        return;
    }
    let extension = object.get("extensions").and_then(|extensions| extensions.get(EXTENSION));
    let place = match extension.is_some_and(Value::is_object) {
        true => &mut object["extensions"][EXTENSION]["granted_refs"],
        false => &mut object[SHARING],
    };
    let mut refs = place.as_array().cloned().unwrap_or_default();
    refs.extend(organisations.iter().map(|organisation| Value::from(organisation.as_str())));
    let mut seen = HashSet::new();
    refs.retain(|reference| seen.insert(reference.to_string()));
    *place = Value::from(refs);
}

#[cfg(test)]
mod tests {
    use super::super::objects::{Found, Objects};
    use super::*;
    use stixmap_engine::stix::Tlp;

    fn read(told: &Value) -> Result<Entity, String> {
        Entity::read(told, None, &Content::default())
    }

    fn told() -> Value {
        json!({
            "id": "internal", "standard_id": "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7", "entity_type": "Domain-Name",
            "value": "example.com", "x_opencti_score": 50, "objectOrganization": [{ "standard_id": "identity--9" }],
            "objectMarking": [
                { "standard_id": "marking-definition--1", "definition_type": "TLP", "definition": "TLP:RED" },
                { "standard_id": "marking-definition--2", "definition_type": "TLP", "definition": "TLP:GREEN" },
                { "standard_id": "marking-definition--3", "definition_type": "PAP", "definition": "PAP:RED" },
                { "standard_id": "marking-definition--4", "definition_type": "TLP", "definition": "TLP:ORANGE" },
            ],
        })
    }

    #[test]
    fn an_author_that_may_not_be_seen_is_not_sent() {
        let mut told = told();
        let author = |name: &str, class: &str| json!({ "standard_id": "identity--1", "entity_type": "Organization", "name": name, "identity_class": class });
        told["createdBy"] = author("Restricted", "Restricted");
        assert_eq!(read(&told).expect("an observable").objects.len(), 5);
        told["createdBy"] = author("Restricted", "organization");
        assert_eq!(read(&told).expect("an observable").objects.len(), 6);
    }

    #[test]
    fn what_is_found_is_shared_as_the_entity_is_and_never_replaces_it() {
        let entity = read(&told()).expect("an observable");
        let found = vec![
            json!({ "type": "domain-name", "id": "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7", "value": "other" }),
            json!({ "type": "ipv4-addr", "id": "ipv4-addr--1", "value": "192.0.2.1" }),
        ];
        let objects = Objects::enriched(entity, Found::Values(found));
        let objects: Vec<Value> = (0..objects.len()).map(|place| objects.at(place)).collect();
        assert_eq!(objects.len(), 6);
        assert_eq!(objects[4]["value"], "example.com");
        let (markings, others) = objects.split_at(4);
        assert!(others.iter().all(|object| object[SHARING] == json!(["identity--9"])));
        assert!(
            markings.iter().all(|marking| marking["type"] == "marking-definition" && marking.get(SHARING).is_none())
        );
    }

    #[test]
    fn marking_definitions_are_shared_with_nobody_in_a_playbook_either() {
        let told = told();
        let definition = json!({ "type": "marking-definition", "id": Tlp::Red.marking_id(), SHARING: ["identity--9"] });
        let base = json!({ "type": "domain-name", "id": told["standard_id"], "value": "example.com", SHARING: ["identity--9"] });
        for sharing in [json!(["identity--9"]), json!([])] {
            let base = with(&base, SHARING, sharing);
            let bundle = json!({ "type": "bundle", "objects": [definition, base] });
            let entity = Entity::read(&told, Some(&bundle), &Content::default()).expect("an observable");
            let objects = Objects::enriched(entity, Found::default());
            assert_eq!((objects.at(0).get(SHARING), objects.at(1)), (None, base));
        }
    }

    fn with(object: &Value, key: &str, value: Value) -> Value {
        let mut object = object.clone();
        object[key] = value;
        object
    }

    #[test]
    fn what_is_no_observable_is_told_so() {
        let mut other = told();
        other["entity_type"] = "StixFile".into();
        assert!(read(&other).is_err());
        let mut nothing = told();
        nothing["value"] = "".into();
        assert!(read(&nothing).is_err());
        assert!(Entity::read(&told(), Some(&json!({ "objects": [] })), &Content::default()).is_err());
    }
}
