//! Generates mutants: removes optional parts, replaces keywords by others of their set, swaps values of the same type,
//! and replaces texts and numbers by others of their kind.

use super::excluded::is_excluded;
use super::text::{Texts, numbers};
use crate::profile_test::edit::Edit;
use crate::profile_test::hint::hint;
use crate::profile_test::part::{Part, Standing, parts};
use crate::profile_test::phrasing::{dotted, short};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use stixmap_engine::profile::Profile;
use stixmap_engine::yaml::Tree;

/// A profile with one change.
#[derive(Debug)]
pub(crate) struct Mutant {
    /// The JSON pointer of the changed part.
    pub(crate) pointer: String,
    /// The line of the part.
    pub(crate) line: usize,
    /// The changed part, for messages.
    pub(crate) subject: String,
    /// The kind of change.
    pub(crate) change: Change,
    /// The suggestion for a case that detects it.
    pub(crate) hint: String,
    pub(crate) edit: Edit,
}

/// The kind of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The part is removed.
    Removed,
    /// Two parts are exchanged.
    Swapped,
    /// The value is replaced.
    Replaced(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => f.write_str("removed"),
            Self::Swapped => f.write_str("swapped"),
            Self::Replaced(other) => write!(f, "replaced by `{other}`"),
        }
    }
}

/// The changed part, the kind of change, and the edit.
type Changed = (String, Change, Edit);

/// Returns all mutants of a profile, ordered by line.
pub(crate) fn mutants(tree: &Tree) -> Vec<Mutant> {
    let mut parts = parts(tree.value());
    let excluded: Vec<String> =
        parts.iter().filter(|part| is_excluded(part)).map(|part| part.pointer.clone()).collect();
    parts.retain(|part| !excluded.iter().any(|root| is_at_or_in(&part.pointer, root)));
    parts.sort_by_key(|part| (tree.line_of_use(&part.pointer), tree.key_span(&part.pointer).start));
    let texts = Texts::of(&parts);
    let mutants = parts.iter().flat_map(|part| of_part(part, &parts, &texts, tree));
    // Skips changes that mean the same as the profile or as an earlier mutant.
    let mut known: BTreeSet<String> = meaning(tree.value()).into_iter().collect();
    mutants
        .filter(|mutant| meaning(&mutant.edit.applied(tree.value())).is_none_or(|other| known.insert(other)))
        .collect()
}

/// Returns the profile with its defaults as text; `None` if it does not match the language.
fn meaning(profile: &Value) -> Option<String> {
    Profile::deserialize(profile).ok().map(|profile| format!("{profile:?}"))
}

fn is_at_or_in(pointer: &str, around: &str) -> bool {
    pointer.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn of_part(part: &Part, parts: &[Part], texts: &Texts, tree: &Tree) -> Vec<Mutant> {
    let mut changes: Vec<Changed> = removed(part, parts).into_iter().collect();
    changes.extend(swapped(part, parts));
    changes.extend(replaced(part, texts));
    let line = tree.line_of_use(&part.pointer);
    let mutant = |(subject, change, edit)| Mutant {
        pointer: part.pointer.clone(),
        line,
        subject,
        change,
        hint: hint(part),
        edit,
    };
    changes.into_iter().map(mutant).collect()
}

/// Removes the part if it is optional. A part that is the only one of an optional parent is removed with it.
fn removed(part: &Part, parts: &[Part]) -> Option<Changed> {
    let around = part.pointer.rsplit_once('/').map(|(around, _)| around);
    let around = around.and_then(|around| parts.iter().find(|other| other.pointer == around));
    if !may_go(part) || around.is_some_and(|around| is_single(around.value) && may_go(around)) {
        return None;
    }
    Some((named(part), Change::Removed, Edit::Remove(part.pointer.clone())))
}

fn may_go(part: &Part) -> bool {
    matches!(part.standing, Standing::Optional | Standing::Entry | Standing::Item)
}

fn is_single(value: &Value) -> bool {
    value.as_array().map_or(0, Vec::len) == 1 || value.as_object().map_or(0, serde_json::Map::len) == 1
}

/// Exchanges pairs of keys of a block that take the same type of value.
fn swapped(part: &Part, parts: &[Part]) -> Vec<Changed> {
    let (Some(block), Some(known)) =
        (part.value.as_object(), part.subschema.and_then(|subschema| subschema.get("properties")))
    else {
        return vec![];
    };
    let at = |key: &str| format!("{}/{key}", part.pointer);
    let is_kept = |key: &&String| parts.iter().any(|other| other.pointer == at(key));
    let keys: Vec<&String> = block.keys().filter(is_kept).collect();
    let pairs = keys.iter().enumerate().flat_map(|(i, one)| keys[i + 1..].iter().map(move |other| (*one, *other)));
    let alike = pairs.filter(|(one, other)| block[*one] != block[*other] && takes_same(&known[*one], &known[*other]));
    alike
        .map(|(one, other)| (format!("`{one}` and `{other}`"), Change::Swapped, Edit::Swap(at(one), at(other))))
        .collect()
}

/// Compares the schemas of two keys without their annotations.
fn takes_same(one: &Value, other: &Value) -> bool {
    let bare = |schema: &Value| {
        let mut schema = schema.clone();
        if let Some(keywords) = schema.as_object_mut() {
            keywords.retain(|keyword, _| !["description", "default", "examples"].contains(&keyword.as_str()));
        }
        schema
    };
    let schema = bare(one);
    schema == bare(other) && schema.get("type").is_none_or(|kind| kind == "string")
}

/// Replaces the value.
fn replaced(part: &Part, texts: &Texts) -> Vec<Changed> {
    let others: Vec<Value> = match part.value {
        _ if !part.choices.is_empty() => {
            part.choices.iter().copied().filter(|word| *word != part.value).cloned().collect()
        }
        // The tag of a block: its other keys already determine it.
        _ if part.subschema.is_some_and(|subschema| subschema.contains_key("const")) => vec![],
        Value::Bool(flag) => vec![Value::Bool(!flag)],
        Value::Number(number) => number.as_i64().map_or_else(Vec::new, |number| numbers(part, number)),
        Value::String(text) => texts.others(part, text).into_iter().map(Value::from).collect(),
        Value::Null | Value::Array(_) | Value::Object(_) => vec![],
    };
    let change =
        |other: Value| (named(part), Change::Replaced(short(&other)), Edit::Replace(part.pointer.clone(), other));
    others.into_iter().map(change).collect()
}

/// Names a part for messages: `relationship: related-to`, `rules[3]`.
fn named(part: &Part) -> String {
    match (part.standing, part.value) {
        (_, Value::Object(_) | Value::Array(_)) => format!("`{}`", dotted(&part.pointer)),
        (Standing::Item, value) => format!("`{}` of `{}`", short(value), part.key()),
        (_, value) => format!("`{}: {}`", part.key(), short(value)),
    }
}
