//! Messages of the platform that request an enrichment, parsed.

use super::json::{self, Fields};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A request for an enrichment, or for a step of a playbook.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Delivery {
    /// Id of the work to report to; messages of playbooks have none.
    pub(super) work: Option<String>,
    /// Id of the user who requested it.
    pub(super) applicant: Option<String>,
    /// Id of the draft that it belongs to.
    pub(super) draft: Option<String>,
    /// Id of the entity to enrich.
    pub(super) entity: String,
    /// OpenCTI's name of its type, if the message has it.
    pub(super) entity_type: Option<String>,
    /// The step of a playbook to answer.
    pub(super) playbook: Option<Playbook>,
    /// STIX objects in the message.
    pub(super) content: Content,
    pub(super) validation: Validation,
}

/// A step of a playbook, with its input.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Playbook {
    /// `event_id`, `execution_id`, `playbook_id`, `data_instance_id`, `step_id`, `previous_step_id`.
    pub(super) step: BTreeMap<String, Value>,
    /// The bundle as received, as JSON.
    pub(super) bundle: String,
}

impl Playbook {
    fn of(step: &Fields<'_>, event: &Fields<'_>) -> Result<Playbook, String> {
        let value = |(key, value): (&String, &&RawValue)| {
            let value = json::parse(value.get().as_bytes()).map_err(|error| format!("invalid `{key}`: {error}"))?;
            Ok((key.clone(), value))
        };
        let step = step.iter().map(value).collect::<Result<_, String>>()?;
        let bundle = fields(event, "bundle")?.filter(|bundle| objects(bundle).is_some());
        let text = event.get("bundle").filter(|_| bundle.is_some()).ok_or("missing `bundle` in a playbook message")?;
        Ok(Playbook { step, bundle: text.get().to_owned() })
    }

    /// Parses the bundle; a repeated key is an error.
    pub(super) fn read(&self) -> Result<Value, String> {
        json::parse(self.bundle.as_bytes()).map_err(|error| format!("invalid playbook bundle: {error}"))
    }
}

/// The event of a message: JSON by key, as received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content(Vec<(String, String)>);

/// Parsed STIX content of a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    /// The entity of `stix_entity`.
    pub(super) entity: Vec<Value>,
    /// The objects of `stix_objects` or `bundle`, with the entity among them.
    pub(super) objects: Vec<Value>,
    /// Other properties of the event and of the bundle.
    pub(super) properties: Vec<(String, Value)>,
}

impl Content {
    /// Copies the keys. OpenCTI has `stix_entity` and `stix_objects` since 6.8.9; the bundle of a playbook is parsed by
    /// `Playbook`.
    fn of(event: &Fields<'_>, is_playbook: bool) -> Content {
        let parts = event.iter().filter(|(key, _)| !(is_playbook && *key == "bundle"));
        Content(parts.map(|(key, value)| (key.clone(), value.get().to_owned())).collect())
    }

    /// Parses the content; the error names the invalid key.
    pub(super) fn read(&self) -> Result<Parts, String> {
        let mut parts = Parts::default();
        for (key, text) in &self.0 {
            let unreadable = |error| format!("invalid `{}` in the message: {error}", key.escape_debug());
            let mut value = json::parse(text.as_bytes()).map_err(unreadable)?;
            if !["stix_entity", "stix_objects", "bundle"].contains(&key.as_str()) {
                parts.properties.push((key.clone(), value));
                continue;
            }
            // The platform sends JSON encoded as a string.
            if let Value::String(text) = value {
                value = if text.is_empty() { Value::Null } else { json::parse(text.as_bytes()).map_err(unreadable)? };
            }
            parts.add(key, value)?;
        }
        Ok(parts)
    }
}

impl Parts {
    fn add(&mut self, key: &str, value: Value) -> Result<(), String> {
        match (key, value) {
            (_, Value::Null) => {}
            ("stix_entity", entity @ Value::Object(_)) => self.entity.push(entity),
            ("stix_objects" | "bundle", Value::Array(objects)) => self.objects.extend(objects),
            ("stix_objects" | "bundle", Value::Object(mut bundle)) => {
                let Some(Value::Array(objects)) = bundle.remove("objects") else {
                    return Err(format!("invalid `{key}` in the message: missing list of objects"));
                };
                self.objects.extend(objects);
                self.properties.extend(bundle);
            }
            _ => return Err(format!("invalid `{key}` in the message: expected an object or a list")),
        }
        Ok(())
    }
}

/// Whether results must be validated by a person before import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Validation {
    pub(super) is_forced: bool,
    /// In a workbench instead of a draft; none for the platform's default.
    pub(super) in_workbench: Option<bool>,
}

/// Why a message is malformed, and its work, if that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) reason: String,
    pub(super) work: Option<String>,
}

impl Delivery {
    /// Returns the age of the work in seconds; the platform appends the time of creation to its id.
    pub(super) fn waited(&self, now: Timestamp) -> Option<f64> {
        let created: Timestamp = self.work.as_ref()?.rsplit('_').next()?.parse().ok()?;
        Some(now.duration_since(created).as_secs_f64().max(0.0))
    }

    /// Parses a message of OpenCTI 6.0 or later; a repeated key is an error.
    pub(super) fn parse(body: &[u8]) -> Result<Delivery, Malformed> {
        Self::read(body).map_err(|reason| Malformed { reason, work: work_of(body) })
    }

