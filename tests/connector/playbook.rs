//! Playbooks continue only when their step is answered: every outcome answers it once, with all objects of its bundle.

use super::entity::Entity;
use super::platform::{Fault, NEWEST, Platform, VERSIONS};
use super::provider::{Answer, Provider, rows};
use super::site::{ID, Site};
use serde_json::{Value, json};

/// Runs a step whose bundle has a note. Returns the objects of the answer, and a function that counts them by type.
fn step(site: &Site, entity: Entity) -> (Vec<Value>, impl Fn(&str) -> usize + use<>) {
    let _connector = site.start();
    let entity = site.platform.add(entity);
    let note = json!({ "id": "note--2a8e3b0c-1111-5222-8333-000000000001", "type": "note", "spec_version": "2.1",
        "content": "from an earlier step", "object_refs": [entity.standard_id] });
    let execution = site.platform.playbook(ID, &entity, std::slice::from_ref(&note));
    let bundle = site.platform.await_step(&execution);
    let objects = bundle["objects"].as_array().expect("objects").clone();
    assert!(objects.iter().any(|object| object["id"] == entity.standard_id), "the entity is missing: {objects:#?}");
    assert!(objects.contains(&note), "the note is missing: {objects:#?}");
    // The next message is answered after this one is finished.
    let next = site.platform.add(Entity::ipv4("192.0.2.99"));
    site.platform.await_step(&site.platform.playbook(ID, &next, &[]));
    let answered = site.platform.steps().into_iter().filter(|step| step["execution_id"] == execution.as_str()).count();
    assert_eq!(answered, 1, "it is answered once");
    assert!(site.platform.pushes().is_empty(), "nothing goes through the queue");
    let counted = objects.clone();
    (objects, move |kind| counted.iter().filter(|object| object["type"] == kind).count())
}

/// Checks that the answer has the original objects only.
fn unchanged(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static, entity: Entity) {
    let (objects, _) = step(&Site::new(answer), entity);
    assert_eq!(objects.len(), 2, "{objects:#?}");
}

#[test]
fn found_objects_are_added_to_bundle() {
    let (_, count) = step(&Site::new(|_, _| Answer::Records(3)), Entity::domain("example.com"));
    assert_eq!((count("ipv4-addr"), count("relationship"), count("domain-name"), count("note")), (3, 3, 1, 1));
}

#[test]
fn bundle_is_unchanged_without_results() {
    unchanged(|_, _| rows(&[]), Entity::domain("example.com"));
}

#[test]
fn bundle_is_unchanged_when_tlp_refuses() {
    unchanged(|_, _| Answer::Records(3), Entity::domain("example.com").marked("TLP:RED"));
}

#[test]
fn marking_of_earlier_step_refuses() {
    let site = Site::new(|_, _| Answer::Records(3));
    let _connector = site.start();
    let mut entity = site.platform.add(Entity::domain("example.com"));
    entity.markings.push(("TLP", "TLP:RED".into()));
    let bundle = site.platform.await_step(&site.platform.playbook(ID, &entity, &[]));
    assert_eq!(bundle["objects"].as_array().map(Vec::len), Some(1));
    assert_eq!(site.provider.requests(), 0);
}

#[test]
fn answer_is_retried_after_platform_outage() {
    let site = Site::new(|_, _| Answer::Records(3));
    site.platform.fail("playbookStepExecution", 2, Fault::Status(503));
    let (_, count) = step(&site, Entity::domain("example.com"));
    assert_eq!(count("relationship"), 3);
}

#[test]
fn out_of_scope() {
    let hash = "file--2a8e3b0c-1111-5222-8333-000000000001".to_string();
    unchanged(|_, _| Answer::Records(3), Entity::new("StixFile", hash, [("name", json!("a.exe"))]));
}

#[test]
fn bundle_is_unchanged_when_provider_fails() {
    unchanged(|_, _| Answer::Text(400, String::new()), Entity::domain("example.com"));
    unchanged(|_, _| Answer::Text(401, String::new()), Entity::domain("example.com"));
}

#[test]
fn bundle_is_unchanged_when_quota_is_exhausted() {
    unchanged(|_, _| Answer::Header(429, "Retry-After", "3600".into()), Entity::domain("example.com"));
}

#[test]
fn step_of_every_version_is_answered() {
    for version in VERSIONS {
        let site = Site::on(Platform::new(version), Provider::with(2));
        let (_, count) = step(&site, Entity::domain("example.com"));
        assert_eq!(count("relationship"), 2, "{version}");
        let step = site.platform.steps().remove(0);
        assert_eq!(step.get("event_id").is_some(), version != "6.0.10", "{version}");
        assert_eq!((&step["step_id"], &step["previous_step_id"]), (&json!("step-2"), &json!("step-1")));
    }
    assert_eq!(VERSIONS[4], NEWEST);
}

#[test]
fn conflicting_markings_in_bundle_refuse() {
    let red = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed";
    let site = Site::new(|_, _| Answer::Records(3));
    let _connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let mut second = entity.stix();
    second["object_marking_refs"] = json!([red]);
    let bundle = site.platform.await_step(&site.platform.playbook(ID, &entity, &[second]));
    assert_eq!(bundle["objects"].as_array().map(Vec::len), Some(2), "the original objects");
    assert_eq!(site.provider.requests(), 0);
}

#[test]
fn markings_are_added_to_found_objects() {
    let entity = Entity::domain("example.com").marked("TLP:GREEN").marked("PAP:AMBER");
    let (objects, _) = step(&Site::new(|_, _| Answer::Records(1)), entity);
    let pap = super::entity::marking_id("PAP:AMBER");
    for kind in ["ipv4-addr", "relationship"] {
        let found = objects.iter().find(|object| object["type"] == kind).expect("it is found");
        assert!(found["object_marking_refs"].as_array().is_some_and(|refs| refs.contains(&json!(pap))), "{found}");
    }
    let definition = objects.iter().find(|object| object["id"] == pap.as_str()).expect("its definition");
    assert_eq!(definition["name"], "PAP:AMBER");
}
