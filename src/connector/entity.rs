//! The entity that is enriched: as the platform tells it, as STIX to send along, and as what the engine is asked about.

use serde_json::{Map, Value, json};
use stixmap_engine::stix::{Id, Kind, Marking, Observable, Tlp};

/// OpenCTI's extension of any object.
const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";

/// What is enriched, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    /// As the engine is asked about it; by the platform's id.
    pub(super) observable: Observable,
    /// How it is marked: every TLP marking, those that cannot be read too.
    pub(super) markings: Vec<Marking>,
    /// The organisations it is shared with.
    pub(super) organisations: Vec<String>,
    /// The objects that came, or that the platform told: the entity last.
    pub(super) objects: Vec<Value>,
}

impl Entity {
    /// Reads what the platform tells of an observable. In a playbook, the objects are those of its bundle.
    pub(super) fn read(told: &Value, bundle: Option<&Value>) -> Result<Entity, String> {
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
        let mut markings = markings(told);
        // A step before may have marked it, and the platform does not know that yet.
        markings.extend(bundle.zip(base).into_iter().flat_map(|(bundle, base)| markings_in(bundle, base, told)));
        let organisations = base.and_then(shared_with).unwrap_or_else(|| names(told, "objectOrganization"));
        Ok(Entity { observable, markings, organisations, objects })
    }
}

/// Every marking that is a TLP; one with a level that is not known is none that may be passed over.
fn markings(told: &Value) -> Vec<Marking> {
    let markings = told["objectMarking"].as_array().into_iter().flatten();
    let of_tlp = markings
        .filter(|marking| text(marking, "definition_type").is_some_and(|kind| kind.eq_ignore_ascii_case("tlp")));
    of_tlp
        .map(|marking| {
            let level = text(marking, "definition").unwrap_or_default();
            Tlp::parse(&level).map_or(Marking::UnknownTlp(level), Marking::Tlp)
        })
        .collect()
}

/// The TLP markings that an object of a bundle refers to. One that nothing is known of may be one.
fn markings_in<'b>(bundle: &'b Value, object: &'b Value, told: &'b Value) -> impl Iterator<Item = Marking> + use<'b> {
    let refs = object["object_marking_refs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    refs.filter_map(|id| {
        if let Some(tlp) = Tlp::ALL.into_iter().find(|tlp| tlp.marking_id().to_string() == id) {
            return Some(Marking::Tlp(tlp));
        }
        let mut objects = bundle["objects"].as_array().into_iter().flatten();
        match objects.find(|other| other["id"] == id) {
            Some(definition) => level_told(definition),
            None if names(told, "objectMarking").iter().any(|name| name == id) => None,
            None => Some(Marking::UnknownTlp(id.to_owned())),
        }
    })
}

/// The level that a marking definition tells: in OpenCTI's own words, in those of STIX, or by its name alone, as the markings of
/// TLP 2.0 do. One that does not say of which kind it is may be any.
fn level_told(marking: &Value) -> Option<Marking> {
    let extension = &marking["extensions"][EXTENSION];
    let words = [
        ("x_opencti_definition_type", "x_opencti_definition", marking),
        ("definition_type", "definition", extension),
        ("definition_type", "name", marking),
    ];
    let level = words.into_iter().find_map(|(kind, level, place)| {
        let is_tlp = text(place, kind).is_some_and(|kind| kind.eq_ignore_ascii_case("tlp"));
        is_tlp.then(|| text(place, level).unwrap_or_default())
    });
    let is_named = |name: &String| name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("tlp:"));
    let has_kind = words.into_iter().any(|(kind, _, place)| text(place, kind).is_some());
    let name = text(marking, "name");
    let level =
        level.or_else(|| name.clone().filter(is_named)).or_else(|| (!has_kind).then(|| name.unwrap_or_default()));
    level.map(|level| Tlp::parse(&level).map_or(Marking::UnknownTlp(level), Marking::Tlp))
}

