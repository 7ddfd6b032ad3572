//! Finds candidates for rows in a sample: every array, and every object whose keys are data, up to three levels deep.

use super::sample::Sample;
use crate::cli::Framing;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stixmap_engine::dns::{Name, RrType, parse_address};
use stixmap_engine::printable;

/// Maximum number of levels above a row; a profile can have one more.
const DEEPEST: usize = 3;

/// Maximum depth of objects that are searched for an array, from the level above.
const FARTHEST: usize = 5;

/// Maximum number of candidates.
const MOST: usize = 60;

/// One step from the response to a row.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) at: String,
    pub(super) is: LevelContent,
    /// The permitted keys of an object; empty for all.
    pub(super) keys: Vec<String>,
    /// Whether it is absent in some parents.
    pub(super) is_optional: bool,
}

/// The container at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LevelContent {
    List,
    Map,
    OneOrMany,
}

/// An ancestor of a row: its key, if any, and its value.
#[derive(Debug, Clone)]
pub(super) struct PathStep<'s> {
    pub(super) key: Option<&'s str>,
    pub(super) value: &'s Value,
}

/// Rows of the same shape: their levels, and for each row its ancestors from the response to the row itself.
pub(super) struct Table<'s> {
    pub(super) levels: Vec<Level>,
    pub(super) rows: Vec<Vec<PathStep<'s>>>,
}

/// Returns all tables of a sample.
pub(super) fn tables(sample: &Sample) -> Vec<Table<'_>> {
    let whole = |value| vec![PathStep { key: None, value }];
    let paths: Vec<Vec<PathStep<'_>>> = sample.values.iter().map(whole).collect();
    if sample.framing != Framing::Json {
        return vec![Table { levels: vec![], rows: paths }];
    }
    let mut tables = vec![];
    grow(&[], &paths, &mut tables);
    tables
}

fn grow<'s>(levels: &[Level], paths: &[Vec<PathStep<'s>>], tables: &mut Vec<Table<'s>>) {
    let values: Vec<&Value> = paths.iter().map(|path| last(path).value).collect();
    for level in next_levels(&values) {
        let rows: Vec<Vec<PathStep<'s>>> = paths.iter().flat_map(|path| below(path, &level)).collect();
        if rows.is_empty() || tables.len() == MOST {
            continue;
        }
        let levels: Vec<Level> = levels.iter().cloned().chain([level]).collect();
        tables.push(Table { levels: levels.clone(), rows: rows.clone() });
        if levels.len() < DEEPEST {
            grow(&levels, &rows, tables);
        }
    }
}

fn last<'w, 's>(path: &'w [PathStep<'s>]) -> &'w PathStep<'s> {
    path.last().expect("a path begins with the response")
}

/// Returns the paths that continue a path through a level.
fn below<'s>(path: &[PathStep<'s>], level: &Level) -> Vec<Vec<PathStep<'s>>> {
    let mut by_path = BTreeMap::new();
    collect(last(path).value, "$", 0, &mut by_path);
    let found = by_path.get(level.at.as_str()).copied();
    let steps: Vec<PathStep<'s>> = match (level.is, found) {
        (LevelContent::List | LevelContent::OneOrMany, Some(Value::Array(items))) => {
            items.iter().map(|value| PathStep { key: None, value }).collect()
        }
        (LevelContent::OneOrMany, Some(value)) if !value.is_null() => vec![PathStep { key: None, value }],
        (LevelContent::Map, Some(Value::Object(entries))) => {
            let wanted = |key: &str| level.keys.is_empty() || level.keys.iter().any(|known| known == key);
            let entries = entries.iter().filter(|(key, _)| wanted(key));
            entries.map(|(key, value)| PathStep { key: Some(key), value }).collect()
        }
        _ => vec![],
    };
    steps.into_iter().map(|step| path.iter().cloned().chain([step]).collect()).collect()
}

