//! Tests that every test named in `docs/security.md` exists.

use crate::support::root;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn threats_page_names_existing_tests() {
    let page = std::fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let known = tests(&[root().join("src"), root().join("tests"), root().join("engine")]);
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.contains("| threat |"));
    let mut named = 0;
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().expect("a cell");
        let words: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        assert!(!words.is_empty(), "no test is named: {row}");
        for word in words {
            let is_code = root().join(format!("tests/diagnostics/{word}.yaml")).is_file();
            assert!(is_code || known.contains(word), "unknown test `{word}` in: {row}");
            named += 1;
        }
    }
    assert!(named > 40, "the table is read: {named}");
}

/// Returns the names of all functions in the tests and in the sources.
fn tests(folders: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = folders.to_vec();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(functions(&path));
            }
        }
    }
    names
}

fn functions(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("a source file");
    let starts = text.lines().filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
    starts.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned).collect()
}