/// Whom an object says it is shared with; none if it does not say.
fn shared_with(object: &Value) -> Option<Vec<String>> {
    let own = object.get("x_opencti_granted_refs");
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
    put("x_opencti_granted_refs", Some(json!(names(told, "objectOrganization"))));
    put("object_marking_refs", Some(json!(names(told, "objectMarking"))));
    let author = author(told);
    put("x_opencti_created_by_ref", author.as_ref().map(|author| author["id"].clone()));
    let markings = told["objectMarking"].as_array().into_iter().flatten().map(marking);
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

fn marking(told: &Value) -> Value {
    let kind = text(told, "definition_type").unwrap_or_default();
    let definition = text(told, "definition").unwrap_or_default();
    let is_tlp = kind.eq_ignore_ascii_case("tlp");
    let created = if is_tlp { None } else { text(told, "created") };
    let lower = kind.to_lowercase();
    let level = definition.to_lowercase().replace("tlp:", "");
    json!({
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": told["standard_id"],
        "created": created.unwrap_or_else(|| "2017-01-20T00:00:00.000Z".to_owned()),
        "definition_type": lower.clone(),
        "name": definition,
        "definition": { lower: level },
    })
}

/// What is sent: the objects that came, then what was found that is not among them; everything shared with whom the entity is.
pub(super) fn enriched(entity: &Entity, found: Vec<Value>) -> Vec<Value> {
    let known: std::collections::HashSet<String> =
        entity.objects.iter().filter_map(|object| object["id"].as_str().map(str::to_owned)).collect();
    let added = found.into_iter().filter(|object| object["id"].as_str().is_some_and(|id| !known.contains(id)));
    let mut objects: Vec<Value> = entity.objects.iter().cloned().chain(added).collect();
    if !entity.organisations.is_empty() {
        objects.iter_mut().for_each(|object| share(object, &entity.organisations));
    }
    objects
}

/// A bundle may hold what is no object: that is shared with nobody, and never sent.
fn share(object: &mut Value, organisations: &[String]) {
    if !object.is_object() {
        return;
    }
    let extension = object.get("extensions").and_then(|extensions| extensions.get(EXTENSION));
    let place = match extension.is_some_and(Value::is_object) {
        true => &mut object["extensions"][EXTENSION]["granted_refs"],
        false => &mut object["x_opencti_granted_refs"],
    };
    let mut refs = place.as_array().cloned().unwrap_or_default();
    refs.extend(organisations.iter().map(|organisation| Value::from(organisation.as_str())));
    let mut seen = std::collections::HashSet::new();
    refs.retain(|reference| seen.insert(reference.to_string()));
    *place = Value::from(refs);
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_tlp_marking_counts_and_those_that_cannot_be_read_too() {
        let entity = Entity::read(&told(), None).expect("an observable");
        let expected = [Marking::Tlp(Tlp::Red), Marking::Tlp(Tlp::Green), Marking::UnknownTlp("TLP:ORANGE".into())];
        assert_eq!(entity.markings, expected);
        assert_eq!(entity.objects.len(), 5, "four markings and the name");
        assert_eq!(entity.objects[4]["x_opencti_score"], 50);
    }

    #[test]
    fn a_marking_that_only_the_bundle_has_counts_too() {
        let read = |more: Value| {
            let mut base = json!({ "type": "domain-name", "id": told()["standard_id"], "value": "example.com" });
            base["object_marking_refs"] = json!([more["id"]]);
            let mut unmarked = told();
            unmarked["objectMarking"] = json!([]);
            Entity::read(&unmarked, Some(&json!({ "objects": [base, more] }))).expect("an observable").markings
        };
        let red = Tlp::Red.marking_id().to_string();
        assert_eq!(read(json!({ "id": red })), [Marking::Tlp(Tlp::Red)]);
        let own = json!({ "id": "marking-definition--1", "definition_type": "statement",
            "x_opencti_definition_type": "TLP", "x_opencti_definition": "TLP:AMBER+STRICT" });
        assert_eq!(read(own), [Marking::Tlp(Tlp::AmberStrict)]);
        let odd = json!({ "id": "marking-definition--2", "definition_type": "tlp", "name": "TLP:ORANGE" });
        assert_eq!(read(odd), [Marking::UnknownTlp("TLP:ORANGE".into())]);
        assert_eq!(read(json!({ "id": "marking-definition--3", "definition_type": "PAP", "name": "PAP:RED" })), []);
        let newer = json!({ "id": "marking-definition--5", "name": "TLP:RED",
            "extensions": { "extension-definition--e2e1a340-4415-4ba8-9671-f7343fbf0836": { "tlp_2_0": "red" } } });
        assert_eq!(read(newer), [Marking::Tlp(Tlp::Red)]);
        let stated = json!({ "id": "marking-definition--6", "definition_type": "statement", "name": "TLP:AMBER" });
        assert_eq!(read(stated), [Marking::Tlp(Tlp::Amber)]);
        let own = json!({ "id": "marking-definition--7", "definition_type": "statement", "name": "Copyright" });
        assert_eq!(read(own), []);
        assert_eq!(
            read(json!({ "id": "marking-definition--8", "name": "Secret" })),
            [Marking::UnknownTlp("Secret".into())]
        );
    }

    #[test]
    fn an_author_that_may_not_be_seen_is_not_sent() {
        let mut told = told();
        let author = |name: &str, class: &str| json!({ "standard_id": "identity--1", "entity_type": "Organization", "name": name, "identity_class": class });
        told["createdBy"] = author("Restricted", "Restricted");
        assert_eq!(Entity::read(&told, None).expect("an observable").objects.len(), 5);
        told["createdBy"] = author("Restricted", "organization");
        assert_eq!(Entity::read(&told, None).expect("an observable").objects.len(), 6);
    }

    #[test]
    fn a_marking_that_nobody_defines_may_be_any() {
        let read = |told: &Value, id: &str| {
            let mut base = json!({ "type": "domain-name", "id": told["standard_id"], "value": "example.com" });
            base["object_marking_refs"] = json!([id]);
            Entity::read(told, Some(&json!({ "objects": [base] }))).expect("an observable").markings
        };
        let mut marked = told();
        marked["objectMarking"] =
            json!([{ "standard_id": "marking-definition--3", "definition_type": "PAP", "definition": "PAP:RED" }]);
        assert_eq!(read(&marked, "marking-definition--3"), [], "the platform knows it, and it is no TLP");
        let unknown = "marking-definition--4";
        assert_eq!(read(&marked, unknown), [Marking::UnknownTlp(unknown.into())]);
    }

    #[test]
    fn what_is_found_is_shared_as_the_entity_is_and_never_replaces_it() {
        let entity = Entity::read(&told(), None).expect("an observable");
        let found = vec![
            json!({ "type": "domain-name", "id": "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7", "value": "other" }),
            json!({ "type": "ipv4-addr", "id": "ipv4-addr--1", "value": "192.0.2.1" }),
        ];
        let objects = enriched(&entity, found);
        assert_eq!(objects.len(), 6);
        assert_eq!(objects[4]["value"], "example.com");
        assert!(objects.iter().all(|object| object["x_opencti_granted_refs"] == json!(["identity--9"])));
    }

    #[test]
    fn what_is_no_observable_is_told_so() {
        let mut other = told();
        other["entity_type"] = "StixFile".into();
        assert!(Entity::read(&other, None).is_err());
        let mut nothing = told();
        nothing["value"] = "".into();
        assert!(Entity::read(&nothing, None).is_err());
        assert!(Entity::read(&told(), Some(&json!({ "objects": [] }))).is_err());
    }
}
