//! The entity to enrich: parsed from the platform's response, converted to STIX, and as the observable of the engine.

use super::marking::{Markings, of_platform, to_stix as marking};
use super::message::Content;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use stixmap_engine::stix::{Id, Observable, ObservableType};

/// Property with the organizations that an object is shared with. They need not be in the bundle.
pub(super) const SHARING: &str = "x_opencti_granted_refs";

/// Id of OpenCTI's STIX extension.
const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";

/// An entity with its markings, sharing and STIX objects.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    /// The observable to look up, with the platform's STIX id.
    pub(super) observable: Observable,
    pub(super) markings: Markings,
    /// STIX ids of the organizations that it is shared with.
    pub(super) organizations: Vec<String>,
    /// The objects of the playbook's bundle; otherwise the entity after those that it refers to.
    pub(super) objects: Vec<Value>,
}

impl Entity {
    /// Parses the platform's response to a request by this id, and the message's content. In a playbook, the objects are those
    /// of its bundle.
    pub(super) fn read(
        requested: &str,
        response: &Value,
        bundle: Option<&Value>,
        content: &Content,
    ) -> Result<Entity, String> {
        let type_name = text(response, "entity_type").unwrap_or_default();
        let kind = ObservableType::parse(&type_name).ok_or_else(|| format!("unsupported entity type `{type_name}`"))?;
        let value = text(response, "value").or_else(|| text(response, "observable_value")).unwrap_or_default();
        let observable = Observable::asked(Some(kind), &value).map_err(|error| error.to_string())?;
        let standard = text(response, "standard_id").unwrap_or_default();
        let observable = match Id::parse_observable(kind, &standard) {
            Some(id) => observable.with_id(id),
            None => return Err(format!("invalid `standard_id`: expected the id of a {kind}, found `{standard}`")),
        };
        let objects = match bundle {
            Some(bundle) => bundle["objects"].as_array().cloned().unwrap_or_default(),
            None => to_stix(response, kind),
        };
        let base = objects.iter().find(|object| object["id"].as_str() == Some(standard.as_str()));
        if base.is_none() {
            return Err("missing entity in the bundle".to_owned());
        }
        // An earlier step of the playbook may have added markings that the platform does not know yet.
        let markings = Markings::read((requested, response), &observable, bundle, content);
        let organizations = base.and_then(shared_with).unwrap_or_else(|| ids(response, "objectOrganization"));
        Ok(Entity { observable, markings, organizations, objects })
    }
}

/// Returns the organizations that an object is shared with; none if it has no such property.
fn shared_with(object: &Value) -> Option<Vec<String>> {
    let own = object.get(SHARING);
    let refs = own.or_else(|| object.get("extensions")?.get(EXTENSION)?.get("granted_refs"))?;
    Some(refs.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn ids(response: &Value, key: &str) -> Vec<String> {
    let listed = response[key].as_array().into_iter().flatten();
    listed.filter_map(|item| text(item, "standard_id")).collect()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Converts the entity to STIX, after the author and the markings that it refers to.
fn to_stix(response: &Value, kind: ObservableType) -> Vec<Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !value.is_null() && *value != json!([]) && *value != json!("")) {
            object.insert(key.to_owned(), value);
        }
    };
    let string = |key: &str| text(response, key).map(Value::from);
    put("id", string("standard_id"));
    put("type", Some(Value::from(kind.stix_type())));
    put("spec_version", Some(Value::from("2.1")));
    put("x_opencti_id", string("id"));
    put("x_opencti_type", string("entity_type"));
    put("value", string("value"));
    put("number", response.get("number").cloned());
    put("name", string("name"));
    put("x_opencti_score", response.get("x_opencti_score").cloned());
    put("x_opencti_description", string("x_opencti_description"));
    let labels = response["objectLabel"].as_array().into_iter().flatten().filter_map(|label| text(label, "value"));
    put("x_opencti_labels", Some(labels.collect()));
    put("external_references", Some(external_references(response)));
    put(SHARING, Some(json!(ids(response, "objectOrganization"))));
    let markings = of_platform(response).unwrap_or_default();
    put("object_marking_refs", Some(markings.iter().filter_map(|node| text(node, "standard_id")).collect()));
    let author = author(response);
    put("x_opencti_created_by_ref", author.as_ref().map(|author| author["id"].clone()));
    let markings = markings.into_iter().map(marking);
    author.into_iter().chain(markings).chain([Value::Object(object)]).collect()
}

