//! Compiled lookups: requests, framing of responses, paging and jobs.

use super::answers::{ResponseLocation, answer_place};
use super::body::BodyPlan;
use super::compiler::{Compiler, TemplateContext};
use super::headers::headers;
use super::paging::{PagingPlan, paging};
use super::path::Path;
use super::rows::{RowsPlan, SignalPlan, rows, signal};
use super::template::Template;
use super::time::TimeFormat;
use super::window_text::Distance;
use crate::diagnostic::{Code, Span};
use crate::profile::{Framing, Job, Lookup, Method, Profile, QueryValue, Scalar, TemplateText, WindowPoint};
use crate::stix::ObservableType;
use crate::yaml::child;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// A compiled lookup: one request and how its response is read.
#[derive(Debug)]
pub struct LookupPlan {
    /// Name of the lookup in the profile.
    pub name: String,
    /// Line of the lookup in the source.
    pub line: usize,
    /// Observable types that the lookup accepts.
    pub accepts: Vec<ObservableType>,
    /// Values for which the request is repeated.
    pub for_each: Vec<String>,
    /// HTTP method of the lookup's requests.
    pub method: Method,
    /// Template of the path, relative to the base URL.
    pub path: Template,
    /// Query parameters, ordered by name.
    pub query: Vec<(String, QueryPlan)>,
    /// Headers of this lookup's requests, ordered by name.
    pub headers: Vec<(String, Template)>,
    /// JSON body of a `POST` request, if any.
    pub body: Option<BodyPlan>,
    /// Form fields of a `POST` request; empty without a form.
    pub form: Vec<(String, QueryPlan)>,
    /// How a response is divided into rows.
    pub rows: RowsPlan,
    /// Location of `records` in the source.
    pub records_span: Span,
    /// How further pages of the result are requested.
    pub paging: PagingPlan,
    /// Sign that the response is incomplete, if the provider has one.
    pub truncated_when: Option<SignalPlan>,
    /// Polling of an asynchronous job, if the provider uses one.
    pub job: Option<JobPlan>,
}

impl LookupPlan {
    /// Returns the paths into the response body outside of its rows, with their keys relative to the lookup.
    pub(crate) fn body_places(&self) -> impl Iterator<Item = (String, &Path)> {
        let paging = self.paging.body_places().into_iter().map(|(key, path)| (format!("paging/{key}"), path));
        let signal = self.truncated_when.iter().filter_map(|signal| match &signal.place {
            ResponseLocation::Body(path) => Some(("truncated_when/at".to_owned(), path)),
            ResponseLocation::Header(_) => None,
        });
        paging.chain(signal)
    }

    /// Returns the templates of the first request.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Template> {
        let query = self.query.iter().chain(&self.form).filter_map(|(_, value)| match value {
            QueryPlan::Text(text) => Some(text),
            QueryPlan::Time(..) | QueryPlan::Distance(..) => None,
        });
        let body = self.body.iter().flat_map(BodyPlan::texts);
        [&self.path].into_iter().chain(query).chain(self.headers.iter().map(|(_, text)| text)).chain(body)
    }

    /// Returns whether a path outside of the rows leads into them, such as a cursor in the last row.
    pub(crate) fn reads_rows_twice(&self) -> bool {
        let Some(rows) = self.rows.levels.first().map(|level| level.at.steps()) else { return false };
        self.body_places().any(|(_, path)| path.steps().starts_with(rows) || rows.starts_with(path.steps()))
    }

    /// Returns whether a response can be processed in chunks, because its lines are independent.
    pub fn reads_pieces(&self) -> bool {
        matches!(self.rows.framing, Framing::Ndjson | Framing::Saf)
    }
}

/// Compiled requests that poll an asynchronous job and fetch its result.
#[derive(Debug)]
pub struct JobPlan {
    /// Position of the job's identifier in the response.
    pub id: ResponseLocation,
    /// Path of the polling request; `None` if the identifier is its URL.
    pub poll: Option<Template>,
    /// Path of the state in a polling response.
    pub state: Option<Path>,
    /// States of a job that is still running.
    pub pending: Vec<Scalar>,
    /// Status codes that mean that the job is still running.
    pub pending_status: Vec<u16>,
    /// States of a job that is done; empty if only status codes decide.
    pub done: Vec<Scalar>,
    /// States of a job that has failed.
    pub failed: Vec<Scalar>,
    /// Path of the request for the result, if it is a separate one.
    pub result: Option<Template>,
    /// Interval between two polling requests.
    pub every: SignedDuration,
    /// Maximum number of polling requests.
    pub at_most: u32,
}

/// Compiled value of a query parameter or form field.
#[derive(Debug)]
pub enum QueryPlan {
    /// A text with placeholders.
    Text(Template),
    /// A bound of the window as a time.
    Time(WindowPoint, TimeFormat),
    /// A bound of the window as distance from now.
    Distance(WindowPoint, Distance),
}

impl QueryPlan {
    /// Returns whether the value is the end of the window.
    pub fn is_end_of_window(&self) -> bool {
        matches!(self, Self::Time(WindowPoint::End, _) | Self::Distance(WindowPoint::End, _))
    }
}

/// Compiles the lookups in the order of the file, in which they run.
pub(super) fn lookups(compiler: &mut Compiler, profile: &Profile) -> Vec<Option<LookupPlan>> {
    if profile.lookups.is_empty() {
        compiler.error(Code::NothingToAsk, "/lookups", "a profile requires at least one lookup", "empty");
    }
    let has_window = profile.window.is_some();
    let mut in_order: Vec<_> = profile.lookups.iter().collect();
    in_order.sort_by_key(|(name, _)| compiler.span(&at(name)).start);
    in_order.into_iter().map(|(name, lookup)| self::lookup(compiler, name, lookup, has_window)).collect()
}

