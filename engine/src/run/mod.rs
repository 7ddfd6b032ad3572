//! Runs a plan for one observable, as a sans-I/O state machine: [`Run::next`] returns what to do, and the driver
//! reports the response and the time by [`Run::accept`].

mod provider_state;
mod read_ahead;
mod response_meaning;
mod body;
mod delimited;
mod tree_rows;
mod diagnose;
mod exchange;
mod host;
mod saf;
mod marking_gate;
mod job;
mod link_header;
mod mapping;
mod paging;
mod window_parts;
mod preview;
mod record;
mod redacted;
mod request;
mod request_builder;
mod retry;
mod retry_after;
mod row;
mod rows;
mod secret;
mod interrupt;
mod key;
mod reader;
mod pages;
mod target;
mod template_values;
mod shown_value;
mod signature;
mod extract;
mod empty;
mod encodings;
mod offline;
mod stored_pages;
mod trace;
mod stream_rows;
mod prune;
mod quota;

pub use exchange::{Fault, Health, Input, Response, Step};
pub use offline::map_stored;
pub use pages::Repeat;
pub use preview::Preview;
pub use provider_state::ProviderState;
pub use prune::value_memory;
pub use record::Record;
pub use redacted::Redacted;
pub use request::Request;
pub use response_meaning::{meaning, meaning_of_status};
pub use secret::Secrets;
pub use trace::{Counts, Outcome, OutcomeKind, RecordResult, Report, Traced, TracedRelationship};

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::{LookupPlan, PagingPlan, Plan, ProbePlan, SettingValue, ValueOrSetting, after, before};
use crate::profile::Framing;
use crate::stix::{Graph, Identity, Observable, Tlp};
use interrupt::Interrupt;
use jiff::{SignedDuration, Timestamp};
use mapping::BadRecordLocation;
use marking_gate::Levels;
use pages::{Fingerprint, Pages};
use provider_state::{Cause, Exhausted, InFlight, ProbeState, TokenState};
use reader::Reader;
use request_builder::RequestBuilder;
use response_meaning::{Decision, Reason};
use row::Envelope;
use std::collections::VecDeque;
use std::sync::Arc;
use target::Target;
use trace::{Failure, Ledger};
use window_parts::{Novelty, SlotKinds, WindowPart, WindowParts};

/// Interval between checks whether another run has obtained the token or the quota.
const SHARED_REQUEST_INTERVAL: SignedDuration = SignedDuration::from_millis(50);

/// Maximum number of redirects within the provider's origin, for one request and its pages.
pub const MAX_REDIRECTS: u32 = 5;

/// The execution of one plan for one observable.
#[derive(Debug)]
pub struct Run<'p> {
    plan: &'p Plan,
    provider_state: Arc<ProviderState>,
    input: Input,
    interrupt: Interrupt,
    builder: RequestBuilder,
    started: Timestamp,
    window_start: Option<Timestamp>,
    tlp: Tlp,
    levels: Levels,
    queue: VecDeque<PagedLookup>,
    current: Option<PagedLookupState>,
    awaiting: Awaiting,
    /// Holds a slot of the concurrency limit while a request is in flight.
    in_flight: Option<InFlight>,
    /// Whether a rejected token has been replaced once.
    has_new_token: bool,
    /// Whether the diagnostic about the unknown quota was reported.
    has_reported_unknown_quota: bool,
    /// Whether the diagnostic about an unreadable wait was reported.
    has_reported_unreadable_wait: bool,
    attempts: u32,
    not_before: Timestamp,
    last_request: LastRequest,
    ledger: Ledger,
    graph: Graph,
    texts: mapping::Texts,
}

/// One value of a lookup's `for_each`, or the whole lookup, with all its pages.
#[derive(Debug)]
struct PagedLookup {
    lookup: usize,
    each: Option<String>,
}

/// A `PagedLookup` that is being executed.
#[derive(Debug)]
struct PagedLookupState {
    paged_lookup: PagedLookup,
    target: Target,
    /// Target of the last redirect.
    redirected_to: Option<Target>,
    redirects: u32,
    pages: Pages,
    polls: u32,
    read_before: u64,
    judged_before: u64,
    bad_before: u64,
}

/// Method and URL of the last page request.
#[derive(Debug, Default)]
struct LastRequest {
    method: &'static str,
    url: Redacted,
}