/// Returns the possible next levels below values of the same shape.
fn next_levels(values: &[&Value]) -> Vec<Level> {
    let mut by_path: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for value in values {
        let mut of_one = BTreeMap::new();
        collect(value, "$", 0, &mut of_one);
        of_one.into_iter().for_each(|(at, value)| by_path.entry(at).or_default().push(value));
    }
    let is_optional = |held: &[&Value]| held.len() < values.len() || held.iter().any(|value| value.is_null());
    let level = |(at, held): (String, Vec<&Value>)| {
        let (is, keys) = kind(&held)?;
        Some(Level { is_optional: is_optional(&held), at, is, keys })
    };
    by_path.into_iter().filter_map(level).collect()
}

/// Collects all values by path, without entering arrays or objects whose keys are data.
fn collect<'v>(value: &'v Value, at: &str, depth: usize, by_path: &mut BTreeMap<String, &'v Value>) {
    by_path.insert(at.to_owned(), value);
    if let Value::Object(entries) = value
        && depth < FARTHEST
        && kind(&[value]).is_none()
    {
        entries.iter().for_each(|(key, value)| collect(value, &member(at, key), depth + 1, by_path));
    }
}

/// Returns the path of an object's member.
pub(super) fn member(at: &str, key: &str) -> String {
    let is_word = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match is_word && !key.is_empty() && !key.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("{at}.{key}"),
        false => format!("{at}['{}']", key.chars().map(in_quotes).collect::<String>()),
    }
}

/// Escapes a character of a single-quoted name (RFC 9535 §2.3.1.1).
fn in_quotes(c: char) -> String {
    match c {
        '\\' | '\'' => format!("\\{c}"),
        // Invisible characters are escaped as UTF-16 code units.
        c if printable::line(c.encode_utf8(&mut [0; 4])) != *c.encode_utf8(&mut [0; 4]) => {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        c => c.to_string(),
    }
}

/// Returns the container of a level and its data keys; `None` if the values are not containers of rows.
fn kind(held: &[&Value]) -> Option<(LevelContent, Vec<String>)> {
    let known: Vec<&Value> = held.iter().copied().filter(|value| !value.is_null()).collect();
    let lists = known.iter().filter(|value| value.is_array()).count();
    if lists == known.len() && lists > 0 {
        return Some((LevelContent::List, vec![]));
    }
    if lists > 0 {
        return Some((LevelContent::OneOrMany, vec![]));
    }
    let objects: Vec<_> = known.iter().filter_map(|value| value.as_object()).collect();
    if objects.is_empty() || objects.len() < known.len() {
        return None;
    }
    let keys: BTreeSet<&str> = objects.iter().flat_map(|object| object.keys()).map(String::as_str).collect();
    let of_types: Vec<String> = keys.iter().filter(|key| names_a_type(key)).map(|key| (*key).to_owned()).collect();
    if of_types.len() > 1 {
        let keys = if of_types.len() == keys.len() { vec![] } else { of_types };
        return Some((LevelContent::Map, keys));
    }
    let is_data = !keys.is_empty() && keys.iter().all(|key| is_datum(key));
    (is_data || is_uniform(&objects)).then_some((LevelContent::Map, vec![]))
}

/// Tests for the name of a record type.
pub(super) fn names_a_type(text: &str) -> bool {
    !text.bytes().all(|byte| byte.is_ascii_digit()) && RrType::parse(text).is_ok()
}

/// Tests whether a key is data: an address, a name of several labels, a date or a time.
fn is_datum(key: &str) -> bool {
    let is_time = key.len() >= 6 && key.bytes().all(|byte| byte.is_ascii_digit() || b"-:TZ .+".contains(&byte));
    is_time || parse_address(key).is_ok() || (key.contains('.') && Name::parse(key).is_ok())
}

/// Tests whether the values of an object are rows: several objects with the same keys.
fn is_uniform(objects: &[&serde_json::Map<String, Value>]) -> bool {
    let keys = |value: &Value| Some(value.as_object()?.keys().cloned().collect::<Vec<_>>());
    let mut values = objects.iter().flat_map(|object| object.values());
    let Some(first) = values.next().and_then(keys) else { return false };
    let mut others = values.peekable();
    others.peek().is_some() && first.len() > 1 && others.all(|value| keys(value).as_ref() == Some(&first))
}
