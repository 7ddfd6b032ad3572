//! What must hold for every run holds for generated answers of every profile: those that are shipped, and those of the tests.

use crate::support::{ended, stixmap};
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