#[derive(Debug, PartialEq, Eq)]
enum Awaiting {
    Nothing,
    Token,
    Probe,
    Page,
}

impl<'p> Run<'p> {
    /// Starts a run. The TLP and PAP gates are evaluated here: a refused run sends no request.
    pub fn new(plan: &'p Plan, provider_state: Arc<ProviderState>, input: Input, now: Timestamp) -> Self {
        let span = plan.window.as_ref().map(|window| match &window.last {
            ValueOrSetting::Value(span) => *span,
            ValueOrSetting::Setting(name) => match input.settings.value(name) {
                Some(SettingValue::Duration(span)) => *span,
                _ => unreachable!("a window's setting is a duration and has a value"),
            },
        });
        let window_start = span.map(|span| before(now, span));
        let (tlp, levels) = (marking_gate::result_tlp(plan, &input), marking_gate::levels(plan, &input));
        let graph = Graph::new(input.observable.clone(), plan.relationship.policy);
        let mut ledger = Ledger::new(input.trace);
        let mut queue = VecDeque::new();
        match marking_gate::refusal(plan, &input) {
            Some(reason) => ledger.refused = Some(reason),
            None => queue = paged_lookups(plan, &input.observable),
        }
        if queue.is_empty() && ledger.refused.is_none() {
            ledger.refused =
                Some(format!("{} does not support {} observables", plan.name, input.observable.kind().entity_type()));
        }
        Self {
            plan,
            provider_state,
            builder: RequestBuilder::new(plan, &input, now, window_start),
            input,
            interrupt: Interrupt::default(),
            started: now,
            window_start,
            tlp,
            levels,
            queue,
            current: None,
            awaiting: Awaiting::Nothing,
            in_flight: None,
            has_new_token: false,
            has_reported_unknown_quota: false,
            has_reported_unreadable_wait: false,
            attempts: 0,
            not_before: now,
            last_request: LastRequest::default(),
            ledger,
            graph,
            texts: mapping::Texts::default(),
        }
    }

    /// Ends the mapping of a response as soon as `test` is true, such as after the deadline. The rest of it is not read, and
    /// the outcome states this.
    pub fn interrupted_by(self, test: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { interrupt: Interrupt::new(test), ..self }
    }

    /// Returns the name of the current lookup, and its current value of `for_each`.
    pub fn current_lookup(&self) -> Option<(&str, Option<&str>)> {
        let current = self.current.as_ref()?;
        Some((&self.plan.lookups[current.paged_lookup.lookup].name, current.paged_lookup.each.as_deref()))
    }

    /// Whether the request in flight is the last of the run, retries aside.
    pub fn is_at_last_request(&self) -> bool {
        let is_single = |current: &PagedLookupState| {
            let lookup = &self.plan.lookups[current.paged_lookup.lookup];
            lookup.job.is_none() && matches!(lookup.paging, PagingPlan::None { .. })
        };
        self.awaiting == Awaiting::Page && self.queue.is_empty() && self.current.as_ref().is_some_and(is_single)
    }

    /// Returns the next step: send a request, wait, or stop.
    pub fn next(&mut self, now: Timestamp) -> Step {
        if self.current.is_none() {
            self.current = self.queue.pop_front().map(|paged_lookup| self.begin(paged_lookup));
        }
        if self.current.is_none() {
            return Step::Done;
        }
        if now >= self.input.deadline {
            return self.stop(Failure::interrupted("deadline exceeded"));
        }
        if now < self.not_before {
            return self.wait(self.not_before, "the wait exceeds the deadline");
        }
        if let Some(step) = self.token(now) {
            return step;
        }
        if let Some(step) = self.quota(now) {
            return step;
        }
        match self.provider_state.take_slot(self.plan, now) {
            Err(until) => self.wait(until, "the rate limit permits no request before the deadline"),
            Ok(slot) => {
                self.in_flight = Some(slot);
                self.attempts += 1;
                self.send_page(now)
            }
        }
    }

