//! Meaning of a provider's responses by status code, header or body. The set of meanings is closed; the engine decides
//! what follows from each.

use super::record::Scalar;
use super::text::{OneOrMany, PathText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The meaning of responses that match. All of the given tests (`status`, `body`, `header`) must match.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Status codes, of which one must match.
    #[serde(default)]
    pub status: Option<OneOrMany<StatusCode>>,
    /// Test of the response body.
    #[serde(default)]
    pub body: Option<BodyTest>,
    /// Test of a response header.
    #[serde(default)]
    pub header: Option<HeaderTest>,
    /// Meaning of a matching response.
    pub means: Meaning,
    /// Path of the provider's error message. If there are several paths, the first that leads to a text applies. A
    /// plain text body is its own message.
    #[serde(default)]
    pub message: Option<OneOrMany<PathText>>,
    /// Where the provider states how long to wait. The header `Retry-After` is always read.
    #[serde(default)]
    pub retry_after: Option<RetryAfter>,
}

/// An HTTP status code (RFC 9110 §15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct StatusCode(#[schemars(range(min = 100, max = 599))] pub u16);

/// A test of a response body.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum BodyTest {
    /// Tests a value of a JSON body. In NDJSON, one matching line is sufficient.
    Value {
        /// Path of the value.
        at: PathText,
        /// Values of which one must be equal. If omitted, the value must exist and must not be null, false, 0 or empty
        /// (`""`, `[]`, `{}`).
        #[serde(default)]
        is: Option<OneOrMany<Scalar>>,
        /// Texts of which one must be contained, ignoring case. In a list, one matching element is sufficient.
        #[serde(default)]
        contains: Option<OneOrMany<String>>,
    },
    /// Tests whether the body contains a text, in any format. Data from third parties can contain the text too; use
    /// `text` if the body consists of it.
    Part {
        /// The text, compared ignoring case.
        contains: String,
    },
    /// Tests whether the whole body is a text, apart from leading and trailing white space.
    Whole {
        /// The text, compared ignoring case.
        text: String,
    },
    /// Tests whether there is a body.
    Empty {
        /// `true` if the body must be empty or white space only, `false` if it must contain something else.
        empty: bool,
    },
}

/// A test of a response header.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderTest {
    /// Name of the header.
    pub name: String,
    /// Text that the value must contain, ignoring case. If omitted, the header must be present.
    #[serde(default)]
    pub contains: Option<String>,
}

/// What a response means for the run that sent the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// A result. Its rows are read.
    Ok,
    /// The provider has no data about the observable. This is not an error, but after a page that states more, the result is
    /// partial. Rows of a successful response are read nevertheless if `body` or `header` selected it.
    Empty,
    /// The credentials are invalid. No further request is sent.
    Unauthorized,
    /// The credentials are valid, but do not permit this request. No further request is sent.
    Forbidden,
    /// The rate limit is exceeded. The same request is sent again after a wait.
    Throttled,
    /// The quota is exhausted. The run is deferred until the quota is reset.
    Quota,
    /// A temporary failure of the provider. The same request is sent again after a wait.
    Unavailable,
    /// The provider rejects this request. The lookup fails; other lookups continue.
    Rejected,
}

impl Meaning {
    /// Returns the value as written in a profile.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Empty => "empty",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Throttled => "throttled",
            Self::Quota => "quota",
            Self::Unavailable => "unavailable",
            Self::Rejected => "rejected",
        }
    }
}

/// Where a wait is stated, and in which unit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum RetryAfter {
    /// A value of the JSON body.
    Body {
        /// Path of the value.
        at: PathText,
        /// Unit or format of the value.
        #[serde(rename = "as")]
        unit: WaitUnit,
    },
    /// A response header.
    Header {
        /// Name of the header.
        header: String,
        /// Unit or format of the value.
        #[serde(rename = "as")]
        unit: WaitUnit,
    },
}

/// Unit or format of a wait. A unit in the value itself takes precedence: `850ms`, `1m 30s`, `PT1M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitUnit {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Minutes from now.
    Minutes,
    /// Seconds since 1970-01-01T00:00:00Z.
    EpochSeconds,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    EpochMilliseconds,
    /// An HTTP date (RFC 9110 §5.6.7) or an RFC 3339 timestamp. A date without an offset (`2024-03-01 00:00:00`) is in
    /// UTC.
    Date,
}
