//! The columns of a table: each path with a value in most rows, and the pattern of its values.

use super::table::{PathStep, Table, member, names_a_type};
use crate::{quote, scaffold};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use stixmap_engine::dns::{Name, RrType, parse_address};
use stixmap_engine::plan::{TimeFormat, integer};
use stixmap_engine::printable;

/// Texts that providers write for a missing value.
const NONE: [&str; 10] = ["", "-", "none", "null", "n/a", "na", "unknown", "nil", "0000-00-00", "0000-00-00 00:00:00"];

/// Time formats, and whether they lack a time zone.
const TIMES: [(&str, bool); 9] = [
    ("rfc3339", false),
    ("%Y-%m-%d %H:%M:%S %z", false),
    ("%Y-%m-%dT%H:%M:%S", true),
    ("%Y-%m-%d %H:%M:%S", true),
    ("%Y-%m-%d %H:%M", true),
    ("%Y-%m-%d", true),
    ("%Y/%m/%d", true),
    ("%d.%m.%Y", true),
    ("%Y%m%d", true),
];

/// Numbers in this range are taken for Unix times: the years 1990 to 2100.
const SECONDS: std::ops::Range<i64> = 631_152_000..4_102_444_800;

/// Minimum percentage of known record types in a column that is named like one.
const TYPE_NAMES: usize = 80;

/// Number of sample values in comments, and the maximum length of each.
const SHOWN: usize = 3;
const LONGEST: usize = 32;

/// A path with its values in all rows.
pub(super) struct Column {
    /// The value of `from`, unless the column belongs to the row itself.
    pub(super) from: Option<&'static str>,
    pub(super) at: Option<String>,
    /// The last name of the path, in lower case.
    pub(super) name: String,
    /// The value of each row, if any. Lists of texts are stored as several values.
    pub(super) values: Vec<Vec<Value>>,
    pub(super) pattern: ValuePattern,
    none_when: Vec<Value>,
}

/// The pattern that all values of a column match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValuePattern {
    RrType,
    Time(&'static str, bool),
    Address,
    Name,
    Integer,
    Text,
}

