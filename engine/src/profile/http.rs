//! Where requests go and with what: origin, credentials, headers, time limits, retries.

use super::answer::WaitUnit;
use super::lookup::BodyValue;
use super::text::{DurationText, OneOrMany, PathText, TemplateText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where requests go, and with what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Scheme, host and the path that all requests share: literal, or one `{settings.NAME}` of type `url` where everybody runs
    /// a server of their own. An operator's `…_API_BASE_URL` replaces it whole.
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
    /// OAuth 2.0 client credentials (RFC 6749 §4.4): a token is fetched, used until it expires, and fetched once more when it is
    /// not accepted.
    Oauth2 {
        /// Where tokens are given: scheme and host literal, placeholders in the path only. An operator's `…_API_TOKEN_URL`
        /// replaces it whole.
        token_url: TemplateText,
        /// The client's name.
        client_id: TemplateText,
        /// The client's secret.
        client_secret: TemplateText,
        /// What the token is for.
        #[serde(default)]
        scope: Option<String>,
    },
    /// A token that a request of the provider's own gives. Never fetched for each request: it is used until it expires.
    Login {
        /// The path of the request, after the base URL.
        path: TemplateText,
        /// Its body, as JSON.
        body: BodyValue,
        /// Where its answer has the token.
        token: PathText,
        /// When it expires; without it, when it is not accepted any more.
        #[serde(default)]
        expires: Option<Expiry>,
        /// The header that carries the token from then on.
        #[serde(default = "Auth::default_header")]
        #[schemars(regex(pattern = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), extend("x-form" = "a header's name"))]
        header: String,
        /// Its value; the token is `{token}`.
        #[serde(default = "Auth::default_value")]
        value: TemplateText,
    },
    /// A digest over a text of the request, such as its path and the time. Parameters and headers may hold `{signature}` and
    /// `{timestamp}`.
    Signature {
        /// How the digest is made.
        algorithm: Algorithm,
        /// The key; for a plain digest there is none, and `text` holds the secret.
        #[serde(default)]
        key: Option<TemplateText>,
        /// What is signed: text with placeholders, among them `{timestamp}` and the request's `{path}`.
        text: TemplateText,
        /// How `{timestamp}` is written, in UTC: `epoch-seconds`, `rfc3339`, or a pattern as in `strftime`.
        #[serde(default)]
        timestamp: Option<String>,
        /// Parameters of the query.
        #[serde(default)]
        query: BTreeMap<String, TemplateText>,
        /// Headers.
        #[serde(default)]
        headers: BTreeMap<String, TemplateText>,
    },
}

impl Auth {
    fn default_header() -> String {
        "Authorization".into()
    }

    fn default_value() -> TemplateText {
        TemplateText("Bearer {token}".into())
    }
}

/// When a token expires.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expiry {
    /// Where the answer says so.
    pub at: PathText,
    /// In what form.
    #[serde(rename = "as")]
    pub unit: WaitUnit,
}

/// How a digest is made; it is written in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// HMAC (RFC 2104) with SHA-256.
    HmacSha256,
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with MD5.
    HmacMd5,
    /// SHA-256 of the text alone.
    Sha256,
    /// SHA-1 of the text alone.
    Sha1,
    /// MD5 of the text alone.
    Md5,
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
