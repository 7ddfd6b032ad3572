//! The ways to ask: which observables, which request, how the answer is framed, how pages follow one another.

use super::record::TimeField;
use super::text::{PathText, TemplateText};
use crate::stix::Kind;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How far back records are of interest.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// How far: an ISO 8601 duration, or `{settings.NAME}` of type `duration`.
    pub last: TemplateText,
    /// For providers that cannot be told: records whose time lies before the window are counted, and left out.
    #[serde(default)]
    pub filter: Option<TimeField>,
}

/// One way to ask.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The types of observable it is for.
    #[schemars(length(min = 1))]
    pub accepts: Vec<Kind>,
    /// One request for each of these; the value is `{each}`.
    #[serde(default)]
    pub for_each: Vec<String>,
    /// The request's method.
    #[serde(default)]
    pub method: Method,
    /// The path after the base URL. A placeholder's value is encoded as one segment, or part of one.
    pub path: TemplateText,
    /// The query's parameters. Values are encoded.
    #[serde(default)]
    pub query: BTreeMap<String, QueryValue>,
    /// Headers of this lookup alone.
    #[serde(default)]
    pub headers: BTreeMap<String, TemplateText>,
    /// How an answer is cut into rows. Never told by its `Content-Type`.
    #[serde(default)]
    pub framing: Framing,
    /// Where the list of rows stands in a JSON answer. It must be there: an empty list is an empty answer, a missing one a
    /// broken answer.
    #[serde(default)]
    pub records: Option<PathText>,
    /// How one page follows another.
    #[serde(default)]
    pub paging: Paging,
}

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum Method {
    /// `GET`.
    #[default]
    #[serde(rename = "GET")]
    Get,
}

impl Method {
    /// The method as HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
        }
    }
}

/// The value of a query parameter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum QueryValue {
    /// A number.
    Integer(i64),
    /// Text with placeholders.
    Text(TemplateText),
    /// An end of the window.
    Time {
        /// Which end.
        from: WindowPoint,
        /// How it is written: `epoch-seconds`, `epoch-milliseconds`, `rfc3339`, or a pattern as in `strftime`, in UTC.
        format: String,
    },
}

/// An end of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum WindowPoint {
    /// The start: now, less the window.
    #[serde(rename = "window.start")]
    Start,
    /// The end: now.
    #[serde(rename = "window.end")]
    End,
}

/// How an answer is cut into rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// One JSON document; `records` says where its rows stand.
    #[default]
    Json,
    /// One JSON object a line; blank lines are nothing. What arrived before a break is kept.
    Ndjson,
}

/// How one page follows another. Every kind but `none` has a bound, and a page or cursor that comes again ends the run
/// with an error.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Paging {
    /// The answer is one page.
    None {
        /// Where the answer says how many records there are: more than came is a `partial` outcome.
        #[serde(default)]
        total: Option<PathText>,
    },
    /// Pages have numbers.
    Page {
        /// The parameter that carries the number.
        parameter: String,
        /// The number of the first page.
        #[serde(default = "Paging::default_first")]
        first: u64,
        /// Where the answer gives the number of the last page.
        #[serde(default)]
        last: Option<PathText>,
        /// Where the answer says whether there is more.
        #[serde(default)]
        more: Option<PathText>,
        /// The most pages that are asked for.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
    /// Pages start at a record's number.
    Offset {
        /// The parameter that carries the number.
        parameter: String,
        /// The parameter that carries the size of a page.
        #[serde(default)]
        limit: Option<OffsetLimit>,
        /// Where the answer gives the number of all records.
        #[serde(default)]
        total: Option<PathText>,
        /// The most pages that are asked for.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
    /// Each page gives the URL of the next. Only URLs of the provider's own origin are followed.
    NextUrl {
        /// Where it stands in the answer; without it, in the header `Link` (RFC 8288) with `rel="next"`.
        #[serde(default)]
        at: Option<PathText>,
        /// The most pages that are asked for.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
    /// Each page gives a cursor for the next.
    Cursor {
        /// Where it stands in the answer.
        #[serde(default)]
        at: Option<PathText>,
        /// The response header that carries it, instead.
        #[serde(default)]
        header: Option<String>,
        /// The parameter it is sent back in.
        #[serde(default)]
        parameter: Option<String>,
        /// The request header it is sent back in, instead.
        #[serde(default)]
        request_header: Option<String>,
        /// The most pages that are asked for.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
}

impl Paging {
    fn default_first() -> u64 {
        1
    }
}

impl Default for Paging {
    fn default() -> Self {
        Self::None { total: None }
    }
}

/// The size of a page, and the parameter that carries it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OffsetLimit {
    /// The parameter.
    pub parameter: String,
    /// The size.
    #[schemars(range(min = 1))]
    pub value: u64,
}