/// Returns the columns of a table.
pub(super) fn columns<'s>(table: &Table<'s>) -> Vec<Column> {
    let mut columns = vec![];
    let names = ["row", "parent", "grandparent"];
    let is_whole = table.levels.is_empty();
    for (above, name) in names.iter().enumerate() {
        // There are as many ancestors of a row as levels.
        if above > table.levels.len() {
            break;
        }
        let is_answer = above == table.levels.len() && !is_whole;
        let from = match above {
            0 => None,
            _ if is_answer => Some("answer"),
            _ => Some(*name),
        };
        let here = |row: &[PathStep<'s>]| row[row.len() - 1 - above].value;
        let below = table.levels.len().checked_sub(above).and_then(|level| table.levels.get(level));
        let is_beside = |at: &String| below.is_none_or(|level| !is_within(at, &level.at));
        let leaves = |row: &Vec<PathStep<'s>>| leaves(here(row), is_whole);
        let places: BTreeSet<String> = table.rows.iter().flat_map(leaves).filter(is_beside).collect();
        columns.extend(places.into_iter().filter_map(|at| {
            let values = table.rows.iter().map(|row| values_at(here(row), &at)).collect();
            Column::new(from, Some(at), values)
        }));
        if !is_answer {
            let keys =
                table.rows.iter().map(|row| row[row.len() - 1 - above].key.map(Value::from).into_iter().collect());
            let from = ["key", "parent-key", "grandparent-key"][above];
            columns.extend(Column::new(Some(from), None, keys.collect()));
        }
    }
    columns
}

/// Tests whether a path is inside another.
fn is_within(at: &str, parent: &str) -> bool {
    at.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Returns the paths of scalars and lists of texts; the cells of a line are scalars.
fn leaves(value: &Value, is_line: bool) -> Vec<String> {
    fn collect(value: &Value, at: &str, is_line: bool, leaves: &mut Vec<String>) {
        match value {
            Value::Object(entries) => {
                entries.iter().for_each(|(key, value)| collect(value, &member(at, key), false, leaves));
            }
            Value::Array(cells) if is_line => {
                cells
                    .iter()
                    .enumerate()
                    .for_each(|(number, cell)| collect(cell, &format!("$[{number}]"), false, leaves));
            }
            Value::Array(items) if !items.iter().all(Value::is_string) => {}
            _ => leaves.push(at.to_owned()),
        }
    }
    let mut found = vec![];
    collect(value, "$", is_line, &mut found);
    found
}

/// Returns the values at a path returned by `leaves`.
fn values_at(value: &Value, at: &str) -> Vec<Value> {
    let found = stixmap_engine::plan::Path::parse(at).ok().and_then(|path| path.find(value).cloned());
    match found {
        Some(Value::Array(items)) => items,
        Some(Value::Null) | None => vec![],
        Some(Value::Object(_)) => vec![],
        Some(value) => vec![value],
    }
}

impl Column {
    /// Returns `None` if no row has a value.
    fn new(from: Option<&'static str>, at: Option<String>, mut values: Vec<Vec<Value>>) -> Option<Column> {
        let is_time = |value: &Value| time(std::slice::from_ref(&value)).is_some();
        let has_times = values.iter().flatten().any(is_time);
        let is_none = |value: &Value| match value {
            Value::String(text) => NONE.contains(&text.trim().to_lowercase().as_str()),
            // If other rows have a time, 0 means none.
            Value::Number(number) => has_times && number.as_i64() == Some(0),
            _ => false,
        };
        let mut none_when = vec![];
        for held in &mut values {
            held.retain(|value| {
                let is_none = is_none(value);
                if is_none && !none_when.contains(value) {
                    none_when.push(value.clone());
                }
                !is_none
            });
        }
        let known: Vec<&Value> = values.iter().flatten().collect();
        let name = at.as_deref().map(last_name).unwrap_or_default();
        let pattern = (!known.is_empty()).then(|| pattern(&known, &name))?;
        Some(Column { from, at, name, values, pattern, none_when })
    }

    /// Tests whether a row has several values.
    pub(super) fn is_list(&self) -> bool {
        self.values.iter().any(|values| values.len() > 1)
    }

    /// Returns the value of a row as text; the first of several.
    pub(super) fn text(&self, row: usize) -> Option<String> {
        self.values[row].first().map(text)
    }

    /// Scores the column's name: the earlier a matching word in the list, the higher; 0 without a match.
    pub(super) fn hint(&self, names: &[&str]) -> usize {
        names.iter().position(|name| self.name.contains(name)).map_or(0, |index| names.len() - index)
    }

    /// Tests whether it belongs to the whole response instead of a row.
    pub(super) fn is_of_answer(&self) -> bool {
        self.from == Some("answer")
    }

    /// Tests whether it belongs to the row, or is its key.
    pub(super) fn is_of_row(&self) -> bool {
        matches!(self.from, None | Some("key"))
    }

    /// Scores the distance from the row: the closer, the higher.
    pub(super) fn nearness(&self) -> usize {
        match self.from {
            None => 4,
            Some("key") => 3,
            Some("parent" | "parent-key") => 2,
            Some("answer") => 0,
            Some(_) => 1,
        }
    }

    /// Returns the number of rows with a value.
    pub(super) fn filled(&self) -> usize {
        self.values.iter().filter(|values| !values.is_empty()).count()
    }

    /// Tests whether another column has values of the same pattern in rows without one here.
    pub(super) fn is_complemented_by(&self, other: &Column) -> bool {
        let is_alike = self.pattern == other.pattern && self.from == other.from && self.at != other.at;
        is_alike && self.values.iter().zip(&other.values).any(|(own, others)| own.is_empty() && !others.is_empty())
    }

    /// Tests whether its time is never after that of another column, and before it in at least one row.
    pub(super) fn is_never_after(&self, other: &Column) -> bool {
        let (ValuePattern::Time(format, is_civil), ValuePattern::Time(others, is_other_civil)) =
            (self.pattern, other.pattern)
        else {
            return false;
        };
        let read = |format: &str, is_civil: bool, values: &[Value]| {
            let format = TimeFormat::parse(format, is_civil.then_some("UTC")).ok()?;
            values.first().and_then(|value| format.read(value))
        };
        let pairs = self.values.iter().zip(&other.values);
        let pairs: Vec<_> = pairs
            .filter_map(|(own, theirs)| Some((read(format, is_civil, own)?, read(others, is_other_civil, theirs)?)))
            .collect();
        pairs.iter().all(|(own, theirs)| own <= theirs) && pairs.iter().any(|(own, theirs)| own < theirs)
    }

    /// Returns a field that reads this column.
    pub(super) fn field(&self, kind: &str) -> String {
        self.field_or(kind, None)
    }

    /// Returns a field that reads this column, or another if it is absent.
    pub(super) fn field_or(&self, kind: &str, other: Option<&Column>) -> String {
        let mut yaml = "{ ".to_owned();
        if let Some(from) = self.from {
            let _ = write!(yaml, "from: {from}, ");
        }
        let own = self.at.as_deref().map(scaffold::plain);
        let others = other.and_then(|other| other.at.as_deref()).map(scaffold::plain);
        match (own, others) {
            (Some(own), Some(other)) => drop(write!(yaml, "at: [{own}, {other}], ")),
            (Some(own), None) => drop(write!(yaml, "at: {own}, ")),
            (None, _) => {}
        }
        let _ = write!(yaml, "as: {kind}");
        if let (ValuePattern::Time(format, is_civil), "timestamp") = (self.pattern, kind) {
            let format = if format.contains('%') { format!("\"{format}\"") } else { format.to_owned() };
            let _ = write!(yaml, ", format: {format}{}", if is_civil { ", zone: UTC" } else { "" });
        }
        if !self.none_when.is_empty() {
            let none_when: Vec<String> = self.none_when.iter().map(scalar).collect();
            let _ = write!(yaml, ", none_when: [{}]", none_when.join(","));
        }
        let is_optional = |row: usize| other.is_none_or(|other| other.values[row].is_empty());
        if (0..self.values.len()).any(|row| self.values[row].is_empty() && is_optional(row)) {
            yaml += ", optional: true";
        }
        yaml + " }"
    }

    /// Describes the evidence: the number of rows with a value, and sample values.
    pub(super) fn evidence(&self) -> String {
        let all = self.values.len();
        let with = self.filled();
        let mut shown: Vec<String> = vec![];
        for value in self.values.iter().flatten() {
            let text = excerpt(&text(value));
            if shown.len() < SHOWN && !shown.contains(&text) {
                shown.push(text);
            }
        }
        let is_other = |value: &Value| self.pattern == ValuePattern::RrType && RrType::parse(&text(value)).is_err();
        if let Some(other) = self.values.iter().flatten().find(|value| is_other(value)) {
            shown.push(format!("and {}, whose type `aliases` can define", excerpt(&text(other))));
        }
        let zone = if matches!(self.pattern, ValuePattern::Time(_, true)) { "; assumed zone: UTC" } else { "" };
        format!("{with} of {all} rows, e.g. {}{zone}", shown.join(", "))
    }

    /// Names the column in comments.
    pub(super) fn path(&self) -> String {
        [self.from, self.at.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

fn last_name(at: &str) -> String {
    let mut names = at.split(['.', '[', ']', '\'', '$', '"']).filter(|name| !name.is_empty());
    names.next_back().unwrap_or_default().to_lowercase()
}

/// Formats a text or number as YAML.
fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), quote::yaml)
}

/// Formats a text for a comment: one line, truncated.
fn excerpt(text: &str) -> String {
    let line = printable::line(text);
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into_owned(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn pattern(values: &[&Value], name: &str) -> ValuePattern {
    let all = |test: &dyn Fn(&str) -> bool| values.iter().all(|value| value.as_str().is_some_and(test));
    let is_number = |value: &&Value| integer(*value).is_some();
    if all(&|text| names_a_type(text)) {
        return ValuePattern::RrType;
    }
    // A provider may use a few names of its own.
    let type_names = values.iter().filter(|value| value.as_str().is_some_and(names_a_type)).count();
    if name.contains("type") && type_names * 100 >= values.len() * TYPE_NAMES {
        return ValuePattern::RrType;
    }
    let is_type = |value: &&Value| integer(*value).is_some_and(|number| RrType::parse(&number.to_string()).is_ok());
    if name.contains("type") && values.iter().all(is_type) {
        return ValuePattern::RrType;
    }
    if let Some((format, is_civil)) = time(values) {
        return ValuePattern::Time(format, is_civil);
    }
    if all(&|text| parse_address(text).is_ok()) {
        return ValuePattern::Address;
    }
    if values.iter().all(is_number) {
        return ValuePattern::Integer;
    }
    if all(&is_name) {
        return ValuePattern::Name;
    }
    ValuePattern::Text
}

fn is_name(text: &str) -> bool {
    text.contains('.') && Name::parse(text).is_ok()
}

fn time(values: &[&Value]) -> Option<(&'static str, bool)> {
    let whole = |value: &Value| integer(value).or_else(|| value.as_f64().map(|number| number as i64));
    if values.iter().all(|value| whole(value).is_some_and(|number| SECONDS.contains(&number))) {
        return Some(("epoch-seconds", false));
    }
    if values.iter().all(|value| integer(*value).is_some_and(|number| SECONDS.contains(&(number / 1000)))) {
        return Some(("epoch-milliseconds", false));
    }
    // One format parses several spellings: choose the one that would write the values like this.
    let is_it = |holds: fn(&TimeFormat, &Value) -> bool| {
        TIMES.into_iter().find(|(format, is_civil)| {
            let format = TimeFormat::parse(format, is_civil.then_some("UTC"));
            format.is_ok_and(|format| values.iter().all(|value| holds(&format, value)))
        })
    };
    is_it(|format, value| format.read(value).is_some_and(|time| *value == format.write(time)))
        .or_else(|| is_it(|format, value| format.read(value).is_some()))
}
