//! Compares our YAML parser with an independent one on every profile and case: otherwise a reviewer could read another
//! value than is used.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::yaml::Tree;

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            // Generated deployment files are not read by our parser; they may contain several documents.
            if !path.ends_with("deploy") {
                yaml_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn both_parsers_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![];
    yaml_files(&root.join("profiles"), &mut files);
    yaml_files(&root.join("tests/providers"), &mut files);
    assert!(files.len() > 40, "profiles and cases exist: {}", files.len());
    for path in files {
        let text = fs::read_to_string(&path).expect("a file");
        let ours = Tree::parse(&Source::new(path.display().to_string(), text.as_str())).expect("valid for our parser");
        let theirs: Value = serde_yaml::from_str(&text).expect("valid for the other parser");
        assert_eq!(*ours.value(), theirs, "{}", path.display());
    }
}
