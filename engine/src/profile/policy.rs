//! What is said, and to whom: relationships' texts, times and ids, markings, the author.

use super::record::TimeField;
use super::text::{DurationText, TemplateText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a relationship says.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelationshipBlock {
    /// Its description: a MiniJinja template over the record's fields, such as `{{ rrtype }} record`.
    #[serde(default)]
    pub description: Option<String>,
    /// Its start.
    #[serde(default)]
    pub start_time: Option<TimeField>,
    /// Its stop. STIX wants it later than the start: to equal times one second is added.
    #[serde(default)]
    pub stop_time: Option<TimeField>,
    /// What takes part in its id, besides its type and its two ends, with `repeats: widen`. Otherwise the start does.
    #[serde(default)]
    pub id_includes: Vec<IdContribution>,
    /// What becomes of a second record that says the same.
    #[serde(default)]
    pub repeats: RepeatsWord,
    /// How long nothing may have been seen within one period, with `repeats: gap`: an ISO 8601 duration without months and
    /// years. The default is the tolerance by which OpenCTI takes two relationships for one.
    #[serde(default)]
    #[schemars(extend("default" = RelationshipBlock::GAP))]
    pub gap: Option<DurationText>,
}

impl RelationshipBlock {
    /// The tolerance of OpenCTI.
    pub const GAP: &str = "P30D";
}

/// What can take part in a relationship's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdContribution {
    /// The start, hashed as connectors built on pycti hash it (a time without a zone).
    StartTime,
}

/// What becomes of a second record that says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatsWord {
    /// A relationship for each period in which records of one type report it: their times are joined where they overlap, or lie
    /// no farther apart than `gap`. Its start takes part in its id. Where relationships have no `start_time`, a type has one period.
    #[default]
    Gap,
    /// One relationship, from the first of all starts to the last of all stops, whatever the types of the records and however
    /// long nothing was seen.
    Widen,
    /// One relationship for each record type and start. Its start takes part in its id.
    Separate,
}

/// What may be sent to the provider, and how its answers are marked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlpBlock {
    /// The highest marking of an observable that may be sent: a level, or `{settings.NAME}` of type `tlp`.
    pub max: TemplateText,
    /// Whether an observable without a TLP marking may be sent.
    pub unmarked: Unmarked,
    /// How what was found is marked.
    pub results: ResultsTlp,
}

/// What may be sent to the provider, by the Permissible Actions Protocol.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PapBlock {
    /// The highest PAP marking of an observable that may be sent: a level, or `{settings.NAME}` of type `pap`.
    pub max: TemplateText,
}

/// Whether an observable without a TLP marking may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unmarked {
    /// It may.
    Allow,
    /// It may not.
    Refuse,
}

/// How what was found is marked: at least so high, and never below the observable asked about.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultsTlp {
    /// The lowest marking of a result: a level, or `{settings.NAME}` of type `tlp`.
    pub at_least: TemplateText,
    /// The marking of records that have none of their own, where records have a field `tlp`.
    #[serde(default)]
    pub unmarked_records: Option<TemplateText>,
}

/// Who is named as the author of what was found.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityBlock {
    /// The provider's name.
    pub name: String,
    /// The STIX `identity_class`.
    #[serde(default)]
    pub class: IdentityClass,
}

/// The STIX `identity_class` of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityClass {
    /// An organisation.
    #[default]
    Organization,
    /// A group without a form.
    Group,
    /// A person.
    Individual,
    /// A technical system.
    System,
}

impl IdentityClass {
    /// The word STIX has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Group => "group",
            Self::Individual => "individual",
            Self::System => "system",
        }
    }
}
