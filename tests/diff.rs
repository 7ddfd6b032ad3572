//! `stixmap diff` reports every difference between two versions of a profile.

use crate::support::{Ended, ended, root, stixmap};
use serde_json::Value;

const OLD: &str = "tests/providers/lines";
/// The same profile with other rules, texts, times, ids and markings.
const NEW: &str = "tests/diff/lines.yaml";

fn diff(arguments: &[&str]) -> Ended {
    ended(stixmap(&[&["diff"], arguments].concat()))
}

#[test]
fn diff_reports_every_difference() {
    let result = diff(&[OLD, NEW]);
    assert_eq!(result.code, 1, "{}", result.err);
    let path = root().join("tests/diff/lines.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &result.out).expect("the text can be written");
    }
    assert_eq!(result.out, std::fs::read_to_string(&path).expect("the expected text"));
}

#[test]
fn diff_as_json_reports_the_same() {
    let result = diff(&[OLD, NEW, "--json", "--cases", "tests/providers/lines/cases"]);
    let result: Value = serde_json::from_str(&result.out).expect("JSON");
    assert_eq!((&result["old"]["version"], &result["new"]["version"]), (&"1.0.0".into(), &"1.1.0".into()));
    let text = std::fs::read_to_string(root().join("tests/diff/lines.txt")).expect("the expected text");
    let cases = result["different"].as_array().expect("cases");
    assert_eq!(cases.len(), text.lines().filter(|line| !line.starts_with(' ')).count() - 1);
    assert!(cases.iter().all(|case| text.contains(case["case"].as_str().expect("a name"))));
}

#[test]
fn diff_of_equal_profiles_is_empty() {
    let result = diff(&["riskiq", "profiles/riskiq"]);
    assert_eq!(result.code, 0, "{}", result.err);
    assert!(result.out.ends_with("cases are equal\n"), "{}", result.out);
    let result = diff(&[NEW, NEW]);
    assert_eq!(result.code, 2);
    assert!(result.err.contains("no cases found; specify their folder with `--cases`"), "{}", result.err);
}