    /// Obtains an access token where requests need one; `None` if requests can be sent.
    fn token(&mut self, now: Timestamp) -> Option<Step> {
        let plan = self.plan.token()?;
        match self.provider_state.token(now) {
            TokenState::Known(token) => {
                self.builder.set_token(&token);
                None
            }
            TokenState::InProgress => {
                Some(self.wait(after(now, SHARED_REQUEST_INTERVAL), "no access token before the deadline"))
            }
            TokenState::Due => {
                let request = match self.builder.token(plan).validated() {
                    Ok(request) => request,
                    Err(reason) => {
                        self.provider_state.forget_token();
                        return Some(self.stop(Failure::stop(reason)));
                    }
                };
                self.attempts += 1;
                self.awaiting = Awaiting::Token;
                Some(Step::Send(request.limited_to(self.input.deadline, now)))
            }
        }
    }

    fn send_page(&mut self, now: Timestamp) -> Step {
        let current = self.current.as_ref().expect("next() starts a lookup first");
        let lookup = &self.plan.lookups[current.paged_lookup.lookup];
        let each = current.paged_lookup.each.as_deref();
        let target = current.redirected_to.as_ref().unwrap_or(&current.target);
        let built = match self.builder.lookup(self.plan, lookup, each, target, &current.pages, now).validated() {
            Ok(built) => built,
            Err(reason) => {
                self.in_flight = None;
                self.fail(Failure::lookup(reason));
                return self.next(now);
            }
        };
        self.awaiting = Awaiting::Page;
        self.last_request = LastRequest { method: built.method, url: built.url.clone() };
        Step::Send(built.limited_to(self.input.deadline, now))
    }

    /// Checks the quota, and probes it if necessary; `None` if requests can be sent.
    fn quota(&mut self, now: Timestamp) -> Option<Step> {
        if let Some(Exhausted { until, reason, .. }) = self.provider_state.exhausted(self.plan, now) {
            return Some(self.defer(until, reason));
        }
        let probe = self.plan.quota.probe.as_ref()?;
        match self.provider_state.probe_state(probe, now) {
            ProbeState::Known => {
                self.report_unknown_quota(probe);
                None
            }
            ProbeState::InProgress => {
                Some(self.wait(after(now, SHARED_REQUEST_INTERVAL), "remaining quota unknown at the deadline"))
            }
            ProbeState::Due => {
                let slot = match self.provider_state.take_slot(self.plan, now) {
                    Ok(slot) => slot,
                    Err(until) => {
                        self.provider_state.probe_again();
                        return Some(self.wait(until, "the rate limit permits no request before the deadline"));
                    }
                };
                let request = match self.builder.probe(self.plan, probe, now).validated() {
                    Ok(request) => request,
                    Err(reason) => {
                        self.provider_state.probe_again();
                        return Some(self.stop(Failure::stop(reason)));
                    }
                };
                self.in_flight = Some(slot);
                self.attempts += 1;
                self.awaiting = Awaiting::Probe;
                Some(Step::Send(request.limited_to(self.input.deadline, now)))
            }
        }
    }

    /// Processes the result of the last request. Returns what it shows about the provider.
    pub fn accept(&mut self, result: Result<Response, Fault>, now: Timestamp) -> Health {
        self.ledger.requests += 1;
        self.in_flight = None;
        if let Ok(response) = &result {
            self.provider_state.note_headers(self.plan, response, now);
        }
        let awaiting = std::mem::replace(&mut self.awaiting, Awaiting::Nothing);
        if result.as_ref().is_ok_and(|response| self.is_pending(&awaiting, response)) {
            self.poll_again(now);
            return Health::Serves;
        }
        let decision = match &result {
            Ok(response) => response_meaning::decide(self.plan, self.framing(&awaiting), response, now, &self.builder),
            // Only the operator can resolve these: retrying is pointless.
            Err(fault @ (Fault::Untrusted(_) | Fault::Unsendable(_))) => Decision::StopAll(Reason::of_fault(fault)),
            Err(fault) => Decision::Retry(Reason::of_fault(fault), None),
        };
        if let Ok(response) = &result {
            self.report_unreadable_wait(self.framing(&awaiting), response, now);
        }
        let health = decision.health(awaiting == Awaiting::Page, &result);
        match (decision, awaiting) {
            (_, Awaiting::Nothing) => {}
            (Decision::Retry(reason, wait), awaiting) => self.retry(reason, wait, &awaiting, now),
            (Decision::Quota(reason, until), awaiting) => {
                self.release_probe(&awaiting);
                let until = until.unwrap_or_else(|| self.provider_state.quota_guess(self.plan, now));
                let until = self.provider_state.exhaust(self.plan, until, (Cause::Quota, reason.text()), now);
                self.defer(until, reason.text());
            }
            (Decision::StopAll(reason), awaiting) if self.discard_rejected_token(&reason, &awaiting) => {
                self.release_probe(&awaiting);
                return Health::Unknown;
            }
            (Decision::StopAll(reason), awaiting) => {
                self.release_probe(&awaiting);
                self.stop(Failure::stop(reason.text()));
            }
            (decision, Awaiting::Token) => self.accept_token(&decision, result.as_ref().ok(), now),
            (decision, Awaiting::Probe) => self.accept_probe(&decision, result.as_ref().ok(), now),
            (Decision::Fail(reason), Awaiting::Page) => self.fail(Failure::lookup(reason.text())),
            (Decision::Empty, Awaiting::Page) => {
                self.accept_empty(result.expect("a response that is empty has arrived"), now);
            }
            (Decision::Redirect(location), Awaiting::Page) => self.redirect(&location),
            (Decision::Read, Awaiting::Page) => self.read(result.expect("a response that is read has arrived"), now),
        }
        health
    }

