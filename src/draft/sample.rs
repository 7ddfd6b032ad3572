//! Parses a sample response in each way that its bytes permit.

use crate::cli::Framing;
use anyhow::bail;
use serde_json::{Map, Value};
use stixmap_engine::dns::{Name, parse_address};

/// Column separators, the likeliest first.
const SEPARATORS: [&str; 5] = ["\t", "|", ";", ",", BLANKS];

/// Any number of spaces.
const BLANKS: &str = " ";

/// The character that begins a comment line.
const COMMENT: char = '#';

/// One interpretation of a sample.
pub(super) struct Sample {
    pub(super) framing: Framing,
    /// The value of `columns` as YAML, for delimited text.
    pub(super) columns: Option<String>,
    /// A single document, or a list of rows if each line is one.
    pub(super) values: Vec<Value>,
}

/// Returns all interpretations; at least one.
pub(super) fn readings(bytes: &[u8]) -> anyhow::Result<Vec<Sample>> {
    let Ok(text) = std::str::from_utf8(bytes) else { bail!("invalid sample: expected UTF-8 text") };
    let text = text.trim_start_matches('\u{feff}');
    let mut readings = vec![];
    if let Ok(value @ (Value::Array(_) | Value::Object(_))) = serde_json::from_str::<Value>(text) {
        readings.push(Sample { framing: Framing::Json, columns: None, values: vec![value] });
    }
    readings.extend(lines_of_json(text));
    if readings.is_empty() {
        readings.extend(columns(text));
    }
    if readings.is_empty() {
        bail!("invalid sample: expected JSON, JSON lines, delimited text, or one name or address per line");
    }
    Ok(readings)
}

fn lines_of_json(text: &str) -> Option<Sample> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let values: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>().ok()?;
    if values.is_empty() || !values.iter().all(Value::is_object) {
        return None;
    }
    let is_saf = values.iter().all(|value| value.get("cond").is_some() || value.get("obj").is_some());
    if !is_saf {
        return Some(Sample { framing: Framing::Ndjson, columns: None, values });
    }
    let rows = values.iter().filter_map(|value| value.get("obj").cloned()).collect();
    Some(Sample { framing: Framing::Saf, columns: None, values: rows })
}

fn columns(text: &str) -> Option<Sample> {
    let is_comment = |line: &&str| line.starts_with(COMMENT);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let rows: Vec<&str> = lines.iter().copied().filter(|line| !is_comment(line)).collect();
    let first = rows.first()?;
    let several = SEPARATORS.into_iter().find(|separator| {
        let width = cells(first, separator).len();
        // Sentences contain spaces too, but rarely have equal numbers of words.
        let is_sure = *separator != BLANKS || rows.len() > 1;
        width > 1 && is_sure && rows.iter().all(|line| cells(line, separator).len() == width)
    });
    // Lines with a single value need a separator that occurs in none of them.
    let separator = several.or_else(|| is_one_column(&rows).then_some(SEPARATORS[0]))?;
    let cut = |line: &&str| cells(line, separator);
    let mut rows: Vec<Vec<String>> = rows.iter().map(cut).collect();
    let names = has_names(&rows).then(|| rows.remove(0));
    let comment = lines.iter().any(is_comment).then(|| format!(", comment: \"{COMMENT}\""));
    let quoted = serde_json::Value::from(separator);
    let header = match (&names, rows.first()) {
        (None, Some(row)) => format!(", count: {}", row.len()),
        _ => ", header: true".to_owned(),
    };
    let columns = format!("{{ separator: {quoted}{header}{} }}", comment.unwrap_or_default());
    let values = rows.into_iter().map(|cells| row(names.as_deref(), cells)).collect();
    Some(Sample { framing: Framing::Delimited, columns: Some(columns), values })
}

/// Tests whether each line is one address or name, except for a header line.
fn is_one_column(rows: &[&str]) -> bool {
    let is_value = |line: &&str| {
        let line = line.trim();
        parse_address(line).is_ok()
            || (line.contains('.') && !line.contains(SEPARATORS[0]) && Name::parse(line).is_ok())
    };
    let is_word = |line: &&&str| line.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let behind = rows.split_first().filter(|(first, rest)| is_word(first) && !rest.is_empty()).map(|(_, rest)| rest);
    behind.unwrap_or(rows).iter().all(is_value)
}

fn cells(line: &str, separator: &str) -> Vec<String> {
    match separator {
        BLANKS => line.split_whitespace().map(str::to_owned).collect(),
        separator => line.split(separator).map(|cell| cell.trim().to_owned()).collect(),
    }
}

/// Tests for a header line: its cells are distinct words, and no other line begins with the same cell.
fn has_names(rows: &[Vec<String>]) -> bool {
    let (Some(first), true) = (rows.first(), rows.len() > 1) else { return false };
    let is_word = |cell: &String| {
        let mut chars = cell.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic())
            && chars.all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c))
    };
    let is_different = first.iter().enumerate().all(|(at, cell)| !first[..at].contains(cell));
    is_different && first.iter().all(is_word)
}

fn row(names: Option<&[String]>, cells: Vec<String>) -> Value {
    let cells = cells.into_iter().map(Value::from);
    match names {
        Some(names) => names.iter().cloned().zip(cells).collect::<Map<_, _>>().into(),
        None => cells.collect::<Vec<_>>().into(),
    }
}
