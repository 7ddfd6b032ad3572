//! No request is sent unless all markings permit it, in whatever form they are given.

use super::super::entity::Entity;
use super::super::graphql_error::interpret;
use super::super::message::{Delivery, Playbook};
use super::super::objects::{Found, Objects};
use super::*;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use reqwest::StatusCode;
use std::sync::{Arc, LazyLock};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::{Input, ProviderState, Run, Step};

const ID: &str = "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7";
const RED: &str = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed";
const RED_OF_TLP_2: &str = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1";
const STRICT: &str = "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37";
const GREEN: &str = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da";
const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";
const OWN: &str = "marking-definition--11111111-2222-5333-8444-555555555555";

/// Accepts TLP:AMBER at most, and PAP:AMBER by default.
const PROFILE: &str = "\
profile: stixmap/v1
id: small
version: 1.0.0
name: Small
summary: Names.
http: { base_url: https://api.example.net/v1 }
lookups:
  names: { accepts: [domain-name], path: \"/names/{observable.value}\", records: $.rows }
record:
  fields:
    rrtype: { at: $.type, as: rrtype }
    name: { at: $.name, as: string }
    rdata: { at: $.data, as: rdata }
  orientation: [{ rrname: name, rdata: rdata }]
rules:
  - { rrtype: A, source: domain-name, relationship: resolves-to, target: ipv4-addr }
  - { rrtype: \"*\", drop: of no interest }
tlp: { max: TLP:AMBER, unmarked: allow, results: { at_least: \"TLP:CLEAR\" } }
identity: { name: Small }
";

static PLAN: LazyLock<Plan> = LazyLock::new(|| plan("").expect("a profile"));

fn plan(more: &str) -> Option<Plan> {
    Plan::read(&Source::new("profile.yaml", format!("{PROFILE}{more}"))).ok()
}

fn response(marking: Value) -> Value {
    json!({ "id": "internal", "standard_id": ID, "entity_type": "Domain-Name", "value": "example.com", "objectMarking": marking })
}

fn node(id: &str, kind: impl Into<Value>, definition: impl Into<Value>) -> Value {
    json!({ "standard_id": id, "definition_type": kind.into(), "definition": definition.into(), "created": "2024-01-01T00:00:00Z" })
}

fn base(refs: Value) -> Value {
    json!({ "id": ID, "type": "domain-name", "spec_version": "2.1", "value": "example.com", "object_marking_refs": refs })
}

/// Parses the entity with a message that has this event.
fn read(response: &Value, mut event: Value, is_playbook: bool) -> Result<Entity, String> {
    event["entity_id"] = ID.into();
    let step = if is_playbook { json!({ "step_id": "s" }) } else { Value::Null };
    let message = json!({ "internal": { "work_id": "w", "playbook": step }, "event": event });
    read_message(response, &message.to_string())
}

fn read_message(response: &Value, message: &str) -> Result<Entity, String> {
    let delivery = Delivery::parse(message.as_bytes()).map_err(|malformed| malformed.reason)?;
    let bundle = delivery.playbook.as_ref().map(Playbook::read).transpose()?;
    Entity::read(response, bundle.as_ref(), &delivery.content)
}

/// Succeeds if a request is sent to the provider; otherwise returns the outcome.
fn send(entity: Result<Entity, String>) -> Result<(), String> {
    send_by(&PLAN, entity)
}

fn send_by(plan: &Plan, entity: Result<Entity, String>) -> Result<(), String> {
    let entity = entity?;
    let now = Timestamp::UNIX_EPOCH;
    let input = Input {
        observable: entity.observable,
        markings: entity.markings.evidence,
        settings: Settings::read(&plan.settings, |_| None).expect("it has none"),
        deadline: now + SignedDuration::from_mins(1),
        seed: 0,
        trace: false,
    };
    let mut run = Run::new(plan, Arc::new(ProviderState::default()), input, now);
    match run.next(now) {
        Step::Send(_) => Ok(()),
        Step::Done => Err(run.finish().outcome.to_string()),
        Step::Wait(_) => unreachable!("nothing makes it wait"),
    }
}

fn by_platform(marking: Value) -> Result<(), String> {
    send(read(&response(marking), json!({}), false))
}

fn by_playbook(objects: Value) -> Result<(), String> {
    send(read(&response(json!([])), json!({ "bundle": { "objects": objects } }), true))
}

fn by_message(event: Value) -> Result<(), String> {
    send(read(&response(json!([])), event, false))
}

fn refused(what: &str, sent: Result<(), String>) {
    let reason = sent.expect_err(what);
    assert!(reason.contains("TLP:") || reason.contains("unreadable marking: "), "{what}: {reason}");
}

#[test]
fn common_markings_permit_requests() {
    let amber = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82";
    for marking in [
        json!([]),
        json!([node(amber, "TLP", "TLP:AMBER")]),
        json!([node(GREEN, "TLP", "TLP:GREEN"), node(OWN, "Company", "Internal use")]),
        json!([node("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "TLP", "TLP:WHITE")]),
        json!([node(OWN, "statement", "Copyright 2024 Example Inc.")]),
        json!([node(OWN, "statement", "Copyright 2024, this paper is red")]),
        json!([node(OWN, "statement", "Shared as TLP:GREEN. Thank you")]),
        json!({ "edges": [{ "node": node(GREEN, "TLP", "TLP:GREEN") }], "pageInfo": { "hasNextPage": false } }),
    ] {
        assert_eq!(by_platform(marking.clone()), Ok(()), "{marking}");
    }
    let own = json!({ "type": "marking-definition", "id": OWN, "definition_type": "statement",
        "definition": { "statement": "custom" }, "x_opencti_definition_type": "TLP", "x_opencti_definition": "TLP:CLEAR" });
    let unmarked = json!({ "id": ID, "type": "domain-name", "value": "example.com" });
    for objects in
        [json!([unmarked]), json!([base(json!([]))]), json!([base(json!([GREEN]))]), json!([base(json!([OWN])), own])]
    {
        assert_eq!(by_playbook(objects.clone()), Ok(()), "{objects}");
        assert_eq!(by_message(json!({ "stix_objects": objects.to_string() })), Ok(()), "{objects}");
    }
    for entity in [json!(null), json!(""), json!("{}"), json!(base(json!([amber])).to_string()), base(json!([amber]))] {
        assert_eq!(by_message(json!({ "stix_entity": entity, "stix_objects": null })), Ok(()));
    }
}

#[test]
fn marking_of_another_object_does_not_matter() {
    let extension = |id: &str, more: Value| {
        let mut own = json!({ "extension_type": "property-extension", "id": id, "is_inferred": false });
        own.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ EXTENSION: own })
    };
    let mut entity = base(json!([GREEN]));
    entity["extensions"] =
        extension("internal", json!({ "files": [{ "name": "a.txt", "object_marking_refs": [GREEN] }] }));
    entity["granular_markings"] = json!([]);
    entity["x_opencti_files"] = json!([{ "name": "b.txt", "object_marking_refs": [] }]);
    entity["external_references"] = json!([{ "source_name": "x", "external_id": "internal" }]);
    let other = "domain-name--00000000-0000-5000-8000-000000000001";
    let more = [
        json!({ "id": other, "type": "domain-name", "value": "example.net", "object_marking_refs": [RED],
            "extensions": extension("other", json!({})) }),
        json!({ "id": "hostname--1", "type": "hostname", "value": "example.com", "object_marking_refs": [OWN] }),
        json!({ "id": "relationship--1", "type": "relationship", "source_ref": ID, "target_ref": other, "object_marking_refs": [RED],
            "extensions": extension("r", json!({ "source_ref": "internal", "source_ref_object_marking_refs": [RED] })) }),
        json!({ "id": "note--1", "type": "note", "object_refs": [ID], "granular_markings": [{ "marking_ref": RED, "selectors": ["content"] }] }),
        json!({ "id": "observed-data--1", "type": "observed-data", "object_marking_refs": [RED],
            "objects": { "0": { "type": "domain-name", "value": "example.com" } } }),
        json!({ "id": "report--1", "type": "report", "x_opencti_id": "report", "object_marking_refs": [RED], "object_refs": [ID] }),
        json!({ "id": OWN, "type": "marking-definition", "definition_type": "statement", "definition": { "statement": "TLP:RED" } }),
        json!({ "id": "identity--1", "type": "identity", "name": "internal", "object_marking_refs": [RED] }),
    ];
    let objects: Vec<Value> = std::iter::once(entity.clone()).chain(more).collect();
    assert_eq!(by_playbook(json!(objects)), Ok(()));
    for event in [
        json!({ "stix_objects": objects }),
        json!({ "stix_objects": json!(objects).to_string(), "stix_entity": entity.to_string() }),
        json!({ "bundle": { "type": "bundle", "id": "bundle--1", "spec_version": "2.1", "objects": objects }, "event_type": "INTERNAL_ENRICHMENT" }),
    ] {
        assert_eq!(by_message(event.clone()), Ok(()), "{event}");
    }
    let green = "object_marking_refs";
    for shape in [
        json!({ EXTENSION: { green: [GREEN] } }),
        json!([{ "objectMarking": [node(GREEN, "TLP", "TLP:GREEN")] }]),
        json!({ EXTENSION: { "markings": [{ "id": GREEN, "type": "marking-definition", "definition_type": "tlp" }], "marking": GREEN } }),
    ] {
        let mut entity = base(json!([]));
        entity["extensions"] = shape;
        assert_eq!(by_playbook(json!([entity])), Ok(()), "{entity}");
    }
}

#[test]
fn red_marking_beside_the_object_is_refused() {
    let red = json!([RED]);
    refused("on the event", by_message(json!({ "object_marking_refs": red })));
    refused("in the event", by_message(json!({ "more": [{ "entity_markings": red }] })));
    for (key, level) in [("x_tlp", json!("RED")), ("TLP", json!("TLP:RED")), ("tlp", json!(4))] {
        refused(key, by_message(json!({ key: level })));
        let mut entity = base(json!([]));
        entity["extensions"] = json!({ "extension-definition--1": { key: level } });
        refused(key, by_message(json!({ "stix_entity": entity })));
    }
    let clean = json!([base(json!([]))]);
    for key in ["object_marking_refs", "objectMarking", "x_markings"] {
        let bundle = json!({ "type": "bundle", key: red, "objects": clean });
        refused(key, by_message(json!({ "bundle": bundle })));
        refused(key, by_message(json!({ "stix_objects": bundle.to_string() })));
        refused(key, send(read(&response(json!([])), json!({ "bundle": bundle }), true)));
        let outer = json!([base(json!([])), bundle]);
        refused(key, by_playbook(outer));
        let mut platform = response(json!([]));
        platform[format!("{key}s")] = red.clone();
        refused(key, send(read(&platform, json!({}), false)));
    }
    refused(
        "objects as text",
        by_playbook(json!([base(json!([])), { "id": "bundle--1", "type": "bundle", "objects": "[]" }])),
    );
}

#[test]
fn red_marking_of_platform_is_refused_in_any_form() {
    let cases = [
        ("statement", json!([node(OWN, "statement", "TLP:RED")])),
        ("TLP2", json!([node(OWN, "TLP2", "RED")])),
        ("blank", json!([node(OWN, " TLP", "RED")])),
        ("no type", json!([node(OWN, json!(null), "TLP:RED")])),
        ("no type, bare level", json!([node(OWN, "", "RED")])),
        ("type missing", json!([{ "standard_id": OWN, "definition": "RED" }])),
        ("type is a list", json!([node(OWN, json!(["TLP"]), "TLP:RED")])),
        ("definition is an object", json!([node(OWN, "TLP", json!({ "tlp": "red" }))])),
        ("definition is a list", json!([node(OWN, "statement", json!(["TLP:RED"]))])),
        ("RED's id, CLEAR's text", json!([node(RED, "TLP", "TLP:CLEAR")])),
        ("RED's id in capitals", json!([node(&RED.to_uppercase(), "statement", "free")])),
        ("RED's id of TLP 2", json!([node(RED_OF_TLP_2, "statement", "free")])),
        ("strict", json!([node(STRICT, "statement", "free")])),
        ("above among lower", json!([node(GREEN, "TLP", "TLP:GREEN"), node(RED, "TLP", "TLP:RED")])),
        ("full width", json!([node(OWN, "statement", "\u{ff34}\u{ff2c}\u{ff30}\u{ff1a}\u{ff32}\u{ff25}\u{ff24}")])),
        ("accents", json!([node(OWN, "statement", "\u{164}\u{139}P:RED")])),
        ("superscript", json!([node(OWN, "statement", "\u{1d40}\u{1d38}\u{1d3e}:RED")])),
        ("letters of Lisu", json!([node(OWN, "statement", "\u{a4d4}\u{a4e1}\u{a4d1}:RED")])),
        ("plural", json!([node(OWN, "statement", "Traffic lights: RED")])),
        ("letters apart", json!([node(OWN, "statement", "T L.P: R E D")])),
        ("strict in a sentence", json!([node(OWN, "statement", "TLP:AMBER is STRICT")])),
        ("unknown level", json!([node(OWN, "TLP", "TLP:ORANGE")])),
        ("no definition", json!([node(OWN, "statement", json!(null))])),
        ("no id", json!([{ "definition_type": "statement", "definition": "free" }])),
        ("null", json!(null)),
        ("null in a list", json!([null])),
        ("text", json!("TLP:RED")),
        ("edges", json!({ "edges": [{ "node": node(RED, "TLP", "TLP:RED") }] })),
        ("edges without nodes", json!({ "edges": [{}] })),
        ("no edges", json!({})),
        ("something beside edges", json!({ "edges": [], "standard_id": [RED] })),
        (
            "something beside a node",
            json!({ "edges": [{ "node": node(GREEN, "TLP", "TLP:GREEN"), "standard_id": RED }] }),
        ),
        ("more pages", json!({ "edges": [], "pageInfo": { "hasNextPage": true } })),
        ("a list of edges", json!([{ "node": node(GREEN, "TLP", "TLP:GREEN") }])),
    ];
    for (what, marking) in cases {
        refused(what, by_platform(marking));
    }
    let mut missing = response(json!(null));
    missing.as_object_mut().expect("an object").remove("objectMarking");
    refused("missing", send(read(&missing, json!({}), false)));
}

#[test]
fn red_marking_of_bundle_is_refused_in_any_form() {
    let defined = |definition: Value| {
        let mut object = json!({ "type": "marking-definition", "spec_version": "2.1", "id": OWN });
        object.as_object_mut().expect("an object").extend(definition.as_object().expect("an object").clone());
        json!([base(json!([OWN])), object])
    };
    let other = |key: &str, value: Value| {
        let mut object = base(json!([]));
        object[key] = value;
        json!([object])
    };
    let clear =
        json!({ "type": "marking-definition", "id": OWN, "definition_type": "tlp", "definition": { "tlp": "clear" } });
    let red =
        json!({ "type": "marking-definition", "id": OWN, "definition_type": "tlp", "definition": { "tlp": "red" } });
    let cases = [
        ("text instead of a list", json!([base(json!(RED))])),
        ("null", json!([base(json!(null))])),
        ("an object", json!([base(json!({ "0": RED }))])),
        ("null in the list", json!([base(json!([null]))])),
        ("a list in the list", json!([base(json!([[RED]]))])),
        ("unknown", json!([base(json!([OWN]))])),
        ("RED's id", json!([base(json!([RED]))])),
        ("RED's id in capitals", json!([base(json!([RED.to_uppercase()]))])),
        ("RED's id of TLP 2", json!([base(json!([RED_OF_TLP_2]))])),
        ("granular", other("granular_markings", json!([{ "marking_ref": RED, "selectors": ["value"] }]))),
        ("another key", other("objectMarking", json!([RED]))),
        (
            "in an extension",
            other("extensions", json!({ "extension-definition--1": { "object_marking_refs": [RED] } })),
        ),
        ("a second object of the id", json!([base(json!([])), base(json!([RED]))])),
        ("a second definition", json!([base(json!([OWN])), clear, red])),
        (
            "not a definition",
            json!([base(json!([OWN])), { "type": "identity", "id": OWN, "definition_type": "statement", "name": "x" }]),
        ),
        ("not an object", json!([base(json!([])), RED])),
        (
            "CLEAR's name",
            defined(json!({ "definition_type": "tlp", "name": "TLP:CLEAR", "definition": { "tlp": "red" } })),
        ),
        (
            "CLEAR's definition",
            defined(json!({ "definition_type": "tlp", "name": "TLP:RED", "definition": { "tlp": "clear" } })),
        ),
        ("no type", defined(json!({ "name": "TLP:CLEAR", "definition": "RED" }))),
        (
            "statement",
            defined(json!({ "definition_type": "statement", "definition": { "statement": "Handle as TLP:RED" } })),
        ),
        (
            "statement and bare level",
            defined(json!({ "definition_type": "statement", "name": "TLP:CLEAR", "definition": "RED" })),
        ),
        (
            "extension of TLP 2",
            defined(
                json!({ "extensions": { "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": { "tlp_2_0": "red" } } }),
            ),
        ),
        (
            "extension of OpenCTI",
            defined(json!({ "definition_type": "statement", "definition": { "statement": "custom" },
            "extensions": { "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba": { "definition_type": "TLP", "definition": "TLP:RED" } } })),
        ),
        (
            "OpenCTI's own keys",
            defined(json!({ "definition_type": "statement", "definition": { "statement": "custom" },
            "x_opencti_definition_type": "TLP", "x_opencti_definition": "TLP:AMBER+STRICT" })),
        ),
        ("the type is the level", defined(json!({ "definition_type": "TLP:RED", "name": "x" }))),
        ("no level", defined(json!({ "definition_type": "tlp", "definition": { "tlp": null } }))),
        ("no level at all", defined(json!({ "definition_type": "tlp" }))),
        ("nothing", defined(json!({}))),
    ];
    for (what, objects) in cases {
        refused(what, by_playbook(objects.clone()));
        refused(what, by_message(json!({ "stix_objects": objects.to_string() })));
        refused(what, by_message(json!({ "stix_objects": objects })));
        refused(what, by_message(json!({ "bundle": { "objects": objects } })));
    }
}

#[test]
fn pap_red_is_refused() {
    let (amber, red) = (Pap::Amber.marking_id().to_string(), Pap::Red.marking_id().to_string());
    assert_eq!(by_platform(json!([node(&amber, "PAP", "PAP:AMBER")])), Ok(()));
    assert_eq!(by_playbook(json!([base(json!([amber]))])), Ok(()));
    let defined = json!({ "type": "marking-definition", "id": OWN, "definition_type": "PAP", "definition": { "PAP": "PAP:RED" } });
    let cases = [
        ("usual", by_platform(json!([node(OWN, "PAP", "PAP:RED")]))),
        ("another type", by_platform(json!([node(OWN, " pap2", "red")]))),
        ("plural type", by_platform(json!([node(OWN, "PAPs", "RED")]))),
        ("plural", by_platform(json!([node(OWN, "statement", "PAPS RED")]))),
        ("plus", by_platform(json!([node(OWN, "statement", "PAP+RED")]))),
        ("prefix", by_platform(json!([node(OWN, "statement", "myPAP:RED")]))),
        (
            "key",
            by_platform(
                json!([{ "standard_id": OWN, "definition_type": "statement", "definition": "x", "papLevel": "RED" }]),
            ),
        ),
        ("statement", by_platform(json!([node(OWN, "statement", "PAP:RED")]))),
        ("its id", by_platform(json!([node(&red, "statement", "free")]))),
        ("its id in a bundle", by_playbook(json!([base(json!([red]))]))),
        ("defined in a bundle", by_playbook(json!([base(json!([OWN])), defined]))),
        ("unknown level", by_platform(json!([node(OWN, "PAP", "PAP:ORANGE")]))),
        ("beside a low TLP", by_platform(json!([node(GREEN, "TLP", "TLP:GREEN"), node(OWN, "PAP", "PAP:RED")]))),
    ];
    for (what, sent) in cases {
        let reason = sent.expect_err(what);
        assert!(
            reason.contains("PAP:RED; Small accepts PAP:AMBER at most") || reason.contains("unreadable"),
            "{what}: {reason}"
        );
    }
}

#[test]
fn repeated_key_is_refused() {
    let twice =
        format!(r#"{{"id":"{ID}","type":"domain-name","object_marking_refs":["{RED}"],"object_marking_refs":[]}}"#);
    for key in ["stix_entity", "stix_objects", "bundle"] {
        let part = if key == "stix_entity" { twice.clone() } else { format!("[{twice}]") };
        refused(key, by_message(json!({ key: part })));
    }
    let (head, tail) = (r#"{"internal":{"playbook":{}},"event":{"entity_id":"x","bundle":{"objects":["#, "]}}}");
    let delivery = Delivery::parse(format!("{head}{twice}{tail}").as_bytes()).expect("a message");
    assert!(delivery.playbook.expect("a step").read().is_err());
}

/// Writes JSON with one entry of an object before another one with the same key; entries are numbered depth first.
fn write_twice(value: &Value, number: &mut usize, other: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                text.push_str(if position == 0 { "" } else { "," });
                write_twice(item, number, other, text);
            }
            text.push(']');
        }
        Value::Object(properties) => {
            text.push('{');
            for (position, (key, item)) in properties.iter().enumerate() {
                text.push_str(if position == 0 { "" } else { "," });
                let key = Value::from(key.as_str());
                if *number == 0 {
                    text.push_str(&format!("{key}:{other},"));
                }
                *number = number.wrapping_sub(1);
                text.push_str(&format!("{key}:"));
                write_twice(item, number, other, text);
            }
            text.push('}');
        }
        leaf => text.push_str(&leaf.to_string()),
    }
}

/// Returns JSON with a repeated key; none if it has fewer entries.
fn twice(value: &Value, mut number: usize, other: &Value) -> Option<String> {
    let mut text = String::new();
    write_twice(value, &mut number, other, &mut text);
    (number > usize::MAX / 2).then_some(text)
}

#[test]
fn maximum_pap_is_set_by_profile_or_setting() {
    let entity = |level: Pap| read(&response(json!([node(OWN, "PAP", level.as_str())])), json!({}), false);
    let setting = "pap: { max: \"{settings.max_pap}\" }\nsettings:\n  max_pap: { type: pap, default: \"green\", description: Highest PAP }\n";
    for (more, max) in [
        ("", Pap::Amber),
        ("pap: { max: PAP:RED }\n", Pap::Red),
        ("pap: { max: clear }\n", Pap::Clear),
        (setting, Pap::Green),
    ] {
        let plan = plan(more).expect("a profile");
        for level in Pap::ALL {
            assert_eq!(send_by(&plan, entity(level)).is_ok(), level <= max, "{level} up to {max}");
        }
    }
    for wrong in
        ["pap: { max: PAP:PURPLE }\n", "pap: { max: TLP:RED }\n", "pap: {}\n", "pap: { max: \"{settings.none}\" }\n"]
    {
        assert!(plan(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn marking_of_message_applies_although_platform_has_a_lower_one() {
    let platform = response(json!([node(GREEN, "TLP", "TLP:GREEN")]));
    let red = base(json!([RED]));
    for event in [
        json!({ "stix_entity": red.to_string() }),
        json!({ "stix_entity": red }),
        json!({ "stix_objects": json!([red]).to_string() }),
        json!({ "stix_objects": { "objects": [red] } }),
        json!({ "stix_entity": "{" }),
        json!({ "stix_entity": [] }),
        json!({ "stix_entity": 5 }),
        json!({ "stix_objects": "5" }),
        json!({ "stix_objects": {} }),
        json!({ "stix_entity": base(json!([OWN])).to_string() }),
    ] {
        refused(&event.to_string(), send(read(&platform, event, false)));
    }
    let known = response(json!([node(OWN, "Company", "Internal use")]));
    assert_eq!(send(read(&known, json!({ "stix_entity": base(json!([OWN])).to_string() }), false)), Ok(()));
}

/// Returns the objects to publish when `found` was found.
fn enriched(entity: Entity, found: Vec<Value>) -> Vec<Value> {
    let objects = Objects::enriched(entity, Found::Values(found));
    (0..objects.len()).map(|position| objects.at(position)).collect()
}

#[test]
fn all_markings_and_their_definitions_are_added_to_found_objects() {
    let platform = response(json!([node(OWN, "Company", "Need to Know"), node(GREEN, "TLP", "TLP:GREEN")]));
    let author = json!({ "type": "identity", "id": "identity--1", "name": "Small" });
    let found = vec![
        author.clone(),
        json!({ "type": "ipv4-addr", "id": "ipv4-addr--1", "object_marking_refs": [GREEN] }),
        json!({ "type": "relationship", "id": "relationship--1", "object_marking_refs": [GREEN] }),
    ];
    for (event, is_playbook) in [(json!({}), false), (json!({ "bundle": { "objects": [base(json!([GREEN]))] } }), true)]
    {
        let objects = enriched(read(&platform, event, is_playbook).expect("an entity"), found.clone());
        let object = |id: &str| objects.iter().find(|object| object["id"] == id).expect("it is there");
        for id in ["ipv4-addr--1", "relationship--1"] {
            assert_eq!(object(id)["object_marking_refs"], json!([GREEN, OWN]));
        }
        assert_eq!(object("identity--1"), &author);
        let definition = object(OWN);
        assert_eq!(definition["definition"], json!({ "statement": "Need to Know" }));
        assert_eq!(
            (&definition["x_opencti_definition_type"], &definition["name"]),
            (&json!("Company"), &json!("Need to Know"))
        );
        let position = |id: &str| objects.iter().position(|object| object["id"] == id);
        assert!(position(OWN) < position("ipv4-addr--1"), "referenced objects come first");
    }
}

#[test]
fn platform_marking_is_fixed_by_its_id_or_a_statement() {
    for tlp in Tlp::ALL {
        let id = tlp.marking_id().to_string();
        let fixed = serde_json::to_value(Object::Marking(tlp)).expect("JSON");
        for (kind, text) in [("TLP", tlp.as_str()), ("tlp", "TLP:WHITE"), ("Company", "Renamed"), ("", "")] {
            assert_eq!(to_stix(&node(&id, kind, text)), fixed, "{kind} {text}");
            assert_eq!(to_stix(&node(&id.to_uppercase(), kind, text)), fixed, "{kind} {text}");
        }
    }
    for (kind, text) in [("TLP", "TLP:ORANGE"), ("TLP", "TLP:RED"), ("PAP", "PAP:RED"), ("My own", "Need to Know")] {
        let statement = to_stix(&node(OWN, kind, text));
        assert_eq!(
            statement,
            json!({
                "type": "marking-definition", "spec_version": "2.1", "id": OWN, "created": "2024-01-01T00:00:00Z",
                "definition_type": "statement", "name": text, "definition": { "statement": text },
                "x_opencti_definition_type": kind, "x_opencti_definition": text,
            })
        );
        let evidence = |definition: &Value| {
            let mut evidence = Evidence::default();
            evidence.marking(Some(OWN), definition);
            evidence.markings()
        };
        assert_eq!(evidence(&statement), evidence(&node(OWN, kind, text)), "{kind} {text} means the same");
    }
}

#[test]
fn marking_of_an_earlier_playbook_step_is_added() {
    let own = json!({ "type": "marking-definition", "id": OWN, "definition_type": "Company", "definition": { "Company": "Mine" } });
    let event = json!({ "bundle": { "objects": [own, base(json!([OWN]))] } });
    let entity = read(&response(json!([])), event, true).expect("an entity");
    let objects = enriched(entity, vec![json!({ "type": "ipv4-addr", "id": "ipv4-addr--1" })]);
    assert_eq!(objects.len(), 3, "with its definition");
    assert_eq!(objects[2]["object_marking_refs"], json!([OWN]));
}

/// Any JSON, with strings and keys that occur in markings.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec![
        "TLP",
        "tlp",
        " TLP ",
        "TLP2",
        "statement",
        "PAP",
        "TLP:RED",
        "TLP:CLEAR",
        "red",
        "GREEN",
        "TLP:AMBER+STRICT",
        "custom",
        "",
        "marking-definition",
        RED,
        GREEN,
        OWN,
        STRICT,
        ID,
    ]);
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i8>().prop_map(Value::from),
        4 => text.prop_map(Value::from),
        1 => ".{0,8}".prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "standard_id",
        "id",
        "type",
        "definition_type",
        "definition",
        "name",
        "tlp",
        "tlp_2_0",
        "edges",
        "node",
        "pageInfo",
        "hasNextPage",
        "extensions",
        "x_opencti_definition_type",
        "x_opencti_definition",
        "object_marking_refs",
        "granular_markings",
        "objectMarking",
        "objects",
        "value",
        "x_opencti_id",
    ]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// A change of one node of a value; nodes are numbered depth first.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Wrap,
    Upper,
    Pad,
    Text,
}

fn any_change() -> impl Strategy<Value = (usize, Change)> {
    let change = prop_oneof![
        any_json().prop_map(Change::Replace),
        Just(Change::Remove),
        Just(Change::Wrap),
        Just(Change::Upper),
        Just(Change::Pad),
        Just(Change::Text),
    ];
    (0_usize..24, change)
}

fn change(value: &mut Value, position: &mut usize, how: &Change) {
    if *position == 0 {
        *position = usize::MAX;
        match how {
            Change::Replace(other) => *value = other.clone(),
            Change::Remove => *value = Value::Null,
            Change::Wrap => *value = json!([value.take()]),
            Change::Upper => *value = value.as_str().map_or_else(|| value.clone(), |text| text.to_uppercase().into()),
            Change::Pad => {
                *value = value.as_str().map_or_else(|| value.clone(), |text| format!(" {text}\u{200b}").into())
            }
            Change::Text => *value = value.to_string().into(),
        }
        return;
    }
    if *position == usize::MAX {
        return;
    }
    *position -= 1;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, position, how)),
        Value::Object(properties) => properties.values_mut().for_each(|item| change(item, position, how)),
        _ => {}
    }
}

/// Returns whether some string contains RED, ignoring case and punctuation.
fn says_red(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let lower = text.to_lowercase();
            let squeezed: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
            squeezed.contains("tlpred") || lower.contains(RED)
        }
        Value::Array(items) => items.iter().any(says_red),
        Value::Object(properties) => properties.values().any(says_red),
        _ => false,
    }
}

