//! Properties that hold for arbitrary bytes received as a message or as configuration. Used by fuzzers and by the test
//! that replays their corpus.

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

/// Checks arbitrary bytes as a message: it is parsed, or rejected with a reason. The entity and the results may be part
/// of the input, as `told` and `found`.
pub fn delivery(bytes: &[u8]) {
    let message: Value = serde_json::from_slice(bytes).unwrap_or_default();
    match Delivery::parse(bytes) {
        Err(malformed) => assert!(!malformed.reason.is_empty()),
        Ok(delivery) => {
            assert!(!delivery.entity.is_empty() && delivery.work.as_ref().is_none_or(|work| !work.is_empty()));
            assert!(
                delivery.waited(Timestamp::UNIX_EPOCH).is_none_or(|waited| waited >= 0.0),
                "the waiting time is not negative"
            );
            let bundle = delivery.playbook.as_ref().and_then(|playbook| playbook.read().ok());
            entity(bundle.as_ref().unwrap_or(&Value::Null), bundle.as_ref(), &delivery.content, &message);
            entity(&message["told"], bundle.as_ref(), &delivery.content, &message);
        }
    }
    entity(&message, None, &Content::default(), &message);
    sent(message["objects"].as_array().or(message.as_array()).map_or(&[], |objects| objects));
}

/// Checks an arbitrary value as the data of an entity: it is parsed, or rejected with a reason, and no object is lost.
fn entity(value: &Value, bundle: Option<&Value>, content: &Content, message: &Value) {
    match Entity::read("", value, bundle, content) {
        Err(reason) => assert!(!reason.is_empty()),
        Ok(entity) => {
            let observable = &entity.observable;
            let again = Observable::parse(observable.kind(), observable.value());
            assert!(again.is_ok_and(|again| again.is_same(observable)), "{observable} can be parsed again");
            let (received, found) = (entity.objects.len(), message["found"].as_array().cloned().unwrap_or_default());
            let objects = Objects::enriched(entity, Found::Values(found));
            assert!(objects.len() >= received, "no received object is lost");
            let objects: Vec<Value> = (0..objects.len()).map(|index| objects.at(index)).collect();
            sent(&objects);
        }
    }
}

/// Checks an arbitrary list as the objects of a bundle: each object is sent at most once, after the objects it depends
/// on.
fn sent(objects: &[Value]) {
    let ids: HashSet<&str> = objects.iter().filter_map(|object| object["id"].as_str()).collect();
    for cleans in [false, true] {
        let split = split(Objects::of(Found::Values(objects.to_vec())), cleans);
        let mut sent_ids = HashSet::new();
        let mut sequence = 1;
        for part in &split.parts {
            let object = split.object(*part);
            let id = object["id"].as_str().unwrap_or_default();
            assert!(ids.contains(id) && sent_ids.insert(id.to_owned()), "{id} is in the bundle and sent once");
            assert!(part.sequence >= sequence, "{id} is sent in the order of its sequence");
            sequence = part.sequence;
            let own = object.as_object().into_iter().flatten();
            let own = own.filter(|(key, value)| key.ends_with("_ref") && value.as_str() == Some(id));
            assert_eq!(own.count(), 0, "an object refers to itself: {object}");
        }
    }
}

/// Checks arbitrary text as the configuration of a connector with this profile: one variable per line, then after an
/// empty line `config.yml`. It is valid, or the mistakes name the setting and never contain a secret.
pub fn configuration(profile: &str, bytes: &[u8]) {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    let read = || Plan::read(&Source::new("profile.yaml", profile)).expect("a profile");
    let plan = PLAN.get_or_init(read);
    let text = String::from_utf8_lossy(bytes);
    let (variables, file) = text.split_once("\n\n").unwrap_or((&text, ""));
    let pairs = variables.lines().filter_map(|line| line.split_once('='));
    // Paths are excluded: fuzzing must not read local files.
    let variables: BTreeMap<String, String> = pairs
        .filter(|(_, value)| !value.starts_with(['/', '.', '~']))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // A token that is also the value of another variable is not secret.
    let holds = |token: &String| variables.values().filter(|value| value.contains(token.as_str())).count();
    let secret = variables.get("OPENCTI_TOKEN").filter(|token| token.len() > 8 && holds(token) == 1).cloned();
    let file = serde_yaml::from_str(file).unwrap_or_default();
    let mut values = Values::new(variables, file, None);
    let read = Configuration::read(&mut values, plan);
    for mistake in values.mistakes.iter().chain(&read.warnings) {
        assert!(!mistake.is_empty() && secret.as_ref().is_none_or(|secret| !mistake.contains(secret)), "{mistake}");
    }
    let is_whole = !read.id.is_empty() && read.name.chars().count() > 1 && !read.scope.is_empty();
    assert!(!values.mistakes.is_empty() || is_whole, "an incomplete configuration has no mistakes: {read:?}");
}
