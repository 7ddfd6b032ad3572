//! A mock provider for generated runs: answers requests according to the profile's paging, jobs, tokens and errors.

use super::accepted::accepted;
use super::body::{Writer, body, set};
use super::fault::FaultInjector;
use super::pool::{ValuePool, scalar};
use super::reply::{Reply, plain};
use super::scenario::{InjectedFault, Page, Scenario};
use serde_json::{Value, json};
use stixmap_engine::plan::{
    JobPlan, Local, LookupPlan, PagingPlan, Part, Path, Plan, ProbeFigures, ResponseLocation, Settings, Template,
    TokenEndpoint,
};
use stixmap_engine::run::{Preview, Request};

/// The access token that the mock provider issues; treated as a secret.
pub(super) const TOKEN: &str = "t0k3n+of=this~run";

/// A provider that answers from a scenario.
pub(super) struct MockProvider<'s> {
    plan: &'s Plan,
    pool: &'s ValuePool,
    scene: &'s Scenario,
    asked: &'s str,
    base: String,
    token: Option<String>,
    preview: Preview,
    /// The index of the run's current first request.
    ask: usize,
    /// The pages already returned for it, and their rows.
    given: (u64, u64),
    pages: usize,
    other_faults: usize,
    polls: u32,
}

impl<'s> MockProvider<'s> {
    pub(super) fn new(
        plan: &'s Plan,
        pool: &'s ValuePool,
        scene: &'s Scenario,
        asked: &'s str,
        settings: &Settings,
        preview: Preview,
    ) -> Self {
        let base = plan.base_url(settings).as_str().trim_end_matches('/').to_owned();
        let token = plan.token().map(|token| match &token.from {
            TokenEndpoint::Url(_) => plan.token_url(settings).unwrap_or_default(),
            TokenEndpoint::Path(path) => format!("{base}{}", written(path, settings)),
        });
        let (ask, given) = (0, (0, 0));
        Self { plan, pool, scene, asked, base, token, preview, ask, given, pages: 0, other_faults: 0, polls: 0 }
    }