/// A RED marking in one of the common forms.
fn red_node() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        node(RED, "TLP", "TLP:RED"),
        node(OWN, "TLP", "TLP:RED"),
        json!({ "type": "marking-definition", "id": RED, "standard_id": RED, "definition_type": "tlp", "name": "TLP:RED", "definition": { "tlp": "TLP:RED" } }),
        json!({ "type": "marking-definition", "id": OWN, "standard_id": OWN, "definition_type": "statement", "name": "TLP:RED",
            "definition": { "statement": "custom" }, "x_opencti_definition_type": "TLP", "x_opencti_definition": "TLP:RED" }),
        json!({ "type": "marking-definition", "id": OWN, "standard_id": OWN, "name": "TLP:RED", "extensions": { "extension-definition--1": { "tlp_2_0": "TLP:RED" } } }),
    ])
}

/// An object that is the entity, or may be it: under another id, or without one.
fn any_namesake() -> impl Strategy<Value = Value> {
    let other = "domain-name--00000000-0000-5000-8000-000000000001";
    let named = |id: Value, more: Value| {
        let mut object = json!({ "id": id, "type": "domain-name", "value": "example.net" });
        object.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        object
    };
    prop::sample::select(vec![
        named(json!(ID), json!({})),
        named(json!(format!(" {} ", ID.to_uppercase())), json!({})),
        named(json!("internal"), json!({ "type": "url" })),
        named(json!(other), json!({ "x_opencti_id": "internal", "type": "note" })),
        named(json!(other), json!({ "standard_id": ID })),
        named(json!(other), json!({ "x_opencti_stix_ids": [other, ID] })),
        named(json!(other), json!({ "extensions": { EXTENSION: { "id": "Internal" } } })),
        named(json!(other), json!({ "extensions": { EXTENSION: { "id": "x", "stix_ids": [ID] } } })),
        named(json!(other), json!({ "Extensions": [{ "id": "internal" }] })),
        named(json!(other), json!({ "value": "example.com" })),
        named(json!(other), json!({ "value": " EXAMPLE.com ", "type": "Domain-Name" })),
        named(json!(other), json!({ "value": "exam\u{200b}ple.com", "type": "domain_name" })),
        named(json!(other), json!({ "value": ["example.com"] })),
        named(json!(other), json!({ "value": null })),
        named(json!(other), json!({ "value": "example.com", "type": null })),
        named(json!(null), json!({})),
        named(json!(""), json!({ "type": "note" })),
        named(json!([ID]), json!({})),
        named(json!(5), json!({})),
    ])
}

