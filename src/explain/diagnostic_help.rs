//! `stixmap explain CODE`: the meaning of a diagnostic, with a minimal example.

use rust_embed::RustEmbed;
use std::fmt::Write;
use stixmap_engine::diagnostic::Code;

/// Examples from the tests, which verify that each file yields exactly this diagnostic.
#[derive(RustEmbed)]
#[folder = "tests/diagnostics"]
struct Examples;

/// Returns the page of a code; none if the code is unknown.
pub(crate) fn page(slug: &str) -> Option<String> {
    let code = Code::ALL.iter().find(|code| code.slug() == slug)?;
    let mut text = format!("{code}\n\n");
    for line in code.doc().lines() {
        let _ = writeln!(text, "{}", line.trim());
    }
    if let Some(example) = example(code.slug()) {
        let _ = write!(text, "\nFor example:\n\n{}", indented(&example));
    }
    Some(text)
}

fn example(slug: &str) -> Option<String> {
    let paths = [
        format!("{slug}.txt"),
        format!("cases/{slug}.txt"),
        format!("{slug}/answer.txt"),
        format!("{slug}/profile.txt"),
    ];
    let file = paths.iter().find_map(|path| Examples::get(path))?;
    Some(String::from_utf8_lossy(&file.data).trim_end().to_owned())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

/// Lists all codes, one per line, with the first sentence of each page.
pub(crate) fn catalogue() -> String {
    let line = |code: &Code| {
        let doc = code.doc();
        let first = doc.trim().split_inclusive(['.', ';', ':']).next().unwrap_or_default();
        format!("{:<28} {}\n", code.slug(), first.trim_end_matches([';', ':']))
    };
    Code::ALL.iter().map(line).collect()
}
