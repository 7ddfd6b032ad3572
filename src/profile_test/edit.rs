//! One change to a profile, as a value, and its application.

use serde_json::Value;
use std::sync::Arc;
use stixmap_engine::diagnostic::Source;

/// A change at a JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Removes the value and its key.
    Remove(String),
    /// Replaces the value.
    Replace(String, Value),
    /// Exchanges two values.
    Swap(String, String),
}

impl Edit {
    /// Returns the profile after the change.
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

/// Returns the profile as JSON source text, which is valid YAML.
pub(crate) fn source(profile: &Value) -> Arc<Source> {
    Source::new("the changed profile", format!("{profile:#}"))
}

fn put(profile: &mut Value, at: &str, value: Value) {
    if let Some(target) = profile.pointer_mut(at) {
        *target = value;
    }
}

fn remove(profile: &mut Value, at: &str) {
    let Some((around, last)) = at.rsplit_once('/') else { return };
    match profile.pointer_mut(around) {
        Some(Value::Object(block)) => {
            block.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(list)) => {
            if let Some(index) = last.parse().ok().filter(|index| *index < list.len()) {
                list.remove(index);
            }
        }
        _ => {}
    }
}
