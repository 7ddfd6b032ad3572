//! How much a provider allows: asked beforehand, read from its headers, or known.

use super::record::Scalar;
use super::text::{DurationText, OneOrMany, PathText};
use schemars::JsonSchema;
use serde::Deserialize;

/// How much the provider allows. Shared by all runs that use the same credentials.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// A request that tells what is left.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// Headers of every answer that tell what is left; of several figures, such as one a minute and one a day, the least decides,
    /// and nothing is sent until the last of those that are at 0 is full again.
    #[serde(default)]
    pub headers: Option<OneOrMany<QuotaHeaders>>,
    /// How often one may ask; of several limits, all hold.
    #[serde(default)]
    pub rate: Option<OneOrMany<Rate>>,
    /// How many requests may be under way at once.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: Option<u32>,
    /// How long a wait that the provider names is believed, whether in `Retry-After`, in another header or in a body: after so
    /// long, by default a day, the provider is asked again.
    #[serde(default = "Quota::default_longest_wait")]
    pub longest_wait: DurationText,
}

impl Quota {
    fn default_longest_wait() -> DurationText {
        DurationText("P1D".into())
    }
}

/// A request that tells what is left. Exhausted means `used >= limit` or `remaining` of 0: then nothing else is sent until
/// `reset`, and the probe is sent again after `every`, since the account may have been given more. The words `unlimited`, `n/a`
/// and `none` are no limit. Where a figure is missing, the run warns and asks.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The path, after the base URL.
    pub path: String,
    /// The element of a list that holds the figures: those are then looked for in it.
    #[serde(default)]
    pub element: Option<Element>,
    /// Where the number used stands; of several places the first that holds a figure.
    #[serde(default)]
    pub used: Option<OneOrMany<PathText>>,
    /// Where the number allowed stands.
    #[serde(default)]
    pub limit: Option<OneOrMany<PathText>>,
    /// Where the number left stands, instead of `used` and `limit`.
    #[serde(default)]
    pub remaining: Option<OneOrMany<PathText>>,
    /// Where it says when the quota is full again.
    #[serde(default)]
    pub reset: Option<ProbeReset>,
    /// How long an answer is believed, also one that says the quota is used up.
    #[serde(default = "Probe::default_every")]
    pub every: DurationText,
}

/// A time in the answer to a probe.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeReset {
    /// Where it stands.
    pub at: PathText,
    /// Of what type it is: `timestamp`.
    #[serde(rename = "as")]
    pub kind: TimeWord,
    /// How it is written: as the `format` of a field, `rfc3339` if nothing is said.
    #[serde(default)]
    pub format: Option<String>,
    /// The time zone of a time that does not name one.
    #[serde(default)]
    pub zone: Option<String>,
}

/// The type of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeWord {
    /// An instant.
    Timestamp,
}

/// An element of a list, by what it holds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// Where the list stands.
    pub of: PathText,
    /// Where, in the element, it says which it is.
    pub at: PathText,
    /// What stands there.
    pub is: Scalar,
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
