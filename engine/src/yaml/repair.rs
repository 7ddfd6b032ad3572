//! What a value of the wrong type was probably meant to be, and how that is written.

use super::scalar::{is_quoted, plain, quoted};
use super::words::clip;
use serde_json::{Value, json};

/// Another way to write a value.
#[derive(Debug)]
pub(super) struct Repair {
    /// What to do, in words.
    pub(super) label: String,
    /// What to write.
    pub(super) text: String,
    /// What it is read as.
    pub(super) value: Value,
}

/// Other ways to write a scalar, the likeliest first. `written` is how it stands in the source; `tag` is the field that tells
/// the blocks apart which could stand here.
pub(super) fn repairs(value: &Value, written: &str, tag: Option<&str>) -> Vec<Repair> {
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

/// `1.10` was meant as text, and so was `NULL`.
fn as_text(value: &Value, written: &str) -> Option<Repair> {
    let is_word =
        matches!(value, Value::Null | Value::Bool(_) | Value::Number(_)) && !written.is_empty() && written != "~";
    is_word.then(|| {
        let text = quoted(written);
        Repair { label: format!("quote it: `{}`", clip(&text)), text, value: written.into() }
    })
}

/// `"30"` was meant as a number.
fn as_plain(value: &Value, written: &str) -> Option<Repair> {
    let text = value.as_str().filter(|_| is_quoted(written))?;
    let value = plain(text);
    (!value.is_string() && !value.is_null()).then(|| Repair {
        label: format!("without quotes: `{}`", clip(text)),
        text: text.into(),
        value,
    })
}

/// `yes` was `true` in YAML 1.1.
fn as_boolean(value: &Value, written: &str) -> Option<Repair> {
    let flag = match value.as_str()?.to_lowercase().as_str() {
        "yes" | "on" | "y" => true,
        "no" | "off" | "n" => false,
        _ => return None,
    };
    let label = format!("`{written}` is text; write `{flag}`");
    Some(Repair { label, text: flag.to_string(), value: flag.into() })
}

/// `30s`, where ISO 8601 has `PT30S`.
fn as_duration(value: &Value) -> Option<Repair> {
    let text = value.as_str()?.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let text = match unit.trim() {
        _ if number.is_empty() => return None,
        "s" | "sec" | "seconds" => format!("PT{number}S"),
        "m" | "min" | "minutes" => format!("PT{number}M"),
        "h" | "hours" => format!("PT{number}H"),
        "d" | "day" | "days" => format!("P{number}D"),
        _ => return None,
    };
    Some(Repair { label: format!("write `{text}`"), value: text.clone().into(), text })
}

/// One, where a list is wanted; or several, without the brackets.
fn as_list(value: &Value, written: &str) -> Option<Repair> {
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
    Some(Repair { label: format!("write `{}`", clip(&text)), text, value })
}

/// The kind alone, where a block of that kind is wanted.
fn as_block(value: &Value, tag: Option<&str>) -> Option<Repair> {
    let (tag, word) = (tag?, value.as_str()?);
    let text = format!("{{ {tag}: {word} }}");
    Some(Repair { label: format!("write `{text}`"), text, value: json!({ tag: word }) })
}
