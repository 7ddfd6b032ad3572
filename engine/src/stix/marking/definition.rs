//! Extracts the levels of one marking definition from all its properties. A definition may be one of STIX for TLP 1 or
//! 2, or have OpenCTI's own type and text. If it contradicts itself, every level in it counts.

use super::{Marking, Protocol, shown, text};
use crate::stix::id::Id;
use crate::stix::pap::Pap;
use crate::stix::tlp::Tlp;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// UUIDs of the TLP 2.0 marking definitions that OASIS published, lowest level first.
const TLP_2: [u128; 5] = [
    0x94868c89_83c2_464b_929b_a1a8aa3c8487,
    0xbab4a63c_aed9_4cf5_a766_dfca5abac2bb,
    0x55d920b0_5e8b_4f79_9ee9_91f868d9b421,
    0x939a9414_2ddd_4d32_a0cd_375ea402b003,
    0xe828b379_4e03_4974_9ac4_e53a884c97c1,
];

/// Text properties of a definition, with the property that states their type.
const TEXTS: [(&str, &str); 3] = [
    ("definition", "definition_type"),
    ("name", "definition_type"),
    ("x_opencti_definition", "x_opencti_definition_type"),
];

const TYPES: [&str; 2] = ["definition_type", "x_opencti_definition_type"];

/// Returns the level of the marking definition with this id: those of STIX for TLP 1.0 and 2.0, and those that OpenCTI
/// or pycti derive.
pub(super) fn level_of(id: Id) -> Option<Marking> {
    let is_derived = |kind: &str, definition: &str| {
        // pycti 6.0 passed the arguments in reverse order.
        [Id::of_marking(kind, definition), Id::of_marking(definition, kind)].contains(&id)
    };
    let is_tlp = |(tlp, second): &(Tlp, u128)| {
        let published = [tlp.marking_id(), Id::new("marking-definition", second.to_be_bytes())];
        published.contains(&id)
            || is_derived("TLP", tlp.as_str())
            || *tlp == Tlp::Clear && is_derived("TLP", "TLP:WHITE")
    };
    let tlp = Tlp::ALL.into_iter().zip(TLP_2).find(is_tlp).map(|(tlp, _)| Marking::Tlp(tlp));
    tlp.or_else(|| Pap::ALL.into_iter().find(|pap| is_derived("PAP", pap.as_str())).map(Marking::Pap))
}

/// Returns the levels that a marking definition states. For `null`, only the id is known.
pub(super) fn read(id: Id, definition: &Value) -> BTreeSet<Marking> {
    let mut reading = Reading { found: level_of(id).into_iter().collect(), ..Reading::default() };
    match definition {
        Value::Null => return reading.found,
        Value::Object(properties) => reading.object(properties, false),
        _ => reading.unreadable("it is not a JSON object"),
    }
    reading.finish(id)
}

#[derive(Default)]
struct Reading<'d> {
    found: BTreeSet<Marking>,
    /// Protocols that the definition states.
    stated: BTreeSet<Protocol>,
    /// The definition has a type.
    has_type: bool,
    /// The definition has a text that is not its type.
    has_text: bool,
    /// The definition has a text without a type.
    is_untyped: bool,
    texts: Vec<&'d str>,
}

impl<'d> Reading<'d> {
    fn object(&mut self, properties: &'d Map<String, Value>, is_definition: bool) {
        for (key, value) in properties {
            if let Some(protocol) = text::protocol(key) {
                self.level_under(key, protocol, value);
            } else if TYPES.contains(&key.as_str()) {
                self.kind(key, value);
            } else if let Some((_, kind)) = TEXTS.into_iter().find(|(text, _)| text == key) {
                self.text(key, value, properties.get(kind));
            } else {
                self.other(value, is_definition);
            }
        }
    }

    /// A level under the name of its protocol, such as `tlp: red`.
    fn level_under(&mut self, key: &str, protocol: Protocol, value: &'d Value) {
        (self.has_type, self.has_text) = (true, true);
        self.stated.insert(protocol);
        match value.as_str() {
            Some(level) => self.found.extend(text::stated(protocol, level)),
            None => self.unreadable(&format!("`{}` is not a string", shown(key))),
        }
    }

    fn kind(&mut self, key: &str, value: &'d Value) {
        match value {
            Value::Null => {}
            Value::String(kind) if kind.trim().is_empty() => {}
            Value::String(kind) => {
                self.has_type = true;
                self.stated.extend(text::protocol(kind));
                // The type property may contain a level, such as `TLP:RED`.
                self.found.extend(text::named(kind).into_iter().filter(|named| named.protocol().is_some()));
            }
            _ => self.unreadable(&format!("`{key}` is not a string")),
        }
    }

    fn text(&mut self, key: &str, value: &'d Value, kind: Option<&Value>) {
        let kind = kind.and_then(Value::as_str).filter(|kind| !kind.trim().is_empty());
        match value {
            Value::Null => {}
            Value::String(text) if text.trim().is_empty() => {}
            Value::String(text) => {
                self.has_text = true;
                self.texts.push(text);
                let named = match kind.and_then(text::protocol) {
                    Some(protocol) => text::stated(protocol, text),
                    None => text::named(text),
                };
                self.is_untyped |= kind.is_none() && named.is_empty();
                self.found.extend(named);
            }
            Value::Object(properties) if key == "definition" => self.object(properties, true),
            _ => self.unreadable(&format!("`{key}` is not a string")),
        }
    }

    fn other(&mut self, value: &'d Value, is_definition: bool) {
        match value {
            Value::String(text) => {
                self.has_text |= is_definition && !text.trim().is_empty();
                self.texts.push(text);
                self.found.extend(Id::parse_marking(text).and_then(level_of));
                self.found.extend(text::named(text));
            }
            Value::Array(items) => items.iter().for_each(|item| self.other(item, is_definition)),
            Value::Object(properties) => self.object(properties, is_definition),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn unreadable(&mut self, what: &str) {
        self.found.insert(Marking::Unreadable(what.to_owned()));
    }

    fn finish(mut self, id: Id) -> BTreeSet<Marking> {
        self.stated.extend(self.found.iter().filter_map(Marking::protocol).collect::<Vec<_>>());
        // A level without its protocol belongs to the protocols that are stated elsewhere.
        let alone =
            |protocol: &Protocol| self.texts.iter().filter_map(|text| text::alone(*protocol, text)).collect::<Vec<_>>();
        let levels: Vec<Marking> = self.stated.iter().flat_map(alone).collect();
        self.found.extend(levels);
        for protocol in std::mem::take(&mut self.stated) {
            if !self.found.iter().any(|marking| marking.protocol() == Some(protocol)) {
                self.unreadable(&format!("no known {} level", protocol.name()));
            }
        }
        if !self.has_type && (self.is_untyped || self.found.is_empty()) {
            self.unreadable("no definition type");
        }
        if self.found.is_empty() && !self.has_text {
            self.unreadable("no definition");
        }
        let named = |marking| match marking {
            Marking::Unreadable(what) => Marking::Unreadable(format!("{what} (`{id}`)")),
            level => level,
        };
        self.found.into_iter().map(named).collect()
    }
}