    /// Returns the framing of the expected response.
    fn framing(&self, awaiting: &Awaiting) -> Framing {
        match (awaiting, &self.current) {
            (Awaiting::Page, Some(current)) if !matches!(current.target, Target::Poll(_) | Target::PollUrl(_)) => {
                self.plan.lookups[current.paged_lookup.lookup].rows.framing
            }
            _ => Framing::Json,
        }
    }

    fn release_probe(&self, awaiting: &Awaiting) {
        match awaiting {
            Awaiting::Probe => self.provider_state.probe_again(),
            Awaiting::Token => self.provider_state.forget_token(),
            Awaiting::Page | Awaiting::Nothing => {}
        }
    }

    /// Discards a rejected token, which may have been revoked, once in a run.
    fn discard_rejected_token(&mut self, reason: &Reason, awaiting: &Awaiting) -> bool {
        let is_due = reason.is_unauthorized() && *awaiting != Awaiting::Token && !self.has_new_token;
        if !is_due || self.plan.token().is_none() {
            return false;
        }
        self.has_new_token = true;
        self.provider_state.forget_token();
        true
    }

    fn accept_token(&mut self, decision: &Decision, response: Option<&Response>, now: Timestamp) {
        self.attempts = 0;
        let plan = self.plan.token().expect("a token was requested");
        let read = response.filter(|_| matches!(decision, Decision::Read));
        if read.is_some_and(|response| self.provider_state.store_token(plan, response, now)) {
            return;
        }
        self.provider_state.forget_token();
        let reason = match decision {
            Decision::Fail(reason) => format!("failed to obtain an access token: {}", reason.text()),
            Decision::Redirect(_) => "failed to obtain an access token: unexpected redirect".to_owned(),
            _ => format!("failed to obtain an access token: missing `{}` in the response", plan.token),
        };
        self.stop(Failure::stop(reason));
    }

    fn accept_probe(&mut self, decision: &Decision, response: Option<&Response>, now: Timestamp) {
        self.attempts = 0;
        let probe = self.plan.quota.probe.as_ref().expect("a probe was sent");
        let body = response.filter(|_| matches!(decision, Decision::Read)).map(|response| response.body.as_slice());
        if let Some((until, reason)) = self.provider_state.store_probe(self.plan, probe, body, now) {
            self.defer(until, reason);
        }
    }

    /// Reports, once in a run, that the remaining quota is unknown. Lookups continue: some accounts have no such
    /// figures.
    fn report_unknown_quota(&mut self, probe: &ProbePlan) {
        let Some(missing) = self.provider_state.missing().filter(|_| !self.has_reported_unknown_quota) else { return };
        self.has_reported_unknown_quota = true;
        let message = "remaining quota unknown; not enforced";
        let label = format!("the response has {missing}");
        let found = Diagnostic::error(Code::ResponseShape, message, &self.plan.source, probe.span.clone(), label);
        self.ledger.diagnostics.push(found.warning());
    }

