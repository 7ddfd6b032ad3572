//! One plan for one observable, as a state machine: what to send, when to wait, when to stop, what was found.
//! Opens no socket and reads no clock: whoever drives a run sends what it is given and says what time it is.

mod provider_state;
mod read_ahead;
mod answer;
mod body;
mod delimited;
mod tree_rows;
mod diagnose;
mod exchange;
mod saf;
mod marking_gate;
mod job;
mod link;
mod mapping;
mod paging;
mod parts;
mod preview;
mod record;
mod request;
mod rows;
mod secret;
mod signature;
mod extract;
mod encodings;
mod offline;
mod trace;
mod stream_rows;

pub use answer::{meaning, meaning_of_status};
pub use exchange::{Fault, Health, Input, Response, Step};
pub use offline::map_stored;
pub use paging::Repeat;
pub use preview::Preview;
pub use provider_state::ProviderState;
pub use record::Record;
pub use request::{Redacted, Request};
pub use secret::Secrets;
pub use trace::{Counts, Fate, Link, Outcome, OutcomeKind, Report, Traced};

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::{LookupPlan, PagingPlan, Plan, ProbePlan, SettingValue, ValueOrSetting, after, before};
use crate::profile::Framing;
use crate::stix::{Graph, Identity, Observable, Tlp};
use answer::{Decision, Reason};
use jiff::{SignedDuration, Timestamp};
use marking_gate::Levels;
use paging::{Fingerprint, Pages};
use parts::{Part, Parts};
use provider_state::{Cause, Exhausted, InFlight, ProbeState, TokenState};
use request::{RequestBuilder, Target};
use rows::{Envelope, Reader};
use std::collections::VecDeque;
use std::sync::Arc;
use trace::{Failure, Ledger};

/// How long to wait for another run's probe before looking again.
const PROBE_PATIENCE: SignedDuration = SignedDuration::from_millis(50);

/// How many redirects within the provider's origin are followed for one request and its pages.
pub const MAX_REDIRECTS: u32 = 5;

/// One plan for one observable.
#[derive(Debug)]
pub struct Run<'p> {
    plan: &'p Plan,
    account: Arc<ProviderState>,
    input: Input,
    asker: RequestBuilder,
    started: Timestamp,
    window_start: Option<Timestamp>,
    tlp: Tlp,
    levels: Levels,
    queue: VecDeque<PagedLookup>,
    current: Option<PagedLookupState>,
    awaiting: Awaiting,
    /// Counts the request that is under way.
    under_way: Option<InFlight>,
    /// Whether a token that was not accepted was replaced once.
    has_new_token: bool,
    /// Whether it was told that the quota is not known.
    has_warned: bool,
    attempts: u32,
    not_before: Timestamp,
    last_request: LastRequest,
    ledger: Ledger,
    graph: Graph,
    texts: mapping::Texts,
}

/// One request's worth of a lookup, with all its pages.
#[derive(Debug)]
struct PagedLookup {
    lookup: usize,
    each: Option<String>,
}

/// An `PagedLookup` under way.
#[derive(Debug)]
struct PagedLookupState {
    ask: PagedLookup,
    target: Target,
    /// Where the provider sends this request instead.
    elsewhere: Option<Target>,
    redirects: u32,
    pages: Pages,
    polls: u32,
    read_before: u64,
    judged_before: u64,
    bad_before: u64,
}