    fn read(body: &[u8]) -> Result<Delivery, String> {
        let message = json::parse_fields(body).map_err(|error| format!("not a JSON object: {error}"))?;
        let internal = fields(&message, "internal")?.ok_or("missing `internal`")?;
        let event = fields(&message, "event")?.ok_or("missing `event`")?;
        let entity = text(&event, "entity_id").ok_or("missing `entity_id`")?;
        let playbook = fields(&internal, "playbook")?.map(|step| Playbook::of(&step, &event)).transpose()?;
        let mode = text(&event, "validation_mode");
        Ok(Delivery {
            work: text(&internal, "work_id"),
            applicant: text(&internal, "applicant_id"),
            draft: text(&internal, "draft_id"),
            entity_type: text(&event, "entity_type").or_else(|| type_in_bundle(playbook.as_ref(), &entity)),
            content: Content::of(&event, playbook.is_some()),
            entity,
            playbook,
            validation: Validation {
                is_forced: read(&event, "force_validation").unwrap_or(false),
                in_workbench: mode.map(|mode| mode == "workbench"),
            },
        })
    }

    /// Returns the type of the entity: the platform's name if known, otherwise the prefix of its id.
    pub(super) fn kind(&self) -> &str {
        self.entity_type.as_deref().unwrap_or_else(|| self.entity.split("--").next().unwrap_or_default())
    }
}

/// Returns the id of the work of a malformed message, so that it can be reported.
fn work_of(body: &[u8]) -> Option<String> {
    let message: Fields<'_> = serde_json::from_slice(body).ok()?;
    text(&read(&message, "internal")?, "work_id")
}

/// Returns the fields of an object; none if the key is missing or its value is another one.
fn fields<'m>(parent: &Fields<'m>, key: &str) -> Result<Option<Fields<'m>>, String> {
    let Some(text) = parent.get(key).map(|value| value.get()).filter(|text| text.starts_with('{')) else {
        return Ok(None);
    };
    json::parse_fields(text.as_bytes()).map(Some).map_err(|error| format!("invalid `{key}`: {error}"))
}

/// Returns a value if it is present and of the expected type.
fn read<'m, T: Deserialize<'m>>(fields: &Fields<'m>, key: &str) -> Option<T> {
    serde_json::from_str(fields.get(key)?.get()).ok()
}

fn text(fields: &Fields<'_>, key: &str) -> Option<String> {
    read(fields, key).filter(|text: &String| !text.is_empty())
}

/// Returns the objects of a bundle; none if it has no list of objects.
fn objects<'m>(bundle: &Fields<'m>) -> Option<Vec<&'m RawValue>> {
    read(bundle, "objects")
}

/// Returns the entity's type from the bundle: messages of playbooks have no `entity_type` in OpenCTI before 2026.
fn type_in_bundle(playbook: Option<&Playbook>, entity: &str) -> Option<String> {
    let objects = objects(&json::parse_fields(playbook?.bundle.as_bytes()).ok()?)?;
    let mut all = objects.into_iter().filter_map(|object| json::parse_fields(object.get().as_bytes()).ok());
    let object = all.find(|object| text(object, "id").as_deref() == Some(entity))?;
    let extensions = fields(&object, "extensions").ok().flatten().unwrap_or_default();
    let of_extension = extensions.keys().find_map(|key| text(&fields(&extensions, key).ok()??, "type"));
    of_extension.or_else(|| text(&object, "type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn messages_of_all_versions_are_parsed() {
        let message = json!({
            "internal": { "work_id": "w", "applicant_id": null, "draft_id": "d" },
            "event": { "event_type": "INTERNAL_ENRICHMENT", "entity_id": "ipv4-addr--1", "entity_type": "IPv4-Addr", "stix_entity": "{}" },
        });
        let delivery = Delivery::parse(message.to_string().as_bytes()).expect("a message");
        assert_eq!(
            (delivery.work.as_deref(), delivery.draft.as_deref(), delivery.kind()),
            (Some("w"), Some("d"), "IPv4-Addr")
        );
        let message = json!({
            "internal": { "work_id": null, "applicant_id": "a", "playbook": { "event_id": "e" } },
            "event": { "entity_id": "domain-name--1", "bundle": { "objects": [{ "id": "domain-name--1", "type": "domain-name" }] } },
        });
        let delivery = Delivery::parse(message.to_string().as_bytes()).expect("a message");
        assert_eq!((delivery.work.as_deref(), delivery.kind_of_playbook()), (None, "domain-name"));
    }

    impl Delivery {
        fn kind_of_playbook(&self) -> &str {
            self.playbook.as_ref().map(|_| self.kind()).expect("a playbook's message")
        }
    }

    #[test]
    fn malformed_message_is_reported_with_its_work() {
        let check = |body: &str, work: Option<&str>| {
            let malformed = Delivery::parse(body.as_bytes()).expect_err("a malformed message");
            assert_eq!(malformed.work.as_deref(), work, "{body}: {}", malformed.reason);
        };
        check("not json", None);
        check("{}", None);
        check(r#"{"event": {"entity_id": "x"}}"#, None);
        check(r#"{"internal": {"work_id": "w"}}"#, Some("w"));
        check(r#"{"internal": {"work_id": "w"}, "event": {}}"#, Some("w"));
        check(
            r#"{"internal": {"work_id": "w", "playbook": {}}, "event": {"entity_id": "x", "bundle": {}}}"#,
            Some("w"),
        );
        check(
            r#"{"internal": {"work_id": "w", "playbook": {}}, "event": {"entity_id": "x", "bundle": {"objects": [], "objects": []}}}"#,
            Some("w"),
        );
        check(r#"{"internal": {"work_id": "w"}, "event": {"entity_id": "x", "entity_id": "x"}}"#, Some("w"));
        check(r#"{"internal": {"work_id": "w"}, "event": {}, "event": {"entity_id": "x"}}"#, Some("w"));
    }

    proptest! {
        #[test]
        fn parsing_any_bytes_does_not_panic(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Delivery::parse(&body);
        }
    }
}
