//! Tests that the schemas in the repository match the declarations, and that all profiles and cases are valid.

use crate::support::{cases, ended, profiles, root, stixmap};
use serde_json::Value;
use std::path::Path;

fn yaml(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a file");
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(of: &str, files: &[std::path::PathBuf]) {
    let path = root().join(format!("schemas/{of}.schema.json"));
    let printed = ended(stixmap(&["schema", of])).out;
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &printed).expect("the schema can be written");
    }
    let kept = std::fs::read_to_string(&path).expect("the schema is kept");
    assert!(
        kept == printed,
        "{} is not what `stixmap schema {of}` prints: run the tests with UPDATE=1",
        path.display()
    );
    let schema = serde_json::from_str(&kept).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for file in files {
        let mistakes: Vec<String> = validator.iter_errors(&yaml(file)).map(|error| error.to_string()).collect();
        assert!(mistakes.is_empty(), "{}: {}", file.display(), mistakes.join("\n"));
    }
}

#[test]
fn profiles_are_valid_for_their_schema() {
    let files: Vec<_> = profiles().iter().map(|profile| profile.join("profile.yaml")).collect();
    check("profile", &files);
}

#[test]
fn cases_are_valid_for_their_schema() {
    let files: Vec<_> = profiles().iter().flat_map(|profile| cases(profile)).collect();
    check("case", &files);
}
