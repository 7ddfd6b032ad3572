//! A message of the platform as a value: everything one enrichment needs to know is in it, and nothing of it outlives it.

use super::json;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An object whose values are read where they are needed: a message may be long, and hardly anything of it is.
pub(super) type Fields<'m> = BTreeMap<String, &'m RawValue>;

/// What the platform asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Delivery {
    /// The work to report to; playbooks have none.
    pub(super) work: Option<String>,
    /// On whose behalf.
    pub(super) applicant: Option<String>,
    /// The draft to work in.
    pub(super) draft: Option<String>,
    /// What is to be enriched.
    pub(super) entity: String,
    /// Its type, as OpenCTI calls it, where the platform says so.
    pub(super) entity_type: Option<String>,
    /// The step of a playbook that waits for the answer.
    pub(super) playbook: Option<Playbook>,
    /// What the message itself brings of the entity.
    pub(super) content: Content,
    pub(super) validation: Validation,
}

/// A step of a playbook, and what it works on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Playbook {
    /// `event_id`, `execution_id`, `playbook_id`, `data_instance_id`, `step_id`, `previous_step_id`.
    pub(super) step: BTreeMap<String, Value>,
    /// The bundle, as it came.
    pub(super) bundle: String,
}

impl Playbook {
    /// The bundle as a value.
    pub(super) fn read(&self) -> Result<Value, String> {
        json::parse(&self.bundle).map_err(|error| format!("the playbook's bundle cannot be read: {error}"))
    }
}

/// What a message brings of its entity in STIX, by key, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content(Vec<(&'static str, String)>);

/// The objects of a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    /// The entity, where the message has it alone.
    pub(super) entity: Vec<Value>,
    /// The entity among others.
    pub(super) objects: Vec<Value>,
}

impl Content {
    /// Platforms since 6.8.9 bring `stix_entity` and `stix_objects`. The bundle of a playbook is read as such.
    fn of(event: &Fields<'_>, is_playbook: bool) -> Content {
        let keys = ["stix_entity", "stix_objects"].into_iter().chain((!is_playbook).then_some("bundle"));
        let part = |key: &'static str| Some((key, event.get(key)?.get().to_owned()));
        Content(keys.filter_map(part).collect())
    }

    /// The objects; or which key cannot be read.
    pub(super) fn read(&self) -> Result<Parts, String> {
        let mut parts = Parts::default();
        for (key, text) in &self.0 {
            let unreadable = |error| format!("`{key}` of the message cannot be read: {error}");
            let mut value = json::parse(text).map_err(unreadable)?;
            // The platform sends JSON in a text.
            if let Value::String(text) = value {
                value = if text.is_empty() { Value::Null } else { json::parse(&text).map_err(unreadable)? };
            }
            match (*key, value) {
                (_, Value::Null) => {}
                ("stix_entity", entity @ Value::Object(_)) => parts.entity.push(entity),
                ("stix_objects" | "bundle", Value::Array(objects)) => parts.objects.extend(objects),
                ("stix_objects" | "bundle", Value::Object(mut bundle)) => match bundle.remove("objects") {
                    Some(Value::Array(objects)) => parts.objects.extend(objects),
                    _ => return Err(format!("`{key}` of the message has no list of objects")),
                },
                _ => return Err(format!("`{key}` of the message is neither an object nor a list")),
            }
        }
        Ok(parts)
    }
}

/// Whether a person looks at what is found before it is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Validation {
    pub(super) is_forced: bool,
    /// In a workbench instead of a draft.
    pub(super) in_workbench: Option<bool>,
}

/// Why a message is none, and the work that can be told so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) reason: String,
    pub(super) work: Option<String>,
}

impl Delivery {
    /// How many seconds ago the work was made: the platform writes the time at the end of its id.
    pub(super) fn waited(&self, now: Timestamp) -> Option<f64> {
        let made: Timestamp = self.work.as_ref()?.rsplit('_').next()?.parse().ok()?;
        Some(now.duration_since(made).as_secs_f64().max(0.0))
    }

