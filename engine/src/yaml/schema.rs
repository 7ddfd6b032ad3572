//! Validates a value against a JSON Schema, for the keywords that schemars writes. Returns only whether it is valid;
//! `check` explains why not.

use regex::Regex;
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// A JSON Schema that resolves references to its own `$defs`.
#[derive(Debug, Clone, Copy)]
pub struct Schema<'s> {
    root: &'s Value,
}

impl<'s> Schema<'s> {
    /// Wraps a complete schema, which `$ref` refers to.
    pub fn new(root: &'s Value) -> Self {
        Self { root }
    }

    /// Returns the schema that a `$ref` refers to.
    pub fn target(self, reference: &Value) -> &'s Value {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).expect("a schema refers to its own `$defs`")
    }

    /// Returns whether the value is valid. Unknown keywords are ignored. Unlike in JSON Schema, 1.0 is not an integer,
    /// because serde does not accept it as one.
    pub fn fits(self, schema: &'s Value, value: &Value) -> bool {
        schema.as_object().map_or(*schema != Value::Bool(false), |keywords| self.keywords_fit(keywords, value))
    }

    /// Returns whether the value is valid for the keywords of a schema.
    pub(super) fn keywords_fit(self, keywords: &'s Map<String, Value>, value: &Value) -> bool {
        keywords.iter().all(|(keyword, wanted)| self.keyword_fits(keywords, keyword, wanted, value))
            && self.parts_fit(keywords, value)
    }

    fn keyword_fits(self, keywords: &'s Map<String, Value>, keyword: &str, wanted: &'s Value, value: &Value) -> bool {
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

/// Returns the schemas of a key's value; `false` if the key is not permitted.
pub(super) fn of_key<'s>(keywords: &'s Map<String, Value>, key: &str) -> Vec<&'s Value> {
    let named = keywords.get("properties").and_then(|known| known.get(key));
    let patterns = keywords.get("patternProperties").and_then(Value::as_object);
    let matching = patterns.into_iter().flatten().filter(|(form, _)| pattern(form).is_match(key)).map(|(_, part)| part);
    let found: Vec<&Value> = named.into_iter().chain(matching).collect();
    if found.is_empty() { keywords.get("additionalProperties").into_iter().collect() } else { found }
}

/// Returns the schema of a list item.
pub(super) fn of_item(keywords: &Map<String, Value>, index: usize) -> Option<&Value> {
    let first = keywords.get("prefixItems").map_or(&[][..], list);
    first.get(index).or_else(|| keywords.get("items"))
}

/// Returns the types that a schema permits.
pub(super) fn types(keywords: &Map<String, Value>) -> Vec<&str> {
    match keywords.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

/// Returns whether a value has a type of JSON Schema.
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

/// Returns the items of a keyword whose value is a list.
pub(super) fn list(wanted: &Value) -> &[Value] {
    wanted.as_array().map_or(&[], Vec::as_slice)
}

/// Returns whether a number satisfies one keyword.
pub(super) fn in_range(keyword: &str, wanted: &Value, number: &Number) -> bool {
    let against = |limit: &Value| limit.as_number().and_then(|limit| compare(number, limit));
    match keyword {
        "minimum" => against(wanted) != Some(Ordering::Less),
        "maximum" => against(wanted) != Some(Ordering::Greater),
        "exclusiveMinimum" => against(wanted) == Some(Ordering::Greater),
        "exclusiveMaximum" => against(wanted) == Some(Ordering::Less),
        // Smaller integer formats have bounds in the schema.
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

/// Returns whether a string satisfies one keyword about its pattern or length.
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
    Regex::new(form).expect("patterns of our schemas are regular expressions")
}

/// Returns whether a list satisfies one keyword about its length or the uniqueness of its items.
pub(super) fn of_length(keyword: &str, wanted: &Value, items: &[Value]) -> bool {
    let limit = || wanted.as_u64().unwrap_or(0);
    match keyword {
        "minItems" => items.len() as u64 >= limit(),
        "maxItems" => items.len() as u64 <= limit(),
        "uniqueItems" => *wanted != Value::Bool(true) || repeated(items).is_none(),
        _ => true,
    }
}

/// Returns the index of the first item that repeats an earlier one.
pub(super) fn repeated(items: &[Value]) -> Option<usize> {
    let mut seen = BTreeSet::new();
    items.iter().position(|item| !seen.insert(item.to_string()))
}
