//! What holds for any bytes that reach a connector, as a message or as its configuration: for those who fuzz, and for the test
//! that plays what they found.

use super::configuration::Configuration;
use super::entity::Entity;
use super::message::{Content, Delivery};
use super::objects::{Found, Objects};
use super::sources::Values;
use super::split::split;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::Plan;
use stixmap_engine::stix::Observable;

/// Any bytes as a message: it is one, or why it is none is told. What the platform is asked for after it, and what is found
/// then, may stand in it too, as `told` and `found`.
pub fn delivery(bytes: &[u8]) {
    let message: Value = serde_json::from_slice(bytes).unwrap_or_default();
    match Delivery::parse(bytes) {
        Err(malformed) => assert!(!malformed.reason.is_empty()),
        Ok(delivery) => {
            assert!(!delivery.entity.is_empty() && delivery.work.as_ref().is_none_or(|work| !work.is_empty()));
            assert!(
                delivery.waited(Timestamp::UNIX_EPOCH).is_none_or(|waited| waited >= 0.0),
                "none waits in the future"
            );
            let bundle = delivery.playbook.as_ref().and_then(|playbook| playbook.read().ok());
            told(bundle.as_ref().unwrap_or(&Value::Null), bundle.as_ref(), &delivery.content, &message);
            told(&message["told"], bundle.as_ref(), &delivery.content, &message);
        }
    }
    told(&message, None, &Content::default(), &message);
    sent(message["objects"].as_array().or(message.as_array()).map_or(&[], |objects| objects));
}

/// Any value as what the platform tells of an observable: it is read, and what is found is sent with it.
fn told(value: &Value, bundle: Option<&Value>, content: &Content, message: &Value) {
    match Entity::read(value, bundle, content) {
        Err(reason) => assert!(!reason.is_empty()),
        Ok(entity) => {
            let observable = &entity.observable;
            let again = Observable::parse(observable.kind(), observable.value());
            assert!(again.is_ok_and(|again| again.is_same(observable)), "{observable} is what it says");
            let (came, found) = (entity.objects.len(), message["found"].as_array().cloned().unwrap_or_default());
            let objects = Objects::enriched(entity, Found::Values(found));
            assert!(objects.len() >= came, "nothing that came is lost");
            let objects: Vec<Value> = (0..objects.len()).map(|place| objects.at(place)).collect();
            sent(&objects);
        }
    }
}

/// Any list as the objects of a bundle: each that is sent is of the bundle, once, and after those that it waits for.
fn sent(objects: &[Value]) {
    let ids: HashSet<&str> = objects.iter().filter_map(|object| object["id"].as_str()).collect();
    for cleans in [false, true] {
        let split = split(Objects::of(Found::Values(objects.to_vec())), cleans);
        let mut before = HashSet::new();
        let mut waited = 1;
        for part in &split.parts {
            let object = split.object(*part);
            let id = object["id"].as_str().unwrap_or_default();
            assert!(ids.contains(id) && before.insert(id.to_owned()), "{id} is of the bundle, and sent once");
            assert!(part.sequence >= waited, "{id} comes after what takes longer");
            waited = part.sequence;
            let own = object.as_object().into_iter().flatten();
            let own = own.filter(|(key, value)| key.ends_with("_ref") && value.as_str() == Some(id));
            assert_eq!(own.count(), 0, "an object refers to itself: {object}");
        }
    }
}

/// Any text as variables, one a line, and after an empty line as `config.yml`, of a connector with this profile: it is
/// understood, or what is wrong is told by name, and never with a secret.
pub fn configuration(profile: &str, bytes: &[u8]) {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    let read = || Plan::read(&Source::new("profile.yaml", profile)).expect("a profile");
    let plan = PLAN.get_or_init(read);
    let text = String::from_utf8_lossy(bytes);
    let (variables, file) = text.split_once("\n\n").unwrap_or((&text, ""));
    let pairs = variables.lines().filter_map(|line| line.split_once('='));
    // No file of this machine is anybody's business here.
    let variables: BTreeMap<String, String> = pairs
        .filter(|(_, value)| !value.starts_with(['/', '.', '~']))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // A secret that is given for another variable too is no secret.
    let holds = |token: &String| variables.values().filter(|value| value.contains(token.as_str())).count();
    let secret = variables.get("OPENCTI_TOKEN").filter(|token| token.len() > 8 && holds(token) == 1).cloned();
    let file = serde_yaml::from_str(file).unwrap_or_default();
    let mut values = Values::new(variables, file, None);
    let read = Configuration::read(&mut values, plan);
    for told in values.mistakes.iter().chain(&read.warnings) {
        assert!(!told.is_empty() && secret.as_ref().is_none_or(|secret| !told.contains(secret)), "{told}");
    }
    let is_whole = !read.id.is_empty() && read.name.chars().count() > 1 && !read.scope.is_empty();
    assert!(!values.mistakes.is_empty() || is_whole, "nothing is missing, and yet it is: {read:?}");
}