/// A property that says RED, in any form.
fn any_red_property() -> impl Strategy<Value = (String, Value)> {
    let key = prop::sample::select(vec![
        "object_marking_refs",
        "Object_Marking_Refs",
        "objectMarking",
        "objectMarkingIds",
        "object_mar\u{200b}king_refs",
        "object_m\u{430}rking_refs",
        "x_marking",
        "granular_markings",
        "MARKINGS",
    ]);
    let red = node(RED, "TLP", "TLP:RED");
    let value = prop::sample::select(vec![
        json!([RED]),
        json!(RED),
        json!([GREEN, RED.to_uppercase()]),
        json!([[RED]]),
        json!({ "edges": [{ "node": red }] }),
        json!([red]),
        json!([node(OWN, "TLP", "TLP:RED")]),
        json!([{ "id": OWN, "type": "marking-definition", "definition": { "tlp": "red" } }]),
        json!([{ "marking_ref": RED, "selectors": ["value"] }]),
        json!("TLP:RED"),
        json!(null),
        json!(5),
    ]);
    (key, value).prop_map(|(key, value)| (key.to_owned(), value))
}

/// Puts a property into an object, as deep as the path leads; `0` stands for a list.
fn put(object: &mut Value, path: &[&str], key: &str, value: Value) {
    match path {
        [] => object[key] = value,
        ["0", rest @ ..] => {
            let mut inner = json!({});
            put(&mut inner, rest, key, value);
            *object = json!([inner]);
        }
        [first, rest @ ..] => {
            let inner = &mut object[*first];
            if !inner.is_object() {
                *inner = json!({});
            }
            put(inner, rest, key, value);
        }
    }
}