    /// Returns the number of pages returned.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// Returns the response to a request.
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        let url = request.url.to_string();
        let target = request.redacted_target(&self.base);
        let path = target.split('?').next().unwrap_or_default();
        if self.token.as_ref().is_some_and(|token| url == *token) {
            let reply = self.token_reply();
            return self.other(reply);
        }
        // Compares paths only: a signed probe that is repeated has another time in its query.
        let path_of = |known: &Request| known.redacted_target(&self.base).split('?').next().map(str::to_owned);
        if self.preview.probe.as_ref().is_some_and(|probe| path_of(probe).as_deref() == Some(path)) {
            let reply = Reply::json(&self.probe_body());
            return self.other(reply);
        }
        self.follow(request, &url, path);
        let Some(lookup) = self.lookup() else { return Reply::json(&json!({})) };
        match &lookup.job {
            Some(job) if job.result.as_ref().is_some_and(|result| fits(result, path)) => self.page(lookup),
            Some(job) if is_poll(job, path) => self.poll(lookup, job),
            Some(job) => {
                let reply = reply_with(&job.id, self.job_name(job).into());
                self.other(reply)
            }
            None => self.page(lookup),
        }
    }

    /// Determines which of the run's first requests this one belongs to.
    fn follow(&mut self, request: &Request, url: &str, path: &str) {
        let body = |request: &Request| request.body.as_ref().map(ToString::to_string);
        let first = &self.preview.first_pages;
        let is_same = |known: &Request| known.url.to_string() == url && body(known) == body(request);
        let of_path = |known: &Request| known.redacted_target(&self.base).split('?').next() == Some(path);
        let exact = first.iter().position(|(_, known)| is_same(known));
        let is_current = first.get(self.ask).is_some_and(|(_, known)| of_path(known));
        let near = if is_current { None } else { first.iter().position(|(_, known)| of_path(known)) };
        if let Some(ask) = exact.or(near)
            && ask != self.ask
        {
            (self.ask, self.given, self.polls) = (ask, (0, 0), 0);
        }
    }

    fn lookup(&self) -> Option<&'s LookupPlan> {
        let (lookup, _) = self.preview.first_pages.get(self.ask)?;
        Some(&self.plan.lookups[*lookup])
    }

    fn poll(&mut self, lookup: &'s LookupPlan, job: &JobPlan) -> Reply {
        self.polls += 1;
        let is_pending = self.scene.is_endless || self.polls <= u32::from(self.scene.asked % 3);
        let state = |states: &[_]| states.first().map(scalar);
        if is_pending && let Some(pending) = state(&job.pending) {
            let reply = Reply::json(&of_state(job, pending));
            return self.other(reply);
        }
        if is_pending && let Some(status) = job.pending_status.first() {
            let reply = Reply { status: *status, ..Reply::json(&json!({})) };
            return self.other(reply);
        }
        if job.result.is_none() {
            return self.page(lookup);
        }
        let failed = if self.scene.asked % 11 == 10 { state(&job.failed) } else { None };
        let reply = Reply::json(&of_state(job, failed.or_else(|| state(&job.done)).unwrap_or_default()));
        self.other(reply)
    }

    /// Returns the next page of the scenario, and empty pages after the last.
    fn page(&mut self, lookup: &LookupPlan) -> Reply {
        let nothing = Page {
            rows: vec![],
            beside: vec![super::scenario::Cell::Missing; self.plan.record.fields.len()],
            fault: InjectedFault::None,
            has_next: self.scene.is_endless,
            next: 0,
            is_truncated: false,
        };
        let page = self.scene.pages.get(self.pages).unwrap_or(&nothing);
        self.pages += 1;
        let has_next = page.has_next || self.scene.is_endless;
        self.given = (self.given.0 + 1, self.given.1 + rows_of(page));
        let writer = Writer { plan: self.plan, lookup, pool: self.pool, asked: self.asked };
        let mut headers = writer.headers(page);
        let next = self.next(lookup, page, has_next, &mut headers);
        let ending = match page.next % 7 {
            _ if page.is_truncated => "limited",
            5 => "failed",
            6 => "cut",
            _ => "succeeded",
        };
        let beside = |root: &mut Value| next.into_iter().for_each(|(at, value)| set(root, at, value));
        let body = body(&writer, page, beside, ending);
        let fault = page.fault.clone();
        let reply = accepted(self.plan, lookup.rows.framing, Reply { headers, ..Reply::of(body) });
        FaultInjector { plan: self.plan, pool: self.pool }.with_fault(&fault, reply)
    }

    /// Returns the values and headers that announce the following pages.
    fn next<'l>(
        &self,
        lookup: &'l LookupPlan,
        page: &Page,
        has_next: bool,
        headers: &mut Vec<(String, String)>,
    ) -> Vec<(&'l Path, Value)> {
        let (pages, rows) = self.given;
        let ahead = u64::from(has_next);
        let text = |plain: String| if page.next == 0 { plain } else { self.pool.hostile_text(page.next) };
        let (mut values, mut figures) = (vec![], vec![]);
        if let Some(job) = lookup.job.as_ref().filter(|job| job.result.is_none()) {
            values.extend(job.state.iter().zip(job.done.first().map(scalar)));
        }
        match &lookup.paging {
            PagingPlan::None { total, .. } => figures.extend(total.iter().map(|at| (at, rows + ahead))),
            PagingPlan::Page { first, last, more, total, .. } => {
                figures.extend(last.iter().map(|at| (at, first + pages - 1 + ahead)));
                figures.extend(total.iter().map(|at| (at, rows + 3 * ahead)));
                values.extend(more.iter().map(|at| (at, Value::from(has_next))));
            }
            PagingPlan::Offset { more, total, .. } => {
                values.extend(more.iter().map(|at| (at, Value::from(has_next))));
                figures.extend(total.iter().map(|at| (at, rows + 3 * ahead)));
            }
            // Each response describes its own page.
            PagingPlan::Window { total, .. } => {
                figures.extend(total.iter().map(|at| (at, rows_of(page) + 3 * ahead)));
            }
            PagingPlan::NextUrl { at, .. } if has_next => {
                let url = text(format!("{}/next/{pages}?of={}", self.base, self.pages));
                match at {
                    Some(at) => values.push((at, url.into())),
                    None => headers.push(("link".to_owned(), format!("<{url}>; rel=\"next\""))),
                }
            }
            PagingPlan::Cursor { from, .. } if has_next => {
                let cursor = text(format!("cursor-{}", self.pages));
                match from {
                    ResponseLocation::Body(at) => values.push((at, cursor.into())),
                    ResponseLocation::Header(name) => headers.push((name.to_lowercase(), cursor)),
                }
            }
            PagingPlan::NextUrl { .. } | PagingPlan::Cursor { .. } => {}
        }
        for (place, figure) in figures {
            match place {
                ResponseLocation::Body(at) => values.push((at, figure.into())),
                ResponseLocation::Header(name) => headers.push((name.to_lowercase(), figure.to_string())),
            }
        }
        if let Some(signal) = lookup.truncated_when.as_ref().filter(|_| page.is_truncated) {
            let value = signal.is.first().map_or_else(|| true.into(), scalar);
            match &signal.place {
                ResponseLocation::Body(at) => values.push((at, value)),
                ResponseLocation::Header(name) => headers.push((name.to_lowercase(), plain(&value))),
            }
        }
        values
    }

    fn job_name(&self, job: &JobPlan) -> String {
        match self.scene.asked % 5 {
            4 => self.pool.hostile_text(self.scene.asked),
            _ if job.poll.is_none() => format!("{}{JOB_PATH}", self.base),
            _ => "job-1".to_owned(),
        }
    }

    fn token_reply(&self) -> Reply {
        let Some(token) = self.plan.token() else { return Reply::json(&json!({})) };
        let mut body = json!({});
        token.expires.iter().for_each(|(at, _)| set(&mut body, at, 3600.into()));
        match &token.token {
            ResponseLocation::Body(at) => {
                set(&mut body, at, TOKEN.into());
                Reply::json(&body)
            }
            ResponseLocation::Header(name) => {
                Reply { headers: vec![(name.to_lowercase(), TOKEN.to_owned())], ..Reply::json(&body) }
            }
        }
    }

    fn probe_body(&self) -> Value {
        let mut figures = json!({});
        let Some(probe) = &self.plan.quota.probe else { return figures };
        match &probe.figures {
            ProbeFigures::UsedOfLimit(used, limit) => {
                used.iter().for_each(|at| set(&mut figures, at, 1.into()));
                limit.iter().for_each(|at| set(&mut figures, at, 1000.into()));
            }
            ProbeFigures::Remaining(left) => left.iter().for_each(|at| set(&mut figures, at, 1000.into())),
        }
        let Some(element) = &probe.element else { return figures };
        set(&mut figures, &element.at, scalar(&element.is));
        let mut body = Value::Null;
        set(&mut body, &element.of, json!([figures]));
        body
    }

    /// Applies the next fault of its kind to a response that is not a page.
    fn other(&mut self, reply: Reply) -> Reply {
        let fault = self.scene.other_faults.get(self.other_faults).cloned().unwrap_or(InjectedFault::None);
        self.other_faults += 1;
        FaultInjector { plan: self.plan, pool: self.pool }
            .with_fault(&fault, accepted(self.plan, stixmap_engine::profile::Framing::Json, reply))
    }
}

