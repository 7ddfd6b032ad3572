//! The ways to ask, compiled: requests, framing, and how pages follow one another.

use super::answers::AnswerPlace;
use super::compiler::{Compiler, Place};
use super::http::headers;
use super::path::Path;
use super::template::Template;
use super::time::TimeFormat;
use crate::diagnostic::{Code, Span};
use crate::profile::{Framing, Lookup, Method, Paging, PathText, Profile, QueryValue, WindowPoint};
use crate::stix::Kind;

/// One way to ask.
#[derive(Debug)]
pub struct LookupPlan {
    /// Its name in the profile.
    pub name: String,
    /// The line it stands on.
    pub line: usize,
    /// The types of observable it is for.
    pub accepts: Vec<Kind>,
    /// One request for each.
    pub for_each: Vec<String>,
    /// The request's method.
    pub method: Method,
    /// The path after the base URL.
    pub path: Template,
    /// The query, in the order of names.
    pub query: Vec<(String, QueryPlan)>,
    /// Headers of this lookup alone.
    pub headers: Vec<(String, Template)>,
    /// How an answer is cut into rows.
    pub framing: Framing,
    /// Where the rows stand.
    pub records: Path,
    /// Where the profile says so.
    pub records_span: Span,
    /// How pages follow one another.
    pub paging: PagingPlan,
}

/// The value of a query parameter.
#[derive(Debug)]
pub enum QueryPlan {
    /// Text.
    Text(Template),
    /// An end of the window.
    Time(WindowPoint, TimeFormat),
}

/// How pages follow one another.
#[derive(Debug)]
pub enum PagingPlan {
    /// The answer is one page, and may say how many records there would be.
    None {
        /// Where.
        total: Option<Path>,
    },
    /// By number.
    Page {
        /// The parameter.
        parameter: String,
        /// The first number.
        first: u64,
        /// Where the last number stands.
        last: Option<Path>,
        /// Where it says whether there is more.
        more: Option<Path>,
        /// The most pages.
        at_most: u32,
    },
    /// By the number of a record.
    Offset {
        /// The parameter.
        parameter: String,
        /// The size of a page, and its parameter.
        limit: Option<(String, u64)>,
        /// Where the number of all records stands.
        total: Option<Path>,
        /// The most pages.
        at_most: u32,
    },
    /// By the URL of the next; without a path, from the header `Link`.
    NextUrl {
        /// Where it stands.
        at: Option<Path>,
        /// The most pages.
        at_most: u32,
    },
    /// By cursor.
    Cursor {
        /// Where it stands.
        from: AnswerPlace,
        /// Where it is sent back.
        to: CursorTarget,
        /// The most pages.
        at_most: u32,
    },
}

/// Where a cursor is sent back.
#[derive(Debug)]
pub enum CursorTarget {
    /// In a query parameter.
    Parameter(String),
    /// In a request header.
    Header(String),
}

impl PagingPlan {
    /// The most pages that are asked for.
    pub fn at_most(&self) -> u32 {
        match self {
            Self::None { .. } => 1,
            Self::Page { at_most, .. }
            | Self::Offset { at_most, .. }
            | Self::NextUrl { at_most, .. }
            | Self::Cursor { at_most, .. } => *at_most,
        }
    }
}

pub(super) fn lookups(compiler: &mut Compiler, profile: &Profile) -> Option<Vec<LookupPlan>> {
    if profile.lookups.is_empty() {
        compiler.error(Code::NothingToAsk, "/lookups", "a profile has at least one lookup", "none here");
        return None;
    }
    let has_window = profile.window.is_some();
    let compiled: Vec<_> =
        profile.lookups.iter().map(|(name, lookup)| self::lookup(compiler, name, lookup, has_window)).collect();
    compiled.into_iter().collect()
}

fn lookup(compiler: &mut Compiler, name: &str, lookup: &Lookup, has_window: bool) -> Option<LookupPlan> {
    let at = format!("/lookups/{name}");
    let place = if lookup.for_each.is_empty() { Place::Request } else { Place::RequestForEach };
    let path = compiler.template(&lookup.path, &format!("{at}/path"), place);
    path.iter().for_each(|path| compiler.request_path(path, &format!("{at}/path")));
    let query: Vec<_> = lookup
        .query
        .iter()
        .map(|(key, value)| {
            let value = query_value(compiler, value, &format!("{at}/query/{key}"), place, has_window)?;
            Some((key.clone(), value))
        })
        .collect();
    let headers = headers(compiler, &lookup.headers, &format!("{at}/headers"), place);
    let records = records(compiler, lookup, &at);
    let paging = paging(compiler, &lookup.paging, &format!("{at}/paging"));
    Some(LookupPlan {
        name: name.to_owned(),
        line: compiler.line(&at),
        accepts: lookup.accepts.clone(),
        for_each: lookup.for_each.clone(),
        method: lookup.method,
        path: path?,
        query: query.into_iter().collect::<Option<_>>()?,
        headers: headers?,
        framing: lookup.framing,
        records: records?,
        records_span: compiler.span(&format!("{at}/records")),
        paging: paging?,
    })
}

