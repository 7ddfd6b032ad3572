//! Whether a value is what a JSON Schema says: the verdict alone, for the keywords that schemars writes.

use regex::Regex;
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// A schema that can look up its own `$defs`.
#[derive(Debug, Clone, Copy)]
pub struct Schema<'s> {
    root: &'s Value,
}

impl<'s> Schema<'s> {
    /// A schema, whole.
    pub fn new(root: &'s Value) -> Self {
        Self { root }
    }

    /// What a `$ref` points to.
    pub fn target(self, reference: &Value) -> &'s Value {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).expect("a schema refers to its own `$defs`")
    }

    /// Whether the value is what the schema says. Keywords that are not known say nothing. A whole number is one that is
    /// written so: unlike in JSON Schema, 1.0 is none, since serde reads none.
    pub fn fits(self, schema: &'s Value, value: &Value) -> bool {
        schema.as_object().map_or(*schema != Value::Bool(false), |keywords| self.keywords_fit(keywords, value))
    }

    /// The same, for a schema as its keywords.
    pub(super) fn keywords_fit(self, keywords: &'s Map<String, Value>, value: &Value) -> bool {
        keywords.iter().all(|(keyword, wanted)| self.obeys(keywords, keyword, wanted, value))
            && self.parts_fit(keywords, value)
    }

    fn obeys(self, keywords: &'s Map<String, Value>, keyword: &str, wanted: &'s Value, value: &Value) -> bool {
        match keyword {
            "$ref" => self.fits(self.target(wanted), value),
            "allOf" => list(wanted).iter().all(|part| self.fits(part, value)),
            "anyOf" | "oneOf" => list(wanted).iter().any(|branch| self.fits(branch, value)),
            "const" => wanted == value,
            "enum" => list(wanted).contains(value),
            "type" => types(keywords).iter().any(|kind| is(kind, value)),
            _ => match value {
                Value::Number(number) => in_range(keyword, wanted, number),
                Value::String(text) => of_form(keyword, wanted, text),
                Value::Array(items) => of_length(keyword, wanted, items),
                Value::Object(map) => self.has_keys(keyword, wanted, map),
                Value::Null | Value::Bool(_) => true,
            },
        }
    }

    fn has_keys(self, keyword: &str, wanted: &'s Value, map: &Map<String, Value>) -> bool {
        match keyword {
            "required" => list(wanted).iter().filter_map(Value::as_str).all(|key| map.contains_key(key)),
            "propertyNames" => map.keys().all(|key| self.fits(wanted, &Value::from(key.as_str()))),
            "minProperties" => wanted.as_u64().is_none_or(|least| map.len() as u64 >= least),
            "maxProperties" => wanted.as_u64().is_none_or(|most| map.len() as u64 <= most),
            _ => true,
        }
    }

    fn parts_fit(self, keywords: &'s Map<String, Value>, value: &Value) -> bool {
        match value {
            Value::Array(items) => {
                items.iter().enumerate().all(|(i, item)| of_item(keywords, i).is_none_or(|part| self.fits(part, item)))
            }
            Value::Object(map) => {
                map.iter().all(|(key, item)| of_key(keywords, key).iter().all(|part| self.fits(part, item)))
            }
            _ => true,
        }
    }
}

/// What the value of a key must be; `false` where the key may not stand.
pub(super) fn of_key<'s>(keywords: &'s Map<String, Value>, key: &str) -> Vec<&'s Value> {
    let named = keywords.get("properties").and_then(|known| known.get(key));
    let patterns = keywords.get("patternProperties").and_then(Value::as_object);
    let matching = patterns.into_iter().flatten().filter(|(form, _)| pattern(form).is_match(key)).map(|(_, part)| part);
    let found: Vec<&Value> = named.into_iter().chain(matching).collect();
    if found.is_empty() { keywords.get("additionalProperties").into_iter().collect() } else { found }
}

/// What an item of a list must be.
pub(super) fn of_item(keywords: &Map<String, Value>, index: usize) -> Option<&Value> {
    let first = keywords.get("prefixItems").map_or(&[][..], list);
    first.get(index).or_else(|| keywords.get("items"))
}

/// The types a schema names.
pub(super) fn types(keywords: &Map<String, Value>) -> Vec<&str> {
    match keywords.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

/// Whether a value is of a type of JSON Schema.
pub(super) fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// The items of a keyword that has a list.
pub(super) fn list(wanted: &Value) -> &[Value] {
    wanted.as_array().map_or(&[], Vec::as_slice)
}

/// Whether a number is within what one keyword says.
pub(super) fn in_range(keyword: &str, wanted: &Value, number: &Number) -> bool {
    let against = |limit: &Value| limit.as_number().and_then(|limit| compare(number, limit));
    match keyword {
        "minimum" => against(wanted) != Some(Ordering::Less),
        "maximum" => against(wanted) != Some(Ordering::Greater),
        "exclusiveMinimum" => against(wanted) == Some(Ordering::Greater),
        "exclusiveMaximum" => against(wanted) == Some(Ordering::Less),
        // Smaller ones have bounds in the schema.
        "format" if wanted == "int64" => !number.is_u64() || number.is_i64(),
        _ => true,
    }
}

fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// Whether a text is of the form and length that one keyword says.
pub(super) fn of_form(keyword: &str, wanted: &Value, text: &str) -> bool {
    let limit = || wanted.as_u64().unwrap_or(0);
    match keyword {
        "pattern" => wanted.as_str().is_none_or(|form| pattern(form).is_match(text)),
        "minLength" => text.chars().count() as u64 >= limit(),
        "maxLength" => text.chars().count() as u64 <= limit(),
        _ => true,
    }
}

fn pattern(form: &str) -> Regex {
    Regex::new(form).expect("our schemas hold patterns that are regular expressions")
}

/// Whether a list is of the length that one keyword says, and has nothing twice where that is said.
pub(super) fn of_length(keyword: &str, wanted: &Value, items: &[Value]) -> bool {
    let limit = || wanted.as_u64().unwrap_or(0);
    match keyword {
        "minItems" => items.len() as u64 >= limit(),
        "maxItems" => items.len() as u64 <= limit(),
        "uniqueItems" => *wanted != Value::Bool(true) || repeated(items).is_none(),
        _ => true,
    }
}

/// The first item that stood in the list before.
pub(super) fn repeated(items: &[Value]) -> Option<usize> {
    let mut seen = BTreeSet::new();
    items.iter().position(|item| !seen.insert(item.to_string()))
}
