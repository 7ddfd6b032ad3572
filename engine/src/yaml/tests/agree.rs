//! Compares `check` with an independent JSON Schema validator, for values that are nearly valid.

use super::*;
use proptest::prelude::*;
use schemars::schema_for;
use serde_json::{Value, json};

/// A minimal random number generator with the same values on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

fn pool() -> Vec<Value> {
    let words = ["x", "a-b", "A", "1.2.3", "none", "basic", "header", "number", "never", "active", "planned", ""];
    let blocks = [
        json!({ "kind": "basic", "user": "u", "password": "p" }),
        json!({ "kind": "none" }),
        json!({ "kind": "number", "step": 3 }),
        json!({ "form": { "user": "u" } }),
        json!({ "at": "$", "as": "active" }),
        json!({ "types": ["A"], "target": "active" }),
        json!({ "types": ["A"], "drop": "x" }),
        json!({ "from": "active", "format": "x" }),
        json!({ "active": "x" }),
        json!({}),
    ];
    let others = [
        json!(1),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(300),
        json!(70_000),
        json!(u32::MAX as u64 + 1),
        json!(true),
        json!(null),
    ];
    let lists = [json!([]), json!(["a"]), json!(["a", 1]), json!([["a"]]), json!([{ "kind": "none" }])];
    words.map(Value::from).into_iter().chain(blocks).chain(others).chain(lists).collect()
}

const KEYS: [&str; 14] =
    ["extra", "at", "as", "kind", "id", "page", "login", "user", "from", "drop", "target", "timeout", "planned", "B"];

fn mutate(value: &mut Value, pool: &[Value], dice: &mut Dice) {
    match value {
        Value::Object(map) if !map.is_empty() && dice.roll(4) > 0 => {
            let key = map.keys().nth(dice.roll(map.len())).expect("not empty").clone();
            match dice.roll(8) {
                0 => drop(map.remove(&key)),
                1 => {
                    let value = map.remove(&key).expect("it is there");
                    map.insert(format!("{key}x"), value);
                }
                2 => drop(map.insert((*dice.pick(&KEYS)).into(), dice.pick(pool).clone())),
                _ => mutate(map.get_mut(&key).expect("it is there"), pool, dice),
            }
        }
        Value::Array(items) if !items.is_empty() && dice.roll(4) > 0 => {
            let index = dice.roll(items.len());
            match dice.roll(6) {
                0 => drop(items.remove(index)),
                1 => items.push(dice.pick(pool).clone()),
                _ => mutate(&mut items[index], pool, dice),
            }
        }
        value => *value = dice.pick(pool).clone(),
    }
}

fn valid_value() -> Value {
    json!({
        "id": "a-b", "version": "1.2.3", "status": "active",
        "http": { "origin": "o", "timeout": 3, "follow": true, "auth": [{ "kind": "basic", "user": "u", "password": "p" }] },
        "page": { "kind": "none", "total": null },
        "login": { "form": { "user": "u" } },
        "fields": { "a": { "at": ["$"], "as": "planned", "none_when": ["None", 0, true] } },
        "rules": [{ "types": ["A"], "target": "active" }, { "types": ["B"], "drop": "why" }],
        "query": { "a": 1, "b": "x", "c": { "from": "active", "format": "x" } },
        "status_of": { "active": "x" }, "names": { "a": 1 }, "json": [{ "any": null }]
    })
}

#[test]
fn check_agrees_with_independent_validator() {
    let schema = schema_for!(File).to_value();
    let other = jsonschema::validator_for(&schema).expect("schemars writes schemas");
    let (pool, mut dice, mut valid_count) = (pool(), Dice(1), 0);
    for _ in 0..5_000 {
        let mut value = valid_value();
        (0..=dice.roll(3)).for_each(|_| mutate(&mut value, &pool, &mut dice));
        let tree = Tree::parse(&Source::new("x.yaml", value.to_string())).expect("JSON is YAML");
        assert_eq!(*tree.value(), value);
        let found = check(&tree, &schema);
        assert_eq!(
            found.is_empty(),
            other.is_valid(&value),
            "{value}\n{:?}",
            found.iter().map(line).collect::<Vec<_>>()
        );
        assert!(
            found.iter().all(|found| !found.message.contains("invalid combination")),
            "{value}: the message is not actionable"
        );
        valid_count += usize::from(found.is_empty());
    }
    assert!((300..4_700).contains(&valid_count), "{valid_count} of 5000 are valid: the test is not meaningful");
}

#[test]
fn checked_value_deserializes() {
    let schema = schema_for!(File).to_value();
    let (pool, mut dice) = (pool(), Dice(2));
    for _ in 0..5_000 {
        let mut value = valid_value();
        mutate(&mut value, &pool, &mut dice);
        let source = Source::new("x.yaml", value.to_string());
        let tree = Tree::parse(&source).expect("JSON is YAML");
        // schemars does not state which keys a map with documented enum keys permits; serde does.
        let keys_are_known =
            value["status_of"].as_object().is_none_or(|map| map.keys().all(|key| key == "active" || key == "planned"));
        if check(&tree, &schema).is_empty() && keys_are_known {
            assert!(read::<File>(&source, Size::CASE).is_ok(), "{value}: {:?}", messages(&source.text));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn check_agrees_for_generated_values(text in "[a-z0-9.-]{0,6}", number in any::<i64>(), flag: bool, key in "[a-z]{1,7}") {
        let schema = schema_for!(File).to_value();
        let other = jsonschema::validator_for(&schema).expect("schemars writes schemas");
        let value = json!({ "id": text, "version": text, "http": { "origin": text, "offset": number, key: flag }, "names": { text: number } });
        let tree = Tree::parse(&Source::new("x.yaml", value.to_string())).expect("JSON is YAML");
        prop_assert_eq!(check(&tree, &schema).is_empty(), other.is_valid(&value), "{}", value);
    }
}
