//! Validates a bundle as STIX 2.1 from its JSON alone, by a table of the required and optional properties of each type.
//! Shares no code with the engine; other tests validate the same bundles by the OASIS validator.

use super::bundle_view::objects;
use super::ensure::ensure;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The properties of an object type, except `type`, `spec_version` and `id`.
struct Form {
    kind: &'static str,
    must: &'static [&'static str],
    may: &'static [&'static str],
    /// Tests whether the value is valid for the type.
    value: fn(&Value) -> bool,
}

/// Optional properties of all observables; OpenCTI reads the author from a property of its own.
const OF_OBSERVABLES: &[&str] = &["object_marking_refs", "x_opencti_created_by_ref"];

const fn observable(kind: &'static str, value: fn(&Value) -> bool) -> Form {
    Form { kind, must: &["value"], may: OF_OBSERVABLES, value }
}

const FORMS: [Form; 12] = [
    Form { kind: "identity", must: &["created", "modified", "name"], may: &["identity_class"], value: |_| true },
    Form {
        kind: "marking-definition",
        must: &["created", "definition_type", "definition"],
        may: &["name", "x_opencti_definition_type", "x_opencti_definition"],
        value: is_predefined,
    },
    Form {
        kind: "relationship",
        must: &["created", "modified", "relationship_type", "source_ref", "target_ref"],
        may: &["description", "start_time", "stop_time", "created_by_ref", "object_marking_refs"],
        value: |object| is_token(&object["relationship_type"]),
    },
    Form {
        kind: "autonomous-system",
        must: &["number"],
        may: &["name", "object_marking_refs", "x_opencti_created_by_ref"],
        value: |object| object["number"].as_u64().is_some_and(|number| u32::try_from(number).is_ok()),
    },
    observable("domain-name", |object| text(object).is_some_and(is_name)),
    observable("ipv4-addr", |object| text(object).is_some_and(|text| text.parse::<Ipv4Addr>().is_ok())),
    observable("ipv6-addr", |object| text(object).is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())),
    observable("email-addr", |object| text(object).is_some_and(|text| text.contains('@'))),
    observable("url", |object| text(object).is_some_and(|text| text.contains("://"))),
    observable("mac-addr", |object| text(object).is_some_and(is_mac)),
    // Two types that OpenCTI adds to those of STIX.
    observable("hostname", |object| text(object).is_some_and(is_name)),
    observable("text", |object| text(object).is_some()),
];

/// Checks that a bundle and each of its objects are valid.
pub(super) fn bundle(bundle: &Value) -> Result<(), String> {
    let keys = bundle.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    ensure(keys.clone().all(|key| ["type", "id", "objects"].contains(&key)), || {
        format!("unknown properties: {keys:?}")
    })?;
    ensure(bundle["type"] == "bundle" && is_id(&bundle["id"], "bundle"), || {
        "invalid type or id of the bundle".to_owned()
    })?;
    ensure(is_filled(bundle), || "null, or an empty list or object".to_owned())?;
    objects(bundle).try_for_each(|it| object(it).map_err(|reason| format!("{reason}: {it}")))
}

fn object(object: &Value) -> Result<(), String> {
    let kind = object["type"].as_str().ok_or("missing `type`")?;
    let form = FORMS.iter().find(|form| form.kind == kind).ok_or("unknown `type`")?;
    ensure(object["spec_version"] == "2.1", || "invalid `spec_version`".to_owned())?;
    ensure(is_id(&object["id"], kind), || "invalid `id`".to_owned())?;
    let missing = form.must.iter().find(|key| object.get(**key).is_none());
    ensure(missing.is_none(), || format!("missing property {missing:?}"))?;
    let known = |key: &str| {
        ["type", "spec_version", "id"].contains(&key) || form.must.contains(&key) || form.may.contains(&key)
    };
    let other = object.as_object().into_iter().flatten().find(|(key, _)| !known(key));
    ensure(other.is_none(), || format!("unknown property {other:?}"))?;
    ensure((form.value)(object), || "invalid value for the type".to_owned())?;
    for (key, value) in object.as_object().into_iter().flatten() {
        ensure(is_reference(key, value), || format!("invalid reference `{key}`"))?;
        ensure(is_time(key, value), || format!("invalid timestamp `{key}`"))?;
    }
    Ok(())
}

