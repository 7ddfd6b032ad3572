//! The ways to ask: which observables, which request, how the answer is framed, how pages follow one another.

use super::answer::StatusCode;
use super::record::{Scalar, TimeField};
use super::text::{DurationText, NumberText, OneOrMany, PathText, TemplateText};
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
    /// One request for each of these; the value is `{each}`. A list of one says something of all records of the lookup.
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
    /// The body of a `POST`, as JSON.
    #[serde(default)]
    pub body: Option<BodyValue>,
    /// The body of a `POST`, as the fields of a form, instead.
    #[serde(default)]
    pub form: BTreeMap<String, QueryValue>,
    /// How an answer is cut into rows. Never told by its `Content-Type`.
    #[serde(default)]
    pub framing: Framing,
    /// How lines are cut into columns, with `framing: delimited`.
    #[serde(default)]
    pub columns: Option<Columns>,
    /// Where the list of rows stands in a JSON answer; or the levels that lead to a row, from outside in. It must be there:
    /// an empty list is an empty answer, a missing one a broken answer.
    #[serde(default)]
    pub records: Option<Records>,
    /// Only rows with one of these values are records; of several tests, all must hold. The rest is counted as dropped.
    #[serde(default)]
    pub only: Vec<RowTest>,
    /// Rows with one of these values are none; of several tests, one is enough. They are counted as dropped.
    #[serde(default)]
    pub except: Vec<RowTest>,
    /// How one page follows another.
    #[serde(default)]
    pub paging: Paging,
    /// Where the answer says that it is not all there is: the outcome is then `partial`. Pages that it names are read all the
    /// same.
    #[serde(default)]
    pub truncated_when: Option<Signal>,
    /// For providers that take an order and have it ready later.
    #[serde(default)]
    pub job: Option<Job>,
}

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum Method {
    /// `GET`.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// `POST`, with a `body` or a `form`.
    #[serde(rename = "POST")]
    Post,
}

impl Method {
    /// The method as HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
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
        /// How it is written: `epoch-seconds`, `epoch-milliseconds`, `epoch-microseconds`, `rfc3339`, a pattern as in `strftime`; or as a distance
        /// from now: `days-back`, `seconds-back`, `negative-seconds`.
        format: String,
        /// The time zone of a pattern that names none: `UTC`, or a name of the IANA database.
        #[serde(default)]
        zone: Option<String>,
    },
}

/// A JSON value whose texts may hold placeholders. A text that is nothing but a placeholder keeps its type: a number for a
/// setting of type `integer` and for `{window.start:epoch-seconds}`, `true` or `false` for one of type `boolean`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BodyValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Integer(i64),
    /// Text with placeholders.
    Text(TemplateText),
    /// A list.
    List(Vec<BodyValue>),
    /// An object.
    Object(BTreeMap<String, BodyValue>),
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
    /// The Streaming API Framing protocol: JSON lines with `cond` and `obj`. An answer without its last line is cut.
    Saf,
    /// Lines of text, each cut into columns.
    Delimited,
}

/// How lines are cut into columns. Columns are read as `$[0]`, `$[1]` …, or by name where the first line has names.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// The sign between columns, such as `","`, `"|"` or `" :: "`; `"\\t"` is a tab, and `" "` any number of blanks and tabs.
    #[schemars(length(min = 1, max = 8))]
    pub separator: String,
    /// How many columns there are at most: the last holds all that is left of a line, separators too.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub at_most: Option<u32>,
    /// Whether the first line holds the names of columns.
    #[serde(default)]
    pub header: bool,
    /// The sign that starts a line of remarks.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[!-~]$"), extend("x-form" = "one sign of ASCII"))]
    pub comment: Option<String>,
}

/// Where rows stand.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Records {
    /// A list of rows.
    List(PathText),
    /// Lists in lists, and objects whose keys say something.
    Levels(#[schemars(length(min = 1, max = 4))] Vec<Level>),
}

/// One step from the whole answer to a row: what stands at `at` is several, and each of them is gone into.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Where, from the level above.
    pub at: PathText,
    /// What stands there.
    #[serde(default)]
    pub is: LevelKind,
    /// Of an object, only these keys; rows under others are counted as dropped.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Whether it may be absent or null: then nothing is there. Otherwise it makes a broken answer or, below the first level,
    /// a bad record.
    #[serde(default)]
    pub optional: bool,
}

/// What stands at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LevelKind {
    /// A list.
    #[default]
    List,
    /// An object, whose values are gone into; a field reads the key with `from: key`.
    Map,
    /// A list, or a single value.
    OneOrMany,
}

/// A test of a row before it is read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowTest {
    /// Where, in the row.
    pub at: PathText,
    /// What stands there: one of these.
    pub is: OneOrMany<Scalar>,
}

