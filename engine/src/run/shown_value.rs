//! A value of a response in a message.

use super::row::kind_of;
use crate::printable;
use serde_json::Value;

/// Maximum length of a text that is shown, in characters.
const MAX_SHOWN: usize = 40;

/// Returns a value in code quotes. A long one is described instead of cut, because a part of a secret would not be redacted.
pub(super) fn shown_value(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.chars().count() {
        0..=MAX_SHOWN => format!("`{}`", printable::line(&text)),
        length if value.is_string() => format!("a text of {length} characters"),
        _ => kind_of(value).to_owned(),
    }
}
