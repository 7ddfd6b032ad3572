//! The profile language `stixmap/v1`, as declarations: their doc comments are the reference manual, and with the types
//! they are the JSON Schema. The `plan` module validates and compiles profiles.

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

/// A profile: how to query one passive-DNS provider, and how to convert its responses to STIX.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The language version that the profile is written in.
    pub profile: Language,
    /// Identifier of the profile. It is the name of its folder, of its section in `config.yml` and, in upper case with
    /// `_` for `-`, the prefix of its environment variables.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"), extend("x-form" = "lower-case words joined by `-`"))]
    pub id: String,
    /// Version of the profile, such as `1.0.0`. Increase it with every change that affects the objects produced.
    #[schemars(regex(pattern = r"^[0-9]+\.[0-9]+\.[0-9]+$"), extend("x-form" = "three numbers, like `1.0.0`"))]
    pub version: String,
    /// Display name of the provider.
    pub name: String,
    /// One sentence that describes the API and what is queried.
    pub summary: String,
    /// How reliable the profile and the provider are.
    #[serde(default)]
    pub status: Status,
    /// URLs of the API documentation.
    #[serde(default)]
    pub links: Vec<LinkText>,
    /// One sentence that summarizes the provider's terms on sharing and use.
    #[serde(default)]
    pub terms: Option<String>,
    /// Whether access to the provider is free, as shown in connector catalogs. If omitted, no statement is made.
    #[serde(default)]
    pub licence: Option<Licence>,
    /// URL of the page where an account can be obtained.
    #[serde(default)]
    pub subscription: Option<LinkText>,
    /// Settings that the operator supplies, by name.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// Base URL, authentication, headers, timeout and retries of all requests.
    pub http: Http,
    /// Request limits of the provider.
    #[serde(default)]
    pub quota: Option<Quota>,
    /// Meaning of responses by status code, header or body. The first matching row applies. A response that no row
    /// matches is classified by its status code: 2xx is `ok`, 401 `unauthorized`, 403 `forbidden`, 429 `throttled`, 408
    /// and 5xx `unavailable`, any other code `rejected`.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// Time window of the records to return.
    #[serde(default)]
    pub window: Option<Window>,
    /// Requests that the profile can send, by name. An observable is queried with every lookup that accepts its type.
    pub lookups: BTreeMap<String, Lookup>,
    /// How rows of a response are converted to records in the terms of the passive-DNS Common Output Format
    /// (draft-dulaunoy-dnsop-passive-dns-cof).
    pub record: RecordBlock,
    /// How records are converted to STIX relationships. Each value of a record's data is handled by the first matching
    /// rule; the last rule must match every record.
    #[schemars(length(min = 1))]
    pub rules: Vec<Rule>,
    /// Additional relationships of mapped records, such as `belongs-to` from an address to its autonomous system.
    #[serde(default)]
    pub also_relate: Vec<AlsoRelate>,
    /// Deprecated name of `also_relate`. It is still accepted, with a warning.
    #[serde(default)]
    #[schemars(extend("deprecated" = true))]
    pub besides: Vec<AlsoRelate>,
    /// Description, times and ids of the relationships.
    #[serde(default)]
    pub relationship: RelationshipBlock,
    /// Which TLP levels may be sent to the provider, and how results are marked.
    pub tlp: TlpBlock,
    /// Which PAP levels may be sent to the provider. Without it, `PAP:AMBER` is the highest level, because a lookup is
    /// a query to a third party.
    #[serde(default)]
    pub pap: Option<PapBlock>,
    /// The identity that the created objects name as their author.
    pub identity: IdentityBlock,
}

impl Profile {
    /// Returns the additional relationships under both names of the key, each with its JSON pointer.
    pub fn additional_relationships(&self) -> impl Iterator<Item = (String, &AlsoRelate)> {
        let keys = [("also_relate", &self.also_relate), ("besides", &self.besides)];
        keys.into_iter()
            .flat_map(|(key, rows)| rows.iter().enumerate().map(move |(i, row)| (format!("/{key}/{i}"), row)))
    }
}

/// Version of the profile language, the first line of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Language {
    /// The current version.
    #[serde(rename = "stixmap/v1")]
    V1,
}

/// Whether access to the provider is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Licence {
    /// An account is free, or none is needed.
    Free,
    /// An account must be paid for.
    Commercial,
}

/// Maturity of a profile, shown by `list` and in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The provider is in service, and the profile was tested against it or against recorded responses.
    #[default]
    Active,
    /// The profile was written from documentation only.
    Experimental,
    /// The provider has announced that the service will end.
    Deprecated,
}

impl Status {
    /// Returns the value as written in a profile.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Experimental => "experimental",
            Self::Deprecated => "deprecated",
        }
    }
}
