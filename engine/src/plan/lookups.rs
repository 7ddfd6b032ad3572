//! The ways to ask, compiled: requests, and what an answer to them is cut into.

use super::answers::AnswerPlace;
use super::auth::answer_place;
use super::body::BodyPlan;
use super::compiler::{Compiler, TemplateContext};
use super::http::headers;
use super::paging::{PagingPlan, paging};
use super::path::Path;
use super::rows::{RowsPlan, SignalPlan, rows, signal};
use super::template::Template;
use super::time::TimeFormat;
use crate::diagnostic::{Code, Span};
use crate::profile::{Framing, Job, Lookup, Method, Profile, QueryValue, Scalar, TemplateText, WindowPoint};
use crate::stix::Kind;
use crate::yaml::child;
use jiff::SignedDuration;
use std::collections::BTreeMap;

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
    /// The body of a `POST`, if it is JSON.
    pub body: Option<BodyPlan>,
    /// The fields of a `POST`'s form; none if it has no form.
    pub form: Vec<(String, QueryPlan)>,
    /// How an answer is cut into rows.
    pub rows: RowsPlan,
    /// Where the profile says so.
    pub records_span: Span,
    /// How pages follow one another.
    pub paging: PagingPlan,
    /// Where the answer says that it is not all there is.
    pub truncated_when: Option<SignalPlan>,
    /// An order that is ready later.
    pub job: Option<JobPlan>,
}

impl LookupPlan {
    /// Every place of an answer's body that is read beside its rows, by where the profile says so below the lookup.
    pub(super) fn body_places(&self) -> impl Iterator<Item = (String, &Path)> {
        let paging = self.paging.body_places().into_iter().map(|(key, path)| (format!("paging/{key}"), path));
        let signal = self.truncated_when.iter().filter_map(|signal| match &signal.place {
            AnswerPlace::Body(path) => Some(("truncated_when/at".to_owned(), path)),
            AnswerPlace::Header(_) => None,
        });
        paging.chain(signal)
    }

    /// Every text of its first request.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Template> {
        let query = self.query.iter().chain(&self.form).filter_map(|(_, value)| match value {
            QueryPlan::Text(text) => Some(text),
            QueryPlan::Time(..) | QueryPlan::Distance(..) => None,
        });
        let body = self.body.iter().flat_map(BodyPlan::texts);
        [&self.path].into_iter().chain(query).chain(self.headers.iter().map(|(_, text)| text)).chain(body)
    }

    /// Whether something is read beside the rows that stands in them, such as the last row's name as a cursor.
    pub(crate) fn reads_rows_twice(&self) -> bool {
        let Some(rows) = self.rows.levels.first().map(|level| level.at.steps()) else { return false };
        self.body_places().any(|(_, path)| path.steps().starts_with(rows) || rows.starts_with(path.steps()))
    }

    /// Whether an answer can be read piece by piece: its lines mean the same wherever they are cut apart.
    pub fn reads_pieces(&self) -> bool {
        matches!(self.rows.framing, Framing::Ndjson | Framing::Saf)
    }
}

/// An order that is ready later.
#[derive(Debug)]
pub struct JobPlan {
    /// Where the answer names the job.
    pub id: AnswerPlace,
    /// The path that tells how far it is; none if the job is named by that URL.
    pub poll: Option<Template>,
    /// Where that answer has the state.
    pub state: Option<Path>,
    /// The states of a job that is not done.
    pub pending: Vec<Scalar>,
    /// Status codes that say so too.
    pub pending_status: Vec<u16>,
    /// The states of a job that will never be done.
    pub failed: Vec<Scalar>,
    /// The path of the result.
    pub result: Option<Template>,
    /// How long to wait before it is asked for again.
    pub every: SignedDuration,
    /// How often it is asked for at most.
    pub at_most: u32,
}

/// The value of a query parameter.
#[derive(Debug)]
pub enum QueryPlan {
    /// Text.
    Text(Template),
    /// An end of the window.
    Time(WindowPoint, TimeFormat),
    /// How far back it lies.
    Distance(WindowPoint, Distance),
}

impl QueryPlan {
    /// Whether it is the window's end and nothing else.
    pub fn is_end_of_window(&self) -> bool {
        matches!(self, Self::Time(WindowPoint::End, _) | Self::Distance(WindowPoint::End, _))
    }
}

/// A way to write how far back something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// Whole days, the last one begun counted.
    Days,
    /// Seconds.
    Seconds,
    /// Seconds with a minus.
    NegativeSeconds,
}

impl Distance {
    pub(super) fn parse(word: &str) -> Option<Distance> {
        match word {
            "days-back" => Some(Self::Days),
            "seconds-back" => Some(Self::Seconds),
            "negative-seconds" => Some(Self::NegativeSeconds),
            _ => None,
        }
    }

