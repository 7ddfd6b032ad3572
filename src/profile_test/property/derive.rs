//! Derives STIX ids independently of the engine: UUIDv5 (RFC 9562) of the canonical JSON (RFC 8785) of the id
//! contributing properties (STIX 2.1 §2.9).

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

/// Namespace of deterministic identifiers (STIX 2.1 §2.9).
const NAMESPACE: u128 = 0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7;

/// Returns the id of an observable or a relationship; `None` for other objects.
pub(super) fn id(object: &Value, has_start: bool) -> Option<String> {
    derived(object, has_start, None)
}

/// Returns the possible ids of a relationship whose record type contributes to the id.
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
    // serde_json sorts keys by code point and escapes strings as RFC 8785 does; the only numbers are those of AS.
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

/// Formats a time as Python's `isoformat()`: microseconds or no fraction, no zone.
fn isoformat(time: &str) -> Option<String> {
    let time = time.strip_suffix('Z')?;
    Some(match time.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<6}"),
        None => time.to_owned(),
    })
}