/// Returns the JSON pointer of a lookup.
pub(super) fn at(name: &str) -> String {
    child("/lookups", name)
}

fn lookup(compiler: &mut Compiler, name: &str, lookup: &Lookup, has_window: bool) -> Option<LookupPlan> {
    let at = at(name);
    let context = if lookup.for_each.is_empty() { TemplateContext::REQUEST } else { TemplateContext::REQUEST_FOR_EACH };
    let path = compiler.template(&lookup.path, &format!("{at}/path"), context);
    path.iter().for_each(|path| compiler.request_path(path, &format!("{at}/path")));
    let mut values = |values: &BTreeMap<String, QueryValue>, key: &str| {
        let value = |(name, value): (&String, &QueryValue)| {
            Some((
                name.clone(),
                query_value(compiler, value, &child(&format!("{at}/{key}"), name), context, has_window)?,
            ))
        };
        let values: Vec<_> = values.iter().map(value).collect();
        values.into_iter().collect::<Option<Vec<_>>>()
    };
    let (query, form) = (values(&lookup.query, "query"), values(&lookup.form, "form"));
    let headers = headers(compiler, &lookup.headers, &format!("{at}/headers"), context);
    let body = body(compiler, lookup, &at, context);
    let rows = rows(compiler, lookup, &at);
    let paging = paging(compiler, lookup, &format!("{at}/paging"));
    let truncated_when = signal(compiler, lookup.truncated_when.as_ref(), &format!("{at}/truncated_when"));
    let job = match &lookup.job {
        Some(job) => self::job(compiler, job, &format!("{at}/job")).map(Some),
        None => Some(None),
    };
    Some(LookupPlan {
        name: name.to_owned(),
        line: compiler.line(&at),
        accepts: lookup.accepts.clone(),
        for_each: lookup.for_each.clone(),
        method: lookup.method,
        path: path?,
        query: query?,
        headers: headers?,
        body: body?,
        form: form?,
        rows: rows?,
        records_span: compiler.span(&format!("{at}/records")),
        paging: paging?,
        truncated_when: truncated_when?,
        job: job?,
    })
}

fn body(compiler: &mut Compiler, lookup: &Lookup, at: &str, context: TemplateContext) -> Option<Option<BodyPlan>> {
    super::body::validate_body(compiler, lookup.method, lookup.body.is_some(), !lookup.form.is_empty(), at)?;
    match &lookup.body {
        Some(body) => super::body::body(compiler, body, &format!("{at}/body"), context).map(Some),
        None => Some(None),
    }
}

fn job(compiler: &mut Compiler, job: &Job, at: &str) -> Option<JobPlan> {
    let id = answer_place(compiler, job.id.as_ref(), job.header.as_deref(), (at, "id", "header"), Code::JobPlace);
    let state = compiler.optional_path(job.state.as_ref(), &format!("{at}/state"));
    let mut path_at = |text: &Option<TemplateText>, key: &str| {
        let Some(text) = text else { return Some(None) };
        let path = compiler.template(text, &format!("{at}/{key}"), TemplateContext::JOB);
        path.iter().for_each(|path| compiler.request_path(path, &format!("{at}/{key}")));
        path.map(Some)
    };
    let poll = path_at(&job.poll, "poll");
    let result = path_at(&job.result, "result");
    let every = compiler.duration(&job.every, &format!("{at}/every"));
    let has_word = job.state.is_some() && !job.pending.is_empty();
    let needs_done = !(job.pending.is_empty() && job.failed.is_empty());
    let needs_state = needs_done || !job.done.is_empty();
    if !(has_word || job.pending_status.is_some()) || needs_state && job.state.is_none() {
        let label = "requires `state` and `pending`, or `pending_status`";
        compiler.error(Code::JobPlace, at, "missing state of a running job", label);
        return None;
    }
    if needs_done && job.done.is_empty() {
        let label = "requires `done`: another state does not mean that the job is done";
        compiler.error(Code::JobPlace, at, "missing states of a job that is done", label);
        return None;
    }
    if job.result.is_some() && job.poll.is_none() {
        let label = "without `poll` the last polling response contains the rows";
        compiler.error(Code::JobPlace, &format!("{at}/result"), "`result` requires `poll`", label);
        return None;
    }
    let pending_status = job.pending_status.iter().flat_map(|codes| codes.iter().map(|(_, code)| code.0)).collect();
    Some(JobPlan {
        id: id?,
        poll: poll?,
        state: state?,
        pending: job.pending.clone(),
        pending_status,
        done: job.done.clone(),
        failed: job.failed.clone(),
        result: result?,
        every: every?,
        at_most: job.at_most,
    })
}

fn query_value(
    compiler: &mut Compiler,
    value: &QueryValue,
    at: &str,
    context: TemplateContext,
    has_window: bool,
) -> Option<QueryPlan> {
    match value {
        QueryValue::Integer(number) => {
            Some(QueryPlan::Text(Template::parse(&number.to_string()).expect("digits are a template")))
        }
        QueryValue::Text(text) => compiler.template(text, at, context).map(QueryPlan::Text),
        QueryValue::Time { from, format, zone } => {
            if !has_window {
                compiler.error(Code::WindowMissing, at, "missing `window` in the profile", "requires a `window` block");
                return None;
            }
            if let Some(distance) = Distance::parse(format) {
                return Some(QueryPlan::Distance(*from, distance));
            }
            let zone = zone.as_deref().or(Some("UTC"));
            compiler.time_format(format, zone, at).map(|format| QueryPlan::Time(*from, format))
        }
    }
}
