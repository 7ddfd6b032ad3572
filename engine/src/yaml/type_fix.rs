//! Suggestions for a value of the wrong type: what was probably intended, and how to write it.

use super::scalar::{is_quoted, plain, quoted};
use super::truncate::clip;
use serde_json::{Value, json};

/// A suggested replacement of a value.
#[derive(Debug)]
pub(super) struct Suggestion {
    /// What to do, for the label of a diagnostic.
    pub(super) label: String,
    /// Replacement text for the source.
    pub(super) text: String,
    /// Value that the replacement text is parsed as.
    pub(super) value: Value,
    /// Whether the replacement certainly means the same.
    pub(super) is_sure: bool,
}

/// Returns the possible replacements of a scalar, the most likely first. `written` is the source text of the scalar;
/// `tag` is the field that distinguishes the mappings that are permitted here.
pub(super) fn suggestions(value: &Value, written: &str, tag: Option<&str>) -> Vec<Suggestion> {
    if written.contains('\n') {
        return vec![];
    }
    [
        as_text(value, written),
        as_plain(value, written),
        as_boolean(value, written),
        as_duration(value),
        as_list(value, written),
        as_block(value, tag),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `1.10` or `NULL` was intended as a string.
fn as_text(value: &Value, written: &str) -> Option<Suggestion> {
    let is_word =
        matches!(value, Value::Null | Value::Bool(_) | Value::Number(_)) && !written.is_empty() && written != "~";
    is_word.then(|| {
        let text = quoted(written);
        Suggestion { label: format!("quote it: `{}`", clip(&text)), text, value: written.into(), is_sure: true }
    })
}

/// `"30"` was intended as a number.
fn as_plain(value: &Value, written: &str) -> Option<Suggestion> {
    let text = value.as_str().filter(|_| is_quoted(written))?;
    let value = plain(text);
    (!value.is_string() && !value.is_null()).then(|| Suggestion {
        label: format!("remove the quotes: `{}`", clip(text)),
        text: text.into(),
        value,
        is_sure: true,
    })
}

/// `yes` is `true` in YAML 1.1.
fn as_boolean(value: &Value, written: &str) -> Option<Suggestion> {
    let flag = match value.as_str()?.to_lowercase().as_str() {
        "yes" | "on" | "y" => true,
        "no" | "off" | "n" => false,
        _ => return None,
    };
    let label = format!("`{written}` is a string; write `{flag}`");
    Some(Suggestion { label, text: flag.to_string(), value: flag.into(), is_sure: true })
}

/// `30s` is not ISO 8601; suggests `PT30S`. `6m` can mean minutes or months.
fn as_duration(value: &Value) -> Option<Suggestion> {
    let text = value.as_str()?.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = unit.trim();
    let text = match unit {
        _ if number.is_empty() => return None,
        "s" | "sec" | "seconds" => format!("PT{number}S"),
        "m" | "min" | "minutes" => format!("PT{number}M"),
        "h" | "hours" => format!("PT{number}H"),
        "d" | "day" | "days" => format!("P{number}D"),
        _ => return None,
    };
    Some(Suggestion { label: format!("write `{text}`"), value: text.clone().into(), text, is_sure: unit != "m" })
}

/// A single item instead of a list, or several items without brackets.
fn as_list(value: &Value, written: &str) -> Option<Suggestion> {
    if written.is_empty() || value.is_array() || value.is_object() || value.is_null() {
        return None;
    }
    let is_plain = !is_quoted(written);
    let needs_quotes = is_plain && (written.contains(['[', ']', '{', '}', '#', '"', '\'']) || written.contains(": "));
    let (text, value) = match written {
        _ if needs_quotes => (format!("[{}]", quoted(written)), json!([value])),
        _ if is_plain && written.contains(", ") => {
            (format!("[{written}]"), written.split(", ").map(|part| plain(part.trim())).collect())
        }
        _ => (format!("[{written}]"), json!([value])),
    };
    Some(Suggestion { label: format!("write `{}`", clip(&text)), text, value, is_sure: true })
}

/// Only the value of the tag, where a mapping with this tag is required.
fn as_block(value: &Value, tag: Option<&str>) -> Option<Suggestion> {
    let (tag, word) = (tag?, value.as_str()?);
    let text = format!("{{ {tag}: {word} }}");
    Some(Suggestion { label: format!("write `{text}`"), text, value: json!({ tag: word }), is_sure: true })
}
