//! Lookups: accepted observables, request, framing of the response, paging, jobs.

use super::answer::StatusCode;
use super::record::{Scalar, TimeField};
use super::text::{DurationText, NumberText, OneOrMany, PathText, TemplateText};
use crate::stix::ObservableType;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Time window of the records to return.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Length of the window up to now: an ISO 8601 duration, or `{settings.NAME}` of type `duration`.
    pub last: TemplateText,
    /// Time field by which records before the window are dropped and counted, for providers that cannot filter by time.
    #[serde(default)]
    pub filter: Option<TimeField>,
}

/// A request to the provider, and how its response is divided into rows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Observable types that the lookup accepts.
    #[schemars(length(min = 1))]
    pub accepts: Vec<ObservableType>,
    /// Values for which the request is repeated; the current value is `{each}`. A list of one value can label all
    /// records of the lookup.
    #[serde(default)]
    pub for_each: Vec<String>,
    /// HTTP method of the request.
    #[serde(default)]
    pub method: Method,
    /// Path of the request, after the base URL. Values of placeholders are percent-encoded, `/` included.
    pub path: TemplateText,
    /// Query parameters. Values are percent-encoded.
    #[serde(default)]
    pub query: BTreeMap<String, QueryValue>,
    /// Headers of this lookup's requests, in addition to those of `http`.
    #[serde(default)]
    pub headers: BTreeMap<String, TemplateText>,
    /// JSON body of a `POST` request.
    #[serde(default)]
    pub body: Option<BodyValue>,
    /// Form fields of a `POST` request, instead of `body`.
    #[serde(default)]
    pub form: BTreeMap<String, QueryValue>,
    /// How a response body is divided into rows. The `Content-Type` of the response is not considered.
    #[serde(default)]
    pub framing: Framing,
    /// How lines are divided into columns, with `framing: delimited`.
    #[serde(default)]
    pub columns: Option<Columns>,
    /// Path of the list of rows in a JSON response, or the levels that lead to a row, outermost first. The list must
    /// exist: an empty list means that there are no results, a missing one is an error.
    #[serde(default)]
    pub records: Option<Records>,
    /// Tests that a row must pass to be a record; all of them must match. Other rows are dropped and counted.
    #[serde(default)]
    pub only: Vec<RowTest>,
    /// Tests that exclude a row; one match is sufficient. Such rows are dropped and counted.
    #[serde(default)]
    pub except: Vec<RowTest>,
    /// How further pages of the result are requested.
    #[serde(default)]
    pub paging: Paging,
    /// Sign that the response is incomplete. The outcome is then `partial`; further pages are read as usual.
    #[serde(default)]
    pub truncated_when: Option<Signal>,
    /// Polling, for providers that process a request asynchronously.
    #[serde(default)]
    pub job: Option<Job>,
}

/// HTTP method of a lookup's request (RFC 9110 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum Method {
    /// `GET`, without a body.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// `POST`, with a `body` or a `form`.
    #[serde(rename = "POST")]
    Post,
}

impl Method {
    /// Returns the method as sent in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Value of a query parameter or form field.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum QueryValue {
    /// A whole number.
    Integer(i64),
    /// Text with placeholders.
    Text(TemplateText),
    /// A bound of the window, in a time format.
    Time {
        /// Which bound of the window is sent.
        from: WindowPoint,
        /// Time format: `epoch-seconds`, `epoch-milliseconds`, `epoch-microseconds`, `rfc3339`, a `strftime` pattern,
        /// or the distance from now: `days-back`, `seconds-back`, `negative-seconds`.
        format: String,
        /// Time zone of a pattern without an offset: `UTC` or a name of the IANA database.
        #[serde(default)]
        zone: Option<String>,
    },
}

/// A JSON value with placeholders in its texts. A text that consists of one placeholder keeps the type of its value: a
/// number for a setting of type `integer` and for `{window.start:epoch-seconds}`, a boolean for a setting of type
/// `boolean`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BodyValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text with placeholders.
    Text(TemplateText),
    /// A list of values.
    List(Vec<BodyValue>),
    /// An object with values by name.
    Object(BTreeMap<String, BodyValue>),
}

/// The start or the end of the requested window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum WindowPoint {
    /// The start of the window: now minus its length.
    #[serde(rename = "window.start")]
    Start,
    /// The end of the window: now.
    #[serde(rename = "window.end")]
    End,
}

