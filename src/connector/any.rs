//! What holds for any bytes that reach a connector, as a message or as its configuration: for those who fuzz, and for the test
//! that plays what they found.

use super::configuration::{Configuration, Values};
use super::delivery::Delivery;
use super::entity::{Entity, enriched};
use super::split::split;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::Plan;

/// Any bytes as a message: it is one, or why it is none is told. What it brings is sent in an order that can be imported.
pub fn delivery(bytes: &[u8]) {
    match Delivery::parse(bytes) {
        Err(malformed) => assert!(!malformed.reason.is_empty()),
        Ok(delivery) => {
            assert!(!delivery.entity.is_empty() && delivery.work.is_none_or(|work| !work.is_empty()));
            delivery.playbook.iter().for_each(|playbook| told(&playbook.bundle, Some(&playbook.bundle)));
        }
    }
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        told(&value, None);
        sent(&value);
    }
}

/// Any value as what the platform tells of an observable.
fn told(value: &Value, bundle: Option<&Value>) {
    match Entity::read(value, bundle) {
        Ok(entity) => drop(enriched(&entity, entity.objects.clone())),
        Err(reason) => assert!(!reason.is_empty()),
    }
}

/// Any list as the objects of a bundle: each is sent once, after all it refers to.
fn sent(value: &Value) {
    let objects = value["objects"].as_array().or(value.as_array()).cloned().unwrap_or_default();
    let parts = split(objects.clone(), true).parts;
    assert!(parts.len() <= objects.len());
    let mut before = HashSet::new();
    for part in &parts {
        let id = part.object["id"].as_str().unwrap_or_default();
        for (key, value) in part.object.as_object().into_iter().flatten() {
            if key.ends_with("_ref") && value.as_str().is_some_and(|reference| reference == id) {
                panic!("an object refers to itself: {}", part.object);
            }
        }
        assert!(before.insert(id), "{id} is sent twice");
    }
}

/// Any text as variables, one a line, and after an empty line as `config.yml`: it is understood, or what is wrong is told by
/// name, and never with a secret.
pub fn configuration(bytes: &[u8]) {
    static PLAN: LazyLock<Plan> = LazyLock::new(|| {
        let text = include_str!("../../tests/providers/lines/profile.yaml");
        Plan::read(&Source::new("profile.yaml", text)).expect("a profile")
    });
    let text = String::from_utf8_lossy(bytes);
    let (variables, file) = text.split_once("\n\n").unwrap_or((&text, ""));
    let pairs = variables.lines().filter_map(|line| line.split_once('='));
    // No file of this machine is anybody's business here.
    let variables: BTreeMap<String, String> = pairs
        .filter(|(_, value)| !value.starts_with(['/', '.', '~']))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let secret = variables.get("OPENCTI_TOKEN").filter(|token| token.len() > 8).cloned();
    let file = serde_yaml::from_str(file).unwrap_or_default();
    let mut values = Values::new(variables, file, None);
    let read = Configuration::read(&mut values, &PLAN);
    for told in values.mistakes.iter().chain(&read.warnings) {
        assert!(!told.is_empty() && secret.as_ref().is_none_or(|secret| !told.contains(secret)), "{told}");
    }
    let is_whole = !read.id.is_empty() && read.name.chars().count() > 1 && !read.scope.is_empty();
    assert!(!values.mistakes.is_empty() || is_whole, "nothing is missing, and yet it is: {read:?}");
}
