//! Settings: named, typed values that the operator gives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value the operator gives: by variable (`ACME_API_KEY`), in `config.yml` (`acme.api_key`), or with `--set`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What kind of value it is.
    #[serde(rename = "type")]
    pub kind: SettingType,
    /// What it is for.
    pub description: String,
    /// Whether nothing can be asked without it.
    #[serde(default)]
    pub required: bool,
    /// The value when none is given.
    #[serde(default)]
    pub default: Option<String>,
    /// Other names it is understood by, from earlier connectors.
    #[serde(default)]
    pub also: Vec<String>,
    /// The least number it can be, where it is of type `integer`.
    #[serde(default)]
    pub at_least: Option<i64>,
    /// The greatest number it can be, where it is of type `integer`.
    #[serde(default)]
    pub at_most: Option<i64>,
    /// The only values it can have.
    #[serde(default)]
    pub choices: Vec<String>,
}

/// What kind of value a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettingType {
    /// Text.
    String,
    /// Text that is used in `http.auth` and nowhere else, and never printed.
    Secret,
    /// A level of the Traffic Light Protocol: `TLP:AMBER`, `amber+strict`.
    Tlp,
    /// A level of the Permissible Actions Protocol: `PAP:AMBER`, `amber`.
    Pap,
    /// A number of days, or an ISO 8601 duration: `30`, `P30D`, `PT12H`.
    Duration,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Scheme, host and path of a web server.
    Url,
}

impl SettingType {
    /// What a value must look like, in words.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::String | Self::Secret => "text",
            Self::Tlp => "a TLP level: clear, green, amber, amber+strict or red",
            Self::Pap => "a PAP level: clear, green, amber or red",
            Self::Duration => "a number of days, or an ISO 8601 duration such as P30D",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Url => "the URL of a web server, without a query",
        }
    }
}
