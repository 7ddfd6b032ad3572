//! Compiled paging: how further pages of a result are requested.

use super::answers::{ResponseLocation, answer_place};
use super::compiler::{Compiler, ValueOrSetting};
use super::path::{Path, PathStep};
use crate::diagnostic::Code;
use crate::profile::{Lookup, Method, NumberText, Paging, PathText, Profile, SettingType, TemplateText};
use std::fmt;

/// How further pages of a result are requested.
#[derive(Debug)]
pub enum PagingPlan {
    /// A single page, possibly with a total number of records.
    None {
        /// Position of the total number of records.
        total: Option<ResponseLocation>,
        /// Maximum number of rows that the provider returns.
        cap: Option<ValueOrSetting<u64>>,
    },
    /// Pages with consecutive numbers, sent in a parameter.
    Page {
        /// Parameter that carries the page number.
        parameter: Parameter,
        /// Number of the first page.
        first: u64,
        /// Position of the number of the last page.
        last: Option<ResponseLocation>,
        /// Path of a value that indicates more pages.
        more: Option<Path>,
        /// Position of the total number of records.
        total: Option<ResponseLocation>,
        /// Maximum number of pages to request.
        at_most: u32,
    },
    /// Pages that start at a record number.
    Offset {
        /// Parameter that carries the offset.
        parameter: Parameter,
        /// Whether the first request omits the parameter.
        not_first: bool,
        /// Parameter for the size of a page, and the size.
        limit: Option<(Parameter, ValueOrSetting<u64>)>,
        /// Path of a value that indicates more pages.
        more: Option<Path>,
        /// Position of the total number of records.
        total: Option<ResponseLocation>,
        /// Maximum number of pages to request.
        at_most: u32,
    },
    /// Each page contains the URL of the next one, in the body or in the header `Link`.
    NextUrl {
        /// Path of the URL; `None` for the header `Link`.
        at: Option<Path>,
        /// Maximum number of pages to request.
        at_most: u32,
    },
    /// Each page contains a cursor for the next one.
    Cursor {
        /// Position of the cursor in the response.
        from: ResponseLocation,
        /// Position of the cursor in the next request.
        to: CursorTarget,
        /// Maximum number of pages to request.
        at_most: u32,
    },
    /// Parts of the window are requested until no response is full.
    Window {
        /// Maximum number of rows that the provider returns.
        cap: Option<u64>,
        /// Position of the total number of records of a part.
        total: Option<ResponseLocation>,
        /// Whether the newest part is requested without its end.
        open_end: bool,
        /// Maximum number of requests to send.
        at_most: u32,
    },
}

/// Where the next request carries the cursor.
#[derive(Debug)]
pub enum CursorTarget {
    /// A query parameter or position in the body.
    Parameter(Parameter),
    /// A request header with this name.
    Header(String),
}

/// Where a request carries a value of paging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// A query parameter with this name.
    Query(String),
    /// A position in the JSON body.
    Body(Path),
}

impl Parameter {
    /// Returns the name of the query parameter, or an empty text for a position in the body.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Query(name) => name,
            Self::Body(_) => "",
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(name) => f.write_str(name),
            Self::Body(path) => write!(f, "{path}"),
        }
    }
}

impl PagingPlan {
    /// Returns the paths into the response body that determine the next page, with their keys.
    pub(super) fn body_places(&self) -> Vec<(&'static str, &Path)> {
        fn body<'p>(key: &'static str, place: &'p Option<ResponseLocation>) -> Option<(&'static str, &'p Path)> {
            match place {
                Some(ResponseLocation::Body(path)) => Some((key, path)),
                _ => None,
            }
        }
        fn path<'p>(key: &'static str, path: &'p Option<Path>) -> Option<(&'static str, &'p Path)> {
            path.as_ref().map(|path| (key, path))
        }
        let places = match self {
            Self::None { total, .. } | Self::Window { total, .. } => vec![body("total", total)],
            Self::Page { last, more, total, .. } => {
                vec![body("last", last), path("more", more), body("total", total)]
            }
            Self::Offset { more, total, .. } => vec![path("more", more), body("total", total)],
            Self::NextUrl { at, .. } => vec![path("at", at)],
            Self::Cursor { from: ResponseLocation::Body(path), .. } => vec![Some(("at", path))],
            Self::Cursor { .. } => vec![],
        };
        places.into_iter().flatten().collect()
    }

    /// Returns the maximum number of pages or requests.
    pub fn at_most(&self) -> u32 {
        match self {
            Self::None { .. } => 1,
            Self::Page { at_most, .. }
            | Self::Offset { at_most, .. }
            | Self::NextUrl { at_most, .. }
            | Self::Cursor { at_most, .. }
            | Self::Window { at_most, .. } => *at_most,
        }
    }
}

/// Parses a paging parameter: a query parameter, or a path into the body.
fn parameter(compiler: &mut Compiler, lookup: &Lookup, text: &str, pointer: &str) -> Option<Parameter> {
    if !text.starts_with('$') {
        return Some(Parameter::Query(text.to_owned()));
    }
    let path = compiler.path(&PathText(text.to_owned()), pointer)?;
    let is_plain = path.steps().iter().all(|step| matches!(step, PathStep::Name(_))) && !path.steps().is_empty();
    let is_deep = !lookup.form.is_empty() && path.steps().len() > 1;
    if lookup.method != Method::Post || !is_plain || is_deep {
        let label = "requires `method: POST` and names only; for a form one name";
        compiler.error(Code::BodyParameter, pointer, "invalid position in the body", label);
        return None;
    }
    Some(Parameter::Body(path))
}