/// The page that was asked for last.
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
    /// Starts a run. The TLP gate is asked here: a run that is refused sends nothing.
    pub fn new(plan: &'p Plan, account: Arc<ProviderState>, input: Input, now: Timestamp) -> Self {
        let span = plan.window.as_ref().map(|window| match &window.last {
            ValueOrSetting::Value(span) => *span,
            ValueOrSetting::Setting(name) => match input.settings.value(name) {
                Some(SettingValue::Duration(span)) => *span,
                _ => unreachable!("a window's setting is a duration that always has a value"),
            },
        });
        let window_start = span.map(|span| before(now, span));
        let (tlp, levels) = (marking_gate::result_tlp(plan, &input), marking_gate::levels(plan, &input));
        let graph = Graph::new(input.observable.clone(), plan.relationship.policy);
        let mut ledger = Ledger::new(input.trace);
        let mut queue = VecDeque::new();
        match marking_gate::refusal(plan, &input) {
            Some(reason) => ledger.refused = Some(reason),
            None => queue = asks(plan, &input.observable),
        }
        if queue.is_empty() && ledger.refused.is_none() {
            ledger.refused =
                Some(format!("{} does not answer for {}", plan.name, input.observable.kind().entity_type()));
        }
        Self {
            plan,
            account,
            asker: RequestBuilder::new(plan, &input, now, window_start),
            input,
            started: now,
            window_start,
            tlp,
            levels,
            queue,
            current: None,
            awaiting: Awaiting::Nothing,
            under_way: None,
            has_new_token: false,
            has_warned: false,
            attempts: 0,
            not_before: now,
            last_request: LastRequest::default(),
            ledger,
            graph,
            texts: mapping::Texts::default(),
        }
    }

    /// The lookup that is under way, and which of its list is asked for.
    pub fn asking(&self) -> Option<(&str, Option<&str>)> {
        let asking = self.current.as_ref()?;
        Some((&self.plan.lookups[asking.ask.lookup].name, asking.ask.each.as_deref()))
    }

    /// Whether the request that is under way is the last of the run, unless it is made again.
    pub fn is_at_last_request(&self) -> bool {
        let is_only = |asking: &PagedLookupState| {
            let lookup = &self.plan.lookups[asking.ask.lookup];
            lookup.job.is_none() && matches!(lookup.paging, PagingPlan::None { .. })
        };
        self.awaiting == Awaiting::Page && self.queue.is_empty() && self.current.as_ref().is_some_and(is_only)
    }

    /// What to do now.
    pub fn next(&mut self, now: Timestamp) -> Step {
        if self.current.is_none() {
            self.current = self.queue.pop_front().map(|ask| self.begin(ask));
        }
        if self.current.is_none() {
            return Step::Done;
        }
        if now >= self.input.deadline {
            return self.stop(Failure::cut("the deadline was reached"));
        }
        if now < self.not_before {
            return self.wait(self.not_before, "a wait goes past the deadline");
        }
        if let Some(step) = self.token(now) {
            return step;
        }
        if let Some(step) = self.quota(now) {
            return step;
        }
        match self.account.take_slot(self.plan, now) {
            Err(until) => self.wait(until, "the request rate goes past the deadline"),
            Ok(slot) => {
                self.under_way = Some(slot);
                self.attempts += 1;
                self.send_page(now)
            }
        }
    }

    /// Sees to it that requests carry a token, where they need one; `None` if they do.
    fn token(&mut self, now: Timestamp) -> Option<Step> {
        let plan = self.plan.token()?;
        match self.account.token(now) {
            TokenState::Known(token) => {
                self.asker.carry(&token);
                None
            }
            TokenState::ByAnother => Some(self.wait(after(now, PROBE_PATIENCE), "there is no token by the deadline")),
            TokenState::Due => {
                let request = match self.asker.token(plan).checked() {
                    Ok(request) => request,
                    Err(reason) => {
                        self.account.forget_token();
                        return Some(self.stop(Failure::stop(reason)));
                    }
                };
                self.attempts += 1;
                self.awaiting = Awaiting::Token;
                Some(Step::Send(request.within(self.input.deadline, now)))
            }
        }
    }

    fn send_page(&mut self, now: Timestamp) -> Step {
        let asking = self.current.as_ref().expect("next() has just seen to it");
        let lookup = &self.plan.lookups[asking.ask.lookup];
        let each = asking.ask.each.as_deref();
        let target = asking.elsewhere.as_ref().unwrap_or(&asking.target);
        let built = match self.asker.lookup(self.plan, lookup, each, target, &asking.pages, now).checked() {
            Ok(built) => built,
            Err(reason) => {
                self.under_way = None;
                self.fail(Failure::lookup(reason));
                return self.next(now);
            }
        };
        self.awaiting = Awaiting::Page;
        self.last_request = LastRequest { method: built.method, url: built.url.clone() };
        Step::Send(built.within(self.input.deadline, now))
    }

    /// Asks the account whether anything may be sent; `None` if so.
    fn quota(&mut self, now: Timestamp) -> Option<Step> {
        if let Some(Exhausted { until, reason, .. }) = self.account.exhausted(self.plan, now) {
            return Some(self.defer(until, reason));
        }
        let probe = self.plan.quota.probe.as_ref()?;
        match self.account.probing(probe, now) {
            ProbeState::Known => {
                self.warn_of_unread(probe);
                None
            }
            ProbeState::ByAnother => {
                Some(self.wait(after(now, PROBE_PATIENCE), "the quota is not known by the deadline"))
            }
            ProbeState::Due => {
                let slot = match self.account.take_slot(self.plan, now) {
                    Ok(slot) => slot,
                    Err(until) => {
                        self.account.probe_again();
                        return Some(self.wait(until, "the request rate goes past the deadline"));
                    }
                };
                let request = match self.asker.probe(self.plan, probe, now).checked() {
                    Ok(request) => request,
                    Err(reason) => {
                        self.account.probe_again();
                        return Some(self.stop(Failure::stop(reason)));
                    }
                };
                self.under_way = Some(slot);
                self.attempts += 1;
                self.awaiting = Awaiting::Probe;
                Some(Step::Send(request.within(self.input.deadline, now)))
            }
        }
    }

    /// Takes the answer to the request that was sent last. Returns what it says of the provider.
    pub fn accept(&mut self, result: Result<Response, Fault>, now: Timestamp) -> Health {
        self.ledger.requests += 1;
        self.under_way = None;
        if let Ok(response) = &result {
            self.account.note_headers(self.plan, response, now);
        }
        let awaiting = std::mem::replace(&mut self.awaiting, Awaiting::Nothing);
        if result.as_ref().is_ok_and(|response| self.says_pending(&awaiting, response)) {
            self.poll_again(now);
            return Health::Serves;
        }
        let verdict = match &result {
            Ok(response) => answer::judge(self.plan, self.framing(&awaiting), response, now, &self.asker),
            // Whom to trust is the operator's matter: asking again changes nothing.
            Err(fault @ (Fault::Untrusted(_) | Fault::Unsendable(_))) => Decision::StopAll(Reason::of_fault(fault)),
            Err(fault) => Decision::TryAgain(Reason::of_fault(fault), None),
        };
        let health = verdict.health(awaiting == Awaiting::Page, &result);
        match (verdict, awaiting) {
            (_, Awaiting::Nothing) => {}
            (Decision::TryAgain(why, wait), awaiting) => self.try_again(why, wait, &awaiting, now),
            (Decision::Quota(why, until), awaiting) => {
                self.release_probe(&awaiting);
                let until = until.unwrap_or_else(|| self.account.quota_guess(self.plan, now));
                let until = self.account.exhaust(self.plan, until, (Cause::Quota, why.text()), now);
                self.defer(until, why.text());
            }
            (Decision::StopAll(why), awaiting) if self.renews_token(&why, &awaiting) => {
                self.release_probe(&awaiting);
                return Health::Unknown;
            }
            (Decision::StopAll(why), awaiting) => {
                self.release_probe(&awaiting);
                self.stop(Failure::stop(why.text()));
            }
            (verdict, Awaiting::Token) => self.accept_token(&verdict, result.as_ref().ok(), now),
            (verdict, Awaiting::Probe) => self.accept_probe(&verdict, result.as_ref().ok(), now),
            (Decision::Fail(why), Awaiting::Page) => self.fail(Failure::lookup(why.text())),
            (Decision::Empty, Awaiting::Page) => self.read_nothing(now),
            (Decision::Redirect(location), Awaiting::Page) => self.redirect(&location),
            (Decision::Read, Awaiting::Page) => self.read(result.expect("a verdict to read has a response"), now),
        }
        health
    }

    /// How the answer that is awaited is framed.
    fn framing(&self, awaiting: &Awaiting) -> Framing {
        match (awaiting, &self.current) {
            (Awaiting::Page, Some(asking)) if !matches!(asking.target, Target::Poll(_) | Target::PollUrl(_)) => {
                self.plan.lookups[asking.ask.lookup].rows.framing
            }
            _ => Framing::Json,
        }
    }

    fn release_probe(&self, awaiting: &Awaiting) {
        match awaiting {
            Awaiting::Probe => self.account.probe_again(),
            Awaiting::Token => self.account.forget_token(),
            Awaiting::Page | Awaiting::Nothing => {}
        }
    }

    /// A token that is not accepted may have been revoked: it is replaced, once in a run.
    fn renews_token(&mut self, why: &Reason, awaiting: &Awaiting) -> bool {
        let is_due = why.is_unauthorized() && *awaiting != Awaiting::Token && !self.has_new_token;
        if !is_due || self.plan.token().is_none() {
            return false;
        }
        self.has_new_token = true;
        self.account.forget_token();
        true
    }

    fn accept_token(&mut self, verdict: &Decision, response: Option<&Response>, now: Timestamp) {
        self.attempts = 0;
        let plan = self.plan.token().expect("a token was asked for");
        let read = response.filter(|_| matches!(verdict, Decision::Read));
        if read.is_some_and(|response| self.account.learn_token(plan, response, now)) {
            return;
        }
        self.account.forget_token();
        let reason = match verdict {
            Decision::Fail(why) => format!("no token was given: {}", why.text()),
            Decision::Redirect(_) => "no token was given: its place redirects".to_owned(),
            _ => format!("no token was given: the answer has none at `{}`", plan.token),
        };
        self.stop(Failure::stop(reason));
    }

    fn accept_probe(&mut self, verdict: &Decision, response: Option<&Response>, now: Timestamp) {
        self.attempts = 0;
        let probe = self.plan.quota.probe.as_ref().expect("a probe was sent");
        let body = response.filter(|_| matches!(verdict, Decision::Read)).map(|response| response.body.as_slice());
        if let Some((until, reason)) = self.account.learn(self.plan, probe, body, now) {
            self.defer(until, reason);
        }
    }

    /// Tells, once in a run, that nobody knows how much is left: an account without the figures is served all the same.
    fn warn_of_unread(&mut self, probe: &ProbePlan) {
        let Some(missing) = self.account.unread().filter(|_| !self.has_warned) else { return };
        self.has_warned = true;
        let message = "the quota cannot be told, and is not minded";
        let label = format!("the answer has {missing}");
        let found = Diagnostic::error(Code::ResponseShape, message, &self.plan.source, probe.span.clone(), label);
        self.ledger.diagnostics.push(found.warning());
    }

    /// The same request once more, after a wait; or no more, when it was sent often enough or the wait is too long.
    fn try_again(&mut self, why: Reason, asked_wait: Option<SignedDuration>, awaiting: &Awaiting, now: Timestamp) {
        self.release_probe(awaiting);
        let retry = &self.plan.http.retry;
        let wait = asked_wait.unwrap_or_else(|| self.backoff());
        let until = after(now, wait);
        let is_too_late = until >= self.input.deadline;
        if wait > retry.longest || (asked_wait.is_some() && is_too_late) {
            let until = self.account.exhaust(self.plan, until, (Cause::Throttled, why.text()), now);
            self.defer(until, why.text());
        } else if self.attempts >= retry.attempts || is_too_late {
            let times = if self.attempts == 1 { "once".to_owned() } else { format!("{} times", self.attempts) };
            let text = format!("{}, {times}", why.text());
            match why.is_throttling() {
                true => {
                    self.defer(until, text);
                }
                false => self.fail(Failure::lookup(text)),
            }
        } else {
            self.not_before = until;
        }
    }

    /// Twice as long each time, less up to half of it.
    fn backoff(&mut self) -> SignedDuration {
        let retry = &self.plan.http.retry;
        let full = retry
            .first
            .checked_mul(1 << self.attempts.saturating_sub(1).min(16))
            .unwrap_or(retry.longest)
            .min(retry.longest);
        // SplitMix64: enough to keep runs from asking in step.
        self.input.seed = self.input.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.input.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let less = i64::try_from((mixed >> 33) % 1000).expect("below 1000");
        full - SignedDuration::from_millis(i64::try_from(full.as_millis()).unwrap_or(0) / 2 * less / 1000)
    }

    fn redirect(&mut self, location: &str) {
        let asking = self.current.as_mut().expect("a page was asked for");
        asking.redirects += 1;
        if asking.redirects > MAX_REDIRECTS {
            return self.fail(Failure::lookup(format!("the provider redirects more than {MAX_REDIRECTS} times")));
        }
        match self.asker.own_url(location, &self.last_request.url) {
            Ok(url) => {
                asking.elsewhere = Some(match asking.target {
                    Target::Built | Target::Url(_) => Target::Url(url),
                    _ => Target::JobUrl(url),
                });
                self.attempts = 0;
            }
            Err(reason) => self.fail(Failure::lookup(format!("the provider redirects: {reason}"))),
        }
    }

    fn read(&mut self, response: Response, now: Timestamp) {
        self.attempts = 0;
        self.current.as_mut().expect("a page was asked for").elsewhere = None;
        if let Some(job) = self.job(&response, now) {
            return job;
        }
        let asking = self.current.as_mut().expect("a page was asked for");
        let lookup = &self.plan.lookups[asking.ask.lookup];
        asking.pages.count += 1;
        if let Err(repeat) = self.compare(lookup, &response) {
            return self.fail(Failure::lookup(repeat.to_string()));
        }
        let Some(beside) = self.map_page(lookup, &response) else { return };
        if let Some(fault) = &response.cut {
            return self.fail(Failure::lookup(Reason::of_fault(fault).text()));
        }
        self.turn(lookup, &beside, &response, now);
    }

    /// An answer that says there is nothing ends a lookup; or one part of it, where it is asked for in parts.
    fn read_nothing(&mut self, now: Timestamp) {
        let asking = self.current.as_mut().expect("a page was asked for");
        let Some(parts) = &mut asking.pages.parts else { return self.end_lookup() };
        self.attempts = 0;
        asking.elsewhere = None;
        asking.pages.count += 1;
        parts.begin();
        let lookup = &self.plan.lookups[asking.ask.lookup];
        let turn = asking.pages.settle_part(lookup, false, None);
        self.follow(turn, lookup, now);
    }

    /// Tells a page that came before.
    fn compare(&mut self, lookup: &LookupPlan, response: &Response) -> Result<(), Repeat> {
        if !Pages::compares(lookup) {
            return Ok(());
        }
        let asking = self.current.as_mut().expect("a page was asked for");
        let each = asking.ask.each.as_deref();
        let reader = Reader::new(&self.plan.record, lookup, each, &self.input.observable, response);
        let mut fingerprint = Fingerprint::default();
        // What is wrong with the answer is told when it is mapped.
        let _ = reader.read(response, &mut |row| fingerprint.note(&row));
        asking.pages.is_new(fingerprint)
    }

    /// Maps the rows of a page. Gives what stands beside them; nothing after an answer that breaks off was told.
    fn map_page(&mut self, lookup: &LookupPlan, response: &Response) -> Option<Envelope> {
        let asking = self.current.as_mut().expect("a page was asked for");
        let mut parts = asking.pages.parts.take();
        let (page, each) = (asking.pages.count, asking.ask.each.as_deref());
        let reader = Reader::new(&self.plan.record, lookup, each, &self.input.observable, response);
        let secrets = self.asker.secrets().repeated(response);
        let asked_name = record::asked_name(&self.input.observable);
        self.graph.make_room(response.body.len());
        let context = mapping::Context {
            plan: self.plan,
            reader: &reader,
            secrets: &secrets,
            asked: &self.input.observable,
            asked_name: asked_name.as_ref(),
            levels: self.levels,
            drop_addresses: marking_gate::dropped(self.plan, &self.input.settings),
            lookup: &lookup.name,
            page,
            filter_start: self.window_start,
            keeps_values: self.input.trace,
        };
        let mut bad = vec![];
        let (texts, graph, ledger) = (&mut self.texts, &mut self.graph, &mut self.ledger);
        let volatile = parts::volatile(&reader, &self.plan.record);
        parts.iter_mut().for_each(Parts::begin);
        let read = reader.read(response, &mut |row| {
            if parts.as_mut().is_none_or(|parts| parts.is_new(&row, &volatile)) {
                bad.extend(mapping::row(&context, &row, texts, graph, ledger));
            }
        });
        self.current.as_mut().expect("a page was asked for").pages.parts = parts;
        if !bad.is_empty() {
            let exhibit = self.exhibit(page, response);
            let told = bad.iter().map(|place| diagnose::bad_record(self.plan, lookup, place, &exhibit));
            self.ledger.diagnostics.extend(told.map(|told| self.asker.secrets().redact_in(told)));
        }
        match read {
            Ok(beside) => Some(beside),
            Err(broken) => {
                let exhibit = self.exhibit(page, response);
                let told = diagnose::broken(self.plan, lookup, &broken, &exhibit);
                self.ledger.diagnostics.push(self.asker.secrets().redact_in(told));
                self.fail(Failure::lookup(format!("page {page}: {broken}")));
                None
            }
        }
    }

    /// What follows a page that was read.
    fn turn(&mut self, lookup: &LookupPlan, beside: &Envelope, response: &Response, now: Timestamp) {
        let asking = self.current.as_mut().expect("a page was asked for");
        let turn = asking.pages.turn(lookup, beside, response, &self.asker, &self.last_request.url);
        self.follow(turn, lookup, now);
    }

    fn follow(&mut self, turn: paging::NextPage, lookup: &LookupPlan, now: Timestamp) {
        let asking = self.current.as_mut().expect("a page was asked for");
        match turn {
            paging::NextPage::Last => self.end_lookup(),
            paging::NextPage::Truncated(reason) => {
                let asking = self.current.as_ref().expect("a page was asked for");
                self.ledger.truncated.push(self.named(&asking.ask, reason));
                self.end_lookup();
            }
            paging::NextPage::Next(target) => {
                match (target, &lookup.job) {
                    // Later pages of a job's result are asked for where its first one was.
                    (Target::Built, Some(_)) => {}
                    (Target::Url(url), Some(_)) => asking.target = Target::JobUrl(url),
                    (target, _) => asking.target = target,
                }
                self.not_before = now;
            }
            paging::NextPage::Broken(reason) => self.fail(Failure::lookup(self.asker.scrub(&reason))),
        }
    }

    /// An answer as evidence: named by its request, without secrets.
    fn exhibit(&self, page: u32, response: &Response) -> diagnose::ResponseSource {
        let LastRequest { method, url } = &self.last_request;
        let name = format!("{method} {url} (page {page})");
        diagnose::ResponseSource::new(name, &response.body, |text| self.asker.scrub(text))
    }

    fn begin(&mut self, ask: PagedLookup) -> PagedLookupState {
        self.attempts = 0;
        let (read_before, bad_before) = (self.ledger.counts.read, self.ledger.counts.bad());
        let judged_before = self.ledger.counts.judged();
        let pages = Pages::of(self.parts(&self.plan.lookups[ask.lookup]));
        PagedLookupState {
            ask,
            target: Target::Built,
            elsewhere: None,
            redirects: 0,
            pages,
            polls: 0,
            read_before,
            judged_before,
            bad_before,
        }
    }

    /// The parts of the window that a lookup is asked for in, where it is; at first, the whole.
    fn parts(&self, lookup: &LookupPlan) -> Option<Parts> {
        let PagingPlan::Window { open_end, .. } = lookup.paging else { return None };
        let start = self.window_start.expect("a lookup by parts of the window has one");
        Some(Parts::new(lookup, Part::whole(start, self.started, open_end), self.started))
    }

    /// This lookup is over, and was answered; unless too much of the answer was bad.
    fn end_lookup(&mut self) {
        let asking = self.current.take().expect("a lookup is under way");
        self.attempts = 0;
        if let Some(reason) = self.disbelief(&asking) {
            return self.ledger.failures.push(Failure::lookup(self.named(&asking.ask, reason)));
        }
        self.ledger.answered += 1;
    }

    /// Why a lookup's answers cannot be believed: too many of their records are bad.
    fn disbelief(&self, asking: &PagedLookupState) -> Option<String> {
        let read = self.ledger.counts.judged() - asking.judged_before;
        let bad = self.ledger.counts.bad() - asking.bad_before;
        (bad * 100 > read * self.plan.record.bad_at_most).then(|| too_many_bad(self.plan, read, bad))
    }

    /// This lookup is over, and what it had read stays.
    fn fail(&mut self, failure: Failure) {
        let asking = self.current.take().expect("a lookup is under way");
        self.attempts = 0;
        let is_answered = asking.pages.count > 1 || self.ledger.counts.read > asking.read_before;
        if is_answered && self.disbelief(&asking).is_none() {
            self.ledger.answered += 1;
        }
        let text = self.named(&asking.ask, self.asker.scrub(&failure.text));
        self.ledger.failures.push(Failure { text, ..failure });
    }

    /// Where a profile has several requests for an observable, a reason says which it is about.
    fn named(&self, ask: &PagedLookup, reason: String) -> String {
        let lookup = &self.plan.lookups[ask.lookup];
        match &ask.each {
            Some(each) => format!("{} {each}: {reason}", lookup.name),
            None if self.plan.lookups.len() > 1 => format!("{}: {reason}", lookup.name),
            None => reason,
        }
    }

    /// The whole run is over.
    fn stop(&mut self, failure: Failure) -> Step {
        let text = self.asker.scrub(&failure.text);
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

    /// Ends the run where the next request may not be sent, and why not.
    pub fn break_off(mut self, reason: String) -> Report {
        let awaiting = std::mem::replace(&mut self.awaiting, Awaiting::Nothing);
        self.release_probe(&awaiting);
        self.stop(Failure::stop(reason));
        self.finish()
    }

    /// What was found and what became of each record, also when the run was cut short.
    pub fn finish(self) -> Report {
        let created = self.started;
        let (name, class) = &self.plan.identity;
        let author = Identity::new(name, class, created);
        let asked_tlp = marking_gate::asked_tlp(&self.input.markings);
        let unfinished = self.current.is_some() || !self.queue.is_empty();
        let bundle = self.graph.into_bundle(&author, asked_tlp, created);
        self.ledger.report(bundle, self.tlp, &self.plan.name, unfinished, self.asker.secrets().clone())
    }
}

fn too_many_bad(plan: &Plan, read: u64, bad: u64) -> String {
    let at_most = plan.record.bad_at_most;
    format!("{bad} of {read} records are bad, more than {at_most} %: the provider's answers have changed")
}

fn asks(plan: &Plan, observable: &Observable) -> VecDeque<PagedLookup> {
    let mut asks = VecDeque::new();
    for (lookup, lookup_plan) in plan.lookups.iter().enumerate() {
        if !lookup_plan.accepts.contains(&observable.kind()) {
            continue;
        }
        if lookup_plan.for_each.is_empty() {
            asks.push_back(PagedLookup { lookup, each: None });
        }
        asks.extend(lookup_plan.for_each.iter().map(|each| PagedLookup { lookup, each: Some(each.clone()) }));
    }
    asks
}