fn external_references(response: &Value) -> Value {
    let edges = response["externalReferences"]["edges"].as_array().into_iter().flatten();
    let reference = |edge: &Value| -> Value {
        let keys = ["source_name", "description", "url", "hash", "external_id"];
        let fields = keys.iter().filter_map(|key| Some(((*key).to_owned(), Value::from(text(&edge["node"], key)?))));
        Value::Object(fields.collect())
    };
    edges.map(reference).collect()
}

fn author(response: &Value) -> Option<Value> {
    let author = response.get("createdBy").filter(|author| author.is_object())?;
    // The platform's placeholder for an author that this account may not read.
    if [text(author, "name"), text(author, "identity_class")]
        .iter()
        .flatten()
        .all(|text| text.eq_ignore_ascii_case("restricted"))
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

/// Adds the organizations that an object is shared with. Marking definitions are never shared: the platform does not restrict
/// them, and STIX fixes the content of the TLP ones. Elements that are not objects stay unchanged; they are never published.
pub(super) fn share(object: &mut Value, organizations: &[String]) {
    if object["type"] == "marking-definition" {
        object.as_object_mut().map(|properties| properties.remove(SHARING));
        return;
    }
    if organizations.is_empty() || !object.is_object() {
        return;
    }
    let extension = object.get("extensions").and_then(|extensions| extensions.get(EXTENSION));
    let refs_slot = match extension.is_some_and(Value::is_object) {
        true => &mut object["extensions"][EXTENSION]["granted_refs"],
        false => &mut object[SHARING],
    };
    let mut refs = refs_slot.as_array().cloned().unwrap_or_default();
    refs.extend(organizations.iter().map(|organization| Value::from(organization.as_str())));
    let mut seen = HashSet::new();
    refs.retain(|reference| seen.insert(reference.to_string()));
    *refs_slot = Value::from(refs);
}

#[cfg(test)]
mod tests {
    use super::super::objects::{Found, Objects};
    use super::*;
    use stixmap_engine::stix::Tlp;

    fn read(response: &Value) -> Result<Entity, String> {
        Entity::read("", response, None, &Content::default())
    }

    fn response() -> Value {
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
    fn restricted_author_is_omitted() {
        let mut response = response();
        let author = |name: &str, class: &str| json!({ "standard_id": "identity--1", "entity_type": "Organization", "name": name, "identity_class": class });
        response["createdBy"] = author("Restricted", "Restricted");
        assert_eq!(read(&response).expect("an observable").objects.len(), 5);
        response["createdBy"] = author("Restricted", "organization");
        assert_eq!(read(&response).expect("an observable").objects.len(), 6);
    }

    #[test]
    fn found_objects_are_shared_like_the_entity_and_never_replace_it() {
        let entity = read(&response()).expect("an observable");
        let found = vec![
            json!({ "type": "domain-name", "id": "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7", "value": "other" }),
            json!({ "type": "ipv4-addr", "id": "ipv4-addr--1", "value": "192.0.2.1" }),
        ];
        let objects = Objects::enriched(entity, Found::Values(found));
        let objects: Vec<Value> = (0..objects.len()).map(|position| objects.at(position)).collect();
        assert_eq!(objects.len(), 6);
        assert_eq!(objects[4]["value"], "example.com");
        let (markings, others) = objects.split_at(4);
        assert!(others.iter().all(|object| object[SHARING] == json!(["identity--9"])));
        assert!(
            markings.iter().all(|marking| marking["type"] == "marking-definition" && marking.get(SHARING).is_none())
        );
    }

    #[test]
    fn marking_definitions_are_never_shared() {
        let response = response();
        let definition = json!({ "type": "marking-definition", "id": Tlp::Red.marking_id(), SHARING: ["identity--9"] });
        let base = json!({ "type": "domain-name", "id": response["standard_id"], "value": "example.com", SHARING: ["identity--9"] });
        for sharing in [json!(["identity--9"]), json!([])] {
            let base = with(&base, SHARING, sharing);
            let bundle = json!({ "type": "bundle", "objects": [definition, base] });
            let entity = Entity::read("", &response, Some(&bundle), &Content::default()).expect("an observable");
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
    fn unsupported_entity_is_an_error() {
        let mut other = response();
        other["entity_type"] = "StixFile".into();
        assert!(read(&other).is_err());
        let mut nothing = response();
        nothing["value"] = "".into();
        assert!(read(&nothing).is_err());
        assert!(Entity::read("", &response(), Some(&json!({ "objects": [] })), &Content::default()).is_err());
    }
}