fn text(object: &Value) -> Option<&str> {
    object["value"].as_str().filter(|text| !text.is_empty())
}

/// Tests that a value is neither null nor empty, recursively (STIX 2.1 §2.4, §3.1).
fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty() && items.iter().all(is_filled),
        Value::Object(entries) => !entries.is_empty() && entries.values().all(is_filled),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Tests for `TYPE--UUID` in lower case with the variant of RFC 9562 (STIX 2.1 §2.9).
fn is_id(id: &Value, kind: &str) -> bool {
    let Some(uuid) = id.as_str().and_then(|id| id.strip_prefix(kind)?.strip_prefix("--")) else { return false };
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = |(at, byte): (usize, u8)| if [8, 13, 18, 23].contains(&at) { byte == b'-' } else { is_hex(byte) };
    uuid.len() == 36 && uuid.bytes().enumerate().all(fits) && b"89ab".contains(&uuid.as_bytes()[19])
}

/// Tests for a value of the form of STIX open vocabularies.
fn is_token(text: &Value) -> bool {
    text.as_str().is_some_and(|text| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    })
}

/// Tests whether a reference is to a permitted type.
fn is_reference(key: &str, value: &Value) -> bool {
    let is_observable =
        |id: &Value| FORMS.iter().filter(|form| form.may.contains(&OF_OBSERVABLES[1])).any(|form| is_id(id, form.kind));
    match key {
        "created_by_ref" | "x_opencti_created_by_ref" => is_id(value, "identity"),
        "source_ref" | "target_ref" => is_observable(value),
        "object_marking_refs" => {
            value.as_array().is_some_and(|ids| ids.iter().all(|id| is_id(id, "marking-definition")))
        }
        _ => !key.ends_with("_ref") && !key.ends_with("_refs"),
    }
}

/// Tests for a UTC timestamp; of an object, with milliseconds (STIX 2.1 §3.16).
fn is_time(key: &str, value: &Value) -> bool {
    let (is_time, is_of_object) = match key {
        "created" | "modified" => (true, true),
        "start_time" | "stop_time" => (true, false),
        _ => (false, false),
    };
    let text = value.as_str().unwrap_or_default();
    let has_shape = text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z') && text.parse::<Timestamp>().is_ok();
    !is_time || has_shape && (!is_of_object || text.len() == "2024-03-01T00:00:00.000Z".len())
}

/// Tests for a domain name without trailing dot.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| (1..=63).contains(&label.len()) && !label.contains(char::is_whitespace);
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_mac(text: &str) -> bool {
    let is_octet = |octet: &str| octet.len() == 2 && octet.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    text.split(':').count() == 6 && text.split(':').all(is_octet)
}

/// The TLP 1 markings are predefined objects that must be used verbatim (STIX 2.1 §7.2.1.4).
const PREDEFINED: [(&str, &str, &str); 4] = [
    ("white", "TLP:WHITE", "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"),
    ("green", "TLP:GREEN", "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"),
    ("amber", "TLP:AMBER", "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"),
    ("red", "TLP:RED", "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"),
];

fn is_predefined(marking: &Value) -> bool {
    let fixed = PREDEFINED.iter().find(|(_, _, id)| marking["id"] == *id);
    match (marking["definition_type"].as_str(), fixed) {
        (Some("tlp"), Some((level, name, _))) => {
            marking["definition"] == json!({ "tlp": level })
                && marking["name"] == *name
                && marking["created"] == "2017-01-20T00:00:00.000Z"
                && marking.get("x_opencti_definition").is_none()
        }
        (Some("statement"), None) => marking["definition"]["statement"].is_string(),
        _ => false,
    }
}
