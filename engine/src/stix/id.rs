//! Deterministic STIX ids: UUIDv5 over the canonical JSON (RFC 8785) of the properties that contribute to an id (STIX
//! 2.1 §2.9), equal to those that python-stix2 and OpenCTI derive.

use super::inline_string::{CAPACITY, Short};
use super::observable_type::{ObservableType, RelationshipType};
use serde::{Serialize, Serializer};
use sha1::{Digest, Sha1};
use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

/// UUID namespace for observables (STIX 2.1 §2.9); OpenCTI uses it for all objects.
const NAMESPACE: Uuid =
    [0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7];

/// Digest of the namespace, the prefix of every digest.
static NAMESPACE_DIGEST: LazyLock<Sha1> = LazyLock::new(|| Sha1::new().chain_update(NAMESPACE));

/// Digest of the common prefix for each relationship type. The prefix fills a block of SHA-1, which is compressed only
/// once.
static RELATIONSHIPS: LazyLock<Vec<Sha1>> = LazyLock::new(|| {
    let prefix = |word| format!(r#"{{"relationship_type":"{word}","source_ref":""#);
    RelationshipType::all().map(|word| NAMESPACE_DIGEST.clone().chain_update(prefix(word))).collect()
});

pub(super) type Uuid = [u8; 16];

/// A STIX identifier in the form `type--uuid` (STIX 2.1 §2.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    kind: &'static str,
    uuid: Uuid,
}

