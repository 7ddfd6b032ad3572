//! Where requests go and with what: origin, credentials, headers, time limits, retries.

use super::text::{DurationText, OneOrMany, TemplateText};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Where requests go, and with what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Scheme, host and the path that all requests share. Literal: an operator's `…_API_BASE_URL` replaces it whole.
    pub base_url: String,
    /// How we say who we are; several kinds together make a list.
    #[serde(default)]
    pub auth: OneOrMany<Auth>,
    /// Headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, TemplateText>,
    /// How long one request may take, from connecting to the last byte.
    #[serde(default = "Http::default_timeout")]
    pub timeout: DurationText,
    /// The largest answer that is read, in MiB.
    #[serde(default = "Http::default_max_body")]
    #[schemars(range(min = 1, max = 1024))]
    pub max_body_mib: u32,
    /// What is tried again, and for how long.
    #[serde(default)]
    pub retry: Retry,
}

impl Http {
    fn default_timeout() -> DurationText {
        DurationText("PT30S".into())
    }

    fn default_max_body() -> u32 {
        32
    }
}

/// How we say who we are. The only place where a secret may stand.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Auth {
    /// Anyone may ask.
    None {},
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The user's name.
        username: TemplateText,
        /// The password.
        password: TemplateText,
    },
    /// A header of the provider's own, such as `X-API-Key`; with `Authorization` any scheme word, or none.
    Header {
        /// The header's name.
        #[schemars(regex(pattern = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), extend("x-form" = "a header's name"))]
        name: String,
        /// Its value, such as `{settings.api_key}` or `apikey {settings.api_key}`.
        value: TemplateText,
    },
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer {
        /// The token.
        token: TemplateText,
    },
    /// A parameter of the query. It is left out of everything we print.
    Query {
        /// The parameter's name.
        parameter: String,
        /// Its value.
        value: TemplateText,
    },
}

/// What is tried again (429, 408, 5xx, lost connections), and for how long.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How often a request is sent at most.
    #[serde(default = "Retry::default_attempts")]
    #[schemars(range(min = 1, max = 20))]
    pub attempts: u32,
    /// The wait before the second attempt; each later one is twice as long, less up to half at random.
    #[serde(default = "Retry::default_first")]
    pub first: DurationText,
    /// The longest wait that is taken. When the provider asks for more, the lookup is deferred until then.
    #[serde(default = "Retry::default_longest")]
    pub longest: DurationText,
}

impl Retry {
    fn default_attempts() -> u32 {
        4
    }

    fn default_first() -> DurationText {
        DurationText("PT1S".into())
    }

    fn default_longest() -> DurationText {
        DurationText("PT1M".into())
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: Self::default_attempts(), first: Self::default_first(), longest: Self::default_longest() }
    }
}
