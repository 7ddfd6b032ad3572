//! How parts of a profile are spoken of.

use serde_json::Value;

/// A longer value is cut.
const LONGEST: usize = 60;

/// A place in a profile: `rules[3].target`.
pub(super) fn place(pointer: &str) -> String {
    let mut place = String::new();
    for segment in pointer.split('/').skip(1) {
        match segment.parse::<usize>() {
            Ok(number) => place.push_str(&format!("[{number}]")),
            Err(_) => {
                let dot = if place.is_empty() { "" } else { "." };
                place.push_str(dot);
                place.push_str(&segment.replace("~1", "/").replace("~0", "~"));
            }
        }
    }
    place
}

/// A value in few words.
pub(super) fn short(value: &Value) -> String {
    let text = value.as_str().filter(|text| !text.is_empty()).map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// `1 mutant`, `2 mutants`.
pub(super) fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// How many of all, of 100; all of nothing is all.
pub(super) fn percent(part: usize, all: usize) -> f64 {
    (part * 1000).checked_div(all).map_or(100.0, |share| share as f64 / 10.0)
}