    /// Reads a message, of any platform since 6.0.
    pub(super) fn parse(body: &[u8]) -> Result<Delivery, Malformed> {
        let malformed = |reason: &str, work: Option<String>| Malformed { reason: reason.to_owned(), work };
        let message: Fields<'_> =
            serde_json::from_slice(body).map_err(|error| malformed(&format!("it is no JSON object: {error}"), None))?;
        let internal: Option<Fields<'_>> = read(&message, "internal");
        let work = internal.as_ref().and_then(|internal| text(internal, "work_id"));
        let internal = internal.ok_or_else(|| malformed("it has no `internal`", work.clone()))?;
        let event: Option<Fields<'_>> = read(&message, "event");
        let event = event.ok_or_else(|| malformed("it has no `event`", work.clone()))?;
        let entity = text(&event, "entity_id").ok_or_else(|| malformed("it names no entity", work.clone()))?;
        let playbook = match read(&internal, "playbook") {
            None => None,
            Some(step) => {
                let bundle = event.get("bundle").filter(|bundle| objects(bundle.get()).is_some());
                let bundle = bundle.ok_or_else(|| malformed("a playbook's message has no bundle", work.clone()))?;
                Some(Playbook { step, bundle: bundle.get().to_owned() })
            }
        };
        let mode = text(&event, "validation_mode");
        Ok(Delivery {
            work,
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

    /// The type of the entity, as well as it is known: what the platform says, or else the prefix of its id.
    pub(super) fn kind(&self) -> &str {
        self.entity_type.as_deref().unwrap_or_else(|| self.entity.split("--").next().unwrap_or_default())
    }
}

/// A value, if it is there and of its kind.
fn read<'m, T: Deserialize<'m>>(fields: &Fields<'m>, key: &str) -> Option<T> {
    serde_json::from_str(fields.get(key)?.get()).ok()
}

fn text(fields: &Fields<'_>, key: &str) -> Option<String> {
    read(fields, key).filter(|text: &String| !text.is_empty())
}

/// The objects of a bundle; none if it has no list of them.
fn objects(bundle: &str) -> Option<Vec<&RawValue>> {
    read(&serde_json::from_str(bundle).ok()?, "objects")
}

/// Messages of playbooks did not name the type before 2026; the object in the bundle has it.
fn type_in_bundle(playbook: Option<&Playbook>, entity: &str) -> Option<String> {
    let objects = objects(&playbook?.bundle)?;
    let mut all = objects.into_iter().filter_map(|object| serde_json::from_str::<Fields<'_>>(object.get()).ok());
    let object = all.find(|object| text(object, "id").as_deref() == Some(entity))?;
    let extensions: Option<BTreeMap<String, Fields<'_>>> = read(&object, "extensions");
    let of_extension = extensions.iter().flatten().find_map(|(_, extension)| text(extension, "type"));
    of_extension.or_else(|| text(&object, "type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn messages_of_all_platforms_are_read() {
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
    fn what_is_no_message_is_told_with_the_work_where_there_is_one() {
        let check = |body: &str, work: Option<&str>| {
            let malformed = Delivery::parse(body.as_bytes()).expect_err("no message");
            assert_eq!(malformed.work.as_deref(), work, "{body}: {}", malformed.reason);
        };
        check("no json", None);
        check("{}", None);
        check(r#"{"event": {"entity_id": "x"}}"#, None);
        check(r#"{"internal": {"work_id": "w"}}"#, Some("w"));
        check(r#"{"internal": {"work_id": "w"}, "event": {}}"#, Some("w"));
        check(
            r#"{"internal": {"work_id": "w", "playbook": {}}, "event": {"entity_id": "x", "bundle": {}}}"#,
            Some("w"),
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Delivery::parse(&body);
        }
    }
}
