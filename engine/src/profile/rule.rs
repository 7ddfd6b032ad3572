//! Rules: what a DNS record becomes in STIX. A rule is a row; the first that matches decides.

use super::text::OneOrMany;
use crate::stix::{Kind, RelationshipType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a record type becomes: a relationship, or nothing and why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Rule {
    /// A relationship from the owner to the data.
    Map(MapRule),
    /// The rows of a pack, in place of this one.
    Use(UseRule),
    /// Nothing.
    Drop(DropRule),
}

/// Records of these types, between observables of these types, become this relationship.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapRule {
    /// Record types, or `"*"` for any.
    pub rrtype: OneOrMany<String>,
    /// A condition over the record's fields.
    #[serde(default)]
    pub when: Option<String>,
    /// The type of the owner.
    pub source: Kind,
    /// The relationship.
    pub relationship: RelationshipType,
    /// The type of the data.
    pub target: Kind,
    /// What the relationship says, instead of `relationship.description`.
    #[serde(default)]
    pub description: Option<String>,
}

/// The rows of a pack that many profiles share.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UseRule {
    /// The name and version of the pack, such as `dns/standard@1`.
    #[serde(rename = "use")]
    pub pack: String,
}

/// What a record says besides the relationship of its rule: something about one of its sides.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlsoRelate {
    /// Which side it is about.
    pub of: Side,
    /// The type of that side.
    pub source: Kind,
    /// The relationship.
    pub relationship: RelationshipType,
    /// The type of the other end.
    pub target: Kind,
    /// The field that holds the value of the other end. A record without it, or with one that is no such value, says nothing
    /// besides.
    pub field: String,
    /// What the relationship says.
    #[serde(default)]
    pub description: Option<String>,
}

/// A side of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The owner.
    Rrname,
    /// The data.
    Rdata,
}

/// Records of these types become nothing. They are counted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropRule {
    /// Record types, or `"*"` for any.
    pub rrtype: OneOrMany<String>,
    /// A condition over the record's fields.
    #[serde(default)]
    pub when: Option<String>,
    /// Why, in words that end up in the trace.
    pub drop: String,
}