    /// Reports, once in a run, that the wait which a response states cannot be read, so that it is guessed.
    fn report_unreadable_wait(&mut self, framing: Framing, response: &Response, now: Timestamp) {
        let found = response_meaning::unreadable_wait(self.plan, framing, response, now);
        let Some((stated, row)) = found.filter(|_| !self.has_reported_unreadable_wait) else { return };
        self.has_reported_unreadable_wait = true;
        let current = self.current.as_ref().map_or(0, |current| current.paged_lookup.lookup);
        let span = row.map_or(&self.plan.lookups[current].records_span, |row| &row.span).clone();
        let message = "unreadable wait; the time of the next attempt is estimated";
        let found = Diagnostic::error(Code::ResponseShape, message, &self.plan.source, span, stated);
        self.ledger.diagnostics.push(self.builder.secrets().redact_in(found.warning()));
    }

    fn redirect(&mut self, location: &str) {
        let current = self.current.as_mut().expect("a page was requested");
        current.redirects += 1;
        if current.redirects > MAX_REDIRECTS {
            return self.fail(Failure::lookup(format!("more than {MAX_REDIRECTS} redirects")));
        }
        match self.builder.own_url(location, &self.last_request.url) {
            Ok(url) => {
                current.redirected_to = Some(match current.target {
                    Target::Built | Target::Url(_) => Target::Url(url),
                    _ => Target::JobUrl(url),
                });
                self.attempts = 0;
            }
            Err(reason) => self.fail(Failure::lookup(format!("invalid redirect: {reason}"))),
        }
    }

    fn read(&mut self, response: Response, now: Timestamp) {
        self.attempts = 0;
        self.current.as_mut().expect("a page was requested").redirected_to = None;
        if let Some(job) = self.job(&response, now) {
            return job;
        }
        let current = self.current.as_mut().expect("a page was requested");
        let lookup = &self.plan.lookups[current.paged_lookup.lookup];
        current.pages.count += 1;
        if let Err(repeat) = self.compare(lookup, &response) {
            return self.fail(Failure::lookup(repeat.to_string()));
        }
        let Some(envelope) = self.map_page(lookup, &response) else { return };
        if let Some(fault) = &response.cut {
            return self.fail(Failure::lookup(Reason::of_fault(fault).text()));
        }
        self.turn(lookup, &envelope, &response, now);
    }

    /// Detects a page whose rows equal those of an earlier page.
    fn compare(&mut self, lookup: &LookupPlan, response: &Response) -> Result<(), Repeat> {
        if !Pages::compares(lookup) {
            return Ok(());
        }
        let current = self.current.as_mut().expect("a page was requested");
        let each = current.paged_lookup.each.as_deref();
        let reader = Reader::new(&self.plan.record, lookup, each, &self.input.observable, response);
        let mut fingerprint = Fingerprint::default();
        // Errors are reported when the page is mapped.
        let _ = reader.read(response, &mut |row| fingerprint.note(&row));
        current.pages.is_new(fingerprint)
    }

    /// Maps the rows of a page. Returns the envelope; `None` if the response is malformed, which is reported.
    fn map_page(&mut self, lookup: &LookupPlan, response: &Response) -> Option<Envelope> {
        let current = self.current.as_mut().expect("a page was requested");
        let mut parts = current.pages.parts.take();
        let (page, each) = (current.pages.count, current.paged_lookup.each.as_deref());
        let reader = Reader::new(&self.plan.record, lookup, each, &self.input.observable, response);
        let secrets = self.builder.secrets().in_response(response);
        let asked_name = record::asked_name(&self.input.observable);
        self.graph.make_room(response.body.len());
        let interrupt = self.interrupt.clone();
        let watch = interrupt.watch();
        let context = mapping::Context {
            plan: self.plan,
            reader: &reader,
            secrets: &secrets,
            all_secrets: self.builder.secrets(),
            asked: &self.input.observable,
            asked_name: asked_name.as_ref(),
            levels: self.levels,
            drop_addresses: marking_gate::dropped(self.plan, &self.input.settings),
            lookup: &lookup.name,
            page,
            filter_start: self.window_start,
            keeps_values: self.input.trace,
            watch: &watch,
        };
        let mut bad = vec![];
        let (texts, graph, ledger) = (&mut self.texts, &mut self.graph, &mut self.ledger);
        let kinds = SlotKinds::of(&reader, &self.plan.record);
        parts.iter_mut().for_each(WindowParts::begin);
        let mut innermost = 0;
        let read = reader.read(response, &mut |row| {
            innermost += 1;
            if watch.is_over() {
                return watch.skip_row();
            }
            let novelty = parts.as_mut().map_or(Novelty::New, |parts| parts.novelty(&row, &kinds));
            if novelty == Novelty::Known {
                return;
            }
            let counts = (novelty == Novelty::Changed).then(|| ledger.counts.clone());
            match (mapping::row(&context, &row, texts, graph, ledger), counts) {
                // A changed record extends its relationship, but is no further one.
                (None, Some(counts)) if ledger.counts.bad() == counts.bad() => ledger.counts = counts,
                (found, _) => bad.extend(found),
            }
        });
        let pages = &mut self.current.as_mut().expect("a page was requested").pages;
        (pages.parts, pages.innermost) = (parts, innermost);
        self.report_bad_records(lookup, page, response, &bad);
        match read {
            Ok(_) if watch.was_over() => {
                self.stop(Failure::interrupted(&watch.reason(page)));
                None
            }
            Ok(envelope) => Some(envelope),
            Err(error) => {
                let response_source = self.response_source(page, response);
                let diagnostic = diagnose::malformed(self.plan, lookup, &error, &response_source);
                self.ledger.diagnostics.push(self.builder.secrets().redact_in(diagnostic));
                self.fail(Failure::lookup(format!("page {page}: {error}")));
                None
            }
        }
    }

