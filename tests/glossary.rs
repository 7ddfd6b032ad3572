//! The language of the project: words that the glossary replaces do not come back, and public items are documented.

use crate::support::root;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything that people read, as code or as text.
const READ_BY_PEOPLE: &[&str] = &["src", "engine/src", "docs", "profiles", "schemas", "README.md", "SECURITY.md"];

/// Extensions of text files; the rest of `profiles` is recorded data.
const EXTENSIONS: &[&str] = &["rs", "md", "yaml", "json", "txt", "sample"];

#[test]
fn replaced_words_do_not_occur() {
    let table = fs::read_to_string(root().join("tests/glossary/replaced.txt")).expect("the table");
    let words: Vec<(&str, &str)> = table.lines().filter_map(|line| line.split_once(" | ")).collect();
    assert!(words.len() > 10, "the table is read: {words:?}");
    let permitted = fs::read_to_string(root().join("tests/glossary/permitted.txt")).expect("the exceptions");
    let mut permitted: Vec<(&str, bool)> = permitted.lines().map(|line| (line, false)).collect();
    let (mut found, mut lines) = (vec![], 0);
    for path in texts() {
        let text = fs::read_to_string(&path).expect("a text file");
        let name = path.strip_prefix(root()).expect("below the root").display().to_string();
        for (number, line) in (1..).zip(text.lines()) {
            lines += 1;
            let lower = line.to_lowercase();
            let Some((word, instead)) = words.iter().find(|(word, _)| has_word(&lower, word)) else { continue };
            match permitted.iter_mut().find(|(known, _)| *known == format!("{name}: {}", line.trim())) {
                Some(known) => known.1 = true,
                None => found.push(format!("{name}:{number}: `{word}` (use {instead}): {}", line.trim())),
            }
        }
    }
    assert!(lines > 20_000, "the files are read: {lines} lines");
    assert!(found.is_empty(), "{} lines:\n{}", found.len(), found.join("\n"));
    let unused: Vec<&str> = permitted.iter().filter(|(_, used)| !used).map(|(line, _)| *line).collect();
    assert!(unused.is_empty(), "exceptions that nothing needs: {unused:?}");
}

/// Whether a line has these words, not as a part of others.
fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(i, _)| {
        let (before, after) = (line[..i].chars().next_back(), line[i + word.len()..].chars().next());
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

#[test]
fn glossary_is_sorted_and_every_term_has_a_meaning_and_a_source() {
    let page = fs::read_to_string(root().join("docs/glossary.md")).expect("the glossary");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| term"))
        .map(|line| line.trim_matches(['|', ' ']).split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.len() > 50, "{} terms", rows.len());
    for row in &rows {
        assert!(row.len() == 3 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    let terms: Vec<String> = rows.iter().map(|row| row[0].to_lowercase()).collect();
    let out_of_order = terms.windows(2).find(|pair| pair[0] >= pair[1]);
    assert!(out_of_order.is_none(), "{out_of_order:?}");
}

#[test]
fn public_items_of_the_engine_have_a_sentence() {
    let (mut short, mut items) = (vec![], 0);
    for path in texts_below(&root().join("engine/src")) {
        let text = fs::read_to_string(&path).expect("a source file");
        let mut comment = String::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if let Some(part) = line.strip_prefix("///") {
                comment.push_str(part);
            } else if is_public_item(line) && !line.contains('$') {
                items += 1;
                if comment.split_whitespace().count() < 6 {
                    short.push(format!("{}:{number}: {line}", path.display()));
                }
                comment.clear();
            } else if !line.starts_with("#[") {
                comment.clear();
            }
        }
    }
    assert!(items > 300, "the items are found: {items}");
    assert!(short.is_empty(), "{} items:\n{}", short.len(), short.join("\n"));
}

fn is_public_item(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("pub ") else { return false };
    ["fn ", "const ", "struct ", "enum ", "trait ", "type ", "static "].iter().any(|kind| rest.starts_with(kind))
}

fn texts() -> Vec<PathBuf> {
    READ_BY_PEOPLE.iter().flat_map(|path| texts_below(&root().join(path))).collect()
}

fn texts_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let is_text = |path: &Path| path.extension().is_some_and(|it| EXTENSIONS.iter().any(|known| it == *known));
    let entries = fs::read_dir(path).expect("a folder").flatten().map(|entry| entry.path());
    let inner = entries.filter(|path| path.is_dir() || is_text(path));
    inner.flat_map(|path| texts_below(&path)).collect()
}