/// How a response body is divided into rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// One JSON document; `records` leads to its rows.
    #[default]
    Json,
    /// Newline-delimited JSON, one object per line. Blank lines are ignored. If the connection is lost, the complete
    /// lines are kept.
    Ndjson,
    /// Streaming API Framing (SAF): JSON lines with `cond` and `obj`. A response without the final line is
    /// incomplete.
    Saf,
    /// Lines of text, each divided into columns.
    Delimited,
}

/// How lines are divided into columns. Fields read columns by index, `$[0]`, `$[1]` …, or by name if there is a header
/// line.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// Separator of columns, such as `","`, `"|"` or `" :: "`. `"\\t"` is a tab; `" "` is any number of spaces and
    /// tabs. Blanks around a value are not a part of it.
    #[schemars(length(min = 1, max = 8))]
    pub separator: String,
    /// Maximum number of columns. The last one contains the rest of the line, including separators.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub at_most: Option<u32>,
    /// Number of columns, if lines have neither names nor a maximum: a line with more is a bad record, since a separator
    /// in a value shifts the values after it. The default is the number that fields read.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub count: Option<u32>,
    /// Whether the first line of each page contains column names. It must contain those of all required fields.
    #[serde(default)]
    pub header: bool,
    /// Character that starts a comment line.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[!-~]$"), extend("x-form" = "one printable ASCII character"))]
    pub comment: Option<String>,
}

/// Location of the rows in a JSON response.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Records {
    /// Path of a list of rows.
    List(PathText),
    /// Levels of nested lists and objects, outermost first.
    Levels(#[schemars(length(min = 1, max = 4))] Vec<Level>),
}

/// One level on the way to the rows. Each element of the list or object at `at` is visited.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Path relative to the level above.
    pub at: PathText,
    /// Whether the value is a list or an object.
    #[serde(default)]
    pub is: LevelKind,
    /// Keys of the object to visit. Rows under other keys are dropped and counted.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Whether the value may be absent or null, which counts as empty. If it may not, its absence is an error at the
    /// first level, and a bad record below it.
    #[serde(default)]
    pub optional: bool,
}

/// JSON structure that a level of `records` descends into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LevelKind {
    /// A list.
    #[default]
    List,
    /// An object whose values are visited. A field reads the key with `from: key`.
    Map,
    /// A list, or a single value in place of a list of one.
    OneOrMany,
}

/// A test of a row, before its fields are read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowTest {
    /// Path relative to the row.
    pub at: PathText,
    /// Values of which one must be equal.
    pub is: OneOrMany<Scalar>,
}

/// A value in a response body or header that signals a state.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Path of the value in the response body.
    #[serde(default)]
    pub at: Option<PathText>,
    /// Name of the response header, instead of `at`.
    #[serde(default)]
    pub header: Option<String>,
    /// Values of which one must be equal. If omitted, the value must exist and must not be null, false, 0 or empty.
    #[serde(default)]
    pub is: Vec<Scalar>,
}

/// An asynchronous job. The request of the lookup starts it, the response contains its identifier, and its state is
/// polled until it is done.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Path of the job's identifier in the response, available as `{job}`.
    #[serde(default)]
    pub id: Option<PathText>,
    /// Response header that contains the job's identifier, such as `Location`, instead of `id`.
    #[serde(default)]
    pub header: Option<String>,
    /// Path of the polling request, such as `/jobs/{job}`. If omitted, the job's identifier is the URL to poll.
    #[serde(default)]
    pub poll: Option<TemplateText>,
    /// Path of the state in the response to the polling request.
    #[serde(default)]
    pub state: Option<PathText>,
    /// States of a job that is still running. Case is ignored in all states.
    #[serde(default)]
    pub pending: Vec<Scalar>,
    /// States of a job that is done. Required with `pending` or `failed`: a state in none of the lists, or no state, is
    /// an error, since its rows may be missing.
    #[serde(default)]
    pub done: Vec<Scalar>,
    /// Status codes that mean that the job is still running, such as 202, for providers without a state in the body.
    #[serde(default)]
    pub pending_status: Option<OneOrMany<StatusCode>>,
    /// States of a job that has failed.
    #[serde(default)]
    pub failed: Vec<Scalar>,
    /// Path of the request for the result, such as `/jobs/{job}/result`. If omitted, the last polling response contains
    /// the rows.
    #[serde(default)]
    pub result: Option<TemplateText>,
    /// Interval between polling requests.
    pub every: DurationText,
    /// Maximum number of polling requests.
    #[schemars(range(min = 1, max = 1000))]
    pub at_most: u32,
}

