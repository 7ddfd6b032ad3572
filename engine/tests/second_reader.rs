//! An independent YAML reader sees in every profile and case what ours sees: a text that two readers take for two things
//! would say one thing to a reviewer and do another.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::yaml::Tree;

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            // What is generated for deployments is not read by ours: it may hold several documents.
            if !path.ends_with("deploy") {
                yaml_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn both_readers_see_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![];
    yaml_files(&root.join("profiles"), &mut files);
    yaml_files(&root.join("tests/providers"), &mut files);
    assert!(files.len() > 40, "profiles and cases were found: {}", files.len());
    for path in files {
        let text = fs::read_to_string(&path).expect("a file");
        let ours = Tree::parse(&Source::new(path.display().to_string(), text.as_str())).expect("our reader reads it");
        let theirs: Value = serde_yaml::from_str(&text).expect("the other reader reads it");
        assert_eq!(*ours.value(), theirs, "{}", path.display());
    }
}