    fn report_bad_records(&mut self, lookup: &LookupPlan, page: u32, response: &Response, bad: &[BadRecordLocation]) {
        if bad.is_empty() {
            return;
        }
        let response_source = self.response_source(page, response);
        let diagnostics = bad.iter().map(|bad| diagnose::bad_record(self.plan, lookup, bad, &response_source));
        self.ledger.diagnostics.extend(diagnostics.map(|found| self.builder.secrets().redact_in(found)));
    }

    /// Continues with the next page, or ends the lookup.
    fn turn(&mut self, lookup: &LookupPlan, envelope: &Envelope, response: &Response, now: Timestamp) {
        let current = self.current.as_mut().expect("a page was requested");
        let turn = current.pages.next_page(lookup, envelope, response, &self.builder, &self.last_request.url);
        self.follow(turn, lookup, now);
    }

    fn follow(&mut self, turn: paging::NextPage, lookup: &LookupPlan, now: Timestamp) {
        let current = self.current.as_mut().expect("a page was requested");
        match turn {
            paging::NextPage::Last => self.end_lookup(),
            paging::NextPage::Truncated(reason) => {
                let current = self.current.as_ref().expect("a page was requested");
                self.ledger.truncated.push(self.named(&current.paged_lookup, reason));
                self.end_lookup();
            }
            paging::NextPage::Next(target) => {
                match (target, &lookup.job) {
                    // Later pages of a job's result have the same URL as the first.
                    (Target::Built, Some(_)) => {}
                    (Target::Url(url), Some(_)) => current.target = Target::JobUrl(url),
                    (target, _) => current.target = target,
                }
                self.not_before = now;
            }
            paging::NextPage::Broken(reason) => self.fail(Failure::lookup(self.builder.redact(&reason))),
        }
    }

    /// Returns a response for use in diagnostics: named after its request, without secrets.
    fn response_source(&self, page: u32, response: &Response) -> diagnose::ResponseSource {
        let LastRequest { method, url } = &self.last_request;
        let name = format!("{method} {url} (page {page})");
        diagnose::ResponseSource::new(name, &response.body, |text| self.builder.redact(text))
    }

    fn begin(&mut self, paged_lookup: PagedLookup) -> PagedLookupState {
        self.attempts = 0;
        let (read_before, bad_before) = (self.ledger.counts.read, self.ledger.counts.bad());
        let judged_before = self.ledger.counts.judged();
        let pages = Pages::of(self.parts(&self.plan.lookups[paged_lookup.lookup]));
        PagedLookupState {
            paged_lookup,
            target: Target::Built,
            redirected_to: None,
            redirects: 0,
            pages,
            polls: 0,
            read_before,
            judged_before,
            bad_before,
        }
    }

    /// Returns the parts of the window for a lookup that splits it; initially the whole window.
    fn parts(&self, lookup: &LookupPlan) -> Option<WindowParts> {
        let PagingPlan::Window { open_end, .. } = lookup.paging else { return None };
        let start = self.window_start.expect("a lookup by parts of the window has one");
        Some(WindowParts::new(lookup, WindowPart::whole(start, self.started, open_end), self.started))
    }

