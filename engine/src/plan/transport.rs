//! The compiled half that faces the provider: origin, credentials, requests, paging, quota, what answers mean.

use super::compiler::{Compiler, Place};
use super::path::Path;
use super::template::Template;
use super::time::TimeFormat;
use crate::diagnostic::{Code, Span};
use crate::profile::{
    Answer, Auth, BodyTest, Framing, Http, Lookup, Meaning, Method, Paging, PathText, Probe, Profile, QueryValue,
    Quota, QuotaHeaders, RetryAfter, Scalar, TemplateText, WaitUnit, WindowPoint,
};
use crate::stix::Kind;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use url::Url;

/// Origin, credentials, limits.
#[derive(Debug)]
pub struct HttpPlan {
    /// Scheme, host and shared path.
    pub base_url: Url,
    /// Credentials, in the order given.
    pub auth: Vec<AuthPlan>,
    /// Headers of every request.
    pub headers: Vec<(String, Template)>,
    /// How long one request may take.
    pub timeout: SignedDuration,
    /// The most bytes of an answer that are read.
    pub max_body: u64,
    /// What is tried again.
    pub retry: RetryPlan,
}

/// How we say who we are.
#[derive(Debug)]
pub enum AuthPlan {
    /// `Authorization: Basic`.
    Basic {
        /// The user.
        username: Template,
        /// The password.
        password: Template,
    },
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Template,
    },
    /// A query parameter.
    Query {
        /// Its name.
        parameter: String,
        /// Its value.
        value: Template,
    },
}

/// What is tried again, and for how long.
#[derive(Debug)]
pub struct RetryPlan {
    /// How often a request is sent at most.
    pub attempts: u32,
    /// The first wait.
    pub first: SignedDuration,
    /// The longest wait.
    pub longest: SignedDuration,
}

/// What the provider allows.
#[derive(Debug, Default)]
pub struct QuotaPlan {
    /// A request that tells what is left.
    pub probe: Option<ProbePlan>,
    /// Headers that tell what is left.
    pub headers: Option<QuotaHeaders>,
    /// How often one may ask.
    pub rate: Option<RatePlan>,
}

/// A request that tells what is left.
#[derive(Debug)]
pub struct ProbePlan {
    /// The path after the base URL.
    pub path: Template,
    /// Where the figures stand.
    pub figures: ProbeFigures,
    /// Where it says when the quota is full again.
    pub reset: Option<(Path, TimeFormat)>,
    /// How long an answer is believed.
    pub every: SignedDuration,
}

/// Where the figures of a quota stand.
#[derive(Debug)]
pub enum ProbeFigures {
    /// What was used, and what may be.
    UsedOfLimit(Path, Path),
    /// What is left.
    Remaining(Path),
}

/// So many requests in any stretch of this length.
#[derive(Debug)]
pub struct RatePlan {
    /// How many.
    pub requests: usize,
    /// In what stretch.
    pub per: SignedDuration,
}

/// When an answer matches, this is its meaning.
#[derive(Debug)]
pub struct AnswerPlan {
    /// Status codes; none means any.
    pub status: Vec<u16>,
    /// What the body holds.
    pub body: Option<BodyPlan>,
    /// What that means.
    pub means: Meaning,
    /// Where the provider says why.
    pub message: Option<Path>,
    /// Where it says how long to wait.
    pub retry_after: Option<(AnswerPlace, WaitUnit)>,
}

/// A test of a body.
#[derive(Debug)]
pub enum BodyPlan {
    /// A value that is one of these, or with none of them is there.
    Value(Path, Vec<Scalar>),
    /// A text it contains, in lower case.
    Contains(String),
}

/// A place in an answer.
#[derive(Debug)]
pub enum AnswerPlace {
    /// In the body.
    Body(Path),
    /// In a header.
    Header(String),
}

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

