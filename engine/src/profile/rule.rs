//! Rules: which STIX objects a DNS record is converted to. The first matching rule applies.

use super::text::OneOrMany;
use crate::stix::{ObservableType, RelationshipType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rule converts records to a relationship, drops them, or stands for the rules of a pack.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Rule {
    /// Creates a relationship between owner name and data.
    Map(MapRule),
    /// Inserts the rules of a pack at this position.
    Use(UseRule),
    /// Drops the record and counts it.
    Drop(DropRule),
}

/// Creates a relationship for records of these types whose owner name and data are observables of the given types.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapRule {
    /// Record types that the rule applies to, or `"*"` for any.
    pub rrtype: OneOrMany<String>,
    /// A MiniJinja condition over the record's fields. If omitted, the rule applies to every record of its types.
    #[serde(default)]
    pub when: Option<String>,
    /// Observable type of the relationship's source, which is the owner name.
    pub source: ObservableType,
    /// Relationship type. It must be one that OpenCTI permits between the two observable types.
    pub relationship: RelationshipType,
    /// Observable type of the relationship's target, which is the data.
    pub target: ObservableType,
    /// Description of the relationship, a MiniJinja template that replaces `relationship.description`.
    #[serde(default)]
    pub description: Option<String>,
}

/// A reference to a rule pack that several profiles share.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UseRule {
    /// Name and version of the pack, such as `dns/standard@1`.
    #[serde(rename = "use")]
    pub pack: String,
}

/// An additional relationship of a mapped record, between one of its sides and the value of a field.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlsoRelate {
    /// Which side of the record is the source of the relationship.
    pub of: Side,
    /// Observable type of that side. A side of another type gets no additional relationship.
    pub source: ObservableType,
    /// Relationship type. It must be one that OpenCTI permits between the two observable types.
    pub relationship: RelationshipType,
    /// Observable type of the relationship's target.
    pub target: ObservableType,
    /// Field that holds the value of the target. If the field is absent, or not a valid value of the target type, no
    /// relationship is created.
    pub field: String,
    /// Description of the relationship, a MiniJinja template that replaces `relationship.description`.
    #[serde(default)]
    pub description: Option<String>,
}

/// One of the two sides of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The owner name.
    Rrname,
    /// The data.
    Rdata,
}

/// Drops records of these types. They are counted by reason.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropRule {
    /// Record types that the rule applies to, or `"*"` for any.
    pub rrtype: OneOrMany<String>,
    /// A MiniJinja condition over the record's fields. If omitted, the rule applies to every record of its types.
    #[serde(default)]
    pub when: Option<String>,
    /// The reason, shown in the trace and in the counts of dropped records.
    pub drop: String,
}
