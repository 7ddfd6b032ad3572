//! Rules: what a DNS record becomes in STIX. A rule is a row; the first that matches decides.

use super::text::OneOrMany;
use crate::stix::{Kind, RelationshipType};
use schemars::JsonSchema;
use serde::Deserialize;

/// What a record type becomes: a relationship, or nothing and why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Rule {
    /// A relationship from the owner to the data.
    Map(MapRule),
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
