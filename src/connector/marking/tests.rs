//! No request is sent unless all markings permit it, in whatever form they are given.

mod forms;
mod generated;

use super::super::entity::Entity;
use super::super::graphql_error::interpret;
use super::super::message::{Delivery, Playbook};
use super::super::objects::{Found, Objects};
use super::*;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use reqwest::StatusCode;
use std::sync::{Arc, LazyLock};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::{Input, ProviderState, Run, Step};

const ID: &str = "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7";
const RED: &str = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed";
const RED_OF_TLP_2: &str = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1";
const STRICT: &str = "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37";
const GREEN: &str = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da";
const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";
const OWN: &str = "marking-definition--11111111-2222-5333-8444-555555555555";

/// Accepts TLP:AMBER at most, and PAP:AMBER by default.
const PROFILE: &str = "\
profile: stixmap/v1
id: small
version: 1.0.0
name: Small
summary: Names.
http: { base_url: https://api.example.net/v1 }
lookups:
  names: { accepts: [domain-name], path: \"/names/{observable.value}\", records: $.rows }
record:
  fields:
    rrtype: { at: $.type, as: rrtype }
    name: { at: $.name, as: string }
    rdata: { at: $.data, as: rdata }
  orientation: [{ rrname: name, rdata: rdata }]
rules:
  - { rrtype: A, source: domain-name, relationship: resolves-to, target: ipv4-addr }
  - { rrtype: \"*\", drop: of no interest }
tlp: { max: TLP:AMBER, unmarked: allow, results: { at_least: \"TLP:CLEAR\" } }
identity: { name: Small }
";

static PLAN: LazyLock<Plan> = LazyLock::new(|| plan("").expect("a profile"));

fn plan(more: &str) -> Option<Plan> {
    Plan::read(&Source::new("profile.yaml", format!("{PROFILE}{more}"))).ok()
}

fn response(marking: Value) -> Value {
    json!({ "id": "internal", "standard_id": ID, "entity_type": "Domain-Name", "value": "example.com", "objectMarking": marking })
}

fn node(id: &str, kind: impl Into<Value>, definition: impl Into<Value>) -> Value {
    json!({ "standard_id": id, "definition_type": kind.into(), "definition": definition.into(), "created": "2024-01-01T00:00:00Z" })
}

fn base(refs: Value) -> Value {
    json!({ "id": ID, "type": "domain-name", "spec_version": "2.1", "value": "example.com", "object_marking_refs": refs })
}

/// Parses the entity with a message that has this event.
fn read(response: &Value, mut event: Value, is_playbook: bool) -> Result<Entity, String> {
    event["entity_id"] = ID.into();
    let step = if is_playbook { json!({ "step_id": "s" }) } else { Value::Null };
    let message = json!({ "internal": { "work_id": "w", "playbook": step }, "event": event });
    read_message(response, &message.to_string())
}

fn read_message(response: &Value, message: &str) -> Result<Entity, String> {
    let delivery = Delivery::parse(message.as_bytes()).map_err(|malformed| malformed.reason)?;
    let bundle = delivery.playbook.as_ref().map(Playbook::read).transpose()?;
    Entity::read(&delivery.entity, response, bundle.as_ref(), &delivery.content)
}

/// Succeeds if a request is sent to the provider; otherwise returns the outcome.
fn send(entity: Result<Entity, String>) -> Result<(), String> {
    send_by(&PLAN, entity)
}

fn send_by(plan: &Plan, entity: Result<Entity, String>) -> Result<(), String> {
    let entity = entity?;
    let now = Timestamp::UNIX_EPOCH;
    let input = Input {
        observable: entity.observable,
        markings: entity.markings.evidence,
        settings: Settings::read(&plan.settings, |_| None).expect("it has none"),
        deadline: now + SignedDuration::from_mins(1),
        seed: 0,
        trace: false,
    };
    let mut run = Run::new(plan, Arc::new(ProviderState::default()), input, now);
    match run.next(now) {
        Step::Send(_) => Ok(()),
        Step::Done => Err(run.finish().outcome.to_string()),
        Step::Wait(_) => unreachable!("nothing makes it wait"),
    }
}

fn by_platform(marking: Value) -> Result<(), String> {
    send(read(&response(marking), json!({}), false))
}

fn by_playbook(objects: Value) -> Result<(), String> {
    send(read(&response(json!([])), json!({ "bundle": { "objects": objects } }), true))
}

fn by_message(event: Value) -> Result<(), String> {
    send(read(&response(json!([])), event, false))
}

fn refused(what: &str, sent: Result<(), String>) {
    let reason = sent.expect_err(what);
    assert!(reason.contains("TLP:") || reason.contains("unreadable marking: "), "{what}: {reason}");
}
