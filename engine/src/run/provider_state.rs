//! What is known of a provider's quota, shared by all runs that use the same credentials: when one may ask, how much is
//! left, and who is finding out.

use super::Response;
use super::answer::wait;
use super::extract::find;
use crate::plan::{AnswerPlace, ElementPlan, Path, Plan, ProbeFigures, ProbePlan, TokenPlan, after, integer};
use crate::profile::QuotaHeaders;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// A probe that another run sent and that was not answered for so long is sent again.
const PROBE_LOST: SignedDuration = SignedDuration::from_secs(60);

/// How long to wait for a request of another run to end.
const BUSY: SignedDuration = SignedDuration::from_millis(20);

/// A token is not used for so long before it expires, or for the last half of a short life: clocks differ, and requests take
/// time.
const TOKEN_SKEW: SignedDuration = SignedDuration::from_secs(30);

/// A new token is taken to live so long, whatever its answer says: one that seems to have expired already is tried before
/// another is asked for, since the clock may be ours that is wrong.
const SHORTEST_LIFE: SignedDuration = SignedDuration::from_secs(10);

/// How long a quota is taken to be exhausted when nobody says until when.
const UNKNOWN_RESET: SignedDuration = SignedDuration::from_mins(15);

/// The state of one credential at one provider.
#[derive(Debug, Default)]
pub struct ProviderState {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: VecDeque<Timestamp>,
    under_way: usize,
    probe: Probe,
    token: Token,
    exhausted: Option<Exhausted>,
    remaining: Option<i64>,
    /// Why the last answer to a probe did not tell what is left, if it did not.
    unread: Option<String>,
}

/// Why nothing may be sent, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exhausted {
    pub(super) until: Timestamp,
    pub(super) reason: String,
    pub(super) cause: Cause,
}

/// What nothing may be sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The quota is used up: the account may be given more before it is full again.
    Quota,
    /// The provider wants to be left alone.
    Throttled,
}

#[derive(Debug, Default)]
enum Probe {
    #[default]
    Unknown,
    SentAt(Timestamp),
    KnownAt(Timestamp),
}

#[derive(Default)]
enum Token {
    #[default]
    None,
    SentAt(Timestamp),
    /// And until when it is used.
    Known(Zeroizing<String>, Option<Timestamp>),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Whether there is a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenState {
    Known(Zeroizing<String>),
    Due,
    ByAnother,
}

/// A request that is under way; counted until it is dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<ProviderState>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way = state.under_way.saturating_sub(1);
    }
}

/// Whether a quota is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ProbeState {
    Known,
    Due,
    ByAnother,
}

impl ProviderState {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing may be sent, until when, and why. A quota that is used up is no reason not to ask how much is left, when
    /// that is due.
    pub(super) fn exhausted(&self, plan: &Plan, now: Timestamp) -> Option<Exhausted> {
        let state = self.state();
        let is_due = |exhausted: &Exhausted| {
            let probe = plan.quota.probe.as_ref().filter(|_| exhausted.cause == Cause::Quota);
            probe.is_some_and(|probe| state.is_due(probe, now))
        };
        state.exhausted.clone().filter(|exhausted| now < exhausted.until && !is_due(exhausted))
    }

    /// How many requests the provider said were left, when it said so last.
    pub fn remaining(&self) -> Option<i64> {
        self.state().remaining
    }

    /// Why the last answer to a probe did not tell what is left, if it did not.
    pub(super) fn unread(&self) -> Option<String> {
        self.state().unread.clone()
    }

    /// Nothing may be sent until then, as far as a provider is believed. Gives the time that is.
    pub(super) fn exhaust(
        &self,
        plan: &Plan,
        until: Timestamp,
        (cause, reason): (Cause, String),
        now: Timestamp,
    ) -> Timestamp {
        let until = until.min(after(now, plan.quota.longest_wait));
        self.state().exhausted = Some(Exhausted { until, reason, cause });
        until
    }

    /// When a quota is likely to be full again, if nobody says.
    pub(super) fn quota_guess(&self, plan: &Plan, now: Timestamp) -> Timestamp {
        let wait = plan.quota.probe.as_ref().map_or(UNKNOWN_RESET, |probe| probe.every);
        after(now, wait)
    }

