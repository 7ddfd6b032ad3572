//! Phrases for messages, and suggestions for misspelled words.

use super::pointer::unescaped;
use super::scalar::is_quoted;
use super::schema::types;
use super::tree::Tree;
use super::truncate::{clip, truncate};
use serde_json::{Map, Value};

/// Maximum length of a message in characters.
const MESSAGE: usize = 80;

/// Returns the first candidate that is short enough, or the last one, truncated.
pub(super) fn message(candidates: &[String]) -> String {
    let fitting = candidates.iter().find(|text| text.chars().count() <= MESSAGE);
    fitting.cloned().unwrap_or_else(|| truncate(candidates.last().map_or("", String::as_str), MESSAGE))
}

/// Returns a phrase for the value at a JSON pointer.
pub(super) fn name(tree: &Tree, pointer: &str) -> String {
    let Some((parent, segment)) = pointer.rsplit_once('/') else { return "the file".into() };
    if !is_list(tree, parent) {
        return format!("`{}`", clip(&unescaped(segment)));
    }
    let number = segment.parse().map_or(0, |index: usize| index + 1);
    match parent.rsplit_once('/') {
        None => format!("item {number}"),
        Some((above, _)) if is_list(tree, above) => format!("item {number} of an inner list"),
        Some(_) => format!("item {number} of {}", name(tree, parent)),
    }
}

fn is_list(tree: &Tree, pointer: &str) -> bool {
    tree.value().pointer(pointer).is_some_and(Value::is_array)
}

/// Returns a phrase for the types that schemas accept.
pub(super) fn expected_types(branches: &[&Map<String, Value>]) -> String {
    let mut kinds: Vec<&str> = vec![];
    for branch in branches {
        let named = types(branch);
        for kind in named.iter().copied().filter(|kind| *kind != "null") {
            let word = if words(branch).is_empty() { type_phrase(kind) } else { "a keyword" };
            if !kinds.contains(&word) {
                kinds.push(word);
            }
        }
    }
    join(&kinds, " or ").unwrap_or_else(|| "something else".into())
}

fn type_phrase(kind: &str) -> &'static str {
    match kind {
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "null" => "null",
        _ => "a mapping",
    }
}

/// Returns the words that `const` and `enum` of a schema permit.
pub(super) fn words(schema: &Map<String, Value>) -> Vec<&str> {
    let options = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    options.chain(schema.get("const")).filter_map(Value::as_str).collect()
}

/// Returns a phrase for the value that was found. `written` is its source text.
pub(super) fn found(value: &Value, written: &str) -> String {
    match value {
        Value::Null if written.is_empty() => "no value".into(),
        Value::Null => "null".into(),
        Value::Bool(flag) => format!("the boolean `{flag}`"),
        Value::Number(_) => format!("the number `{}`", clip(written)),
        Value::String(text) if is_quoted(written) => format!("the string `{}`", clip(text)),
        Value::String(text) => format!("`{}`", clip(text)),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a mapping".into(),
    }
}

/// Joins names: `a`, `b` and `c`.
pub(super) fn all(names: &[&str]) -> String {
    in_quotes(names, " and ")
}

/// Joins names: `a`, `b` or `c`.
pub(super) fn any(names: &[&str]) -> String {
    in_quotes(names, " or ")
}

fn in_quotes(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
    join(&quoted, last).unwrap_or_else(|| "nothing".into())
}

fn join(parts: &[&str], last: &str) -> Option<String> {
    match parts {
        [] => None,
        [one] => Some((*one).to_owned()),
        [first @ .., end] => Some(format!("{}{last}{end}", first.join(", "))),
    }
}
