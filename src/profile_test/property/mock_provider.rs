//! The provider's part in a generated run: what it answers to a request, by what the profile says of its pages, its jobs,
//! its tokens and its errors.

use super::accepted::accepted;
use super::body::{Writer, body, set};
use super::fault::FaultInjector;
use super::play::Stage;
use super::pool::{ValuePool, scalar};
use super::reply::Reply;
use super::scenario::{InjectedFault, Page, Scenario};
use serde_json::{Value, json};
use stixmap_engine::plan::{
    AnswerPlace, JobPlan, Local, LookupPlan, PagingPlan, Part, Path, Plan, ProbeFigures, Settings, Template, TokenPlace,
};
use stixmap_engine::run::{Preview, Request};

/// The provider.
pub(super) struct MockProvider<'s> {
    plan: &'s Plan,
    pool: &'s ValuePool,
    scene: &'s Scenario,
    asked: &'s str,
    base: String,
    token: Option<String>,
    preview: Preview,
    /// Which of the run's first requests is under way.
    ask: usize,
    /// The pages of it that were given, and their rows.
    given: (u64, u64),
    pages: usize,
    asides: usize,
    polls: u32,
}

impl<'s> MockProvider<'s> {
    pub(super) fn new(
        stage: &'s Stage,
        scene: &'s Scenario,
        asked: &'s str,
        settings: &Settings,
        preview: Preview,
    ) -> Self {
        let (plan, pool) = (stage.plan, &stage.pool);
        let base = plan.base_url(settings).as_str().trim_end_matches('/').to_owned();
        let token = plan.token().map(|token| match &token.from {
            TokenPlace::Url(_) => plan.token_url(settings).unwrap_or_default(),
            TokenPlace::Path(path) => format!("{base}{}", written(path, settings)),
        });
        let (ask, given) = (0, (0, 0));
        Self { plan, pool, scene, asked, base, token, preview, ask, given, pages: 0, asides: 0, polls: 0 }
    }

    /// How many pages were given.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// The answer to a request.
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        let url = request.url.to_string();
        let target = request.shown_target(&self.base);
        let path = target.split('?').next().unwrap_or_default();
        if self.token.as_ref().is_some_and(|token| url == *token) {
            let reply = self.token_reply();
            return self.aside(reply);
        }
        // By its path: a signed probe that is sent again has another time in its query.
        let path_of = |known: &Request| known.shown_target(&self.base).split('?').next().map(str::to_owned);
        if self.preview.probe.as_ref().is_some_and(|probe| path_of(probe).as_deref() == Some(path)) {
            let reply = Reply::json(&self.probe_body());
            return self.aside(reply);
        }
        self.follow(request, &url, path);
        let Some(lookup) = self.lookup() else { return Reply::json(&json!({})) };
        match &lookup.job {
            Some(job) if job.result.as_ref().is_some_and(|result| fits(result, path)) => self.page(lookup),
            Some(job) if is_poll(job, path) => self.poll(lookup, job),
            Some(job) => {
                let reply = said(&job.id, self.job_name(job).into());
                self.aside(reply)
            }
            None => self.page(lookup),
        }
    }

    /// Finds out which of the run's first requests this one belongs to.
    fn follow(&mut self, request: &Request, url: &str, path: &str) {
        let body = |request: &Request| request.body.as_ref().map(ToString::to_string);
        let first = &self.preview.first_pages;
        let is_same = |known: &Request| known.url.to_string() == url && body(known) == body(request);
        let of_path = |known: &Request| known.shown_target(&self.base).split('?').next() == Some(path);
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
            return self.aside(reply);
        }
        if is_pending && let Some(status) = job.pending_status.first() {
            let reply = Reply { status: *status, ..Reply::json(&json!({})) };
            return self.aside(reply);
        }
        if job.result.is_none() {
            return self.page(lookup);
        }
        let word = if self.scene.asked % 11 == 10 { state(&job.failed) } else { None };
        let reply = Reply::json(&of_state(job, word.unwrap_or_else(|| "done".into())));
        self.aside(reply)
    }

    /// The next page of the scene; after them, empty ones.
    fn page(&mut self, lookup: &LookupPlan) -> Reply {
        let nothing = Page {
            rows: vec![],
            beside: vec![super::scenario::Cell::Missing; self.plan.record.fields.len()],
            flaw: InjectedFault::None,
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
        let flaw = page.flaw.clone();
        let reply = accepted(self.plan, lookup.rows.framing, Reply { headers, ..Reply::of(body) });
        FaultInjector { plan: self.plan, pool: self.pool }.flawed(&flaw, reply)
    }

    /// What a page says of the pages after it: values in its body, or headers.
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
            // Each answer tells of its own part.
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
                    AnswerPlace::Body(at) => values.push((at, cursor.into())),
                    AnswerPlace::Header(name) => headers.push((name.to_lowercase(), cursor)),
                }
            }
            PagingPlan::NextUrl { .. } | PagingPlan::Cursor { .. } => {}
        }
        for (place, figure) in figures {
            match place {
                AnswerPlace::Body(at) => values.push((at, figure.into())),
                AnswerPlace::Header(name) => headers.push((name.to_lowercase(), figure.to_string())),
            }
        }
        if let Some(signal) = lookup.truncated_when.as_ref().filter(|_| page.is_truncated) {
            let word = signal.is.first().map_or_else(|| true.into(), scalar);
            match &signal.place {
                AnswerPlace::Body(at) => values.push((at, word)),
                AnswerPlace::Header(name) => headers.push((name.to_lowercase(), plain(&word))),
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
            AnswerPlace::Body(at) => {
                set(&mut body, at, super::TOKEN.into());
                Reply::json(&body)
            }
            AnswerPlace::Header(name) => {
                Reply { headers: vec![(name.to_lowercase(), super::TOKEN.to_owned())], ..Reply::json(&body) }
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

    /// An answer besides the pages, with the next flaw of its kind.
    fn aside(&mut self, reply: Reply) -> Reply {
        let flaw = self.scene.asides.get(self.asides).cloned().unwrap_or(InjectedFault::None);
        self.asides += 1;
        FaultInjector { plan: self.plan, pool: self.pool }
            .flawed(&flaw, accepted(self.plan, stixmap_engine::profile::Framing::Json, reply))
    }
}

fn rows_of(page: &Page) -> u64 {
    page.rows.iter().map(|row| 1 + u64::from(row.is_twice)).sum()
}

/// Where a job is asked for that is named by its URL.
const JOB_PATH: &str = "/job-1";

fn is_poll(job: &JobPlan, path: &str) -> bool {
    job.poll.as_ref().map_or(path.ends_with(JOB_PATH), |poll| fits(poll, path))
}

/// An answer that says one thing, in its body or in a header.
fn said(place: &AnswerPlace, value: Value) -> Reply {
    let mut body = json!({});
    match place {
        AnswerPlace::Body(at) => {
            set(&mut body, at, value);
            Reply::json(&body)
        }
        AnswerPlace::Header(name) => {
            Reply { headers: vec![(name.to_lowercase(), plain(&value))], ..Reply::json(&body) }
        }
    }
}

fn of_state(job: &JobPlan, word: Value) -> Value {
    let mut body = json!({});
    job.state.iter().for_each(|at| set(&mut body, at, word.clone()));
    body
}

/// A value as a header has it.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn written(template: &Template, settings: &Settings) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => text.clone(),
        Part::Setting(name) => settings.value(name).map(|value| value.as_text()).unwrap_or_default(),
        _ => String::new(),
    };
    template.parts().iter().map(part).collect()
}

/// Whether a path is one that a template writes; what is filled in holds no `/`.
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
