//! Settings: named, typed values that the operator supplies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value that the operator supplies with an environment variable (`ACME_API_KEY`), in `config.yml` (`acme.api_key`)
/// or with `--set`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Type of the value.
    #[serde(rename = "type")]
    pub kind: SettingType,
    /// What the setting is for, in one sentence.
    pub description: String,
    /// Whether the profile cannot run without a value.
    #[serde(default)]
    pub required: bool,
    /// Value that is used if the operator supplies none.
    #[serde(default)]
    pub default: Option<String>,
    /// Alternative names that are also accepted, such as those of earlier connectors.
    #[serde(default)]
    pub also: Vec<String>,
    /// Minimum, for settings of type `integer`.
    #[serde(default)]
    pub at_least: Option<i64>,
    /// Maximum, for settings of type `integer`.
    #[serde(default)]
    pub at_most: Option<i64>,
    /// The permitted values. If empty, every value of the type is permitted.
    #[serde(default)]
    pub choices: Vec<String>,
}

/// Type that a setting's value is parsed as before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettingType {
    /// Any text.
    String,
    /// A credential. It can be used in `http.auth` only and is never printed.
    Secret,
    /// A TLP level, such as `TLP:AMBER` or `amber+strict`.
    Tlp,
    /// A PAP level, such as `PAP:AMBER` or `amber`.
    Pap,
    /// A number of days, or an ISO 8601 duration: `30`, `P30D`, `PT12H`.
    Duration,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A URL with scheme, host and an optional path, without a query.
    Url,
}

impl SettingType {
    /// Returns a description of valid values, for use after `expected`.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::String | Self::Secret => "text",
            Self::Tlp => "a TLP level: clear, green, amber, amber+strict or red",
            Self::Pap => "a PAP level: clear, green, amber or red",
            Self::Duration => "a number of days, or an ISO 8601 duration such as P30D",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Url => "a URL with scheme and host, without a query",
        }
    }
}