/// How further pages of the result are requested. Every method except `none` has a limit. A page or cursor that occurs
/// twice ends the run with an error.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Paging {
    /// The response is a single page.
    None {
        /// Path of the total number of records. If it is greater than the number received, the outcome is `partial`. It
        /// is so too if records are received without a total, unless `cap` is given.
        #[serde(default)]
        total: Option<PathText>,
        /// Response header with the total number of records, instead of `total`.
        #[serde(default)]
        total_header: Option<String>,
        /// Maximum number of rows that the provider returns. A response with this many rows is considered incomplete,
        /// and the outcome is `partial`.
        #[serde(default)]
        cap: Option<NumberText>,
    },
    /// Pages with numbers.
    Page {
        /// Query parameter for the page number. With `POST`, a path such as `$.page` refers to the body.
        parameter: String,
        /// Number of the first page.
        #[serde(default = "Paging::default_first")]
        first: u64,
        /// Path of the number of the last page.
        #[serde(default)]
        last: Option<PathText>,
        /// Response header with the number of the last page, instead of `last`.
        #[serde(default)]
        last_header: Option<String>,
        /// Path of a value that indicates whether there are more pages.
        #[serde(default)]
        more: Option<PathText>,
        /// Path of the total number of records.
        #[serde(default)]
        total: Option<PathText>,
        /// Response header with the total number of records, instead of `total`. If nothing indicates the end, an empty
        /// page does.
        #[serde(default)]
        total_header: Option<String>,
        /// Maximum number of pages.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
    /// Pages that start at a record number.
    Offset {
        /// Query parameter for the offset. With `POST`, a path such as `$.offset` refers to the body.
        parameter: String,
        /// Whether the first request omits the parameter, for providers that reject an offset of 0.
        #[serde(default)]
        not_first: bool,
        /// Size of a page. A page with fewer rows is not considered the last one, because providers may return fewer
        /// rows than requested.
        #[serde(default)]
        limit: Option<OffsetLimit>,
        /// Path of a value that indicates whether there are more pages.
        #[serde(default)]
        more: Option<PathText>,
        /// Path of the total number of records.
        #[serde(default)]
        total: Option<PathText>,
        /// Response header with the total number of records, instead of `total`. If nothing indicates the end, an empty
        /// page does.
        #[serde(default)]
        total_header: Option<String>,
        /// Maximum number of pages.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
    /// Each page contains the URL of the next one. Only URLs with the origin of the base URL are followed.
    NextUrl {
        /// Path of the URL. If omitted, the URL is read from the header `Link` with `rel="next"` (RFC 8288).
        #[serde(default)]
        at: Option<PathText>,
        /// Maximum number of pages.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
    /// Each page contains a cursor for the next one.
    Cursor {
        /// Path of the cursor.
        #[serde(default)]
        at: Option<PathText>,
        /// Response header with the cursor, instead of `at`.
        #[serde(default)]
        header: Option<String>,
        /// Query parameter for the cursor. With `POST`, a path such as `$.cursor` refers to the body.
        #[serde(default)]
        parameter: Option<String>,
        /// Request header for the cursor, instead of `parameter`.
        #[serde(default)]
        request_header: Option<String>,
        /// Maximum number of pages.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
    /// Responses of limited size without pages. If a response is full, its part of the window is divided into halves,
    /// and each is requested, newest first, until no response is full. The request must contain both bounds of the
    /// window. A response is full if it has `cap` rows, if its total is greater than the number of its rows, or if
    /// `truncated_when` or `framing: saf` indicates it. Adjacent parts overlap; a record that occurs in both is counted
    /// once.
    Window {
        /// Maximum number of rows that the provider returns. A response with more rows is complete if its total
        /// indicates so.
        #[serde(default)]
        #[schemars(range(min = 1))]
        cap: Option<u64>,
        /// Path of the total number of records between the requested bounds.
        #[serde(default)]
        total: Option<PathText>,
        /// Response header with the total number of records, instead of `total`.
        #[serde(default)]
        total_header: Option<String>,
        /// Whether the request for the newest part omits the parameters that contain `window.end`. Otherwise its end is
        /// 26 hours in the future, because clocks differ and some providers read a date as the start of its day. Required
        /// if `window.end` is a distance from now, which cannot be in the future.
        #[serde(default)]
        open_end: bool,
        /// Maximum number of requests.
        #[schemars(range(min = 2, max = 10000))]
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
        Self::None { total: None, total_header: None, cap: None }
    }
}

/// Size of a page and the parameter for it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OffsetLimit {
    /// Query parameter for the size. With `POST`, a path such as `$.limit` refers to the body.
    pub parameter: String,
    /// Size of a page, in records.
    pub value: NumberText,
}