pub(super) fn http(compiler: &mut Compiler, http: &Http) -> Option<HttpPlan> {
    let base_url = base_url(compiler, &http.base_url);
    let auth: Vec<Option<Option<AuthPlan>>> =
        http.auth.iter().map(|(at, auth)| self::auth(compiler, auth, &format!("/http/auth{at}"))).collect();
    let headers = headers(compiler, &http.headers, "/http/headers", Place::Setting);
    let timeout = compiler.duration(&http.timeout, "/http/timeout");
    let first = compiler.duration(&http.retry.first, "/http/retry/first");
    let longest = compiler.duration(&http.retry.longest, "/http/retry/longest");
    Some(HttpPlan {
        base_url: base_url?,
        auth: auth.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect(),
        headers: headers?,
        timeout: timeout?,
        max_body: u64::from(http.max_body_mib) << 20,
        retry: RetryPlan { attempts: http.retry.attempts, first: first?, longest: longest? },
    })
}

fn base_url(compiler: &mut Compiler, text: &str) -> Option<Url> {
    let at = "/http/base_url";
    if text.contains(['{', '}']) {
        let label = "a value from outside could choose who gets the credentials";
        compiler.error(Code::BaseUrl, at, "the base URL is literal", label);
        return None;
    }
    let url = Url::parse(text).ok().filter(|url| url.has_host() && url.query().is_none() && url.fragment().is_none());
    let Some(url) = url else {
        compiler.error(Code::BaseUrl, at, "this is no base URL", "not scheme, host and path");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        compiler.error(Code::BaseUrl, at, "credentials do not stand in the base URL", "say them in `http.auth`");
        return None;
    }
    if url.scheme() != "https" {
        let found =
            compiler.error(Code::BaseUrl, at, "the base URL is not https", "credentials would travel in the clear");
        found.notes.push("for a test server, give its URL to the setting `api_base_url`".into());
        return None;
    }
    Some(url)
}

