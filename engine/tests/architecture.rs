//! Enforces the engine's architecture on its source: modules use only those above them, and none does I/O.

use std::fs;
use std::path::{Path, PathBuf};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns the modules in the order of `lib.rs`.
fn modules() -> Vec<String> {
    let text = fs::read_to_string(source().join("lib.rs")).expect("lib.rs");
    let names = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

/// Returns every Rust file except tests, with its module.
fn files() -> Vec<(String, PathBuf)> {
    let mut found = vec![];
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.file_stem().is_some_and(|name| name == "tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(source()).expect("below src");
                let first = inside.iter().next().expect("a name").to_string_lossy();
                found.push((first.trim_end_matches(".rs").to_owned(), path));
            }
        }
    }
    found
}

/// Returns the lines of code of a file, without comments and tests.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("a source file");
    let code = text.split("#[cfg(test)]\nmod ").next().expect("a first part");
    let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines.map(|(i, line)| (i + 1, line.to_owned())).collect()
}

#[test]
fn modules_use_only_those_above_them() {
    let modules = modules();
    assert!(modules.len() >= 8, "lib.rs lists one module per line: {modules:?}");
    let mut wrong = vec![];
    for (module, path) in files() {
        let Some(position) = modules.iter().position(|known| *known == module) else { continue };
        for (line, text) in code(&path) {
            let below = modules[position + 1..].iter().filter(|other| text.contains(&format!("crate::{other}")));
            wrong.extend(below.map(|other| format!("{}:{line} uses `{other}`", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn engine_does_no_io() {
    let forbidden = [
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::env",
        "std::process",
        "std::thread",
        "std::io",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "tokio",
        "reqwest",
        "println!",
        "eprintln!",
        "dbg!",
        "tracing",
    ];
    let mut wrong = vec![];
    for (_, path) in files() {
        for (line, text) in code(&path) {
            // Parallel computation is not I/O.
            let is_permitted = |name: &str| name == "std::thread" && path.ends_with("src/parallel.rs");
            let found = forbidden.iter().filter(|name| text.contains(**name) && !is_permitted(name));
            wrong.extend(found.map(|name| format!("{}:{line}: {name}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_provider_is_named_in_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let profiles = fs::read_dir(root.join("profiles")).expect("the profiles").flatten();
    let names = profiles.map(|entry| entry.file_name().to_string_lossy().to_lowercase());
    // The Common Output Format is also a format of this project.
    let names: Vec<String> = names.filter(|name| name != "cof").collect();
    assert!(!names.is_empty());
    for path in all_files(&[root.join("engine/src"), root.join("src")]) {
        let text = fs::read_to_string(&path).expect("a source file").to_lowercase();
        for (line, text) in (1..).zip(text.lines()) {
            let is_word = |name: &str| {
                text.match_indices(name).any(|(at, name)| {
                    let ends = [text[..at].chars().next_back(), text[at + name.len()..].chars().next()];
                    ends.into_iter().flatten().all(|next| !next.is_alphanumeric())
                })
            };
            let named = names.iter().find(|name| is_word(name));
            assert!(named.is_none(), "{}:{line} names a provider: {text}", path.display());
        }
    }
}

/// Every file of these folders and of those below, comments, tests and data too.
fn all_files(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = folders.to_vec();
    let mut found = vec![];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}
