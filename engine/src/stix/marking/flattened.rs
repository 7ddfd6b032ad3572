//! The objects of a bundle and of all bundles inside it.

use super::text::letters;
use serde_json::{Map, Value};

/// Objects of a list and of the bundles that are nested in it.
#[derive(Debug, Clone, Default)]
pub struct Flattened<'o> {
    objects: Vec<&'o Value>,
    /// The nested bundles, which may have properties of their own.
    bundles: Vec<&'o Map<String, Value>>,
    /// Something is not an object.
    has_others: bool,
}

impl<'o> Flattened<'o> {
    /// Collects the objects; the parser limits the depth of JSON, and so that of bundles.
    pub fn new(objects: &'o [Value]) -> Flattened<'o> {
        let mut flattened = Flattened::default();
        objects.iter().for_each(|object| flattened.add(object));
        flattened
    }

    /// Returns the objects in their order, each bundle before its objects.
    pub fn objects(&self) -> &[&'o Value] {
        &self.objects
    }

    pub(super) fn bundles(&self) -> &[&'o Map<String, Value>] {
        &self.bundles
    }

    pub(super) fn has_others(&self) -> bool {
        self.has_others
    }

    fn add(&mut self, object: &'o Value) {
        let Some(properties) = object.as_object() else {
            self.has_others = true;
            return;
        };
        self.objects.push(object);
        let is_bundle = |kind: &Value| kind.as_str().is_none_or(|kind| letters(kind) == "BUNDLE");
        let is_bundle = properties.get("type").is_none_or(is_bundle);
        let Some(nested) = properties.get("objects") else {
            self.has_others |= is_bundle && properties.contains_key("type");
            return;
        };
        // Observed data of STIX 2.0 has objects, too.
        if is_bundle {
            self.bundles.push(properties);
        }
        match nested {
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(items) => items.values().for_each(|item| self.add(item)),
            _ => self.has_others = true,
        }
    }
}
