//! A change of one thing in a profile, as a value; and the profile that comes of it.

use serde_json::Value;
use std::sync::Arc;
use stixmap_engine::diagnostic::Source;

/// A change, at a JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    /// What stands there is gone, with its key.
    Remove(String),
    /// Something else stands there.
    Replace(String, Value),
    /// What stands at the two changes places.
    Swap(String, String),
}

impl Edit {
    /// The profile after the change.
    pub(crate) fn applied(&self, profile: &Value) -> Value {
        let mut changed = profile.clone();
        match self {
            Self::Remove(at) => remove(&mut changed, at),
            Self::Replace(at, value) => put(&mut changed, at, value.clone()),
            Self::Swap(one, other) => {
                let (of_one, of_other) = (profile.pointer(one).cloned(), profile.pointer(other).cloned());
                put(&mut changed, one, of_other.unwrap_or_default());
                put(&mut changed, other, of_one.unwrap_or_default());
            }
        }
        changed
    }
}

/// A profile as a text, in JSON, which is YAML too.
pub(crate) fn source(profile: &Value) -> Arc<Source> {
    Source::new("the changed profile", format!("{profile:#}"))
}

fn put(profile: &mut Value, at: &str, value: Value) {
    if let Some(place) = profile.pointer_mut(at) {
        *place = value;
    }
}

fn remove(profile: &mut Value, at: &str) {
    let Some((around, last)) = at.rsplit_once('/') else { return };
    match profile.pointer_mut(around) {
        Some(Value::Object(block)) => {
            block.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(list)) => {
            if let Some(place) = last.parse().ok().filter(|place| *place < list.len()) {
                list.remove(place);
            }
        }
        _ => {}
    }
}
