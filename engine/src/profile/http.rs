//! Where requests go and with what: origin, credentials, headers, time limits, retries.

use super::answer::WaitUnit;
use super::lookup::{BodyValue, Method};
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
    /// A part of every request's path, between the base URL and the request's own.
    Path {
        /// The part, such as `/{settings.api_key}` or `/users/{settings.user}/keys/{settings.api_key}`.
        prefix: TemplateText,
    },
    /// A value in the body of each request of a lookup, beside what is asked.
    Body {
        /// Where: a path such as `$.apiKey`, or the name of a form's field.
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
        /// How the client says who it is.
        #[serde(default)]
        client: ClientWord,
    },
    /// A token that a request of the provider's own gives. Never fetched for each request: it is used until it expires. The
    /// request says who we are in its `body`, its `form`, its `headers` or by `basic`; it carries no other credentials.
    Login {
        /// The path of the request, after the base URL.
        path: TemplateText,
        /// Its method.
        #[serde(default = "Auth::default_method")]
        method: Method,
        /// Its body, as JSON.
        #[serde(default)]
        body: Option<BodyValue>,
        /// Its body, as the fields of a form.
        #[serde(default)]
        form: BTreeMap<String, TemplateText>,
        /// Headers of this request alone.
        #[serde(default)]
        headers: BTreeMap<String, TemplateText>,
        /// A name and a password for this request alone, as HTTP Basic has them (RFC 7617).
        #[serde(default)]
        basic: Option<Basic>,
        /// Where its answer has the token: in the body …
        #[serde(default)]
        token: Option<PathText>,
        /// … or in this header of it; of `Set-Cookie` the name and the value, as `Cookie` sends them back.
        #[serde(default)]
        token_header: Option<String>,
        /// When it expires; without it, when it is not accepted any more.
        #[serde(default)]
        expires: Option<Expiry>,
        /// The header that carries the token from then on: `Authorization`, unless a `parameter` does.
        #[serde(default)]
        #[schemars(regex(pattern = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), extend("x-form" = "a header's name"))]
        header: Option<String>,
        /// The parameter of the query that carries it, instead.
        #[serde(default)]
        parameter: Option<String>,
        /// How it is written there: `Bearer {token}` in `Authorization`, `{token}` elsewhere, if nothing is said.
        #[serde(default)]
        value: Option<TemplateText>,
    },
    /// A digest over a text of the request, such as its path and the time. Parameters and headers may hold `{signature}` and
    /// `{timestamp}`.
    Signature {
        /// How the digest is made.
        algorithm: Algorithm,
        /// How it is written.
        #[serde(default)]
        encoding: Encoding,
        /// The key; for a plain digest there is none, and `text` holds the secret.
        #[serde(default)]
        key: Option<TemplateText>,
        /// What is signed: text with placeholders, among them `{timestamp}` and, of the request, `{method}`, `{path}`, `{query}`
        /// (as it is sent, without what the signature adds) and `{body}`.
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
    fn default_method() -> Method {
        Method::Post
    }
}

/// A name and a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user's name.
    pub username: TemplateText,
    /// The password.
    pub password: TemplateText,
}

/// How a client of OAuth 2.0 says who it is (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientWord {
    /// In the form, with all else.
    #[default]
    Form,
    /// By HTTP Basic.
    Basic,
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

/// How a digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// HMAC (RFC 2104) with SHA-512.
    HmacSha512,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with MD5.
    HmacMd5,
    /// SHA-512 of the text alone.
    Sha512,
    /// SHA-256 of the text alone.
    Sha256,
    /// SHA-1 of the text alone.
    Sha1,
    /// MD5 of the text alone.
    Md5,
}

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// In hexadecimal, with small letters.
    #[default]
    Hex,
    /// In Base64 (RFC 4648 §4).
    Base64,
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
