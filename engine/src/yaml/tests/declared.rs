//! A small language with every form that our declarations use.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct File {
    #[schemars(regex(pattern = r"^[a-z]+(-[a-z]+)*$"), extend("x-form" = "lower-case words joined by `-`"))]
    pub id: String,
    /// A version.
    #[serde(default)]
    #[schemars(regex(pattern = r"^\d+\.\d+\.\d+$"))]
    pub version: Option<String>,
    #[serde(default)]
    pub status: Status,
    #[serde(default)]
    pub http: Option<Http>,
    #[serde(default)]
    pub page: Option<Page>,
    #[serde(default)]
    pub login: Option<Login>,
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
    #[serde(default)]
    pub rules: Vec<Rule>,
    #[serde(default)]
    pub query: BTreeMap<String, QueryValue>,
    #[serde(default)]
    pub status_of: BTreeMap<Status, String>,
    #[serde(default)]
    pub names: Names,
    #[serde(default)]
    pub json: Option<Value>,
}

#[derive(Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// In service.
    #[default]
    Active,
    /// Gone.
    OutOfService,
    Planned,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct Http {
    pub origin: String,
    #[serde(default)]
    #[schemars(range(min = 1, max = 60))]
    pub timeout: Option<u16>,
    #[serde(default)]
    pub follow: bool,
    #[serde(default)]
    pub offset: i64,
    #[serde(default)]
    pub auth: OneOrMany<Auth>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(dead_code)]
pub(super) enum Auth {
    None {},
    Basic { user: String, password: String },
    Header { name: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(dead_code)]
pub(super) enum Page {
    None { total: Option<String> },
    Number { step: u32 },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(dead_code)]
pub(super) enum Login {
    Never,
    Form { user: String },
    Token { at: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct Field {
    pub at: OneOrMany<String>,
    #[serde(rename = "as")]
    pub kind: Status,
    #[serde(default)]
    pub none_when: Vec<Scalar>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub(super) enum Scalar {
    Boolean(bool),
    Integer(i64),
    Text(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(vec![])
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub(super) enum Rule {
    Map(MapRule),
    Drop(DropRule),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct MapRule {
    #[schemars(length(min = 1))]
    pub types: Vec<String>,
    pub target: Status,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct DropRule {
    #[schemars(length(min = 1))]
    pub types: Vec<String>,
    #[schemars(length(min = 1, max = 40))]
    pub drop: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
#[allow(dead_code)]
pub(super) enum QueryValue {
    Integer(i64),
    Text(String),
    Time { from: Status, format: String },
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[allow(dead_code)]
pub(super) struct Names(
    #[schemars(extend("propertyNames" = {"pattern": "^[a-z]+$", "x-form": "lower-case letters"}))] BTreeMap<String, u8>,
);
