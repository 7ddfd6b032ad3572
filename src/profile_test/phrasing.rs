//! Formats parts of a profile for messages.

use serde_json::Value;

/// Maximum length of a value in messages, in characters.
const LONGEST: usize = 60;

/// Formats a JSON pointer as `rules[3].target`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut text = String::new();
    for segment in pointer.split('/').skip(1) {
        match segment.parse::<usize>() {
            Ok(number) => text.push_str(&format!("[{number}]")),
            Err(_) => {
                let dot = if text.is_empty() { "" } else { "." };
                text.push_str(dot);
                text.push_str(&segment.replace("~1", "/").replace("~0", "~"));
            }
        }
    }
    text
}

/// Formats a value, truncated to `LONGEST`.
pub(super) fn short(value: &Value) -> String {
    let text = value.as_str().filter(|text| !text.is_empty()).map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Formats a count with its noun: `1 mutant`, `2 mutants`.
pub(super) fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Returns a share in percent, to one decimal; 100 if there is nothing to count.
pub(super) fn percent(part: usize, all: usize) -> f64 {
    (part * 1000).checked_div(all).map_or(100.0, |share| share as f64 / 10.0)
}
