//! Collects the markings of one observable from every place that states them.

use super::definition;
use super::{Marking, shown};
use crate::stix::id::Id;
use serde_json::Value;
use std::collections::BTreeSet;

/// The markings of one observable, collected from several sources.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    markings: BTreeSet<Marking>,
    ids: Vec<Id>,
}

impl Evidence {
    /// Returns the distinct markings, for the gates.
    pub fn markings(&self) -> Vec<Marking> {
        self.markings.iter().cloned().collect()
    }

    /// Returns the ids of all marking definitions, TLP or not, in the order of their first occurrence.
    pub fn ids(&self) -> &[Id] {
        &self.ids
    }

    /// Records that a possible marking could not be parsed.
    pub fn unreadable(&mut self, what: impl Into<String>) {
        self.markings.insert(Marking::Unreadable(what.into()));
    }

    /// Adds a marking by the id of its definition and all other information about it.
    pub fn marking(&mut self, id: Option<&str>, definition: &Value) {
        match id.and_then(Id::parse_marking) {
            Some(id) => self.define(id, definition),
            None => {
                let text = id.map_or_else(|| "missing id".to_owned(), |id| format!("invalid id `{}`", shown(id)));
                self.unreadable(format!("{text} of a marking definition"));
            }
        }
    }

    /// Adds the markings of the observable as a STIX object. References are resolved in `others`, and in the markings
    /// that are already known.
    pub fn object(&mut self, object: &Value, others: &[Value]) {
        let Some(properties) = object.as_object() else { return self.unreadable("the object is not a JSON object") };
        for (key, value) in properties {
            match key.as_str() {
                "object_marking_refs" => self.references(value, others),
                // Granular markings (STIX 2.1 §7.2.3) apply to parts of an object; which parts are sent is unknown.
                "granular_markings" if value.as_array().is_some_and(Vec::is_empty) => {}
                key if key.to_ascii_lowercase().contains("marking") => {
                    self.unreadable(format!("`{}` of the object", shown(key)));
                }
                "extensions" => self.extensions(value, others),
                _ => {}
            }
        }
    }

    /// Adds the markings of all objects with this id; several are permitted if they are equal.
    pub fn objects(&mut self, id: &str, objects: &[Value]) {
        let named: Vec<&Value> = objects.iter().filter(|object| has_id(object, id)).collect();
        if named.windows(2).any(|pair| pair[0] != pair[1]) {
            self.unreadable(format!("conflicting definitions of `{}`", shown(id)));
        }
        for object in named {
            self.object(object, objects);
        }
    }

    fn extensions(&mut self, extensions: &Value, others: &[Value]) {
        for extension in extensions.as_object().into_iter().flat_map(|all| all.values()) {
            for key in ["object_marking_refs", "granular_markings"] {
                match extension.get(key) {
                    Some(refs) if key == "object_marking_refs" => self.references(refs, others),
                    Some(_) => self.unreadable(format!("`{key}` of an extension")),
                    None => {}
                }
            }
        }
    }

    fn references(&mut self, refs: &Value, others: &[Value]) {
        let Some(refs) = refs.as_array() else { return self.unreadable("`object_marking_refs` is not a list") };
        for reference in refs {
            match reference.as_str().and_then(Id::parse_marking) {
                Some(id) => self.reference(id, others),
                None => self.unreadable(format!("invalid marking reference `{}`", shown(&reference.to_string()))),
            }
        }
    }

    fn reference(&mut self, id: Id, others: &[Value]) {
        let text = id.to_string();
        let definitions: Vec<&Value> = others.iter().filter(|object| has_id(object, &text)).collect();
        if definitions.is_empty() && !self.ids.contains(&id) && definition::level_of(id).is_none() {
            self.unreadable(format!("unknown marking `{id}`"));
        }
        if definitions.windows(2).any(|pair| pair[0] != pair[1]) {
            self.unreadable(format!("conflicting definitions of `{id}`"));
        }
        self.define(id, &Value::Null);
        for definition in definitions {
            if definition["type"] != "marking-definition" {
                self.unreadable(format!("`{id}` is not a marking definition"));
            }
            self.define(id, definition);
        }
    }

    fn define(&mut self, id: Id, definition: &Value) {
        if !self.ids.contains(&id) {
            self.ids.push(id);
        }
        self.markings.extend(definition::read(id, definition));
    }
}

fn has_id(object: &Value, id: &str) -> bool {
    object["id"].as_str().is_some_and(|own| own.trim().eq_ignore_ascii_case(id.trim()))
}
