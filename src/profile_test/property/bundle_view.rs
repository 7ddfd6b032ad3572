//! A bundle as JSON: its objects by id, and their references.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Describes the first object that only one of two bundles contains.
pub(super) fn difference(how: &str, one: &Value, other: &Value) -> String {
    let set = |bundle| objects(bundle).map(Value::to_string).collect::<BTreeSet<String>>();
    let (one, other) = (set(one), set(other));
    let lost = one.difference(&other).next().map(|object| format!(" without {object}"));
    let new = other.difference(&one).next().map(|object| format!(" with {object}"));
    format!("rows {how} yield another bundle:{}{}", lost.unwrap_or_default(), new.unwrap_or_default())
}

pub(super) fn objects(bundle: &Value) -> impl Iterator<Item = &Value> {
    bundle["objects"].as_array().into_iter().flatten()
}

pub(super) fn by_id(bundle: &Value) -> BTreeMap<&str, &Value> {
    objects(bundle).filter_map(|object| Some((object["id"].as_str()?, object))).collect()
}

pub(super) fn references(object: &Value) -> BTreeSet<&str> {
    let entries = object.as_object().into_iter().flatten();
    let single = entries.clone().filter(|(key, _)| key.ends_with("_ref")).filter_map(|(_, value)| value.as_str());
    let lists = entries.filter(|(key, _)| key.ends_with("_refs")).filter_map(|(_, value)| value.as_array());
    single.chain(lists.flatten().filter_map(Value::as_str)).collect()
}
