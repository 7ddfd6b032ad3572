//! Observables of the mock platform in their two representations: GraphQL responses, and STIX in messages.

use serde_json::{Map, Value, json};
use stixmap_engine::stix::{Id, ObservableType, Tlp};

pub(crate) const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";
pub(crate) const SCO_EXTENSION: &str = "extension-definition--f93e2c80-4231-4f9a-af8b-95c9bd566a82";

/// An observable on the platform.
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    /// Internal id of the platform.
    pub(crate) id: String,
    pub(crate) standard_id: String,
    /// OpenCTI entity type, such as `Domain-Name`.
    pub(crate) entity_type: String,
    /// Properties specific to the type, such as `value`.
    pub(crate) properties: Map<String, Value>,
    /// Definition type and definition, the most restrictive first, as in the platform.
    pub(crate) markings: Vec<(&'static str, String)>,
    /// STIX ids of the organizations it is shared with.
    pub(crate) organisations: Vec<String>,
    pub(crate) labels: Vec<&'static str>,
    pub(crate) score: Option<u8>,
    pub(crate) description: Option<&'static str>,
    /// Name of the organization that created it.
    pub(crate) author: Option<&'static str>,
}

impl Entity {
    pub(crate) fn domain(value: &str) -> Entity {
        Entity::of(ObservableType::DomainName, value)
    }

    pub(crate) fn ipv4(value: &str) -> Entity {
        Entity::of(ObservableType::Ipv4Addr, value)
    }

    pub(crate) fn ipv6(value: &str) -> Entity {
        Entity::of(ObservableType::Ipv6Addr, value)
    }

    fn of(kind: ObservableType, value: &str) -> Entity {
        let standard_id = Id::of_value(kind, value).to_string();
        Entity::new(kind.entity_type(), standard_id, [("value", json!(value))])
    }

    /// Creates an entity of a type with properties other than `value`.
    pub(crate) fn new<const N: usize>(
        entity_type: &str,
        standard_id: String,
        properties: [(&str, Value); N],
    ) -> Entity {
        let tail = standard_id.split("--").nth(1).expect("a STIX id has two parts");
        Entity {
            id: format!("a0{}", &tail[2..]),
            entity_type: entity_type.into(),
            properties: properties.map(|(name, value)| (name.to_string(), value)).into_iter().collect(),
            markings: vec![],
            organisations: vec![],
            labels: vec![],
            score: None,
            description: None,
            author: None,
            standard_id,
        }
    }

    /// Adds a marking: TLP, or another definition type such as `PAP:RED`.
    pub(crate) fn marked(mut self, definition: &str) -> Entity {
        let kind = if definition.starts_with("PAP:") { "PAP" } else { "TLP" };
        self.markings.push((kind, definition.to_string()));
        self
    }

    pub(crate) fn shared_with(mut self, organisation: &str) -> Entity {
        self.organisations.push(organisation.to_string());
        self
    }

    /// Adds a score, a description, a label and an author.
    pub(crate) fn described(mut self) -> Entity {
        self.score = Some(50);
        self.description = Some("seen in the proxy log");
        self.labels = vec!["proxy"];
        self.author = Some("ACME");
        self
    }

    fn value(&self) -> &str {
        self.properties.get("value").and_then(Value::as_str).unwrap_or("no value")
    }

    /// Returns the GraphQL representation; `__typename` selects fragments.
    pub(crate) fn read(&self) -> Value {
        let typename = self.entity_type.replace('-', "");
        let files = json!({ "edges": [] });
        let mut read = json!({
            "__typename": typename,
            "id": self.id,
            "standard_id": self.standard_id,
            "entity_type": self.entity_type,
            "parent_types": ["Basic-Object", "Stix-Object", "Stix-Core-Object", "Stix-Cyber-Observable"],
            "spec_version": "2.1",
            "created_at": "2024-01-15T10:30:00.000Z",
            "updated_at": "2024-01-15T10:30:00.000Z",
            "creators": [{ "id": "u1", "name": "admin" }],
            "createdBy": self.author.map(author),
            "objectMarking": self.markings.iter().map(|(kind, definition)| marking(kind, definition)).collect::<Vec<_>>(),
            "objectOrganization": self.organisations.iter().map(|id| organisation(id)).collect::<Vec<_>>(),
            "objectLabel": self.labels.iter().map(|label| self::label(label)).collect::<Vec<_>>(),
            "externalReferences": files,
            "importFiles": files,
            "indicators": files,
            "observable_value": self.value(),
            "x_opencti_description": self.description,
            "x_opencti_score": self.score,
        });
        let object = read.as_object_mut().expect("it is an object");
        object.extend(self.properties.clone());
        read
    }