/// A text in another spelling: with characters that look like its letters, and others between them.
fn respelled(text: &'static str) -> impl Strategy<Value = String> {
    const LIKE: [(char, &str); 14] = [
        ('T', "T\u{164}\u{166}\u{1d40}\u{a4d4}\u{422}\u{ff34}\u{24c9}\u{1d413}\u{1f183}"),
        ('L', "L\u{139}\u{141}\u{1d38}\u{a4e1}\u{216c}\u{29f}\u{1f17b}"),
        ('P', "P\u{1e54}\u{1d3e}\u{a4d1}\u{420}\u{3a1}\u{1f17f}"),
        ('A', "A\u{c1}\u{1d2c}\u{a4ee}\u{410}\u{391}\u{23a}"),
        ('R', "R\u{158}\u{24c}\u{1d3f}\u{a4e3}\u{24c7}\u{24ad}"),
        ('E', "E\u{c9}\u{204}\u{1d31}\u{a4f0}\u{415}\u{1d07}"),
        ('D', "D\u{10e}\u{110}\u{1d30}\u{a4d3}\u{216e}\u{1f153}"),
        ('I', "I\u{cd}\u{406}\u{a4f2}"),
        ('S', "S\u{15a}\u{405}\u{a4e2}"),
        ('C', "C\u{10c}\u{421}\u{a4da}"),
        ('G', "G\u{11e}\u{a4d6}"),
        ('H', "H\u{124}\u{41d}\u{a4e7}"),
        ('F', "F\u{ff26}"),
        ('M', "M\u{41c}\u{a4df}"),
    ];
    let letter = |letter: char| {
        let like: Vec<char> =
            LIKE.iter().find(|(of, _)| *of == letter).map_or(vec![letter], |(_, like)| like.chars().collect());
        let between = prop::sample::select(vec!["", "", "", "\u{200b}", "\u{301}", ".", " ", "-", "+", "_"]);
        (prop::sample::select(like), between, any::<bool>()).prop_map(|(letter, between, lower)| {
            let letter = if lower { letter.to_lowercase().to_string() } else { letter.to_string() };
            format!("{letter}{between}")
        })
    };
    text.chars().map(letter).collect::<Vec<_>>().prop_map(|letters| letters.concat())
}

