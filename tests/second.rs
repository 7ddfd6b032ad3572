//! The engine and an independent implementation find the same in generated responses of every built-in profile.

mod mapping;

use crate::profiles::plan;
use crate::runs::RUNS;
use crate::support::root;
use jiff::{SignedDuration, Timestamp};
use mapping::{Found, Second};
use serde_json::Value;
use std::path::Path;
use stixmap_engine::plan::{LookupPlan, Plan, SettingSpec, Settings};
use stixmap_engine::profile::SettingType;
use stixmap_engine::run::{Input, map_stored};
use stixmap_engine::stix::{Observable, ObservableType};

fn yaml(path: &Path) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(path).expect("a file")).expect("YAML")
}

/// Returns the rules of a profile, including those of its packs.
fn rules(profile: &Value) -> Vec<Value> {
    let of = |rule: &Value| match rule["use"].as_str() {
        Some(pack) => {
            let file = format!("engine/packs/{}.yaml", pack.replace(['/', '@'], "-"));
            yaml(&root().join(file))["rules"].as_array().expect("rules").clone()
        }
        None => vec![rule.clone()],
    };
    profile["rules"].as_array().expect("rules").iter().flat_map(of).collect()
}

fn found(plan: &Plan, lookup: &LookupPlan, each: Option<&str>, asked: &Observable, body: &str) -> Found {
    let now: Timestamp = "2024-03-01T00:00:00Z".parse().expect("a time");
    let input = Input {
        observable: asked.clone(),
        markings: vec![],
        settings: Settings::read(&plan.settings, given).expect("settings"),
        deadline: now + SignedDuration::from_hours(1),
        seed: 0,
        trace: false,
    };
    let bundle = map_stored(plan, lookup, each, input, vec![("answer".into(), [body.into()])], now).bundle;
    let end = |id| bundle.observable(id).expect("both ends are there").to_string();
    let relationships = bundle
        .relationships()
        .map(|it| ([end(it.source), it.relationship_type.to_string(), end(it.target)], it.start_time, it.stop_time));
    let mut relationships: Found = relationships.collect();
    relationships.sort();
    relationships
}

/// Returns values that contain no secret a response could repeat.
fn given(spec: &SettingSpec) -> Option<String> {
    let value = match spec.kind {
        SettingType::String | SettingType::Secret => "not-in-any-answer",
        SettingType::Tlp => "TLP:GREEN",
        SettingType::Pap => "PAP:GREEN",
        SettingType::Duration => "P30D",
        SettingType::Integer => "7",
        SettingType::Boolean => "true",
        SettingType::Url => "https://given.example.net",
    };
    spec.required.then(|| value.to_owned())
}

/// Returns the complete response bodies of a run.
fn bodies(run: &Value) -> Vec<String> {
    let replies = run["case"]["exchanges"].as_array().into_iter().flatten().map(|exchange| &exchange["reply"]);
    let whole = replies.filter(|reply| reply["fault"].is_null());
    whole
        .filter_map(|reply| reply["text"].as_str().map(str::to_owned).or_else(|| Some(reply.get("json")?.to_string())))
        .collect()
}

/// Maps all responses by every lookup, and returns their number and that of relationships.
fn compare(folder: &Path, runs: &[Value]) -> (usize, usize) {
    let (plan, profile) = (plan(folder), yaml(&folder.join("profile.yaml")));
    let rules = rules(&profile);
    let (mut compared, mut related) = (0, 0);
    for run in runs {
        let asked = observable(&run["case"]["observable"]);
        let bodies = bodies(run);
        for lookup in plan.lookups.iter().filter(|lookup| lookup.accepts.contains(&asked.kind())) {
            for (number, body) in bodies.iter().enumerate() {
                let each = lookup.for_each.get(number % lookup.for_each.len().max(1)).map(String::as_str);
                let declaration = &profile["lookups"][&lookup.name];
                let second = Second { profile: &profile, rules: &rules, lookup: declaration, each, asked: &asked };
                let Some(expected) = second.map(body) else { continue };
                let actual = found(&plan, lookup, each, &asked, body);
                assert_eq!(actual, expected, "{} {}: about {asked}, in\n{body}", plan.id, lookup.name);
                (compared, related) = (compared + 1, related + expected.len());
            }
        }
    }
    (compared, related)
}

fn observable(asked: &Value) -> Observable {
    let kind = ObservableType::parse(asked["type"].as_str().expect("a type")).expect("a type");
    Observable::parse(kind, asked["value"].as_str().expect("a value")).expect("an observable")
}

#[test]
fn second_implementation_finds_the_same_in_generated_responses() {
    for (name, runs) in &*RUNS {
        let (compared, related) = compare(&root().join("profiles").join(name), runs);
        println!("{name}: {compared} answers, {related} relationships");
        assert!(
            compared > 300 && related > 150,
            "{name}: too little was compared: {compared} responses, {related} relationships"
        );
    }
}