fn records(compiler: &mut Compiler, lookup: &Lookup, at: &str) -> Option<Path> {
    match (&lookup.records, lookup.framing) {
        (Some(path), Framing::Json) => compiler.path(path, &format!("{at}/records")),
        (None, Framing::Ndjson) => Path::parse("$").ok(),
        (None, Framing::Json) => {
            let found =
                compiler.error(Code::RecordsMissing, at, "nobody says where the rows stand", "it needs `records`");
            found.notes.push("`records: $` for an answer that is itself a list".into());
            None
        }
        (Some(_), Framing::Ndjson) => {
            let label = "each line is a row";
            compiler.error(Code::RecordsNotUsed, &format!("{at}/records"), "`ndjson` needs no `records`", label);
            None
        }
    }
}

fn query_value(
    compiler: &mut Compiler,
    value: &QueryValue,
    at: &str,
    place: Place,
    has_window: bool,
) -> Option<QueryPlan> {
    match value {
        QueryValue::Integer(number) => {
            Some(QueryPlan::Text(Template::parse(&number.to_string()).expect("digits are a template")))
        }
        QueryValue::Text(text) => compiler.template(text, at, place).map(QueryPlan::Text),
        QueryValue::Time { from, format } => {
            if !has_window {
                compiler.error(
                    Code::WindowMissing,
                    at,
                    "the profile has no `window`",
                    "an end of it is asked for here",
                );
                return None;
            }
            compiler.time_format(format, Some("UTC"), at).map(|format| QueryPlan::Time(*from, format))
        }
    }
}

fn paging(compiler: &mut Compiler, paging: &Paging, at: &str) -> Option<PagingPlan> {
    let mut path = |text: &Option<PathText>, key: &str| compiler.optional_path(text.as_ref(), &format!("{at}/{key}"));
    Some(match paging {
        Paging::None { total } => PagingPlan::None { total: path(total, "total")? },
        Paging::Page { parameter, first, last, more, at_most } => {
            let (last, more) = (path(last, "last"), path(more, "more"));
            PagingPlan::Page {
                parameter: parameter.clone(),
                first: *first,
                last: last?,
                more: more?,
                at_most: *at_most,
            }
        }
        Paging::Offset { parameter, limit, total, at_most } => PagingPlan::Offset {
            parameter: parameter.clone(),
            limit: limit.as_ref().map(|limit| (limit.parameter.clone(), limit.value)),
            total: path(total, "total")?,
            at_most: *at_most,
        },
        Paging::NextUrl { at: place, at_most } => PagingPlan::NextUrl { at: path(place, "at")?, at_most: *at_most },
        Paging::Cursor { at: place, header, parameter, request_header, at_most } => {
            let body = path(place, "at")?;
            let mut name = |header: &Option<String>, key: &str| match header {
                Some(name) => compiler.header_name(name, compiler.span(&format!("{at}/{key}"))).map(Some),
                None => Some(None),
            };
            let (header, request_header) = (name(header, "header"), name(request_header, "request_header"));
            let from = match (body, header?) {
                (Some(path), None) => Some(AnswerPlace::Body(path)),
                (None, Some(header)) => Some(AnswerPlace::Header(header)),
                _ => None,
            };
            let to = match (parameter, request_header?) {
                (Some(parameter), None) => Some(CursorTarget::Parameter(parameter.clone())),
                (None, Some(header)) => Some(CursorTarget::Header(header)),
                _ => None,
            };
            let (Some(from), Some(to)) = (from, to) else {
                let label = "one of `at` and `header`, and one of `parameter` and `request_header`";
                compiler.error(Code::CursorPlaces, at, "a cursor comes from one place and goes to one", label);
                return None;
            };
            PagingPlan::Cursor { from, to, at_most: *at_most }
        }
    })
}
