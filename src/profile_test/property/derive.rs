//! Ids derived a second time, from the objects as they are written: UUIDv5 of RFC 9562 over RFC 8785's JSON of what STIX 2.1
//! §2.9 names. Shares nothing with the engine, so that a mistake there is one that is seen.

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

/// `00abedb4-aa42-466c-9c01-fed23315a9b7`, which STIX 2.1 §2.9 gives.
const NAMESPACE: u128 = 0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7;

/// The id of an observable or a relationship; none for other objects.
pub(super) fn id(object: &Value, has_start: bool) -> Option<String> {
    derived(object, has_start, None)
}

/// The ids of a relationship in which a record type takes part, since another has the id without it.
pub(super) fn typed_ids(object: &Value, has_start: bool) -> impl Iterator<Item = String> {
    (1..=u16::MAX).filter_map(move |rrtype| derived(object, has_start, Some(rrtype)))
}

fn derived(object: &Value, has_start: bool, rrtype: Option<u16>) -> Option<String> {
    let kind = object["type"].as_str()?;
    let properties = match kind {
        "relationship" => relationship(object, has_start, rrtype)?,
        "marking-definition" | "identity" => return None,
        "autonomous-system" => json!({ "number": object["number"] }),
        _ => json!({ "value": object["value"] }),
    };
    // serde_json sorts keys by code point and writes texts as RFC 8785 does; there is no other number than an AS.
    let digest = Sha1::new().chain_update(NAMESPACE.to_be_bytes()).chain_update(properties.to_string()).finalize();
    let bytes: [u8; 16] = digest[..16].try_into().ok()?;
    let version = u128::from_be_bytes(bytes) & !(0xf << 76) | 5 << 76;
    let number = version & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{number:032x}");
    Some(format!("{kind}--{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

fn relationship(object: &Value, has_start: bool, rrtype: Option<u16>) -> Option<Value> {
    let mut properties = json!({
        "relationship_type": object["relationship_type"],
        "source_ref": object["source_ref"],
        "target_ref": object["target_ref"],
    });
    if let Some(start) = object["start_time"].as_str().filter(|_| has_start) {
        properties["start_time"] = isoformat(start)?.into();
    }
    if let Some(rrtype) = rrtype {
        properties["x_rrtype"] = rrtype.to_string().into();
    }
    Some(properties)
}

/// As Python's `isoformat()` has it: six digits of a fraction or none, no zone.
fn isoformat(time: &str) -> Option<String> {
    let time = time.strip_suffix('Z')?;
    Some(match time.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<6}"),
        None => time.to_owned(),
    })
}