fn rows_of(page: &Page) -> u64 {
    page.rows.iter().map(|row| 1 + u64::from(row.is_repeated)).sum()
}

/// The path of a job that is identified by its URL.
const JOB_PATH: &str = "/job-1";

fn is_poll(job: &JobPlan, path: &str) -> bool {
    job.poll.as_ref().map_or(path.ends_with(JOB_PATH), |poll| fits(poll, path))
}

/// Returns a response with one value, in its body or in a header.
fn reply_with(place: &ResponseLocation, value: Value) -> Reply {
    let mut body = json!({});
    match place {
        ResponseLocation::Body(at) => {
            set(&mut body, at, value);
            Reply::json(&body)
        }
        ResponseLocation::Header(name) => {
            Reply { headers: vec![(name.to_lowercase(), plain(&value))], ..Reply::json(&body) }
        }
    }
}

fn of_state(job: &JobPlan, value: Value) -> Value {
    let mut body = json!({});
    job.state.iter().for_each(|at| set(&mut body, at, value.clone()));
    body
}

fn written(template: &Template, settings: &Settings) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => text.clone(),
        Part::Setting(name) => settings.value(name).map(|value| value.as_text()).unwrap_or_default(),
        _ => String::new(),
    };
    template.parts().iter().map(part).collect()
}

/// Tests whether a template can produce a path; filled-in values contain no `/`.
fn fits(template: &Template, path: &str) -> bool {
    let mut rest = path;
    let mut is_free = false;
    for part in template.parts() {
        match part {
            Part::Literal(text) => {
                let Some(at) = rest.find(text.as_str()) else { return false };
                if (!is_free && at > 0) || rest[..at].contains('/') {
                    return false;
                }
                (rest, is_free) = (&rest[at + text.len()..], false);
            }
            Part::Local(Local::Job) | Part::Setting(_) | Part::Each => is_free = true,
            _ => is_free = true,
        }
    }
    rest.is_empty() || (is_free && !rest.contains('/'))
}