/// A value in an answer that says something by being there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Where it stands in the answer.
    #[serde(default)]
    pub at: Option<PathText>,
    /// The response header it stands in, instead.
    #[serde(default)]
    pub header: Option<String>,
    /// What it is, one of these; without them, that it is there and not null, false, 0 or empty.
    #[serde(default)]
    pub is: Vec<Scalar>,
}

/// An order that is ready later. The lookup's request places it, its answer names it, and it is asked for until it is done.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Where the answer names the job; the name is `{job}`.
    #[serde(default)]
    pub id: Option<PathText>,
    /// The header of that answer that names it, such as `Location`, instead.
    #[serde(default)]
    pub header: Option<String>,
    /// The path that tells how far it is, such as `/jobs/{job}`; without it, the job's name is the URL that does.
    #[serde(default)]
    pub poll: Option<TemplateText>,
    /// Where that answer has the state.
    #[serde(default)]
    pub state: Option<PathText>,
    /// The states of a job that is not done.
    #[serde(default)]
    pub pending: Vec<Scalar>,
    /// Status codes that say the same, such as 202, for providers that have no word for it.
    #[serde(default)]
    pub pending_status: Option<OneOrMany<StatusCode>>,
    /// The states of a job that will never be done.
    #[serde(default)]
    pub failed: Vec<Scalar>,
    /// The path of the result, such as `/jobs/{job}/result`; without it, the answer that says it is done holds the rows.
    #[serde(default)]
    pub result: Option<TemplateText>,
    /// How long to wait before it is asked for again.
    pub every: DurationText,
    /// How often it is asked for at most.
    #[schemars(range(min = 1, max = 1000))]
    pub at_most: u32,
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
        /// The response header that says so, instead.
        #[serde(default)]
        total_header: Option<String>,
        /// How many rows the provider gives at most: an answer with so many is taken to be cut, and the outcome is `partial`.
        #[serde(default)]
        cap: Option<NumberText>,
    },
    /// Pages have numbers.
    Page {
        /// The parameter that carries the number; with `POST`, a path such as `$.page` puts it into the body.
        parameter: String,
        /// The number of the first page.
        #[serde(default = "Paging::default_first")]
        first: u64,
        /// Where the answer gives the number of the last page.
        #[serde(default)]
        last: Option<PathText>,
        /// The response header that gives it, instead.
        #[serde(default)]
        last_header: Option<String>,
        /// Where the answer says whether there is more.
        #[serde(default)]
        more: Option<PathText>,
        /// Where the answer gives the number of all records.
        #[serde(default)]
        total: Option<PathText>,
        /// The response header that gives it, instead. Where nothing is said, pages end with an empty one.
        #[serde(default)]
        total_header: Option<String>,
        /// The most pages that are asked for.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
    /// Pages start at a record's number.
    Offset {
        /// The parameter that carries the number; with `POST`, a path such as `$.offset` puts it into the body.
        parameter: String,
        /// The first request goes without the parameter, for providers that refuse it there.
        #[serde(default)]
        not_first: bool,
        /// The parameter that carries the size of a page. A page with fewer rows is not taken for the last one: providers give
        /// fewer than they are asked for.
        #[serde(default)]
        limit: Option<OffsetLimit>,
        /// Where the answer says whether there is more.
        #[serde(default)]
        more: Option<PathText>,
        /// Where the answer gives the number of all records.
        #[serde(default)]
        total: Option<PathText>,
        /// The response header that gives it, instead. Where nothing is said, pages end with an empty one.
        #[serde(default)]
        total_header: Option<String>,
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
        /// The parameter it is sent back in; with `POST`, a path such as `$.cursor` puts it into the body.
        #[serde(default)]
        parameter: Option<String>,
        /// The request header it is sent back in, instead.
        #[serde(default)]
        request_header: Option<String>,
        /// The most pages that are asked for.
        #[schemars(range(min = 1, max = 10000))]
        at_most: u32,
    },
    /// Every answer is capped: one that is full is asked for again in two parts, each of one half of the window, newest first,
    /// until every part is whole. The request names both ends of the window. An answer is full where it holds `cap` rows, where
    /// it tells of more than it holds, or where `truncated_when` or `framing: saf` says so. Neighbouring parts overlap: a record
    /// that comes in both counts once.
    Window {
        /// How many rows the provider gives at most. An answer with more is whole where its total says so.
        #[serde(default)]
        #[schemars(range(min = 1))]
        cap: Option<u64>,
        /// Where the answer says how many records there are between the ends that were asked for.
        #[serde(default)]
        total: Option<PathText>,
        /// The response header that says so, instead.
        #[serde(default)]
        total_header: Option<String>,
        /// The newest part is asked for without the parameters that carry `window.end`. Otherwise its end lies 26 hours ahead:
        /// clocks differ, and some providers take a date for the start of its day.
        #[serde(default)]
        open_end: bool,
        /// The most requests that are sent.
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

/// The size of a page, and the parameter that carries it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OffsetLimit {
    /// The parameter.
    pub parameter: String,
    /// The size.
    pub value: NumberText,
}
