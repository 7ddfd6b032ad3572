//! A profile with one thing changed, for each thing that can be: what may be left out is left out, a word becomes another of
//! its set, two values that could stand for one another change places, texts and numbers become others of their kind.

use super::excluded::is_left_out;
use super::text::{Texts, numbers};
use crate::profile_test::edit::Edit;
use crate::profile_test::hint::hint;
use crate::profile_test::part::{Part, Standing, parts};
use crate::profile_test::phrasing::{place, short};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use stixmap_engine::profile::Profile;
use stixmap_engine::yaml::Tree;

/// A profile with one thing changed.
#[derive(Debug)]
pub(crate) struct Mutant {
    /// Where.
    pub(crate) pointer: String,
    /// The line it stands on.
    pub(crate) line: usize,
    /// What is changed, as people speak of it.
    pub(crate) subject: String,
    /// What becomes of it.
    pub(crate) change: Change,
    /// What a case would have to show to notice it.
    pub(crate) hint: String,
    pub(crate) edit: Edit,
}

/// What becomes of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is not there.
    Gone,
    /// Each of two stands where the other stood.
    Swapped,
    /// Something else stands there.
    Becomes(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("is gone"),
            Self::Swapped => f.write_str("change places"),
            Self::Becomes(other) => write!(f, "becomes `{other}`"),
        }
    }
}

/// What is changed, what becomes of it, and how.
type Changed = (String, Change, Edit);

/// All of a profile, in the order of its lines.
pub(crate) fn mutants(tree: &Tree) -> Vec<Mutant> {
    let mut parts = parts(tree.value());
    let out: Vec<String> = parts.iter().filter(|part| is_left_out(part)).map(|part| part.pointer.clone()).collect();
    parts.retain(|part| !out.iter().any(|out| is_at_or_in(&part.pointer, out)));
    parts.sort_by_key(|part| (tree.line_of_use(&part.pointer), tree.key_span(&part.pointer).start));
    let texts = Texts::of(&parts);
    let mutants = parts.iter().flat_map(|part| of_part(part, &parts, &texts, tree));
    // What says the same in other words is no change, and what was changed so before is no other one.
    let mut known: BTreeSet<String> = meaning(tree.value()).into_iter().collect();
    mutants
        .filter(|mutant| meaning(&mutant.edit.applied(tree.value())).is_none_or(|other| known.insert(other)))
        .collect()
}

/// What a profile says, with its defaults; nothing, where it is not of the language's shape.
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

/// Without it, where it may be missing. What is alone in something that may be missing too goes with that.
fn removed(part: &Part, parts: &[Part]) -> Option<Changed> {
    let around = part.pointer.rsplit_once('/').map(|(around, _)| around);
    let around = around.and_then(|around| parts.iter().find(|other| other.pointer == around));
    if !may_go(part) || around.is_some_and(|around| is_single(around.value) && may_go(around)) {
        return None;
    }
    Some((named(part), Change::Gone, Edit::Remove(part.pointer.clone())))
}

fn may_go(part: &Part) -> bool {
    matches!(part.standing, Standing::Optional | Standing::Entry | Standing::Item)
}

fn is_single(value: &Value) -> bool {
    value.as_array().map_or(0, Vec::len) == 1 || value.as_object().map_or(0, serde_json::Map::len) == 1
}

/// Two keys of a block that take the same kind of value, exchanged.
fn swapped(part: &Part, parts: &[Part]) -> Vec<Changed> {
    let (Some(block), Some(known)) = (part.value.as_object(), part.said.and_then(|said| said.get("properties"))) else {
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
fn replaced(part: &Part, texts: &Texts) -> Vec<Changed> {
    let others: Vec<Value> = match part.value {
        _ if !part.words.is_empty() => part.words.iter().copied().filter(|word| *word != part.value).cloned().collect(),
        // The word that says which kind of block it is: the rest of the block says so too.
        _ if part.said.is_some_and(|said| said.contains_key("const")) => vec![],
        Value::Bool(flag) => vec![Value::Bool(!flag)],
        Value::Number(number) => number.as_i64().map_or_else(Vec::new, |number| numbers(part, number)),
        Value::String(text) => texts.others(part, text).into_iter().map(Value::from).collect(),
        Value::Null | Value::Array(_) | Value::Object(_) => vec![],
    };
    let change =
        |other: Value| (named(part), Change::Becomes(short(&other)), Edit::Replace(part.pointer.clone(), other));
    others.into_iter().map(change).collect()
}

/// A part as people speak of it: `relationship: related-to`, `rules[3]`.
fn named(part: &Part) -> String {
    match (part.standing, part.value) {
        (_, Value::Object(_) | Value::Array(_)) => format!("`{}`", place(&part.pointer)),
        (Standing::Item, value) => format!("`{}` of `{}`", short(value), part.key()),
        (_, value) => format!("`{}: {}`", part.key(), short(value)),
    }
}
