//! Runs the cases of every profile, and tests the invariants of their bundles.

use crate::support::{cases, ended, profiles, stixmap};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use stixmap_engine::case::{Case, Played, play};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::Plan;
use stixmap_engine::stix::{ObservableType, is_permitted};

pub(crate) fn plan(profile: &Path) -> Plan {
    let path = profile.join("profile.yaml");
    let source = Source::new(path.display().to_string(), std::fs::read_to_string(&path).expect("a profile"));
    Plan::read(&source)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.iter().map(ToString::to_string).collect::<String>()))
}

pub(crate) fn case(path: &Path) -> Case {
    let source = Source::new(path.display().to_string(), std::fs::read_to_string(path).expect("a case"));
    let load = |name: &str| std::fs::read(path.with_file_name(name)).map_err(|error| error.to_string());
    Case::read(&source, load)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.iter().map(ToString::to_string).collect::<String>()))
}

/// Runs every case of every profile.
pub(crate) fn all_played() -> Vec<(String, Played)> {
    let mut all = vec![];
    for profile in profiles() {
        let plan = plan(&profile);
        for path in cases(&profile) {
            let played = play(&plan, &case(&path)).expect("a case brings its settings");
            all.push((format!("{}-{}", plan.id, path.file_stem().expect("a name").to_string_lossy()), played));
        }
    }
    all
}

#[test]
fn cases_match_expected_results_and_use_every_rule() {
    let test = ended(stixmap(&["test", "profiles", "tests/providers"]));
    assert_eq!(test.code, 0, "{}{}", test.out, test.err);
    assert!(!test.out.contains("no case of"), "{}", test.out);
}

#[test]
fn differing_case_is_reported_with_its_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = |from: &str| {
        let to = folder.path().join("p").join(from.strip_prefix("tests/providers/by-page/").expect("below"));
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
        std::fs::copy(crate::support::root().join(from), to).expect("a copy");
    };
    copy("tests/providers/by-page/profile.yaml");
    copy("tests/providers/by-page/cases/three-pages.yaml");
    let path = folder.path().to_str().expect("UTF-8");
    let test = ended(stixmap(&["test", path]));
    assert_eq!(test.code, 1);
    assert!(test.out.contains("DIFFERS   by-page three-pages\n  +ok"), "{}", test.out);
    assert_eq!(ended(stixmap(&["test", "--accept", path])).code, 0);
    let test = ended(stixmap(&["test", path]));
    assert_eq!((test.code, test.out.as_str()), (0, "1 passed, 0 failed\n"));
}

#[test]
fn bundles_are_closed_marked_and_permitted() {
    for (name, played) in all_played() {
        let bundle = serde_json::to_value(&played.report.bundle).expect("a bundle is JSON");
        let Some(objects) = bundle["objects"].as_array() else { continue };
        let by_id: BTreeMap<&str, &Value> = objects.iter().map(|object| (id(object, "id"), object)).collect();
        assert_eq!(by_id.len(), objects.len(), "{name}: every object stands once");
        for object in objects {
            for reference in references(object) {
                assert!(by_id.contains_key(reference), "{name}: {reference} is not in the bundle");
            }
            if object["type"] == "relationship" {
                check_relationship(&name, object, &by_id);
            }
        }
    }
}

fn id<'v>(object: &'v Value, key: &str) -> &'v str {
    object[key].as_str().expect("an id is text")
}

fn references(object: &Value) -> BTreeSet<&str> {
    let entries = object.as_object().expect("an object").iter();
    let single = entries.clone().filter(|(key, _)| key.ends_with("_ref")).filter_map(|(_, value)| value.as_str());
    let lists = entries.filter(|(key, _)| key.ends_with("_refs")).filter_map(|(_, value)| value.as_array());
    single.chain(lists.flatten().filter_map(Value::as_str)).collect()
}

fn check_relationship(name: &str, object: &Value, by_id: &BTreeMap<&str, &Value>) {
    let kind = |key: &str| ObservableType::parse(id(by_id[id(object, key)], "type")).expect("an observable");
    let relationship = serde_json::from_value(object["relationship_type"].clone()).expect("a type we make");
    assert!(is_permitted(kind("source_ref"), relationship, kind("target_ref")), "{name}: {object}");
    assert_ne!(object["source_ref"], object["target_ref"], "{name}: nothing relates to itself");
    assert!(object["object_marking_refs"].is_array() && object["created_by_ref"].is_string(), "{name}: {object}");
    if let (Some(start), Some(stop)) = (object["start_time"].as_str(), object["stop_time"].as_str()) {
        let time = |text: &str| text.parse::<jiff::Timestamp>().expect("a time");
        assert!(time(stop) > time(start), "{name}: {object}");
    }
}

#[test]
fn transcripts_and_bundles_contain_no_secret() {
    for profile in profiles() {
        let plan = plan(&profile);
        for path in cases(&profile) {
            let case = case(&path);
            let played = play(&plan, &case).expect("a case brings its settings");
            let bundle = serde_json::to_string(&played.report.bundle).expect("JSON");
            let secrets = plan.settings.iter().filter(|spec| spec.kind == stixmap_engine::profile::SettingType::Secret);
            for secret in secrets.filter_map(|spec| case.settings.get(&spec.name)) {
                let text = format!("{}{bundle}{:?}", played.transcript, played.report);
                assert!(!text.contains(secret.as_str()), "{}: {secret}", path.display());
            }
        }
    }
}

#[test]
fn order_of_records_does_not_affect_the_bundle() {
    let profile = crate::support::root().join("profiles/riskiq");
    let plan = plan(&profile);
    let path = profile.join("cases/mixed.yaml");
    let text = std::fs::read_to_string(&path).expect("a case");
    let (head, rows) = text.split_once("        results:\n").expect("a list of results");
    let mut rows: Vec<&str> = rows.lines().collect();
    let bundle = |rows: &[&str]| {
        let source = Source::new("case", format!("{head}        results:\n{}\n", rows.join("\n")));
        let case = Case::read(&source, |_| Err(String::new())).expect("a case");
        serde_json::to_string(&play(&plan, &case).expect("settings").report.bundle).expect("JSON")
    };
    let forwards = bundle(&rows);
    for _ in 0..rows.len() {
        rows.rotate_left(1);
        assert_eq!(bundle(&rows), forwards);
    }
    rows.reverse();
    assert_eq!(bundle(&rows), forwards);
}

#[test]
fn readme_lists_every_shipped_profile() {
    let readme = std::fs::read_to_string(crate::support::root().join("README.md")).expect("the README");
    let shipped = profiles().into_iter().filter(|profile| profile.starts_with(crate::support::root().join("profiles")));
    for profile in shipped {
        let plan = plan(&profile);
        let types: Vec<&str> = plan.accepts().into_iter().map(ObservableType::stix_type).collect();
        let row = format!("| [`{0}`](profiles/{0}/profile.yaml) | {1} | {2} |", plan.id, plan.name, types.join(", "));
        assert!(readme.contains(&row), "{row}");
    }
}
