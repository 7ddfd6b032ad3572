//! Decides which objects may be the queried observable, so that their markings count.

use super::text::letters;
use crate::stix::observable::Observable;
use crate::stix::observable_type::ObservableType;
use serde_json::Value;

/// Properties that have ids of their object, also in an extension.
const IDS: [&str; 6] = ["id", "standard_id", "internal_id", "x_opencti_id", "stix_ids", "x_opencti_stix_ids"];

/// The queried observable, with all its ids.
#[derive(Debug, Clone)]
pub struct Subject<'s> {
    observable: &'s Observable,
    ids: Vec<&'s str>,
}

impl<'s> Subject<'s> {
    /// Creates a subject from an observable and its ids: that of STIX, and those of the platform.
    pub fn new(observable: &'s Observable, ids: impl IntoIterator<Item = &'s str>) -> Subject<'s> {
        let ids = ids.into_iter().map(str::trim).filter(|id| !id.is_empty()).collect();
        Subject { observable, ids }
    }

    /// Returns whether one of its ids is the `id` of an object.
    pub(super) fn is_id_of(&self, object: &Value) -> bool {
        object["id"].as_str().is_some_and(|id| self.has(id))
    }

    /// Returns whether an object may be the observable: it has one of its ids, or its type and value, or no id to
    /// distinguish it by.
    pub(super) fn may_be(&self, object: &Value) -> bool {
        let has_id = object["id"].as_str().is_some_and(|id| !id.trim().is_empty());
        !has_id || self.has_an_id_of(object) || self.may_have_type_of(object) && self.may_have_value_of(object)
    }

    fn has(&self, id: &str) -> bool {
        self.ids.iter().any(|own| own.eq_ignore_ascii_case(id.trim()))
    }

    fn has_an_id_of(&self, object: &Value) -> bool {
        object.as_object().into_iter().flatten().any(|(key, value)| match value {
            Value::String(id) => is_id(key) && self.has(id),
            Value::Array(ids) if is_id(key) => ids.iter().filter_map(Value::as_str).any(|id| self.has(id)),
            Value::Array(extensions) if is_extensions(key) => extensions.iter().any(|one| self.has_an_id_of(one)),
            Value::Object(extensions) if is_extensions(key) => {
                self.has_an_id_of(value) || extensions.values().any(|one| self.has_an_id_of(one))
            }
            _ => false,
        })
    }

    fn may_have_type_of(&self, object: &Value) -> bool {
        let Some(kind) = object["type"].as_str() else { return true };
        let own = self.observable.kind();
        [own.stix_type(), own.entity_type()].iter().any(|name| *name == kind || letters(name) == letters(kind))
    }

    fn may_have_value_of(&self, object: &Value) -> bool {
        match (self.observable.kind(), &object["value"], &object["number"]) {
            (ObservableType::AutonomousSystem, _, number) => {
                number.as_u64().is_none_or(|number| self.may_have_value(&number.to_string()))
            }
            (_, Value::String(value), _) => self.may_have_value(value),
            _ => true,
        }
    }

    fn may_have_value(&self, value: &str) -> bool {
        let own = self.observable;
        match Observable::asked(Some(own.kind()), value) {
            Ok(other) => own.is_same(&other),
            Err(_) => letters(value) == letters(own.value()),
        }
    }
}

fn is_id(key: &str) -> bool {
    IDS.iter().any(|id| key.eq_ignore_ascii_case(id))
}

fn is_extensions(key: &str) -> bool {
    key.eq_ignore_ascii_case("extensions")
}
