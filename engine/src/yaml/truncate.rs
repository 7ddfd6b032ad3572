//! Truncates texts for messages.

/// Maximum length of a quoted word in a message, in characters.
const WORD: usize = 24;

/// Returns the first line of a word, truncated for a message.
pub(super) fn clip(word: &str) -> String {
    truncate(word.lines().next().unwrap_or(""), WORD)
}

pub(super) fn truncate(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}
