//! The profile language, `stixmap/v1`: what a YAML profile may say, as declarations.
//! The doc comments are the reference manual, and with the types they are the JSON Schema. Meaning is settled in `plan`.

mod answer;
mod http;
mod lookup;
mod policy;
mod quota;
mod record;
mod rule;
mod setting;
mod text;

pub use answer::{Answer, BodyTest, HeaderTest, Meaning, RetryAfter, StatusCode, WaitUnit};
pub use http::{Algorithm, Auth, Basic, ClientWord, Encoding, Expiry, Http, Retry};
pub use lookup::{
    BodyValue, Columns, Framing, Job, Level, LevelKind, Lookup, Method, OffsetLimit, Paging, QueryValue, Records,
    RowTest, Signal, Window, WindowPoint,
};
pub use policy::{
    IdContribution, IdentityBlock, PapBlock, RelationshipBlock, RepeatsWord, ResultsTlp, TlpBlock, Unmarked,
};
pub use quota::{Element, Probe, ProbeReset, Quota, QuotaHeaders, Rate, Reset, TimeWord};
pub use record::{
    BadRecords, Field, FieldSource, FieldType, Orientation, OtherNames, RdataAs, RecordBlock, Scalar, Take, TimeField,
};
pub use rule::{AlsoRelate, DropRule, MapRule, Rule, Side, UseRule};
pub use setting::{Setting, SettingType};
pub use text::{DurationText, LinkText, NumberText, OneOrMany, PathText, TemplateText};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How one passive-DNS provider is asked, and what its answers mean.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The language this profile is written in.
    pub profile: Language,
    /// The name of the profile: of its folder, of its section in `config.yml` and, in capitals, of its variables.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"), extend("x-form" = "lower-case words joined by `-`"))]
    pub id: String,
    /// The version of the profile (`1.0.0`), raised with every change of what it makes.
    #[schemars(regex(pattern = r"^[0-9]+\.[0-9]+\.[0-9]+$"), extend("x-form" = "three numbers, like `1.0.0`"))]
    pub version: String,
    /// The provider's name, as people know it.
    pub name: String,
    /// One sentence: what is asked, of which API.
    pub summary: String,
    /// Whether the provider can be relied on.
    #[serde(default)]
    pub status: Status,
    /// Where the API is documented.
    #[serde(default)]
    pub links: Vec<LinkText>,
    /// What the provider's terms say about sharing and use, in a sentence.
    #[serde(default)]
    pub terms: Option<String>,
    /// Whether the provider asks for money, as a catalogue of connectors shows it. Without it nothing is claimed.
    #[serde(default)]
    pub licence: Option<Licence>,
    /// The page where an account can be had.
    #[serde(default)]
    pub subscription: Option<LinkText>,
    /// What the operator gives.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// Where requests go, and with what.
    pub http: Http,
    /// How much the provider allows.
    #[serde(default)]
    pub quota: Option<Quota>,
    /// What a status or a body means, first match first. What no row names is told by its status: 2xx is an answer, 401
    /// `unauthorized`, 403 `forbidden`, 429 `throttled`, 408 and 5xx `unavailable`, anything else `rejected`.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// How far back records are of interest.
    #[serde(default)]
    pub window: Option<Window>,
    /// The ways to ask, by name. An observable is asked about in every lookup that accepts its type.
    pub lookups: BTreeMap<String, Lookup>,
    /// How a provider's row becomes a record in the terms of the passive-DNS Common Output Format.
    pub record: RecordBlock,
    /// What a record becomes. Each value in the record's data goes by the first rule that matches it; the last rule
    /// must match everything.
    #[schemars(length(min = 1))]
    pub rules: Vec<Rule>,
    /// What a mapped record says besides: the autonomous system of an address, for instance.
    #[serde(default)]
    pub besides: Vec<AlsoRelate>,
    /// What a relationship says.
    #[serde(default)]
    pub relationship: RelationshipBlock,
    /// What may be sent to the provider, and how its answers are marked.
    pub tlp: TlpBlock,
    /// What may be sent by the Permissible Actions Protocol; without it up to `PAP:AMBER`, which lets a third party be asked.
    #[serde(default)]
    pub pap: Option<PapBlock>,
    /// Who is named as the author of what was found.
    pub identity: IdentityBlock,
}

/// The language version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Language {
    /// The first version.
    #[serde(rename = "stixmap/v1")]
    V1,
}

/// Whether a provider asks for money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Licence {
    /// An account costs nothing, or none is needed.
    Free,
    /// An account is paid for.
    Commercial,
}

/// Whether a provider can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// In service, and the profile was tried against it or its recorded answers.
    #[default]
    Active,
    /// Written from documentation alone.
    Experimental,
    /// The provider has announced its end.
    Deprecated,
}

impl Status {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Experimental => "experimental",
            Self::Deprecated => "deprecated",
        }
    }
}