    /// Counts a request that is sent now, or says when it may be.
    pub(super) fn take_slot(self: &Arc<Self>, plan: &Plan, now: Timestamp) -> Result<InFlight, Timestamp> {
        let mut state = self.state();
        if plan.quota.concurrency.is_some_and(|most| state.under_way >= most) {
            return Err(after(now, BUSY));
        }
        let longest = plan.quota.rates.iter().map(|rate| rate.per).max();
        if let Some(longest) = longest {
            while state.sent.front().is_some_and(|&sent| after(sent, longest) <= now) {
                state.sent.pop_front();
            }
            for rate in &plan.quota.rates {
                // The oldest of as many as may be sent in this stretch.
                let oldest = state.sent.len().checked_sub(rate.requests).map(|at| after(state.sent[at], rate.per));
                if let Some(free) = oldest.filter(|free| *free > now) {
                    return Err(free);
                }
            }
            state.sent.push_back(now);
        }
        state.under_way += 1;
        Ok(InFlight(Arc::clone(self)))
    }

    /// The token that requests carry; if there is none, the caller is to fetch it.
    pub(super) fn token(&self, now: Timestamp) -> TokenState {
        let mut state = self.state();
        match &state.token {
            Token::Known(token, until) if until.is_none_or(|until| now < until) => TokenState::Known(token.clone()),
            Token::SentAt(at) if now < after(*at, PROBE_LOST) => TokenState::ByAnother,
            _ => {
                state.token = Token::SentAt(now);
                TokenState::Due
            }
        }
    }

    /// Reads the answer to a request for a token; `false` if it holds none.
    pub(super) fn learn_token(&self, plan: &TokenPlan, response: &Response, now: Timestamp) -> bool {
        let body = response.body.as_slice();
        let token = match &plan.token {
            AnswerPlace::Body(path) => find(body, path).and_then(|value| value.as_str().map(str::to_owned)),
            // Behind the first `;` a cookie has what is for browsers.
            AnswerPlace::Header(name) if name.eq_ignore_ascii_case("set-cookie") => {
                response.header(name).map(|value| value.split(';').next().unwrap_or_default().trim().to_owned())
            }
            AnswerPlace::Header(name) => response.header(name).map(|value| value.trim().to_owned()),
        };
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            self.forget_token();
            return false;
        };
        let expires = plan.expires.as_ref().and_then(|(path, unit)| wait(&find(body, path)?, *unit, now));
        let life = expires.map(|expires| expires.max(SHORTEST_LIFE));
        let until = life.and_then(|life| now.checked_add(life - TOKEN_SKEW.min(life / 2)).ok());
        self.state().token = Token::Known(Zeroizing::new(token), until);
        true
    }

    /// The token was not given, or is not accepted: whoever comes next fetches one.
    pub(super) fn forget_token(&self) {
        self.state().token = Token::None;
    }

    /// Whether the quota is known; if it is not, the caller is to ask.
    pub(super) fn probing(&self, probe: &ProbePlan, now: Timestamp) -> ProbeState {
        let mut state = self.state();
        match state.probe {
            Probe::SentAt(at) if now < after(at, PROBE_LOST) => ProbeState::ByAnother,
            _ if state.is_due(probe, now) => {
                state.probe = Probe::SentAt(now);
                ProbeState::Due
            }
            _ => ProbeState::Known,
        }
    }

    /// The probe was not answered: whoever comes next asks.
    pub(super) fn probe_again(&self) {
        self.state().probe = Probe::Unknown;
    }

    /// Reads the answer to a probe. Says until when nothing may be sent, and why, if the quota is exhausted. An answer that
    /// does not tell is remembered, and keeps nobody from asking.
    pub(super) fn learn(
        &self,
        plan: &Plan,
        probe: &ProbePlan,
        body: Option<&[u8]>,
        now: Timestamp,
    ) -> Option<(Timestamp, String)> {
        let body: Option<Value> = body.and_then(|body| serde_json::from_slice(body).ok());
        let reset =
            body.as_ref().zip(probe.reset.as_ref()).and_then(|(body, (path, format))| format.read(path.find(body)?));
        let until = reset.filter(|reset| *reset > now).unwrap_or(after(now, probe.every));
        let figures = match &probe.element {
            Some(element) => body.as_ref().and_then(|body| chosen(element, body)),
            None => body.as_ref(),
        };
        let (exhausted, remaining, unread) = match left(&probe.figures, figures) {
            Ok(Left::Some(remaining)) => (None, remaining, None),
            Ok(Left::Nothing(reason)) => (Some(reason), Some(0), None),
            Err(missing) => (None, None, Some(missing)),
        };
        {
            let mut state = self.state();
            state.probe = Probe::KnownAt(now);
            state.remaining = remaining;
            state.unread = unread;
            state.exhausted = None;
        }
        exhausted.map(|reason| (self.exhaust(plan, until, (Cause::Quota, reason.clone()), now), reason))
    }

    /// Reads what an answer's headers say of the quota: of several figures the least decides, and all that are at 0 must be full
    /// again.
    pub(super) fn note_headers(&self, plan: &Plan, response: &Response, now: Timestamp) {
        let figures = plan.quota.headers.iter().filter_map(|headers| {
            let least = members(response, &headers.remaining).filter_map(|text| text.parse::<i64>().ok()).min()?;
            Some((least, headers))
        });
        let figures: Vec<(i64, &QuotaHeaders)> = figures.collect();
        let Some(least) = figures.iter().map(|(remaining, _)| *remaining).min() else { return };
        self.state().remaining = Some(least);
        let used_up = figures.iter().filter(|(remaining, _)| *remaining <= 0);
        let full =
            used_up.map(|(_, headers)| reset(headers, response, now).unwrap_or_else(|| self.quota_guess(plan, now)));
        if let Some(until) = full.max() {
            self.exhaust(plan, until, (Cause::Quota, "the quota is used up".into()), now);
        }
    }
}

