//! How much a provider allows: asked beforehand, read from its headers, or known.

use super::record::Field;
use super::text::{DurationText, PathText};
use schemars::JsonSchema;
use serde::Deserialize;

/// How much the provider allows. Shared by all runs that use the same credentials.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// A request that tells what is left.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// Headers of every answer that tell what is left.
    #[serde(default)]
    pub headers: Option<QuotaHeaders>,
    /// How often one may ask.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// A request that tells what is left. Exhausted means `used >= limit`, `remaining` of 0, or a figure that is missing:
/// then nothing else is sent. The words `unlimited`, `n/a` and `none` are no limit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The path, after the base URL.
    pub path: String,
    /// Where the number used stands.
    #[serde(default)]
    pub used: Option<PathText>,
    /// Where the number allowed stands.
    #[serde(default)]
    pub limit: Option<PathText>,
    /// Where the number left stands, instead of `used` and `limit`.
    #[serde(default)]
    pub remaining: Option<PathText>,
    /// Where it says when the quota is full again.
    #[serde(default)]
    pub reset: Option<Field>,
    /// How long an answer is believed.
    #[serde(default = "Probe::default_every")]
    pub every: DurationText,
}

impl Probe {
    fn default_every() -> DurationText {
        DurationText("PT5M".into())
    }
}

/// Headers of every answer that tell what is left.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaHeaders {
    /// The header with the number left; at 0 nothing more is sent until `reset`.
    pub remaining: String,
    /// The header that says when the quota is full again.
    #[serde(default)]
    pub reset: Option<Reset>,
}

/// A header that says when.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The header.
    pub header: String,
    /// How it says so.
    #[serde(rename = "as")]
    pub unit: super::answer::WaitUnit,
}

/// How often one may ask; every attempt counts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// So many requests …
    #[schemars(range(min = 1, max = 10000))]
    pub requests: u32,
    /// … in any stretch of this length.
    pub per: DurationText,
}
