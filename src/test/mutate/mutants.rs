//! A profile with one thing changed, for each thing that can be: what may be left out is left out, a word becomes another of
//! its set, two values that could stand for one another change places, texts and numbers become others of their kind.

use super::left_out::is_left_out;
use super::text::{Texts, numbers};
use crate::test::edit::Edit;
use crate::test::hint::hint;
use crate::test::part::{Part, Standing, parts};
use crate::test::words::{place, short};
use serde_json::Value;
use stixmap_engine::yaml::Tree;

/// A profile with one thing changed.
#[derive(Debug)]
pub(crate) struct Mutant {
    /// Where.
    pub(crate) pointer: String,
    /// The line it stands on.
    pub(crate) line: usize,
    /// What becomes of what, in words.
    pub(crate) change: String,
    /// What a case would have to show to notice it.
    pub(crate) hint: String,
    pub(crate) edit: Edit,
}

/// All of a profile, in the order of its lines.
pub(crate) fn mutants(tree: &Tree) -> Vec<Mutant> {
    let mut parts = parts(tree.value());
    let out: Vec<String> = parts.iter().filter(|part| is_left_out(part)).map(|part| part.pointer.clone()).collect();
    parts.retain(|part| !out.iter().any(|out| is_at_or_in(&part.pointer, out)));
    parts.sort_by_key(|part| tree.key_span(&part.pointer).start);
    let texts = Texts::of(&parts);
    parts.iter().flat_map(|part| of_part(part, &parts, &texts, tree)).collect()
}

fn is_at_or_in(pointer: &str, around: &str) -> bool {
    pointer.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn of_part(part: &Part, parts: &[Part], texts: &Texts, tree: &Tree) -> Vec<Mutant> {
    let mut changes: Vec<(String, Edit)> = removed(part, parts).into_iter().collect();
    changes.extend(swapped(part));
    changes.extend(replaced(part, texts));
    let line = tree.source().line(tree.key_span(&part.pointer).start);
    let mutant = |(change, edit)| Mutant { pointer: part.pointer.clone(), line, change, hint: hint(part), edit };
    changes.into_iter().map(mutant).collect()
}

/// Without it, where it may be missing. What is alone in something that may be missing too goes with that.
fn removed(part: &Part, parts: &[Part]) -> Option<(String, Edit)> {
    let around = part.pointer.rsplit_once('/').map(|(around, _)| around);
    let around = around.and_then(|around| parts.iter().find(|other| other.pointer == around));
    if !may_go(part) || around.is_some_and(|around| is_single(around.value) && may_go(around)) {
        return None;
    }
    Some((format!("{} is gone", named(part)), Edit::Remove(part.pointer.clone())))
}

fn may_go(part: &Part) -> bool {
    matches!(part.standing, Standing::Optional { is_default: false } | Standing::Entry | Standing::Item)
}

fn is_single(value: &Value) -> bool {
    value.as_array().map_or(0, Vec::len) == 1 || value.as_object().map_or(0, serde_json::Map::len) == 1
}

/// Two keys of a block that take the same kind of value, exchanged.
fn swapped(part: &Part) -> Vec<(String, Edit)> {
    let (Some(block), Some(known)) = (part.value.as_object(), part.said.and_then(|said| said.get("properties"))) else {
        return vec![];
    };
    let keys: Vec<&String> = block.keys().collect();
    let pairs = keys.iter().enumerate().flat_map(|(i, one)| keys[i + 1..].iter().map(move |other| (*one, *other)));
    let alike = pairs.filter(|(one, other)| block[*one] != block[*other] && takes_same(&known[*one], &known[*other]));
    let at = |key: &str| format!("{}/{key}", part.pointer);
    alike.map(|(one, other)| (format!("`{one}` and `{other}` change places"), Edit::Swap(at(one), at(other)))).collect()
}

/// Whether two keys take the same, by their schemas without what only describes.
fn takes_same(one: &Value, other: &Value) -> bool {
    let bare = |schema: &Value| {
        let mut schema = schema.clone();
        if let Some(keywords) = schema.as_object_mut() {
            keywords.retain(|keyword, _| !["description", "default", "examples"].contains(&keyword.as_str()));
        }
        schema
    };
    let said = bare(one);
    said == bare(other) && said.get("type").is_none_or(|kind| kind == "string")
}

/// With something else in its place.
fn replaced(part: &Part, texts: &Texts) -> Vec<(String, Edit)> {
    let others: Vec<Value> = match part.value {
        _ if !part.words.is_empty() => part.words.iter().copied().filter(|word| *word != part.value).cloned().collect(),
        // The word that says which kind of block it is: the rest of the block says so too.
        _ if part.said.is_some_and(|said| said.contains_key("const")) => vec![],
        Value::Bool(flag) => vec![Value::Bool(!flag)],
        Value::Number(number) => number.as_i64().map_or_else(Vec::new, |number| numbers(part, number)),
        Value::String(text) => texts.others(part, text).into_iter().map(Value::from).collect(),
        Value::Null | Value::Array(_) | Value::Object(_) => vec![],
    };
    let change = |other: &Value| format!("{} becomes `{}`", named(part), short(other));
    others.into_iter().map(|other| (change(&other), Edit::Replace(part.pointer.clone(), other))).collect()
}

/// A part as people speak of it: `relationship: related-to`, `rules[3]`.
fn named(part: &Part) -> String {
    match (part.standing, part.value) {
        (_, Value::Object(_) | Value::Array(_)) => format!("`{}`", place(&part.pointer)),
        (Standing::Item, value) => format!("`{}` of `{}`", short(value), part.key()),
        (_, value) => format!("`{}: {}`", part.key(), short(value)),
    }
}
