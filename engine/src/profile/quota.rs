//! Request limits of a provider: from a probe, from response headers, or fixed rates.

use super::record::Scalar;
use super::text::{DurationText, OneOrMany, PathText};
use schemars::JsonSchema;
use serde::Deserialize;

/// Request limits of the provider. They are shared by all runs with the same credentials.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// A separate request that returns the current quota.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// Response headers that contain the current quota. If there are several pairs, such as one per minute and one per
    /// day, the smallest remaining number applies, and requests resume after the latest reset of those that are 0.
    #[serde(default)]
    pub headers: Option<OneOrMany<QuotaHeaders>>,
    /// Fixed rate limits. If there are several, all of them apply.
    #[serde(default)]
    pub rate: Option<OneOrMany<Rate>>,
    /// Maximum concurrent requests.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: Option<u32>,
    /// Maximum wait that is accepted from the provider, in `Retry-After`, another header or a body. After that time,
    /// one day by default, the provider is queried again.
    #[serde(default = "Quota::default_longest_wait")]
    pub longest_wait: DurationText,
}

impl Quota {
    fn default_longest_wait() -> DurationText {
        DurationText("P1D".into())
    }
}

/// A request that returns the current quota. The quota is exhausted if `used >= limit` or if `remaining` is 0: no other
/// request is sent until `reset`, and the probe is repeated after `every`, because the provider may have raised the
/// quota. The texts `unlimited`, `n/a` and `none` mean that there is no limit. If a number is missing, the run adds a
/// warning and continues.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Path of the request, after the base URL.
    pub path: String,
    /// Selects the element of a list that contains the numbers. The other paths are then relative to this element.
    #[serde(default)]
    pub element: Option<Element>,
    /// Path of the number of used requests. If there are several paths, the first that leads to a number applies.
    #[serde(default)]
    pub used: Option<OneOrMany<PathText>>,
    /// Path of the number of permitted requests.
    #[serde(default)]
    pub limit: Option<OneOrMany<PathText>>,
    /// Path of the number of remaining requests, instead of `used` and `limit`.
    #[serde(default)]
    pub remaining: Option<OneOrMany<PathText>>,
    /// Time at which the quota is reset.
    #[serde(default)]
    pub reset: Option<ProbeReset>,
    /// Lifetime of a probe's response, also of one that reports an exhausted quota.
    #[serde(default = "Probe::default_every")]
    pub every: DurationText,
}

/// A time in the response to a probe.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeReset {
    /// Path of the time.
    pub at: PathText,
    /// Type of the value, always `timestamp`.
    #[serde(rename = "as")]
    pub kind: TimeWord,
    /// Time format, as in `format` of a field. The default is `rfc3339`.
    #[serde(default)]
    pub format: Option<String>,
    /// Time zone of times without an offset: `UTC` or a name of the IANA database. Where clocks are set
    /// back, an hour occurs twice, and its times are read as the earlier ones; times that are skipped are read with the
    /// offset before the change. An offset is at most 18 hours from UTC; a time with a larger one is invalid.
    #[serde(default)]
    pub zone: Option<String>,
}

/// Notation of the time at which the quota resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeWord {
    /// A point in time.
    Timestamp,
}

/// Selects an element of a list by one of its values.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// Path of the list.
    pub of: PathText,
    /// Path, within an element, of the value to compare.
    pub at: PathText,
    /// The value that selects the element.
    pub is: Scalar,
}

impl Probe {
    fn default_every() -> DurationText {
        DurationText("PT5M".into())
    }
}

/// Response headers that contain the current quota.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaHeaders {
    /// Header with the number of remaining requests. At 0, no request is sent until `reset`.
    pub remaining: String,
    /// Header with the time at which the quota is reset.
    #[serde(default)]
    pub reset: Option<Reset>,
}

/// A response header that contains a time or a duration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Name of the header.
    pub header: String,
    /// Unit or format of its value.
    #[serde(rename = "as")]
    pub unit: super::answer::WaitUnit,
}

/// A rate limit. Every attempt counts, retries included.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Maximum number of requests in the period.
    #[schemars(range(min = 1, max = 10000))]
    pub requests: u32,
    /// Length of the period, as a sliding window.
    pub per: DurationText,
}