impl Id {
    /// Derives the id of an observable from its `value`.
    pub fn of_value(kind: ObservableType, value: &str) -> Id {
        Self::derived(kind.stix_type(), &[r#"{"value":""#, &escaped(value), r#""}"#])
    }

    /// Derives the id of an observable from its `number`, in decimal digits.
    pub fn of_number(kind: ObservableType, digits: &str) -> Id {
        Self::derived(kind.stix_type(), &[r#"{"number":"#, digits, "}"])
    }

    /// Derives the id of a relationship: from the start time, if it is a part of the id, as [`super::id_time`] writes it,
    /// and from the record type, if nothing else distinguishes two relationships.
    pub(super) fn of_relationship(
        relationship: RelationshipType,
        source: Id,
        target: Id,
        start_time: Option<&str>,
        rrtype: Option<&str>,
    ) -> Id {
        // Two ids, a time, and what stands between them; hashed in one go, since each is shorter than a block.
        let mut rest = Short::<{ 4 * CAPACITY }>::new();
        rest.push(source.text().as_bytes());
        if let Some(start) = start_time {
            rest.push(br#"","start_time":""#);
            rest.push(start.as_bytes());
        }
        rest.push(br#"","target_ref":""#);
        rest.push(target.text().as_bytes());
        if let Some(rrtype) = rrtype {
            rest.push(br#"","x_rrtype":""#);
            rest.push(rrtype.as_bytes());
        }
        rest.push(br#""}"#);
        Self::of_digest("relationship", RELATIONSHIPS[relationship as usize].clone().chain_update(rest.as_bytes()))
    }

    /// Derives the id of an identity as OpenCTI does: from the trimmed name and the class, both in lower case.
    pub fn of_identity(name: &str, class: &str) -> Id {
        let (name, class) = (name.to_lowercase(), class.to_lowercase());
        let (name, class) = (escaped(python_strip(&name)), escaped(&class));
        Self::derived("identity", &[r#"{"identity_class":""#, &class, r#"","name":""#, &name, r#""}"#])
    }

    /// Derives the id of a marking definition that is not a TLP level, as OpenCTI does.
    pub(super) fn of_marking(kind: &str, definition: &str) -> Id {
        let (kind, definition) = (escaped(kind), escaped(definition));
        let canonical = [r#"{"definition":""#, &definition, r#"","definition_type":""#, &kind, r#""}"#];
        Self::derived("marking-definition", &canonical)
    }

    /// Parses the id of a marking definition, in any case; `None` if it is invalid.
    pub fn parse_marking(text: &str) -> Option<Id> {
        let text = text.trim().to_ascii_lowercase();
        let uuid = parse_uuid(text.strip_prefix("marking-definition--")?)?;
        Some(Id { kind: "marking-definition", uuid })
    }

    /// Derives the id of a bundle from the ids of its objects.
    pub(super) fn of_bundle(content: impl Iterator<Item = Id>) -> Id {
        const CHUNK: usize = 4096;
        let (mut digest, mut text) = (NAMESPACE_DIGEST.clone(), Vec::with_capacity(CHUNK + CAPACITY));
        for (number, id) in content.enumerate() {
            if text.len() > CHUNK {
                digest.update(&text);
                text.clear();
            }
            if number > 0 {
                text.push(b',');
            }
            id.write(&mut text);
        }
        digest.update(&text);
        Self::of_digest("bundle", digest)
    }

    /// Parses an external id; `None` if it is not of this observable type or has no valid UUID.
    pub fn parse_observable(kind: ObservableType, text: &str) -> Option<Id> {
        let uuid = text.strip_prefix(kind.stix_type())?.strip_prefix("--")?;
        Some(Id { kind: kind.stix_type(), uuid: parse_uuid(uuid)? })
    }

    /// Creates an id from its type and UUID.
    pub(super) const fn new(kind: &'static str, uuid: Uuid) -> Id {
        Id { kind, uuid }
    }

    pub(super) fn uuid(self) -> Uuid {
        self.uuid
    }

    fn derived(kind: &'static str, canonical: &[&str]) -> Id {
        let mut digest = NAMESPACE_DIGEST.clone();
        canonical.iter().for_each(|part| digest.update(part));
        Self::of_digest(kind, digest)
    }

    fn of_digest(kind: &'static str, digest: Sha1) -> Id {
        let mut uuid: Uuid = digest.finalize()[..16].try_into().expect("SHA-1 has 20 bytes");
        uuid[6] = uuid[6] & 0x0f | 0x50;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        Id { kind, uuid }
    }

    pub(super) fn text(self) -> Short {
        let mut text = Short::new();
        text.push(self.kind.as_bytes());
        text.push(b"--");
        text.push(&uuid_text(self.uuid));
        text
    }

    /// Appends the id as text.
    #[inline]
    pub(super) fn write(self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.kind.as_bytes());
        to.extend_from_slice(b"--");
        to.extend_from_slice(&uuid_text(self.uuid));
    }
}

/// Returns the text form of a UUID (RFC 9562 §4).
#[inline]
fn uuid_text(uuid: Uuid) -> [u8; 36] {
    let [first, second, third, last] =
        [0, 4, 8, 12].map(|at| digits(u32::from_be_bytes([uuid[at], uuid[at + 1], uuid[at + 2], uuid[at + 3]])));
    let mut text = [b'-'; 36];
    text[..8].copy_from_slice(&first);
    text[9..13].copy_from_slice(&second[..4]);
    text[14..18].copy_from_slice(&second[4..]);
    text[19..23].copy_from_slice(&third[..4]);
    text[24..28].copy_from_slice(&third[4..]);
    text[28..].copy_from_slice(&last);
    text
}

/// Converts a number to eight hexadecimal digits without branches: spreads the nibbles to one octet each, and moves
/// those above nine to the letters.
#[inline]
fn digits(number: u32) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut halves = u64::from(number);
    for (by, kept) in [(16, 0x0000_ffff_0000_ffff), (8, 0x00ff_00ff_00ff_00ff), (4, 0x0f0f_0f0f_0f0f_0f0f)] {
        halves = (halves << by | halves) & kept;
    }
    let are_letters = (halves + 6 * EACH) >> 4 & EACH;
    let to_letters = u64::from(b'a' - b'0' - 10);
    (halves + u64::from(b'0') * EACH + are_letters * to_letters).to_be_bytes()
}

/// Escapes a text for a JSON string: serde_json escapes as RFC 8785 requires.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    // A loop without early exit is vectorized.
    let is_plain = text.bytes().fold(true, |is_plain, byte| is_plain & (byte >= 0x20 && byte != b'"' && byte != b'\\'));
    if is_plain {
        return text.into();
    }
    let quoted = serde_json::to_string(text).expect("text is JSON");
    quoted[1..quoted.len() - 1].to_owned().into()
}

/// Removes what `str.strip()` of Python removes: Unicode whitespace, and four separators that Rust does not include.
fn python_strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

fn parse_uuid(text: &str) -> Option<Uuid> {
    let bytes = text.as_bytes();
    let has_dashes = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|&i| bytes[i] == b'-');
    let digits: Vec<u8> =
        text.chars().filter(|&c| c != '-').map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let pairs = (has_dashes && digits.len() == 32).then_some(digits)?;
    let mut uuid = [0; 16];
    for (byte, pair) in uuid.iter_mut().zip(pairs.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(uuid)
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Ids that python-stix2 and pycti derived, with their input: one `kind | input | id` a line.
    const VECTORS: &str = include_str!("../../tests/id_vectors.jsonl");

    fn id_of(vector: &Value) -> Id {
        let input = |key: &str| vector["input"][key].as_str();
        match vector["kind"].as_str().expect("a kind") {
            "identity" => Id::of_identity(input("name").expect("a name"), input("identity_class").expect("a class")),
            "relationship" => Id::of_relationship(
                serde_json::from_value(vector["input"]["relationship_type"].clone()).expect("a type we make"),
                observable(input("source_ref").expect("a source")),
                observable(input("target_ref").expect("a target")),
                input("start_time"),
                None,
            ),
            kind => {
                Id::of_value(ObservableType::parse(kind).expect("a kind we make"), input("value").expect("a value"))
            }
        }
    }

    fn observable(text: &str) -> Id {
        let kind = ObservableType::parse(text.split("--").next().expect("a type")).expect("a kind we make");
        Id::parse_observable(kind, text).expect("an id")
    }

    #[test]
    fn derived_ids_equal_those_of_python_libraries() {
        for line in VECTORS.lines() {
            let vector: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(id_of(&vector).to_string(), vector["id"], "{line}");
        }
    }

    proptest! {
        #[test]
        fn of_value_hashes_canonical_json(value in ".*") {
            let canonical = serde_json_canonicalizer::to_string(&json!({ "value": value })).expect("JSON");
            prop_assert_eq!(Id::of_value(ObservableType::DomainName, &value), Id::derived("domain-name", &[&canonical]));
        }

        #[test]
        fn parse_observable_round_trips(value in ".*") {
            let id = Id::of_value(ObservableType::EmailAddr, &value);
            prop_assert_eq!(Id::parse_observable(ObservableType::EmailAddr, &id.to_string()), Some(id));
            prop_assert_eq!(Id::parse_observable(ObservableType::DomainName, &id.to_string()), None);
        }

        #[test]
        fn parse_observable_any_text_does_not_panic(text in ".*") {
            let _ = Id::parse_observable(ObservableType::DomainName, &format!("domain-name--{text}"));
        }
    }
}
