//! What a provider's status or body means. The words are ours and few; what follows from each is the engine's.

use super::record::Scalar;
use super::text::{OneOrMany, PathText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When the status, and the body where given, match, the answer has this meaning.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Status codes.
    #[serde(default)]
    pub status: Option<OneOrMany<StatusCode>>,
    /// What the body holds.
    #[serde(default)]
    pub body: Option<BodyTest>,
    /// What a header of the answer says.
    #[serde(default)]
    pub header: Option<HeaderTest>,
    /// What that means.
    pub means: Meaning,
    /// Where the provider says why; of several places the first that holds a text. A body that is plain text is its own.
    #[serde(default)]
    pub message: Option<OneOrMany<PathText>>,
    /// Where the provider says how long to wait; the header `Retry-After` is read in any case.
    #[serde(default)]
    pub retry_after: Option<RetryAfter>,
}

/// A status code of HTTP (RFC 9110 §15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct StatusCode(#[schemars(range(min = 100, max = 599))] pub u16);

/// A test of an answer's body.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum BodyTest {
    /// A value in a JSON body; of an answer of JSON lines, in one of them.
    Value {
        /// Where it stands.
        at: PathText,
        /// What it is, one of these; without them, that it is there and not null, false, 0 or empty (`""`, `[]`, `{}`).
        #[serde(default)]
        is: Option<OneOrMany<Scalar>>,
        /// A text that it contains, in any case; of several, one is enough.
        #[serde(default)]
        contains: Option<OneOrMany<String>>,
    },
    /// A text that the body contains, whatever its format. Data that others write can contain it too: where the body is the
    /// text and no more, say `text`.
    Part {
        /// The text, in any case.
        contains: String,
    },
    /// A text that is the whole body, but for blanks around it.
    Whole {
        /// The text, in any case.
        text: String,
    },
    /// Whether there is a body at all.
    Empty {
        /// `true`: nothing but blanks; `false`: something.
        empty: bool,
    },
}

/// A test of a header of an answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderTest {
    /// The header's name.
    pub name: String,
    /// The text it contains, in any case; without it, that the header is there.
    #[serde(default)]
    pub contains: Option<String>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// An answer, to be read.
    Ok,
    /// The provider knows nothing of the observable. No error.
    Empty,
    /// The credentials are not accepted. Nothing else is asked.
    Unauthorized,
    /// The credentials are accepted, but not for this. Nothing else is asked.
    Forbidden,
    /// Too fast: the same request is sent again after a wait.
    Throttled,
    /// No more for today: deferred until the quota is full again.
    Quota,
    /// The provider is out of order for a moment: the same request is sent again after a wait.
    Unavailable,
    /// The provider does not take this request. This lookup ends.
    Rejected,
}

impl Meaning {
    /// The word.
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

/// Where a wait stands.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum RetryAfter {
    /// In the body.
    Body {
        /// Where.
        at: PathText,
        /// In what form.
        #[serde(rename = "as")]
        unit: WaitUnit,
    },
    /// In a header.
    Header {
        /// Which.
        header: String,
        /// In what form.
        #[serde(rename = "as")]
        unit: WaitUnit,
    },
}

/// In what form a wait is given. A text may bring its unit, which then counts: `850ms`, `1m 30s`, `PT1M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitUnit {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Minutes from now.
    Minutes,
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMilliseconds,
    /// A date, as in RFC 9110 or RFC 3339; one without a zone (`2024-03-01 00:00:00`) is in UTC.
    Date,
}
