//! What must hold for every run holds for generated answers of every profile: those that are shipped, and those of the tests.

use crate::support::{ended, root, stixmap};
use serde_json::Value;

fn tried(arguments: &[&str]) -> Vec<Value> {
    let told = ended(stixmap(&[&["test"], arguments, &["--properties", "--json"]].concat()));
    let profiles: Vec<Value> =
        serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{error}: {}{}", told.out, told.err));
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    profiles
}

/// At least so many runs each; more, where proptest's own variable asks for them.
fn check(folder: &str, least: u32) {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for profile in tried(&[folder, "--cases", &least.max(wanted).to_string()]) {
        let properties = profile["properties"].as_array().expect("a list");
        assert!(properties.len() == 18, "{profile}");
        assert!(properties.iter().all(|property| property["is_kept"] == true), "{profile}");
        // What is tried on runs that find nothing is tried on nothing.
        let mapped = profile["records"]["mapped"].as_u64().expect("a count");
        assert!(mapped >= 16, "so few records were mapped that properties say little: {profile}");
        let runs = |word: &str| profile["runs"][word].as_u64().unwrap_or(0);
        assert!(runs("ok") + runs("partial") >= 8 && runs("refused") > 0, "{profile}");
    }
}

#[test]
fn properties_hold_for_shipped_profiles() {
    check("profiles", 256);
}

#[test]
fn properties_hold_for_profiles_of_other_shapes() {
    check("tests/providers", 96);
}

#[test]
fn the_same_seed_gives_the_same_runs() {
    let runs = |seed| tried(&["tests/providers/lines", "--cases", "16", "--seed", seed]);
    let (one, other) = (runs("5"), runs("6"));
    assert_eq!(one, runs("5"));
    assert_ne!(one[0]["records"], other[0]["records"]);
}

/// The profile of lines with what it says of answers, tried.
fn with_answers(rows: &str) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(root().join("tests/providers/lines/profile.yaml")).expect("a profile");
    std::fs::write(folder.path().join("profile.yaml"), format!("{text}\nanswers:\n{rows}")).expect("a profile");
    let path = folder.path().to_str().expect("UTF-8");
    let told = ended(stixmap(&["test", path, "--properties"]));
    (told.code, format!("{}{}", told.out, told.err))
}

#[test]
fn properties_of_a_profile_that_reads_nothing_are_vacuous_and_fail() {
    let (code, told) = with_answers("  - { status: 200, means: empty }\n");
    assert_eq!(code, 1, "{told}");
    let vacuous =
        told.lines().filter(|line| line.starts_with("FAILS") && line.contains("vacuous: no generated record"));
    assert_eq!(vacuous.count(), 18, "{told}");
    assert!(told.contains("no record of `by-type`, `reverse`") && told.contains("0 hold, 18 fail"), "{told}");
}

#[test]
fn properties_are_tried_on_answers_that_pass_the_test_of_a_body() {
    let rows = "  - { body: { contains: '\"done\"' }, means: ok }\n  - { status: 200, means: empty }\n";
    let (code, told) = with_answers(rows);
    assert_eq!(code, 0, "{told}");
}
