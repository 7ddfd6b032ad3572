//! A message of the platform as a value: everything one enrichment needs to know is in it, and nothing of it outlives it.

use jiff::Timestamp;
use serde_json::{Map, Value};

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
    pub(super) validation: Validation,
}

/// A step of a playbook, and what it works on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Playbook {
    /// `event_id`, `execution_id`, `playbook_id`, `data_instance_id`, `step_id`, `previous_step_id`.
    pub(super) step: Map<String, Value>,
    /// The bundle as it came.
    pub(super) bundle: Value,
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
        let message: Value =
            serde_json::from_slice(body).map_err(|error| malformed(&format!("it is no JSON: {error}"), None))?;
        let internal = message.get("internal").and_then(Value::as_object);
        let work = internal.and_then(|internal| text(internal, "work_id"));
        let internal = internal.ok_or_else(|| malformed("it has no `internal`", work.clone()))?;
        let event = message.get("event").and_then(Value::as_object);
        let event = event.ok_or_else(|| malformed("it has no `event`", work.clone()))?;
        let entity = text(event, "entity_id").ok_or_else(|| malformed("it names no entity", work.clone()))?;
        let playbook = match internal.get("playbook").and_then(Value::as_object) {
            None => None,
            Some(step) => {
                let bundle = event.get("bundle").filter(|bundle| bundle.get("objects").is_some_and(Value::is_array));
                let bundle = bundle.ok_or_else(|| malformed("a playbook's message has no bundle", work.clone()))?;
                Some(Playbook { step: step.clone(), bundle: bundle.clone() })
            }
        };
        let mode = event.get("validation_mode").and_then(Value::as_str);
        Ok(Delivery {
            work,
            applicant: text(internal, "applicant_id"),
            draft: text(internal, "draft_id"),
            entity_type: text(event, "entity_type").or_else(|| type_in_bundle(playbook.as_ref(), &entity)),
            entity,
            playbook,
            validation: Validation {
                is_forced: event.get("force_validation").and_then(Value::as_bool).unwrap_or(false),
                in_workbench: mode.map(|mode| mode == "workbench"),
            },
        })
    }

    /// The type of the entity, as well as it is known: what the platform says, or else the prefix of its id.
    pub(super) fn kind(&self) -> &str {
        self.entity_type.as_deref().unwrap_or_else(|| self.entity.split("--").next().unwrap_or_default())
    }
}

fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Messages of playbooks did not name the type before 2026; the object in the bundle has it.
fn type_in_bundle(playbook: Option<&Playbook>, entity: &str) -> Option<String> {
    let objects = playbook?.bundle.get("objects")?.as_array()?;
    let object = objects.iter().find(|object| object.get("id").and_then(Value::as_str) == Some(entity))?;
    let extensions = object.get("extensions").and_then(Value::as_object);
    let of_extension = extensions.into_iter().flatten().find_map(|(_, extension)| extension.get("type"));
    of_extension.or_else(|| object.get("type")).and_then(Value::as_str).map(str::to_owned)
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
