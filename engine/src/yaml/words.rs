//! What things are called in messages, and which known word an unknown one may have meant.

use super::scalar::is_quoted;
use super::schema::types;
use super::tree::{Tree, unescaped};
use serde_json::{Map, Value};

/// The longest message.
const MESSAGE: usize = 80;
/// The longest word that is quoted in one.
const WORD: usize = 24;

/// The known word that was probably meant: the only one that starts so; or else the same but for case, `-` and `_`, or the
/// closest, when a third of its letters at most, and never more than three, are wrong. A swap of neighbours is one mistake.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    only_start(word, &known).or_else(|| closest(word, &known))
}

/// The known words that are closest to an unknown one, the closest first; those equally close in the order they came.
pub fn closest_few<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, few: usize) -> Vec<&'a str> {
    let mut found: Vec<(usize, &str)> =
        known.into_iter().map(|other| (strsim::osa_distance(word, other), other)).collect();
    found.sort_by_key(|(distance, _)| *distance);
    found.into_iter().take(few).map(|(_, other)| other).collect()
}

fn only_start<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut starting = known.iter().filter(|other| word.len() >= 3 && other.starts_with(word));
    starting.next().filter(|_| starting.next().is_none()).copied()
}

fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let (word, length) = (plain(word), word.chars().count());
    let distance = |other: &'a str| {
        let longer = other.chars().count().max(length);
        let most = (longer / 3).min(3);
        // What differs in length by more cannot be nearer.
        (other.chars().count().abs_diff(length) <= most)
            .then(|| strsim::osa_distance(&word, &plain(other)))
            .filter(|found| *found <= most)
    };
    let near = known.iter().copied().filter_map(|other| distance(other).map(|found| (found, other)));
    near.min_by_key(|(found, _)| *found).map(|(_, other)| other)
}

/// A word short enough for a message.
pub(super) fn clip(word: &str) -> String {
    cut(word.lines().next().unwrap_or(""), WORD)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

/// The first message that is short enough.
pub(super) fn message(candidates: &[String]) -> String {
    let fitting = candidates.iter().find(|text| text.chars().count() <= MESSAGE);
    fitting.cloned().unwrap_or_else(|| cut(candidates.last().map_or("", String::as_str), MESSAGE))
}

/// What the value at a pointer is called.
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

/// What schemas want, in words.
pub(super) fn wanted(branches: &[&Map<String, Value>]) -> String {
    let mut kinds: Vec<&str> = vec![];
    for branch in branches {
        let named = types(branch);
        for kind in named.iter().copied().filter(|kind| *kind != "null") {
            let word = if words(branch).is_empty() { kind_word(kind) } else { "a known word" };
            if !kinds.contains(&word) {
                kinds.push(word);
            }
        }
    }
    join(&kinds, " or ").unwrap_or_else(|| "something else".into())
}

fn kind_word(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "null" => "nothing",
        _ => "a block",
    }
}

/// The words a schema names: `const` and `enum`.
pub(super) fn words(schema: &Map<String, Value>) -> Vec<&str> {
    let options = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    options.chain(schema.get("const")).filter_map(Value::as_str).collect()
}

/// What was found instead, in words. `written` is how it stands in the source.
pub(super) fn found(value: &Value, written: &str) -> String {
    match value {
        Value::Null if written.is_empty() => "and has no value".into(),
        Value::Null => "not null".into(),
        Value::Bool(flag) => format!("not the boolean `{flag}`"),
        Value::Number(_) => format!("not the number `{}`", clip(written)),
        Value::String(text) if is_quoted(written) => format!("not the text `{}`", clip(text)),
        Value::String(text) => format!("not `{}`", clip(text)),
        Value::Array(_) => "not a list".into(),
        Value::Object(_) => "not a block".into(),
    }
}

/// `a`, `b` and `c`.
pub(super) fn all(names: &[&str]) -> String {
    in_quotes(names, " and ")
}

/// `a`, `b` or `c`.
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
