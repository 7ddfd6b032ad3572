//! A profile that was changed: what that does to the graph of its recordings is told in full, and exactly.

use crate::support::{Ended, ended, root, stixmap};
use serde_json::Value;

const OLD: &str = "tests/providers/lines";
/// The same with other rules, texts, times, ids and markings.
const NEW: &str = "tests/diff/lines.yaml";

fn diff(arguments: &[&str]) -> Ended {
    ended(stixmap(&[&["diff"], arguments].concat()))
}

#[test]
fn every_difference_is_told() {
    let told = diff(&[OLD, NEW]);
    assert_eq!(told.code, 1, "{}", told.err);
    let path = root().join("tests/diff/lines.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &told.out).expect("the text can be written");
    }
    assert_eq!(told.out, std::fs::read_to_string(&path).expect("what is told"));
}

#[test]
fn programs_are_told_the_same() {
    let told = diff(&[OLD, NEW, "--json", "--cases", "tests/providers/lines/cases"]);
    let told: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!((&told["old"]["version"], &told["new"]["version"]), (&"1.0.0".into(), &"1.1.0".into()));
    let text = std::fs::read_to_string(root().join("tests/diff/lines.txt")).expect("what is told");
    let cases = told["different"].as_array().expect("cases");
    assert_eq!(cases.len(), text.lines().filter(|line| !line.starts_with(' ')).count() - 1);
    assert!(cases.iter().all(|case| text.contains(case["case"].as_str().expect("a name"))));
}

#[test]
fn a_profile_is_the_same_as_itself() {
    let told = diff(&["riskiq", "profiles/riskiq"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.ends_with("cases find the same\n"), "{}", told.out);
    let told = diff(&[NEW, NEW]);
    assert_eq!(told.code, 2);
    assert!(told.err.contains("name the folder of the recordings with `--cases`"), "{}", told.err);
}
