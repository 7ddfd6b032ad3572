//! Generated messages and responses: what says RED is never sent, and any JSON is readable or refused.

use super::*;

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
