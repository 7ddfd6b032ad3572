//! Relationship texts, times and ids; markings; the author of results.

use super::record::TimeField;
use super::text::{DurationText, TemplateText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Description, times and ids of relationships.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelationshipBlock {
    /// Default description: a MiniJinja template over the record's fields, such as `{{ rrtype }} record`.
    #[serde(default)]
    pub description: Option<String>,
    /// Field that becomes the STIX `start_time`.
    #[serde(default)]
    pub start_time: Option<TimeField>,
    /// Field that becomes the STIX `stop_time`. STIX 2.1 §5.1 requires it to be later than `start_time`, so one second
    /// is added if they are equal. A record whose `time_last` is before its `time_first` is a bad record.
    #[serde(default)]
    pub stop_time: Option<TimeField>,
    /// Properties that are part of the deterministic id in addition to the type and both ends, with `repeats: widen`.
    /// With the other modes the start time is always part of the id.
    #[serde(default)]
    pub id_includes: Vec<IdContribution>,
    /// How records with the same relationship are merged.
    #[serde(default)]
    pub repeats: RepeatsWord,
    /// Maximum interval without a sighting within one period, with `repeats: gap`: an ISO 8601 duration without months
    /// and years. The default is the tolerance within which OpenCTI merges two relationships.
    #[serde(default)]
    #[schemars(extend("default" = RelationshipBlock::GAP))]
    pub gap: Option<DurationText>,
}

impl RelationshipBlock {
    /// Tolerance within which OpenCTI merges two relationships.
    pub const GAP: &str = "P30D";
}

/// Properties that can be part of a relationship's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdContribution {
    /// The start time, hashed as pycti does (a time without a zone).
    StartTime,
}

/// How records with the same relationship are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatsWord {
    /// One relationship per record type and period. The times of records are joined if they overlap or are at most
    /// `gap` apart. The start time is part of the id. If relationships have no `start_time`, each record type has one
    /// period.
    #[default]
    Gap,
    /// One relationship from the earliest start to the latest stop, for all record types and whatever the gaps.
    Widen,
    /// One relationship per record type and start time. The start time is part of the id.
    Separate,
}

/// Which TLP levels may be sent to the provider, and how results are marked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlpBlock {
    /// Highest TLP level of an observable that may be sent: a level, or `{settings.NAME}` of type `tlp`.
    pub max: TemplateText,
    /// Whether an observable without a TLP marking may be sent.
    pub unmarked: Unmarked,
    /// How results are marked.
    pub results: ResultsTlp,
}

/// Which PAP levels may be sent to the provider.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PapBlock {
    /// Highest PAP level of an observable that may be sent: a level, or `{settings.NAME}` of type `pap`.
    pub max: TemplateText,
}

/// Whether an observable without a TLP marking may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unmarked {
    /// It may be sent.
    Allow,
    /// It is refused before the first request.
    Refuse,
}

/// How results are marked. A result is never marked lower than the observable that was looked up.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultsTlp {
    /// Lowest TLP level of a result: a level, or `{settings.NAME}` of type `tlp`.
    pub at_least: TemplateText,
    /// TLP level of records without a marking of their own, for profiles whose records have a field `tlp`.
    #[serde(default)]
    pub unmarked_records: Option<TemplateText>,
}

/// The STIX identity that is the author of the created objects.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityBlock {
    /// Name of the provider, the `name` of the STIX identity.
    pub name: String,
    /// The STIX `identity_class`.
    #[serde(default)]
    pub class: IdentityClass,
}

/// Values of the STIX `identity_class` (STIX 2.1 §10.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityClass {
    /// A formal organization, such as a company.
    #[default]
    Organization,
    /// An informal group.
    Group,
    /// A single person.
    Individual,
    /// A technical system.
    System,
}

impl IdentityClass {
    /// Returns the value as defined by STIX.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Group => "group",
            Self::Individual => "individual",
            Self::System => "system",
        }
    }
}
