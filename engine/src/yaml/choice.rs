//! Determines which branch of an `anyOf` or `oneOf` was intended, so that no message says that no branch matches.

use super::phrasing::words;
use super::schema::{Schema, is, list, types};
use super::spelling::nearest;
use serde_json::{Map, Value};

/// Keywords that are annotations and do not affect validation.
const ANNOTATIONS: [&str; 8] =
    ["description", "title", "default", "examples", "deprecated", "$schema", "$defs", "x-form"];

/// A schema as an object of keywords.
pub(super) type Keywords = Map<String, Value>;

/// What a value was intended to be.
pub(super) enum Intended<'s> {
    /// A value of this branch.
    Branch(&'s Keywords),
    /// One of these keywords.
    Word(Vec<&'s str>),
    /// A mapping whose `tag` is missing or is not one of these keywords.
    Tag(&'s str, Vec<&'s str>),
    /// A mapping with one of these keys.
    Key(Vec<&'s str>),
    /// A value of another type.
    Type,
}

/// Returns the branches of a schema; a schema without `anyOf` and `oneOf` is its own branch. Resolves references,
/// flattens nested branches and omits `null`, which is never intended.
pub(super) fn branches<'s>(schema: Schema<'s>, part: &'s Value) -> Vec<&'s Keywords> {
    let Some(keywords) = part.as_object() else { return vec![] };
    let mut validating = keywords.iter().filter(|(keyword, _)| !ANNOTATIONS.contains(&keyword.as_str()));
    match (validating.next(), validating.next()) {
        (Some((keyword, target)), None) if keyword == "$ref" => branches(schema, schema.target(target)),
        (Some((keyword, inner)), None) if keyword == "anyOf" || keyword == "oneOf" => {
            list(inner).iter().flat_map(|branch| branches(schema, branch)).collect()
        }
        _ if types(keywords) == ["null"] => vec![],
        _ => vec![keywords],
    }
}

/// Selects a branch by the type of the value, then by its tag, then by its keys.
pub(super) fn meant<'s>(branches: &[&'s Keywords], value: &Value) -> Intended<'s> {
    let fitting: Vec<&Keywords> = branches.iter().copied().filter(|branch| takes(branch, value)).collect();
    match value {
        Value::Object(map) => intended_mapping(&fitting, map),
        _ => match fitting.iter().find(|branch| words(branch).is_empty()) {
            Some(branch) => Intended::Branch(branch),
            None if fitting.is_empty() => Intended::Type,
            None => Intended::Word(fitting.iter().flat_map(|branch| words(branch)).collect()),
        },
    }
}

fn takes(branch: &Keywords, value: &Value) -> bool {
    let named = types(branch);
    named.iter().any(|kind| is(kind, value))
        || (named.is_empty() && (!value.is_object() || branch.contains_key("properties")))
}

fn intended_mapping<'s>(blocks: &[&'s Keywords], map: &Map<String, Value>) -> Intended<'s> {
    if let [] | [_] = blocks {
        return blocks.first().map_or(Intended::Type, |block| Intended::Branch(block));
    }
    if let Some((tag, tags)) = tag(blocks) {
        let word = map.get(tag).and_then(Value::as_str);
        let chosen = blocks.iter().find(|block| constant(block, tag) == word);
        return chosen.filter(|_| word.is_some()).map_or(Intended::Tag(tag, tags), |block| Intended::Branch(block));
    }
    let only: Vec<&str> = blocks.iter().filter_map(|block| only_key(block)).collect();
    if only.len() == blocks.len() {
        let chosen = blocks.iter().find(|block| only_key(block).is_some_and(|key| map.contains_key(key)));
        return chosen.map_or(Intended::Key(only), |block| Intended::Branch(block));
    }
    closest(blocks, map).map_or(Intended::Type, Intended::Branch)
}

/// Returns the field that distinguishes all mappings, and its values, such as for `#[serde(tag = "kind")]`.
pub(super) fn tag<'s>(blocks: &[&'s Keywords]) -> Option<(&'s str, Vec<&'s str>)> {
    let fields = blocks.first()?.get("properties")?.as_object()?;
    fields.keys().find_map(|field| {
        let tags: Option<Vec<&str>> = blocks.iter().map(|block| constant(block, field)).collect();
        tags.map(|tags| (field.as_str(), tags))
    })
}

fn constant<'s>(block: &'s Keywords, field: &str) -> Option<&'s str> {
    block.get("properties")?.get(field)?.get("const")?.as_str()
}

/// Returns the only field of a mapping: serde represents an enum variant this way.
fn only_key(block: &Keywords) -> Option<&str> {
    let fields = block.get("properties")?.as_object()?;
    fields.keys().next().filter(|_| fields.len() == 1).map(String::as_str)
}

/// Returns the mapping with the most of these keys; a misspelled key counts half. On a tie, the one with the fewest
/// missing fields.
fn closest<'s>(blocks: &[&'s Keywords], map: &Map<String, Value>) -> Option<&'s Keywords> {
    let score = |block: &Keywords| -> usize {
        let fields =
            || block.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).map(String::as_str);
        map.keys()
            .map(
                |key| {
                    if fields().any(|field| field == key) { 2 } else { usize::from(nearest(key, fields()).is_some()) }
                },
            )
            .sum()
    };
    let missing = |block: &Keywords| {
        let required = block.get("required").map_or(&[][..], list);
        required.iter().filter_map(Value::as_str).filter(|key| !map.contains_key(*key)).count()
    };
    blocks.iter().copied().min_by_key(|block| (usize::MAX - score(block), missing(block)))
}