    /// Completes the current lookup, or fails it if too many of its records are bad.
    fn end_lookup(&mut self) {
        let current = self.current.take().expect("a lookup is in progress");
        self.attempts = 0;
        if let Some(reason) = self.unreliable(&current) {
            return self.ledger.failures.push(Failure::lookup(self.named(&current.paged_lookup, reason)));
        }
        self.ledger.answered += 1;
    }

    /// Returns why a lookup's results are unreliable: too many bad records.
    fn unreliable(&self, current: &PagedLookupState) -> Option<String> {
        let read = self.ledger.counts.judged() - current.judged_before;
        let bad = self.ledger.counts.bad() - current.bad_before;
        (bad * 100 > read * self.plan.record.bad_at_most).then(|| too_many_bad_records(self.plan, read, bad))
    }

    /// Fails the current lookup; records read so far are kept.
    fn fail(&mut self, failure: Failure) {
        let current = self.current.take().expect("a lookup is in progress");
        self.attempts = 0;
        let is_answered = current.pages.count > 1 || self.ledger.counts.read > current.read_before;
        if is_answered && self.unreliable(&current).is_none() {
            self.ledger.answered += 1;
        }
        let text = self.named(&current.paged_lookup, self.builder.redact(&failure.text));
        self.ledger.failures.push(Failure { text, ..failure });
    }

    /// Prefixes a reason with the lookup's name if a run has several lookups.
    fn named(&self, paged_lookup: &PagedLookup, reason: String) -> String {
        let lookup = &self.plan.lookups[paged_lookup.lookup];
        match &paged_lookup.each {
            Some(each) => format!("{} {each}: {reason}", lookup.name),
            None if self.plan.lookups.len() > 1 => format!("{}: {reason}", lookup.name),
            None => reason,
        }
    }

    /// Stops the run.
    fn stop(&mut self, failure: Failure) -> Step {
        let text = self.builder.redact(&failure.text);
        if self.ledger.counts.read > 0 {
            self.ledger.answered += 1;
        }
        self.ledger.failures.push(Failure { text, ..failure });
        self.current = None;
        self.queue.clear();
        Step::Done
    }

    fn defer(&mut self, until: Timestamp, reason: String) -> Step {
        self.ledger.until = Some(self.ledger.until.map_or(until, |known| known.max(until)));
        self.stop(Failure::deferred(reason))
    }

    fn wait(&mut self, until: Timestamp, too_long: &str) -> Step {
        if until >= self.input.deadline {
            return self.defer(until, too_long.to_owned());
        }
        Step::Wait(until)
    }

    /// Stops the run for a reason of the driver, and returns its report.
    pub fn abort(mut self, reason: String) -> Report {
        let awaiting = std::mem::replace(&mut self.awaiting, Awaiting::Nothing);
        self.release_probe(&awaiting);
        self.stop(Failure::stop(reason));
        self.finish()
    }

    /// Returns the report; an interrupted run keeps what it has.
    pub fn finish(self) -> Report {
        let created = self.started;
        let (name, class) = &self.plan.identity;
        let author = Identity::new(name, class, created);
        let asked_tlp = marking_gate::asked_tlp(&self.input.markings);
        let unfinished = self.current.is_some() || !self.queue.is_empty();
        let bundle = self.graph.into_bundle(&author, asked_tlp, created);
        self.ledger.report(bundle, self.tlp, &self.plan.name, unfinished, self.builder.secrets().clone())
    }
}

fn too_many_bad_records(plan: &Plan, read: u64, bad: u64) -> String {
    let at_most = plan.record.bad_at_most;
    format!("{bad} of {read} records are bad (limit {at_most} %); the response format may have changed")
}

fn paged_lookups(plan: &Plan, observable: &Observable) -> VecDeque<PagedLookup> {
    let mut paged_lookups = VecDeque::new();
    for (lookup, lookup_plan) in plan.lookups.iter().enumerate() {
        if !lookup_plan.accepts.contains(&observable.kind()) {
            continue;
        }
        if lookup_plan.for_each.is_empty() {
            paged_lookups.push_back(PagedLookup { lookup, each: None });
        }
        paged_lookups.extend(lookup_plan.for_each.iter().map(|each| PagedLookup { lookup, each: Some(each.clone()) }));
    }
    paged_lookups
}