fn auth(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<Option<AuthPlan>> {
    let mut template = |text: &TemplateText, key: &str| compiler.template(text, &format!("{at}/{key}"), Place::Auth);
    Some(match auth {
        Auth::None {} => None,
        Auth::Basic { username, password } => {
            let (username, password) = (template(username, "username"), template(password, "password"));
            Some(AuthPlan::Basic { username: username?, password: password? })
        }
        Auth::Header { name, value } => Some(AuthPlan::Header { name: name.clone(), value: template(value, "value")? }),
        Auth::Bearer { token } => {
            let token = template(token, "token")?;
            Some(AuthPlan::Header { name: "Authorization".into(), value: token.after("Bearer ") })
        }
        Auth::Query { parameter, value } => {
            Some(AuthPlan::Query { parameter: parameter.clone(), value: template(value, "value")? })
        }
    })
}

fn headers(
    compiler: &mut Compiler,
    headers: &BTreeMap<String, TemplateText>,
    at: &str,
    place: Place,
) -> Option<Vec<(String, Template)>> {
    let compiled: Vec<_> = headers.iter().map(|(name, value)| header(compiler, name, value, at, place)).collect();
    compiled.into_iter().collect()
}

fn header(
    compiler: &mut Compiler,
    name: &str,
    value: &TemplateText,
    at: &str,
    place: Place,
) -> Option<(String, Template)> {
    let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    let is_token =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !is_token {
        compiler.error(Code::HeaderName, &pointer, format!("`{name}` is no header's name"), "named here");
        return None;
    }
    Some((name.to_owned(), compiler.template(value, &pointer, place)?))
}

pub(super) fn quota(compiler: &mut Compiler, quota: Option<&Quota>) -> Option<QuotaPlan> {
    let Some(quota) = quota else { return Some(QuotaPlan::default()) };
    let probe = quota.probe.as_ref().map(|probe| self::probe(compiler, probe));
    let rate = quota.rate.as_ref().map(|rate| {
        let per = compiler.duration(&rate.per, "/quota/rate/per")?;
        Some(RatePlan { requests: rate.requests as usize, per })
    });
    // A part that is absent is fine; a part that is there must have compiled.
    let probe = probe.map_or(Some(None), |probe| probe.map(Some))?;
    let rate = rate.map_or(Some(None), |rate| rate.map(Some))?;
    Some(QuotaPlan { probe, headers: quota.headers.clone(), rate })
}

fn probe(compiler: &mut Compiler, probe: &Probe) -> Option<ProbePlan> {
    let at = "/quota/probe";
    let path = compiler.template(&TemplateText(probe.path.clone()), &format!("{at}/path"), Place::Setting);
    let mut figure = |text: &Option<PathText>, key: &str| compiler.optional_path(text.as_ref(), &format!("{at}/{key}"));
    let (used, limit, remaining) =
        (figure(&probe.used, "used"), figure(&probe.limit, "limit"), figure(&probe.remaining, "remaining"));
    let reset = match &probe.reset {
        Some(reset) => {
            let place = reset.at.iter().next().and_then(|(i, text)| compiler.path(text, &format!("{at}/reset/at{i}")));
            let format = reset.format.as_deref().unwrap_or("rfc3339");
            let format = compiler.time_format(format, reset.zone.as_deref(), &format!("{at}/reset"));
            Some((place?, format?))
        }
        None => None,
    };
    let every = compiler.duration(&probe.every, &format!("{at}/every"));
    let figures = match (used?, limit?, remaining?) {
        (Some(used), Some(limit), None) => ProbeFigures::UsedOfLimit(used, limit),
        (None, None, Some(remaining)) => ProbeFigures::Remaining(remaining),
        _ => {
            let label = "either `used` and `limit`, or `remaining`";
            compiler.error(Code::QuotaFigures, at, "a probe reads two figures, or one", label);
            return None;
        }
    };
    Some(ProbePlan { path: path?, figures, reset, every: every? })
}

pub(super) fn answers(compiler: &mut Compiler, answers: &[Answer]) -> Option<Vec<AnswerPlan>> {
    let compiled: Vec<_> =
        answers.iter().enumerate().map(|(i, row)| answer(compiler, row, &format!("/answers/{i}"))).collect();
    compiled.into_iter().collect()
}

fn answer(compiler: &mut Compiler, answer: &Answer, at: &str) -> Option<AnswerPlan> {
    if answer.status.is_none() && answer.body.is_none() {
        let label = "it needs a `status`, a `body`, or both";
        compiler.error(Code::AnswerMatchesAll, at, "this row would give every answer one meaning", label);
        return None;
    }
    let body = match &answer.body {
        Some(BodyTest::Value { at: path, is }) => {
            let path = compiler.path(path, &format!("{at}/body/at"))?;
            let values = is.iter().flat_map(|values| values.iter().map(|(_, value)| value.clone())).collect();
            Some(BodyPlan::Value(path, values))
        }
        Some(BodyTest::Text { contains }) => Some(BodyPlan::Contains(contains.to_lowercase())),
        None => None,
    };
    let message = compiler.optional_path(answer.message.as_ref(), &format!("{at}/message"))?;
    let retry_after = match &answer.retry_after {
        Some(RetryAfter::Body { at: path, unit }) => {
            Some((AnswerPlace::Body(compiler.path(path, &format!("{at}/retry_after/at"))?), *unit))
        }
        Some(RetryAfter::Header { header, unit }) => Some((AnswerPlace::Header(header.clone()), *unit)),
        None => None,
    };
    let status = answer.status.iter().flat_map(|codes| codes.iter().map(|(_, code)| *code)).collect();
    Some(AnswerPlan { status, body, means: answer.means, message, retry_after })
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
            let from = match (path(place, "at")?, header) {
                (Some(path), None) => Some(AnswerPlace::Body(path)),
                (None, Some(header)) => Some(AnswerPlace::Header(header.clone())),
                _ => None,
            };
            let to = match (parameter, request_header) {
                (Some(parameter), None) => Some(CursorTarget::Parameter(parameter.clone())),
                (None, Some(header)) => Some(CursorTarget::Header(header.clone())),
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