/// When a quota is full again, as the answer's headers say.
fn reset(headers: &QuotaHeaders, response: &Response, now: Timestamp) -> Option<Timestamp> {
    let reset = headers.reset.as_ref()?;
    // A date has a comma of its own.
    let whole = response.header(&reset.header).and_then(|text| wait(&Value::from(text.trim()), reset.unit, now));
    let longest =
        || members(response, &reset.header).filter_map(|text| wait(&Value::from(text), reset.unit, now)).max();
    now.checked_add(whole.or_else(longest)?).ok()
}

/// The members of a header's list, on however many lines it stands (RFC 9110 §5.6.1).
fn members<'r>(response: &'r Response, name: &'r str) -> impl Iterator<Item = &'r str> {
    response.headers(name).flat_map(|line| line.split(',')).map(str::trim)
}

impl State {
    /// Whether what was learned of the quota is too old.
    fn is_due(&self, probe: &ProbePlan, now: Timestamp) -> bool {
        match self.probe {
            Probe::Unknown => true,
            Probe::KnownAt(at) => now >= after(at, probe.every),
            Probe::SentAt(at) => now >= after(at, PROBE_LOST),
        }
    }
}

enum Left {
    /// How many, unless there is no limit.
    Some(Option<i64>),
    Nothing(String),
}

fn left(figures: &ProbeFigures, body: Option<&Value>) -> Result<Left, String> {
    let figure = |paths: &[Path]| {
        let found =
            paths.iter().find_map(|path| body.and_then(|body| path.find(body)).filter(|value| !value.is_null()));
        let shown = &paths[0];
        match found {
            Some(value) if is_unlimited(value) => Ok(None),
            Some(value) => integer(value).map(Some).ok_or_else(|| format!("no figure at `{shown}`")),
            None => Err(format!("nothing at `{shown}`")),
        }
    };
    Ok(match figures {
        ProbeFigures::UsedOfLimit(used, limit) => match (figure(used)?, figure(limit)?) {
            (Some(used), Some(limit)) if used >= limit => {
                Left::Nothing(format!("the quota is used up: {used} of {limit}"))
            }
            (Some(used), Some(limit)) => Left::Some(Some(limit.saturating_sub(used))),
            _ => Left::Some(None),
        },
        ProbeFigures::Remaining(remaining) => match figure(remaining)? {
            Some(remaining) if remaining <= 0 => Left::Nothing("the quota is used up".into()),
            remaining => Left::Some(remaining),
        },
    })
}

/// The element of a list that is the wanted one.
fn chosen<'b>(element: &ElementPlan, body: &'b Value) -> Option<&'b Value> {
    let list = element.of.find(body)?.as_array()?;
    list.iter().find(|item| element.at.find(item).is_some_and(|value| element.is.is(value)))
}

fn is_unlimited(value: &Value) -> bool {
    value.as_str().is_some_and(|text| ["unlimited", "n/a", "none"].contains(&text.trim().to_lowercase().as_str()))
}
