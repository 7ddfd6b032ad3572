//! Spells values of the profile language as profiles do.

use stixmap_engine::stix::ObservableType;

/// Returns the STIX types of observables.
pub(super) fn types(kinds: &[ObservableType]) -> Vec<&'static str> {
    kinds.iter().map(|kind| kind.stix_type()).collect()
}

/// Returns a value of the language as profiles spell it.
pub(super) fn word<T: serde::Serialize>(word: &T) -> String {
    match serde_json::to_value(word) {
        Ok(serde_json::Value::String(word)) => word,
        _ => unreachable!("values of the language serialize to strings"),
    }
}