/// The name of a protocol as text or as a type.
fn any_protocol() -> impl Strategy<Value = String> {
    let names = ["TLP", "TLPS", "TRAFFIC LIGHT", "TRAFFIC LIGHTS", "PAP", "PAPS", "PERMISSIBLE ACTIONS"];
    prop::sample::select(names.to_vec()).prop_flat_map(respelled)
}

proptest! {
    #[test]
    fn red_marking_of_the_entity_is_refused_wherever_it_is(
        mut object in any_namesake(),
        (key, value) in any_red_property(),
        path in prop::sample::select(vec![
            &[][..], &["x"], &["extensions", EXTENSION], &["extensions", EXTENSION, "y"], &["more", "0"], &["more", EXTENSION, "0", "a"],
        ]),
        depth in 0..5,
        is_map in any::<bool>(),
        is_first in any::<bool>(),
    ) {
        put(&mut object, path, &key, value);
        let entity = object.clone();
        for _ in 0..depth {
            let objects = if is_map { json!({ "0": object }) } else { json!([object]) };
            object = json!({ "type": "bundle", "id": "bundle--1", "objects": objects });
        }
        let mut objects = vec![base(json!([])), json!({ "type": "identity", "id": "identity--1", "name": "x" })];
        objects.insert(if is_first { 0 } else { 2 }, object);
        for sent in [
            by_playbook(json!(objects)),
            by_message(json!({ "stix_objects": objects })),
            by_message(json!({ "stix_objects": json!(objects).to_string() })),
            by_message(json!({ "bundle": { "objects": objects } })),
            by_message(json!({ "stix_entity": entity })),
        ] {
            prop_assert!(sent.is_err(), "{objects:?}");
        }
    }

    #[test]
    fn red_is_refused_in_any_spelling(
        before in prop::sample::select(vec!["", "my", "see ", "x_"]),
        name in any_protocol(),
        between in prop::sample::select(vec![":", " ", "", ": ", "-", "+", " is ", " level ", "Level", " 2.0: ", "/", "\u{ff1a}"]),
        level in respelled("RED"),
    ) {
        let text = format!("{before}{name}{between}{level}");
        for kind in ["statement", "marking", "TLP", "PAPs", ""] {
            prop_assert!(by_platform(json!([node(OWN, kind, text.as_str())])).is_err(), "{kind} {text}");
        }
        prop_assert!(by_platform(json!([node(OWN, name.as_str(), level.as_str())])).is_err(), "type {name}: {level}");
        prop_assert!(by_platform(json!([{ "standard_id": OWN, "definition_type": "statement", "definition": "x", &name: level }])).is_err(), "key {name}: {level}");
    }

    #[test]
    fn strict_beside_amber_is_refused(
        between in prop::sample::select(vec![" ", "+", " + ", " plus ", " is ", ", ", ": for us, ", "++", "-", ""]),
        strict in prop::sample::select(vec!["STRICT", "strict", "STRICTLY", "Strict.", "S T R I C T", "(strict)"]),
    ) {
        let text = format!("TLP:AMBER{between}{strict}");
        for kind in ["statement", "TLP", "TLPs"] {
            prop_assert!(by_platform(json!([node(OWN, kind, text.as_str())])).is_err(), "{kind} {text}");
        }
    }

    #[test]
    fn repeated_key_in_message_is_refused_at_any_place(number in 0_usize..30, other in any_json(), is_playbook in any::<bool>()) {
        let objects = json!([base(json!([GREEN])), { "type": "note", "id": "note--1", "object_refs": [ID] }]);
        let event = json!({ "entity_id": ID, "entity_type": "Domain-Name", "stix_entity": base(json!([])), "stix_objects": objects,
            "bundle": { "type": "bundle", "objects": objects } });
        let step = if is_playbook { json!({ "step_id": "s" }) } else { Value::Null };
        let message = json!({ "internal": { "work_id": "w", "playbook": step }, "event": event });
        prop_assert_eq!(send(read_message(&response(json!([])), &message.to_string())), Ok(()));
        if let Some(text) = twice(&message, number, &other) {
            prop_assert!(send(read_message(&response(json!([])), &text)).is_err(), "{text}");
        }
    }

    #[test]
    fn repeated_key_in_response_is_unreadable(number in 0_usize..16, other in any_json()) {
        let data = json!({ "data": { "stixCyberObservable": response(json!([node(GREEN, "TLP", "TLP:GREEN")])) } });
        prop_assert_eq!(interpret(StatusCode::OK, data.to_string().as_bytes()), Ok(data["data"].clone()));
        if let Some(text) = twice(&data, number, &other) {
            prop_assert!(interpret(StatusCode::OK, text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn any_json_of_platform_is_readable_or_refused(marking in any_json()) {
        if by_platform(marking.clone()).is_ok() {
            prop_assert!(!says_red(&marking), "{marking}");
            let list = marking.as_array().or_else(|| marking["edges"].as_array());
            prop_assert!(list.is_some(), "{marking}");
            for one in list.expect("it is there") {
                let one = if marking.is_array() { one } else { &one["node"] };
                prop_assert!(one["standard_id"].as_str().is_some_and(|id| Id::parse_marking(id).is_some()), "{one}");
            }
        }
    }

    #[test]
    fn any_json_of_message_is_readable_or_refused(refs in any_json(), more in any_json()) {
        let known = [RED, GREEN, STRICT];
        let is_list = refs.as_array().is_some_and(|refs| refs.iter().all(|id| {
            id.as_str().is_some_and(|id| known.contains(&id) || more["id"] == id || more[0]["id"] == id)
        }));
        for objects in [json!([base(refs.clone()), more]), json!([more, base(refs.clone())])] {
            let sent = [
                by_playbook(objects.clone()),
                by_message(json!({ "stix_objects": objects })),
                by_message(json!({ "stix_entity": base(refs.clone()), "stix_objects": [more] })),
            ];
            for sent in sent {
                prop_assert!(sent.is_err() || is_list && !says_red(&refs), "{refs} {more}");
            }
        }
        let parts = [("stix_entity", refs.clone()), ("stix_objects", more.clone()), ("bundle", more)];
        for (key, part) in parts {
            let _ = by_message(json!({ key: part }));
        }
    }

    #[test]
    fn changed_red_marking_that_still_contains_red_is_refused(
        red in red_node(),
        changes in prop::collection::vec(any_change(), 0..4),
        lower in any::<bool>(),
    ) {
        let mut changed = red;
        for (position, how) in &changes {
            change(&mut changed, &mut position.clone(), how);
        }
        if !says_red(&changed) {
            return Ok(());
        }
        let mut list = vec![changed.clone()];
        if lower {
            list.insert(0, node(GREEN, "TLP", "TLP:GREEN"));
        }
        prop_assert!(by_platform(list.into()).is_err(), "by the platform: {changed}");
        prop_assert!(by_platform(json!({ "edges": [{ "node": changed }] })).is_err(), "by edges: {changed}");
        if changed["id"].as_str() == Some(OWN) {
            let objects = json!([base(json!([OWN])), changed]);
            prop_assert!(by_playbook(objects.clone()).is_err(), "by a playbook: {changed}");
            prop_assert!(by_message(json!({ "stix_objects": objects.to_string() })).is_err(), "by a message: {changed}");
        }
    }
}