    /// The text for a distance.
    pub fn write(self, distance: SignedDuration) -> String {
        let seconds = distance.as_secs().max(0);
        match self {
            Self::Days => ((seconds + 86_399) / 86_400).to_string(),
            Self::Seconds => seconds.to_string(),
            Self::NegativeSeconds => format!("-{seconds}"),
        }
    }
}

/// All lookups, in the order of the file: it is the order in which they are asked.
pub(super) fn lookups(compiler: &mut Compiler, profile: &Profile) -> Vec<Option<LookupPlan>> {
    if profile.lookups.is_empty() {
        compiler.error(Code::NothingToAsk, "/lookups", "a profile has at least one lookup", "none here");
    }
    let has_window = profile.window.is_some();
    let mut in_order: Vec<_> = profile.lookups.iter().collect();
    in_order.sort_by_key(|(name, _)| compiler.span(&at(name)).start);
    in_order.into_iter().map(|(name, lookup)| self::lookup(compiler, name, lookup, has_window)).collect()
}

/// Where a lookup stands.
pub(super) fn at(name: &str) -> String {
    child("/lookups", name)
}

fn lookup(compiler: &mut Compiler, name: &str, lookup: &Lookup, has_window: bool) -> Option<LookupPlan> {
    let at = at(name);
    let place = if lookup.for_each.is_empty() { TemplateContext::REQUEST } else { TemplateContext::REQUEST_FOR_EACH };
    let path = compiler.template(&lookup.path, &format!("{at}/path"), place);
    path.iter().for_each(|path| compiler.request_path(path, &format!("{at}/path")));
    let mut values = |values: &BTreeMap<String, QueryValue>, key: &str| {
        let value = |(name, value): (&String, &QueryValue)| {
            Some((name.clone(), query_value(compiler, value, &child(&format!("{at}/{key}"), name), place, has_window)?))
        };
        let values: Vec<_> = values.iter().map(value).collect();
        values.into_iter().collect::<Option<Vec<_>>>()
    };
    let (query, form) = (values(&lookup.query, "query"), values(&lookup.form, "form"));
    let headers = headers(compiler, &lookup.headers, &format!("{at}/headers"), place);
    let body = body(compiler, lookup, &at, place);
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

fn body(compiler: &mut Compiler, lookup: &Lookup, at: &str, place: TemplateContext) -> Option<Option<BodyPlan>> {
    super::body::one_body(compiler, lookup.method, lookup.body.is_some(), !lookup.form.is_empty(), at)?;
    match &lookup.body {
        Some(body) => super::body::body(compiler, body, &format!("{at}/body"), place).map(Some),
        None => Some(None),
    }
}

fn job(compiler: &mut Compiler, job: &Job, at: &str) -> Option<JobPlan> {
    let id = answer_place(compiler, job.id.as_ref(), job.header.as_deref(), (at, "id", "header"), Code::JobPlace);
    let state = compiler.optional_path(job.state.as_ref(), &format!("{at}/state"));
    let mut place = |text: &Option<TemplateText>, key: &str| {
        let Some(text) = text else { return Some(None) };
        let path = compiler.template(text, &format!("{at}/{key}"), TemplateContext::JOB);
        path.iter().for_each(|path| compiler.request_path(path, &format!("{at}/{key}")));
        path.map(Some)
    };
    let poll = place(&job.poll, "poll");
    let result = place(&job.result, "result");
    let every = compiler.duration(&job.every, &format!("{at}/every"));
    let has_word = job.state.is_some() && !job.pending.is_empty();
    let needs_state = !(job.pending.is_empty() && job.failed.is_empty());
    if !(has_word || job.pending_status.is_some()) || needs_state && job.state.is_none() {
        let label = "it needs `state` and `pending`, or `pending_status`";
        compiler.error(Code::JobPlace, at, "nothing says when the job is done", label);
        return None;
    }
    if job.result.is_some() && job.poll.is_none() {
        let label = "without `poll` the job's name is a URL, and its last answer holds the rows";
        compiler.error(Code::JobPlace, &format!("{at}/result"), "a `result` needs a `poll`", label);
        return None;
    }
    let pending_status = job.pending_status.iter().flat_map(|codes| codes.iter().map(|(_, code)| code.0)).collect();
    Some(JobPlan {
        id: id?,
        poll: poll?,
        state: state?,
        pending: job.pending.clone(),
        pending_status,
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
    place: TemplateContext,
    has_window: bool,
) -> Option<QueryPlan> {
    match value {
        QueryValue::Integer(number) => {
            Some(QueryPlan::Text(Template::parse(&number.to_string()).expect("digits are a template")))
        }
        QueryValue::Text(text) => compiler.template(text, at, place).map(QueryPlan::Text),
        QueryValue::Time { from, format, zone } => {
            if !has_window {
                compiler.error(
                    Code::WindowMissing,
                    at,
                    "the profile has no `window`",
                    "an end of it is asked for here",
                );
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
