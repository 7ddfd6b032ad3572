//! Forms in which markings arrive, as tables.

use super::*;

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

fn defined(definition: Value) -> Value {
    let mut object = json!({ "type": "marking-definition", "spec_version": "2.1", "id": OWN });
    object.as_object_mut().expect("an object").extend(definition.as_object().expect("an object").clone());
    json!([base(json!([OWN])), object])
}

fn refused_in_any_bundle(cases: &[(&str, Value)]) {
    for (what, objects) in cases {
        refused(what, by_playbook(objects.clone()));
        refused(what, by_message(json!({ "stix_objects": objects.to_string() })));
        refused(what, by_message(json!({ "stix_objects": objects })));
        refused(what, by_message(json!({ "bundle": { "objects": objects } })));
    }
}

#[test]
fn red_marking_of_bundle_is_refused_in_any_form() {
    let other = |key: &str, value: Value| {
        let mut object = base(json!([]));
        object[key] = value;
        json!([object])
    };
    let clear =
        json!({ "type": "marking-definition", "id": OWN, "definition_type": "tlp", "definition": { "tlp": "clear" } });
    let red =
        json!({ "type": "marking-definition", "id": OWN, "definition_type": "tlp", "definition": { "tlp": "red" } });
    refused_in_any_bundle(&[
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
    ]);
}

#[test]
fn red_definition_of_bundle_is_refused_in_any_form() {
    refused_in_any_bundle(&[
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
    ]);
}

/// Parsers disagree about texts that are not valid JSON.
#[test]
fn red_marking_inside_a_text_is_refused() {
    let plain = json!({ "object_marking_refs": [RED] }).to_string();
    let twice = plain.replacen('{', "{\"object_marking_refs\":[],", 1);
    let deep = format!("{}{plain}{}", "[".repeat(200), "]".repeat(200));
    let texts = [
        plain.clone(),
        plain.replacen('{', "{\"object_marking_refs\":[", 1),
        format!("{}]}}", plain.trim_end_matches('}')),
        twice,
        format!("\u{feff}{plain}"),
        format!("{plain} trailing"),
        plain.replace(RED, &format!("{RED}\\ud800")),
        deep,
        Value::from(plain.as_str()).to_string(),
        plain.replace("object_marking", "object_\\u006darking"),
        plain.replace("_refs", "_r\\u0065fs"),
    ];
    for text in texts {
        refused(&text, by_message(json!({ "more": text })));
        let mut entity = base(json!([]));
        entity["extensions"] = json!({ EXTENSION: { "more": text } });
        refused(&text, by_message(json!({ "stix_entity": entity })));
        refused(&text, by_playbook(json!([entity])));
        let mut platform = response(json!([]));
        platform["toStix"] = text.into();
        refused("of the platform", send(read(&platform, json!({}), false)));
    }
    let clean = json!({ "description": "[1] a list, {a: b}, and \"words\"" });
    assert_eq!(by_message(clean), Ok(()));
}

#[test]
fn level_in_any_text_of_the_entity_counts() {
    for (key, value) in [
        ("labels", json!(["tlp:red"])),
        ("x_opencti_labels", json!(["malware", "TLP RED"])),
        ("description", json!("TLP:RED, do not share")),
        ("x_data", json!(r#"{"markings":["TLP:RED"]}"#)),
        ("x_data", json!(r#"{"x_tlp":"RED"}"#)),
        ("x_data", json!(r#"[{"tlp":"RED"}]"#)),
    ] {
        let mut entity = base(json!([]));
        entity[key] = value.clone();
        refused(key, by_message(json!({ "stix_entity": entity })));
        refused(key, by_playbook(json!([entity])));
    }
    refused("the event", by_message(json!({ "enrichment": r#"{"tlp":"RED"}"# })));
    for text in [
        "tlp:green",
        "about TLP",
        "TLP:GREEN. Red team found it",
        "Uses TLP. Red Hat server.",
        "tlp:redirects to https://tlp.reddit.com/tlp/redis",
        "https://www.first.org/tlp/ red teaming",
        "Pap reduced to smear, CPAP redirect page",
        "TLP: GREEN, a red herring",
        "Copyright 2020 TLP Red Ltd",
        r#"{"tlp":"white"}"#,
        r#"{"tlp": "green", "score": 5}"#,
        r#"{"tlp":null}"#,
        r#"{"Event":{"info":"x","Tag":[{"name":"tlp:white"}]}}"#,
        r#"{"benchmarking": true}"#,
    ] {
        let mut entity = base(json!([]));
        (entity["labels"], entity["description"]) = (json!([text]), json!(text));
        assert_eq!(by_message(json!({ "stix_entity": entity })), Ok(()), "{text}");
    }
}

/// The message may name an entity by the id it had before it was merged.
#[test]
fn object_with_the_requested_id_counts() {
    let old = "domain-name--00000000-0000-5000-8000-00000000000a";
    let object = json!({ "id": old, "type": "domain-name", "value": "example.org", "object_marking_refs": [RED] });
    let event = |more: Value| {
        let mut event = json!({ "entity_id": old });
        event.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "internal": { "work_id": "w" }, "event": event }).to_string()
    };
    for more in [json!({ "stix_objects": [object] }), json!({ "bundle": { "type": "bundle", "objects": [object] } })] {
        refused("by the requested id", send(read_message(&response(json!([])), &event(more))));
    }
    assert_eq!(send(read_message(&response(json!([])), &event(json!({ "stix_objects": [] })))), Ok(()));
}

#[test]
fn bundle_without_objects_is_refused() {
    let nested = json!({ "type": "bundle", "id": "bundle--1", "items": [base(json!([RED]))] });
    refused("items", by_playbook(json!([base(json!([])), nested])));
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
