//! `stixmap explain CODE`: what a diagnostic is about, why it matters, and the smallest file that earns it.

use rust_embed::RustEmbed;
use std::fmt::Write;
use stixmap_engine::diagnostic::Code;

/// The examples of the tests: each is earned, and told, exactly as it stands here.
#[derive(RustEmbed)]
#[folder = "tests/diagnostics"]
struct Examples;

/// The page of a diagnostic's code; none if this is no code.
pub(crate) fn page(slug: &str) -> Option<String> {
    let code = Code::ALL.iter().find(|code| code.slug() == slug)?;
    let mut text = format!("{code}\n\n");
    for line in code.doc().lines() {
        let _ = writeln!(text, "{}", line.trim());
    }
    if let Some(told) = told(code.slug()) {
        let _ = write!(text, "\nFor example:\n\n{}", indented(&told));
    }
    Some(text)
}

fn told(slug: &str) -> Option<String> {
    let places = [
        format!("{slug}.txt"),
        format!("cases/{slug}.txt"),
        format!("{slug}/answer.txt"),
        format!("{slug}/profile.txt"),
    ];
    let file = places.iter().find_map(|place| Examples::get(place))?;
    Some(String::from_utf8_lossy(&file.data).trim_end().to_owned())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

/// Every code, one a line, with the first sentence on it.
pub(crate) fn catalogue() -> String {
    let line = |code: &Code| {
        let doc = code.doc();
        let first = doc.trim().split_inclusive(['.', ';', ':']).next().unwrap_or_default();
        format!("{:<28} {}\n", code.slug(), first.trim_end_matches([';', ':']))
    };
    Code::ALL.iter().map(line).collect()
}
