//! Tests of parsing and validation. `declared` is a small language with every form that our declarations use.

mod agree;
mod always;
mod declared;
mod mistakes;
mod places;

use super::{Size, Tree, check, read};
use crate::diagnostic::{Diagnostic, Source};
use declared::File;

/// Returns every diagnostic of a text, one line each: `code line:column message | label; notes => replacement`.
fn messages(text: &str) -> Vec<String> {
    diagnostics(text).iter().map(line).collect()
}

fn diagnostics(text: &str) -> Vec<Diagnostic> {
    read::<File>(&Source::new("x.yaml", text), Size::CASE).err().unwrap_or_default()
}

fn line(found: &Diagnostic) -> String {
    let label = &found.labels[0];
    let before = &label.source.text[..label.span.start];
    let column = 1 + before[before.rfind('\n').map_or(0, |at| at + 1)..].chars().count();
    let mut line =
        format!("{} {}:{column} {} | {}", found.code, label.source.line(label.span.start), found.message, label.text);
    for other in &found.labels[1..] {
        line += &format!(" | {}: {}", other.source.line(other.span.start), other.text);
    }
    for note in &found.notes {
        line += &format!("; {note}");
    }
    if let Some(fix) = &found.fix {
        line += &format!(" => {}", fix.replacement);
    }
    line
}

/// Returns the text with the fix applied.
fn fixed(found: &Diagnostic) -> Option<String> {
    let fix = found.fix.as_ref()?;
    let mut text = found.labels[0].source.text.clone();
    text.replace_range(fix.span.clone(), &fix.replacement);
    Some(text)
}