    /// Returns the STIX representation of messages, with OpenCTI properties in extensions.
    pub(crate) fn stix(&self) -> Value {
        let stix_type = self.standard_id.split("--").next().expect("a split has a first part");
        let mut own = json!({
            "extension_type": "property-extension",
            "id": self.id,
            "type": self.entity_type,
            "created_at": "2024-01-15T10:30:00.000Z",
            "updated_at": "2024-01-15T10:30:00.000Z",
            "is_inferred": false,
            "creator_ids": ["u1"],
        });
        if !self.organisations.is_empty() {
            own["granted_refs"] = json!(self.organisations);
        }
        let mut more = json!({ "extension_type": "property-extension", "labels": self.labels });
        if let Some(score) = self.score {
            more["score"] = json!(score);
            more["description"] = json!(self.description);
            more["created_by_ref"] = json!(self.author.map(author_id));
        }
        let mut stix = json!({ "id": self.standard_id, "spec_version": "2.1", "type": stix_type });
        let object = stix.as_object_mut().expect("it is an object");
        object.extend(self.properties.clone());
        if !self.markings.is_empty() {
            let ids: Vec<String> = self.markings.iter().map(|(_, definition)| marking_id(definition)).collect();
            object.insert("object_marking_refs".into(), json!(ids));
        }
        object.insert("extensions".into(), json!({ EXTENSION: own, SCO_EXTENSION: more }));
        stix
    }

    /// Returns the bundle of a playbook step with this entity and `more` objects.
    pub(crate) fn bundle(&self, more: &[Value]) -> Value {
        let mut objects = vec![self.stix()];
        objects.extend(more.iter().cloned());
        json!({ "id": "bundle--0b1c2d3e-0000-4000-8000-000000000001", "type": "bundle", "spec_version": "2.1", "objects": objects })
    }
}

/// Returns the id of a marking; the platform generates ids of markings other than TLP.
pub(crate) fn marking_id(definition: &str) -> String {
    match Tlp::parse(definition) {
        Some(tlp) => tlp.marking_id().to_string(),
        None => "marking-definition--11111111-2222-5333-8444-555555555555".into(),
    }
}

fn marking(kind: &str, definition: &str) -> Value {
    json!({
        "id": format!("m-{definition}"),
        "standard_id": marking_id(definition),
        "entity_type": "Marking-Definition",
        "definition_type": kind,
        "definition": definition,
        "created": "2024-01-01T00:00:00.000Z",
        "modified": "2024-01-01T00:00:00.000Z",
        "x_opencti_order": 1,
        "x_opencti_color": "#ffc000",
    })
}

fn organisation(id: &str) -> Value {
    json!({ "__typename": "Organization", "id": format!("o-{id}"), "standard_id": id, "name": "Shared with" })
}

fn label(value: &str) -> Value {
    let id = "label--2a8e3b0c-0000-5000-8000-000000000001";
    json!({ "id": format!("l-{value}"), "standard_id": id, "entity_type": "Label", "value": value, "color": "#fff" })
}

fn author_id(name: &str) -> String {
    Id::of_identity(name, "organization").to_string()
}

fn author(name: &str) -> Value {
    json!({
        "__typename": "Organization",
        "id": format!("i-{name}"),
        "standard_id": author_id(name),
        "entity_type": "Organization",
        "parent_types": ["Basic-Object", "Stix-Object", "Stix-Core-Object", "Stix-Domain-Object", "Identity"],
        "spec_version": "2.1",
        "identity_class": "organization",
        "name": name,
        "created": "2024-01-01T00:00:00.000Z",
        "modified": "2024-01-01T00:00:00.000Z",
        "objectLabel": [],
    })
}
