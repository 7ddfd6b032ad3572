//! Rows that repeat a secret: a provider may answer with what it was asked with, and what a row says becomes part of the
//! bundle and of the trace. Such a row is bad, and none of it is kept.

use super::Response;
use super::rows::{Pick, Row};
use super::slots::Slot;
use std::borrow::Cow;

/// A shorter secret may stand in a name by accident: it keeps nothing from being read.
const SHORTEST: usize = 8;

/// Why such a row is bad.
pub(super) const REPEATED: &str = "the row repeats a secret";

/// Those secrets that an answer repeats; mostly none, and then no row is searched.
pub(super) fn repeated(secrets: impl IntoIterator<Item = String>, response: &Response) -> Vec<String> {
    let mut secrets: Vec<String> = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST).collect();
    if secrets.is_empty() {
        return secrets;
    }
    // The fast check first: a body that is no UTF-8 is rare.
    let body = match std::str::from_utf8(&response.body) {
        Ok(body) => Cow::Borrowed(body),
        Err(_) => String::from_utf8_lossy(&response.body),
    };
    secrets.retain(|secret| {
        let quoted = serde_json::Value::from(secret.as_str()).to_string();
        let escaped = &quoted[1..quoted.len() - 1];
        let slashed = escaped.replace('/', "\\/");
        // Most secrets are written in one way only.
        let mut spellings = vec![secret.as_str(), escaped, &slashed];
        spellings.dedup();
        let is_in = |text: &str| spellings.iter().any(|spelling| text.contains(spelling));
        is_in(&body) || response.headers.iter().any(|(_, value)| is_in(value))
    });
    secrets
}

/// Whether a row, or what is read beside it, holds one of these.
pub(super) fn is_in_row(secrets: &[String], slots: &[Slot], fields: &[Vec<Pick>]) -> bool {
    let fixed = fields.iter().flatten().filter_map(|pick| match pick {
        Pick::Fixed(slot) => Some(slot),
        Pick::Slot(_) => None,
    });
    !secrets.is_empty() && slots.iter().chain(fixed).any(|slot| holds(secrets, slot))
}

/// Where a row stands, for people: the keys of an object are a provider's words too.
pub(super) fn place(secrets: &[String], row: &Row) -> String {
    secrets.iter().fold(row.place.shown(), |shown, secret| shown.replace(secret.as_str(), "{secret}"))
}

fn holds(secrets: &[String], slot: &Slot) -> bool {
    let is_in = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
    match slot {
        Slot::Text(text) => is_in(text),
        Slot::Texts(texts) => texts.iter().any(|text| is_in(text)),
        Slot::Node(value) => holds_value(&is_in, value),
        Slot::Absent | Slot::Null | Slot::Boolean(_) | Slot::Integer(_) | Slot::Number(_) => false,
    }
}

fn holds_value(is_in: &impl Fn(&str) -> bool, value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => is_in(text),
        serde_json::Value::Array(items) => items.iter().any(|item| holds_value(is_in, item)),
        serde_json::Value::Object(entries) => entries.iter().any(|(key, item)| is_in(key) || holds_value(is_in, item)),
        _ => false,
    }
}
