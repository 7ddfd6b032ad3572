//! Collects the markings of one observable from every place that states them.

use super::definition;
use super::flattened::Flattened;
use super::subject::Subject;
use super::text;
use super::{Marking, Protocol, shown};
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
    pub fn object(&mut self, object: &Value, others: &Flattened<'_>) {
        match object {
            Value::Object(_) => self.within(object, others),
            _ => self.unreadable("the object is not a JSON object"),
        }
    }

    /// Adds the markings of all objects that may be the observable; several with its id must be equal. Those of a nested
    /// bundle count, too.
    pub fn objects(&mut self, subject: &Subject<'_>, objects: &Flattened<'_>) {
        if objects.has_others() {
            self.unreadable("invalid bundle: expected objects only");
        }
        let mut named = objects.objects().iter().filter(|object| subject.is_id_of(object));
        if named.next().is_some_and(|first| named.any(|other| other != first)) {
            self.unreadable("conflicting definitions of the observable");
        }
        for object in objects.objects().iter().filter(|object| subject.may_be(object)) {
            self.object(object, objects);
        }
        for (key, value) in objects.bundles().iter().copied().flatten().filter(|(key, _)| *key != "objects") {
            self.property(key, value, objects);
        }
    }

    /// Adds what a property of the observable states, at any depth: whatever has MARKING, TLP or PAP in its name is one.
    pub fn property(&mut self, key: &str, value: &Value, others: &Flattened<'_>) {
        if let Some(protocol) = text::protocol(key) {
            return self.level(protocol, key, value);
        }
        match text::letters(key).as_str() {
            "OBJECTMARKINGREFS" => self.references(value, others),
            // Granular markings (STIX 2.1 §7.2.3) apply to parts of an object; which parts are sent is unknown.
            "GRANULARMARKINGS" if value.as_array().is_some_and(Vec::is_empty) => {}
            "GRANULARMARKINGS" => self.unreadable(format!("`{}` of the object", shown(key))),
            letters if letters.contains("MARKING") => self.anything(key, value, others),
            _ => self.within(value, others),
        }
    }

    /// Adds the level in a property that is named after the protocol, such as `x_tlp`.
    fn level(&mut self, protocol: Protocol, key: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::String(level) => self.markings.extend(text::stated(protocol, level)),
            _ => self.unreadable(format!("`{}` of the object", shown(key))),
        }
    }

    fn within(&mut self, value: &Value, others: &Flattened<'_>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.within(item, others)),
            Value::Object(properties) => {
                properties.iter().for_each(|(key, value)| self.property(key, value, others));
            }
            Value::String(text) if may_contain_marking(text) => self.unreadable("markings inside a text of the object"),
            Value::String(text) => self.markings.extend(text::in_prose(text)),
            _ => {}
        }
    }

    /// Adds markings in an unknown form: ids, definitions, or those of the platform.
    fn anything(&mut self, key: &str, value: &Value, others: &Flattened<'_>) {
        let id = value.as_str().or_else(|| value["standard_id"].as_str()).or_else(|| value["id"].as_str());
        match (value, id.and_then(Id::parse_marking)) {
            (Value::Array(items), _) => items.iter().for_each(|item| self.anything(key, item, others)),
            (Value::String(_), Some(id)) => self.reference(id, others),
            (Value::Object(_), Some(id)) => {
                self.define(id, value);
                self.reference(id, others);
            }
            _ => self.unreadable(format!("`{}` of the object", shown(key))),
        }
    }

    fn references(&mut self, refs: &Value, others: &Flattened<'_>) {
        let Some(refs) = refs.as_array() else { return self.unreadable("`object_marking_refs` is not a list") };
        for reference in refs {
            match reference.as_str().and_then(Id::parse_marking) {
                Some(id) => self.reference(id, others),
                None => self.unreadable(format!("invalid marking reference `{}`", shown(&reference.to_string()))),
            }
        }
    }

    fn reference(&mut self, id: Id, others: &Flattened<'_>) {
        let text = id.to_string();
        let definitions: Vec<&Value> =
            others.objects().iter().copied().filter(|object| has_id(object, &text)).collect();
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

/// Whether a text is or contains an object with markings. It is not parsed: several parsers read different markings from a
/// text that is not valid JSON, and escapes hide the names of its keys.
fn may_contain_marking(text: &str) -> bool {
    let begins = text.trim_start_matches(|letter: char| !letter.is_ascii_graphic()).starts_with(['{', '[', '"']);
    let letters = text::letters(text);
    let names = ["OBJECTMARKING", "MARKINGREF", "MARKINGDEFINITION"];
    names.iter().any(|name| letters.contains(name)) || begins && text.contains("\\u")
}

fn has_id(object: &Value, id: &str) -> bool {
    object["id"].as_str().is_some_and(|own| own.trim().eq_ignore_ascii_case(id.trim()))
}
