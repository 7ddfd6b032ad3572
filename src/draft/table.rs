//! Where rows may stand in a sample: every list, and every object whose keys are data, as far as three levels in.

use super::sample::Sample;
use crate::cli::Framing;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stixmap_engine::dns::{Name, RrType, parse_address};
use stixmap_engine::printable;

/// A row stands below so many lists at most; a profile can say one more.
const DEEPEST: usize = 3;

/// So deep in objects a list is looked for, from the level above.
const FARTHEST: usize = 5;

/// More places than this are not tried.
const MOST: usize = 60;

/// One step from the answer to a row.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) at: String,
    pub(super) is: LevelContent,
    /// Of an object, only these keys.
    pub(super) keys: Vec<String>,
    /// Whether it is absent in some places.
    pub(super) is_optional: bool,
}

/// What stands at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LevelContent {
    List,
    Map,
    OneOrMany,
}

/// What is gone through on the way to a row: its key, where it has one, and what stands there.
#[derive(Debug, Clone)]
pub(super) struct PathStep<'s> {
    pub(super) key: Option<&'s str>,
    pub(super) value: &'s Value,
}

/// Rows of one kind: where they stand, and for each the way to it, from the answer to the row itself.
pub(super) struct Table<'s> {
    pub(super) levels: Vec<Level>,
    pub(super) rows: Vec<Vec<PathStep<'s>>>,
}

/// Every table of a sample.
pub(super) fn tables(sample: &Sample) -> Vec<Table<'_>> {
    let whole = |value| vec![PathStep { key: None, value }];
    let ways: Vec<Vec<PathStep<'_>>> = sample.values.iter().map(whole).collect();
    if sample.framing != Framing::Json {
        return vec![Table { levels: vec![], rows: ways }];
    }
    let mut tables = vec![];
    grow(&[], &ways, &mut tables);
    tables
}

fn grow<'s>(levels: &[Level], ways: &[Vec<PathStep<'s>>], tables: &mut Vec<Table<'s>>) {
    let values: Vec<&Value> = ways.iter().map(|way| last(way).value).collect();
    for level in next_levels(&values) {
        let rows: Vec<Vec<PathStep<'s>>> = ways.iter().flat_map(|way| below(way, &level)).collect();
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

fn last<'w, 's>(way: &'w [PathStep<'s>]) -> &'w PathStep<'s> {
    way.last().expect("a way begins with the answer")
}

/// The ways that lead on from one, through a level.
fn below<'s>(way: &[PathStep<'s>], level: &Level) -> Vec<Vec<PathStep<'s>>> {
    let mut places = BTreeMap::new();
    collect(last(way).value, "$", 0, &mut places);
    let found = places.get(level.at.as_str()).copied();
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
    steps.into_iter().map(|step| way.iter().cloned().chain([step]).collect()).collect()
}

/// The levels that can be gone into from values of one kind.
fn next_levels(values: &[&Value]) -> Vec<Level> {
    let mut places: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for value in values {
        let mut of_one = BTreeMap::new();
        collect(value, "$", 0, &mut of_one);
        of_one.into_iter().for_each(|(at, value)| places.entry(at).or_default().push(value));
    }
    let is_optional = |held: &[&Value]| held.len() < values.len() || held.iter().any(|value| value.is_null());
    let level = |(at, held): (String, Vec<&Value>)| {
        let (is, keys) = kind(&held)?;
        Some(Level { is_optional: is_optional(&held), at, is, keys })
    };
    places.into_iter().filter_map(level).collect()
}

/// Everything that stands in a value, short of going into a list or an object of data: its path, and itself.
fn collect<'v>(value: &'v Value, at: &str, depth: usize, places: &mut BTreeMap<String, &'v Value>) {
    places.insert(at.to_owned(), value);
    if let Value::Object(entries) = value
        && depth < FARTHEST
        && kind(&[value]).is_none()
    {
        entries.iter().for_each(|(key, value)| collect(value, &member(at, key), depth + 1, places));
    }
}

/// The path of an object's member.
pub(super) fn member(at: &str, key: &str) -> String {
    let is_word = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match is_word && !key.is_empty() && !key.starts_with(|sign: char| sign.is_ascii_digit()) {
        true => format!("{at}.{key}"),
        false => format!("{at}['{}']", key.chars().map(in_quotes).collect::<String>()),
    }
}

/// A character of a name in single quotes (RFC 9535 §2.3.1.1).
fn in_quotes(sign: char) -> String {
    match sign {
        '\\' | '\'' => format!("\\{sign}"),
        // What people do not see is spelt out, in units of UTF-16.
        sign if printable::line(sign.encode_utf8(&mut [0; 4])) != *sign.encode_utf8(&mut [0; 4]) => {
            sign.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        sign => sign.to_string(),
    }
}

/// What stands at a place that is gone into, and the keys of those that are data; none where it is no such place.
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

/// Whether a word is that of a record type.
pub(super) fn names_a_type(text: &str) -> bool {
    !text.bytes().all(|byte| byte.is_ascii_digit()) && RrType::parse(text).is_ok()
}

/// Whether a key is data: an address, a name of several labels, a date or a time.
fn is_datum(key: &str) -> bool {
    let is_time = key.len() >= 6 && key.bytes().all(|byte| byte.is_ascii_digit() || b"-:TZ .+".contains(&byte));
    is_time || parse_address(key).is_ok() || (key.contains('.') && Name::parse(key).is_ok())
}

/// Whether the values of an object are rows: several objects that all have the same keys.
fn is_uniform(objects: &[&serde_json::Map<String, Value>]) -> bool {
    let keys = |value: &Value| Some(value.as_object()?.keys().cloned().collect::<Vec<_>>());
    let mut values = objects.iter().flat_map(|object| object.values());
    let Some(first) = values.next().and_then(keys) else { return false };
    let mut others = values.peekable();
    others.peek().is_some() && first.len() > 1 && others.all(|value| keys(value).as_ref() == Some(&first))
}
