//! Base URL, authentication, headers, time limits and retries.

use super::answer::WaitUnit;
use super::lookup::{BodyValue, Method};
use super::text::{DurationText, OneOrMany, PathText, TemplateText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Base URL, authentication, headers, time limits and retries of all requests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Scheme, host and common path of all requests: a literal URL, or one `{settings.NAME}` of type `url` if each
    /// operator runs a server of their own. The operator's setting `api_base_url` replaces the whole value.
    pub base_url: String,
    /// Authentication of requests. If several methods are combined, write a list.
    #[serde(default)]
    pub auth: OneOrMany<Auth>,
    /// Headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, TemplateText>,
    /// Timeout of one request, from connecting to the last byte.
    #[serde(default = "Http::default_timeout")]
    pub timeout: DurationText,
    /// Maximum size of a response, in MiB.
    #[serde(default = "Http::default_max_body")]
    #[schemars(range(min = 1, max = 1024))]
    pub max_body_mib: u32,
    /// Retries after temporary failures.
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

/// Authentication method. Secrets can be used only here.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Auth {
    /// No authentication.
    None {},
    /// HTTP Basic authentication (RFC 7617).
    Basic {
        /// User name.
        username: TemplateText,
        /// Password.
        password: TemplateText,
    },
    /// A request header, such as `X-API-Key`, or `Authorization` with a scheme of the provider's own.
    Header {
        /// Name of the header.
        #[schemars(regex(pattern = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), extend("x-form" = "a header name"))]
        name: String,
        /// Value of the header, such as `{settings.api_key}` or `apikey {settings.api_key}`.
        value: TemplateText,
    },
    /// Bearer token (RFC 6750) in the header `Authorization`.
    Bearer {
        /// The token.
        token: TemplateText,
    },
    /// A query parameter. It is redacted in all output.
    Query {
        /// Name of the parameter.
        parameter: String,
        /// Value of the parameter.
        value: TemplateText,
    },
    /// A path segment, or several, between the base URL and the path of each request.
    Path {
        /// The segments, such as `/{settings.api_key}` or `/users/{settings.user}/keys/{settings.api_key}`.
        prefix: TemplateText,
    },
    /// A value in the body of each request, next to those of the lookup.
    Body {
        /// Position of the value: a path such as `$.apiKey`, or the name of a form field.
        parameter: String,
        /// The value.
        value: TemplateText,
    },
    /// OAuth 2.0 client credentials grant (RFC 6749 §4.4). The access token is used until it expires, and is requested
    /// again if the provider rejects it.
    Oauth2 {
        /// URL of the token endpoint. Scheme and host are literal; placeholders are permitted in the path only. The
        /// operator's setting `api_token_url` replaces the whole value.
        token_url: TemplateText,
        /// Client identifier.
        client_id: TemplateText,
        /// Client secret.
        client_secret: TemplateText,
        /// Scope of the access token.
        #[serde(default)]
        scope: Option<String>,
        /// How the client authenticates to the token endpoint.
        #[serde(default)]
        client: ClientWord,
    },
    /// An access token from a login request. The token is used until it expires. The login request contains the
    /// credentials in `body`, `form`, `headers` or `basic`, and no other authentication.
    Login {
        /// Path of the login request, after the base URL.
        path: TemplateText,
        /// Method of the login request.
        #[serde(default = "Auth::default_method")]
        method: Method,
        /// JSON body of the login request.
        #[serde(default)]
        body: Option<BodyValue>,
        /// Form fields of the login request.
        #[serde(default)]
        form: BTreeMap<String, TemplateText>,
        /// Headers of the login request only.
        #[serde(default)]
        headers: BTreeMap<String, TemplateText>,
        /// HTTP Basic authentication (RFC 7617) of the login request only.
        #[serde(default)]
        basic: Option<Basic>,
        /// Path of the token in the body of the response.
        #[serde(default)]
        token: Option<PathText>,
        /// Response header that contains the token, instead of `token`. From `Set-Cookie`, name and value are sent back
        /// in `Cookie`.
        #[serde(default)]
        token_header: Option<String>,
        /// When the token expires. If omitted, it is used until the provider rejects it.
        #[serde(default)]
        expires: Option<Expiry>,
        /// Request header that carries the token. The default is `Authorization`, unless `parameter` is given.
        #[serde(default)]
        #[schemars(regex(pattern = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), extend("x-form" = "a header name"))]
        header: Option<String>,
        /// Query parameter that carries the token, instead of a header.
        #[serde(default)]
        parameter: Option<String>,
        /// Value of the header or parameter. The default is `Bearer {token}` in `Authorization`, and `{token}`
        /// elsewhere.
        #[serde(default)]
        value: Option<TemplateText>,
    },
    /// A digest or HMAC over parts of the request, such as its path and time. Parameters and headers can contain
    /// `{signature}` and `{timestamp}`.
    Signature {
        /// Digest or HMAC algorithm.
        algorithm: Algorithm,
        /// Encoding of the digest.
        #[serde(default)]
        encoding: Encoding,
        /// HMAC key. A plain digest has no key; its `text` contains the secret.
        #[serde(default)]
        key: Option<TemplateText>,
        /// The signed text. In addition to settings it can contain `{timestamp}` and these parts of the request: `{method}`,
        /// `{path}`, `{query}` (as sent, without the parameters of the signature) and `{body}`.
        text: TemplateText,
        /// Format of `{timestamp}`, in UTC: `epoch-seconds`, `rfc3339`, or a `strftime` pattern.
        #[serde(default)]
        timestamp: Option<String>,
        /// Query parameters to add, with placeholders.
        #[serde(default)]
        query: BTreeMap<String, TemplateText>,
        /// Request headers to add, with placeholders.
        #[serde(default)]
        headers: BTreeMap<String, TemplateText>,
    },
}

impl Auth {
    fn default_method() -> Method {
        Method::Post
    }
}

/// User name and password for HTTP Basic authentication.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// User name.
    pub username: TemplateText,
    /// Password.
    pub password: TemplateText,
}

/// Client authentication of OAuth 2.0 (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientWord {
    /// `client_id` and `client_secret` in the form.
    #[default]
    Form,
    /// HTTP Basic authentication.
    Basic,
}

/// Lifetime of an access token, read from the token response or fixed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expiry {
    /// Path of the expiry in the body of the response.
    pub at: PathText,
    /// Unit or format of the value.
    #[serde(rename = "as")]
    pub unit: WaitUnit,
}

/// Digest and HMAC algorithms of request signatures (RFC 2104).
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
    /// SHA-512 digest of the text, without a key.
    Sha512,
    /// SHA-256 digest of the text, without a key.
    Sha256,
    /// SHA-1 digest of the text, without a key.
    Sha1,
    /// MD5 digest of the text, without a key.
    Md5,
}

/// Text encoding of a digest in a request (RFC 4648).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Lower-case hexadecimal.
    #[default]
    Hex,
    /// Base64 (RFC 4648 §4).
    Base64,
}

/// Retries after status 429, 408 and 5xx, and after lost connections.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Maximum attempts per request, including the first.
    #[serde(default = "Retry::default_attempts")]
    #[schemars(range(min = 1, max = 20))]
    pub attempts: u32,
    /// Wait before the second attempt. Each later wait is twice as long, and is shortened at random by up to one half.
    #[serde(default = "Retry::default_first")]
    pub first: DurationText,
    /// Maximum wait before an attempt. If the provider asks for a longer wait, the lookup is deferred until then.
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
