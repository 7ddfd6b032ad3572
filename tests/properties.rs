//! The properties hold for generated runs of every built-in profile and of every profile of the tests.

use crate::support::{ended, root, stixmap};
use serde_json::Value;

fn tried(arguments: &[&str]) -> Vec<Value> {
    let result = ended(stixmap(&[&["test"], arguments, &["--properties", "--json"]].concat()));
    let profiles: Vec<Value> =
        serde_json::from_str(&result.out).unwrap_or_else(|error| panic!("{error}: {}{}", result.out, result.err));
    assert_eq!(result.code, 0, "{}{}", result.out, result.err);
    profiles
}

/// Uses at least this number of runs each; more if `PROPTEST_CASES` is greater.
fn check(folder: &str, least: u32) {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for profile in tried(&[folder, "--cases", &least.max(wanted).to_string()]) {
        let properties = profile["properties"].as_array().expect("a list");
        assert!(properties.len() == 18, "{profile}");
        assert!(properties.iter().all(|property| property["is_kept"] == true), "{profile}");
        // Properties of runs without results prove nothing.
        let mapped = profile["records"]["mapped"].as_u64().expect("a count");
        assert!(mapped >= 16, "too few mapped records: {profile}");
        let runs = |word: &str| profile["runs"][word].as_u64().unwrap_or(0);
        assert!(runs("ok") + runs("partial") >= 8 && runs("refused") > 0, "{profile}");
    }
}

#[test]
fn properties_hold_for_built_in_profiles() {
    check("profiles", 256);
}

#[test]
fn properties_hold_for_profiles_of_other_shapes() {
    check("tests/providers", 96);
}

#[test]
fn equal_seeds_yield_equal_runs() {
    let runs = |seed| tried(&["tests/providers/lines", "--cases", "16", "--seed", seed]);
    let (one, other) = (runs("5"), runs("6"));
    assert_eq!(one, runs("5"));
    assert_ne!(one[0]["records"], other[0]["records"]);
}

/// Runs the properties on the profile `lines` with other `answers`.
fn with_answers(rows: &str) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(root().join("tests/providers/lines/profile.yaml")).expect("a profile");
    std::fs::write(folder.path().join("profile.yaml"), format!("{text}\nanswers:\n{rows}")).expect("a profile");
    let path = folder.path().to_str().expect("UTF-8");
    let result = ended(stixmap(&["test", path, "--properties"]));
    (result.code, format!("{}{}", result.out, result.err))
}

#[test]
fn properties_of_a_profile_without_mapped_records_are_vacuous_and_fail() {
    let (code, result) = with_answers("  - { status: 200, means: empty }\n");
    assert_eq!(code, 1, "{result}");
    let vacuous =
        result.lines().filter(|line| line.starts_with("FAILS") && line.contains("vacuous: no generated record"));
    assert_eq!(vacuous.count(), 18, "{result}");
    assert!(
        result.contains("no record of `by-type`, `reverse` mapped") && result.contains("0 passed, 18 failed"),
        "{result}"
    );
}

/// The other lookups cannot make up for one that reads no row.
#[test]
fn properties_of_a_lookup_without_mapped_records_are_vacuous_and_fail() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = std::fs::read_to_string(root().join("tests/providers/lines/profile.yaml")).expect("a profile");
    let never = "only: [{ at: $.kind, is: x }], except: [{ at: $.kind, is: x }]";
    let lookup = format!(
        "  never: {{ accepts: [ipv4-addr], path: \"/never/{{observable.value}}\", framing: ndjson, {never} }}\n"
    );
    let text = profile.replace("lookups:\n", &format!("lookups:\n{lookup}"));
    std::fs::write(folder.path().join("profile.yaml"), text).expect("a profile");
    let path = folder.path().to_str().expect("UTF-8");
    let result = ended(stixmap(&["test", path, "--properties"]));
    assert_eq!(result.code, 1, "{}{}", result.out, result.err);
    assert!(result.out.contains("vacuous: no generated record of `never` was mapped"), "{}", result.out);
    assert!(result.out.contains("0 passed, 18 failed"), "{}", result.out);
}

#[test]
fn properties_generate_responses_that_a_body_test_accepts() {
    let rows = "  - { body: { contains: '\"done\"' }, means: ok }\n  - { status: 200, means: empty }\n";
    let (code, result) = with_answers(rows);
    assert_eq!(code, 0, "{result}");
}