/// Compiles a literal number or a setting.
fn number(compiler: &mut Compiler, number: &NumberText, pointer: &str) -> Option<ValueOrSetting<u64>> {
    match number {
        NumberText::Number(number) => Some(ValueOrSetting::Value(*number)),
        NumberText::Setting(text) => compiler.value_or_setting(text, pointer, SettingType::Integer, |_| None),
    }
}

/// Returns whether a setting is a number of rows, per page or per response.
pub(super) fn is_number_of(profile: &Profile, setting: &str) -> bool {
    let names = |number: &NumberText| matches!(number, NumberText::Setting(TemplateText(text)) if *text == format!("{{settings.{setting}}}"));
    profile.lookups.values().any(|lookup| match &lookup.paging {
        Paging::None { cap, .. } => cap.as_ref().is_some_and(names),
        Paging::Offset { limit, .. } => limit.as_ref().is_some_and(|limit| names(&limit.value)),
        Paging::Page { .. } | Paging::NextUrl { .. } | Paging::Cursor { .. } | Paging::Window { .. } => false,
    })
}

/// Compiles how further pages of a result are requested.
pub(super) fn paging(compiler: &mut Compiler, lookup: &Lookup, at: &str) -> Option<PagingPlan> {
    let paging = &lookup.paging;
    let named =
        |compiler: &mut Compiler, text: &str, key: &str| parameter(compiler, lookup, text, &format!("{at}/{key}"));
    let sent = match paging {
        Paging::Page { parameter, .. } | Paging::Offset { parameter, .. } => {
            Some(named(compiler, parameter, "parameter")?)
        }
        Paging::Cursor { parameter: Some(parameter), .. } => Some(named(compiler, parameter, "parameter")?),
        _ => None,
    };
    let size = match paging {
        Paging::Offset { limit: Some(limit), .. } => {
            let parameter = named(compiler, &limit.parameter, "limit/parameter");
            let value = number(compiler, &limit.value, &format!("{at}/limit/value"));
            Some((parameter?, value?))
        }
        _ => None,
    };
    let cap = match paging {
        Paging::None { cap: Some(cap), .. } => Some(number(compiler, cap, &format!("{at}/cap"))?),
        _ => None,
    };
    let mut figure = |path: &Option<PathText>, header: &Option<String>, key: &str| {
        if path.is_none() && header.is_none() {
            return Some(None);
        }
        let keys = (at, key, &*format!("{key}_header"));
        answer_place(compiler, path.as_ref(), header.as_deref(), keys, Code::FigureTwice).map(Some)
    };
    Some(match paging {
        Paging::None { total, total_header, .. } => {
            PagingPlan::None { total: figure(total, total_header, "total")?, cap }
        }
        Paging::Page { first, last, last_header, more, total, total_header, at_most, .. } => {
            let (last, total) = (figure(last, last_header, "last"), figure(total, total_header, "total"));
            let more = compiler.optional_path(more.as_ref(), &format!("{at}/more"));
            let (first, at_most) = (*first, *at_most);
            PagingPlan::Page { parameter: sent?, first, last: last?, more: more?, total: total?, at_most }
        }
        Paging::Offset { not_first, more, total, total_header, at_most, .. } => {
            let (total, (not_first, at_most)) = (figure(total, total_header, "total"), (*not_first, *at_most));
            let more = compiler.optional_path(more.as_ref(), &format!("{at}/more"))?;
            PagingPlan::Offset { parameter: sent?, not_first, limit: size, more, total: total?, at_most }
        }
        Paging::NextUrl { at: place, at_most } => {
            let place = compiler.optional_path(place.as_ref(), &format!("{at}/at"))?;
            PagingPlan::NextUrl { at: place, at_most: *at_most }
        }
        Paging::Cursor { .. } => cursor(compiler, paging, sent, at)?,
        Paging::Window { cap, total, total_header, open_end, at_most } => {
            let total = figure(total, total_header, "total")?;
            PagingPlan::Window { cap: *cap, total, open_end: *open_end, at_most: *at_most }
        }
    })
}

fn cursor(compiler: &mut Compiler, paging: &Paging, sent: Option<Parameter>, at: &str) -> Option<PagingPlan> {
    let Paging::Cursor { at: place, header, request_header, at_most, .. } = paging else { return None };
    let body = compiler.optional_path(place.as_ref(), &format!("{at}/at"))?;
    let header = match header {
        Some(name) => compiler.header_name(name, compiler.span(&format!("{at}/header"))).map(Some),
        None => Some(None),
    };
    let request_header = match request_header {
        Some(name) => compiler.sent_header(name, compiler.span(&format!("{at}/request_header"))).map(Some),
        None => Some(None),
    };
    let from = match (body, header?) {
        (Some(path), None) => Some(ResponseLocation::Body(path)),
        (None, Some(header)) => Some(ResponseLocation::Header(header)),
        _ => None,
    };
    let to = match (sent, request_header?) {
        (Some(parameter), None) => Some(CursorTarget::Parameter(parameter)),
        (None, Some(header)) => Some(CursorTarget::Header(header)),
        _ => None,
    };
    let (Some(from), Some(to)) = (from, to) else {
        let label = "requires `at` or `header`, and `parameter` or `request_header`";
        compiler.error(Code::CursorPlaces, at, "ambiguous or missing position of the cursor", label);
        return None;
    };
    Some(PagingPlan::Cursor { from, to, at_most: *at_most })
}
