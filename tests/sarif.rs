//! Tests the SARIF output of `check`: the schema of OASIS and an independent reader accept it, and find the same diagnostics
//! as in the JSON output. The checks are in `sarif/check.py`; the schema beside it is that of OASIS.

use crate::support::{ended, root, stixmap};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// Returns severity, code, file and line of each diagnostic, as an independent reader finds them.
fn read(log: &str) -> Vec<Value> {
    let file = tempfile::Builder::new().suffix(".sarif").tempfile().expect("a file");
    std::fs::write(file.path(), log).expect("the log can be written");
    let python = root().join("target/venv/bin/python");
    let output = Command::new(python).arg(root().join("tests/sarif/check.py")).arg(file.path()).output();
    let output = output.expect("Python starts: `tests/run` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn check(paths: &[&str], format: &str) -> String {
    ended(stixmap(&[&["check", "--format", format], paths].concat())).out
}

/// All mistakes in the examples of diagnostics: with fixes, several labels, notes, and at the end of a file.
#[test]
fn log_has_every_diagnostic_of_the_examples() {
    let examples = std::fs::read_dir(root().join("tests/diagnostics")).expect("examples");
    let examples = examples.map(|entry| entry.expect("an example").path());
    let mut paths: Vec<String> = examples
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.strip_prefix(root()).expect("an example of ours").display().to_string())
        .collect();
    paths.sort();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let log = check(&paths, "sarif");
    let found: Vec<Value> = serde_json::from_str(&check(&paths, "json")).expect("JSON");
    let expected = found.iter().map(|found| {
        let label = &found["labels"][0];
        serde_json::json!([found["severity"], found["code"], label["file"], label["line"]]).to_string()
    });
    let expected: BTreeSet<String> = expected.collect();
    let read = read(&log);
    assert!(found.len() >= 100 && read.len() == found.len(), "{} of {}", read.len(), found.len());
    assert_eq!(read.iter().map(Value::to_string).collect::<BTreeSet<_>>(), expected);
    let log: Value = serde_json::from_str(&log).expect("JSON");
    let fixes =
        log["runs"][0]["results"].as_array().expect("results").iter().filter(|result| result["fixes"].is_array());
    assert_eq!(fixes.count(), found.iter().filter(|found| found["fix"].is_object()).count());
}

#[test]
fn names_of_files_become_references() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a b:ü%.yaml");
    std::fs::write(&path, "id: 1\n").expect("the profile can be written");
    let log = check(&[path.to_str().expect("UTF-8")], "sarif");
    let uri = url::Url::from_file_path(&path).expect("an absolute path");
    let log: Value = serde_json::from_str(&log).expect("JSON");
    let shown = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    let shown = url::Url::parse(shown.as_str().expect("a reference")).expect("a URL");
    assert_eq!(shown.to_file_path(), uri.to_file_path());
}

#[test]
fn log_without_diagnostics_is_valid() {
    assert_eq!(read(&check(&["profiles"], "sarif")), Vec::<Value>::new());
}
