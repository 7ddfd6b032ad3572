//! Bundles of the objects of a delivery, serialized object by object.

use super::split::{Part, Split};
use serde::{Serialize, Serializer};

/// Returns all objects in one bundle.
pub(super) fn whole<'b>(id: &'b str, split: &'b Split) -> Bundle<'b> {
    bundle(id, split, split.parts.clone())
}

/// Returns some of the objects in a bundle.
pub(super) fn bundle<'b>(id: &'b str, split: &'b Split, parts: Vec<Part>) -> Bundle<'b> {
    Bundle { kind: "bundle", id, spec_version: "2.1", x_opencti_seq: None, objects: Listed { split, parts } }
}

/// A STIX bundle of some of the objects (STIX 2.1 §8).
#[derive(Serialize)]
pub(super) struct Bundle<'b> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) id: &'b str,
    pub(super) spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) x_opencti_seq: Option<u64>,
    pub(super) objects: Listed<'b>,
}

/// Objects as a JSON array; each is built when it is serialized, to save memory.
pub(super) struct Listed<'b> {
    split: &'b Split,
    parts: Vec<Part>,
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.parts.iter().map(|part| self.split.object(*part)))
    }
}

impl Bundle<'_> {
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("a bundle is JSON")
    }
}
