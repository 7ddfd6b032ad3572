//! State of a provider that all runs with the same credentials share: quota, rate limit and access token, and which run
//! is refreshing them.

use super::Response;
use super::extract::find;
use super::retry_after::wait;
use crate::plan::{Plan, ProbePlan, ResponseLocation, TokenPlan, after};
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// Time after which an unanswered probe of another run is sent again.
const REQUEST_LOST: SignedDuration = SignedDuration::from_secs(60);

/// Interval between checks for a free slot of the concurrency limit.
const SLOT_INTERVAL: SignedDuration = SignedDuration::from_millis(20);

/// Time before expiry at which a token is no longer used (half of a short lifetime): clocks differ, and requests take
/// time.
const TOKEN_SKEW: SignedDuration = SignedDuration::from_secs(30);

/// Minimum lifetime of a new token. One that appears to have expired is used before another is requested, since our
/// clock may be wrong.
const MIN_LIFETIME: SignedDuration = SignedDuration::from_secs(10);

/// Duration of exhaustion if the provider does not state one.
const UNKNOWN_RESET: SignedDuration = SignedDuration::from_mins(15);

/// Quota, rate limit and token of one credential at one provider.
#[derive(Debug, Default)]
pub struct ProviderState {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: VecDeque<Timestamp>,
    in_flight: usize,
    probe: Probe,
    token: Token,
    exhausted: Option<Exhausted>,
    remaining: Option<i64>,
    /// Why the last probe did not show the remaining quota.
    missing: Option<String>,
}

/// Why no request may be sent, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exhausted {
    pub(super) until: Timestamp,
    pub(super) reason: String,
    pub(super) cause: Cause,
}

/// Reason for exhaustion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The quota is exhausted; the operator may raise it before it is reset.
    Quota,
    /// The provider limits the request rate.
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
    /// The token, and the time until which it is used.
    Known(Zeroizing<String>, Option<Timestamp>),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Whether a token is available to the caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenState {
    Known(Zeroizing<String>),
    Due,
    InProgress,
}

/// A request in flight, counted until dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<ProviderState>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight = state.in_flight.saturating_sub(1);
    }
}

/// Whether the remaining quota is known to the caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ProbeState {
    Known,
    Due,
    InProgress,
}

impl ProviderState {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment, so that a panic leaves no inconsistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether and until when no request may be sent, and why. An exhausted quota does not prevent a probe that
    /// is due.
    pub(super) fn exhausted(&self, plan: &Plan, now: Timestamp) -> Option<Exhausted> {
        let state = self.state();
        let is_due = |exhausted: &Exhausted| {
            let probe = plan.quota.probe.as_ref().filter(|_| exhausted.cause == Cause::Quota);
            probe.is_some_and(|probe| state.is_due(probe, now))
        };
        state.exhausted.clone().filter(|exhausted| now < exhausted.until && !is_due(exhausted))
    }

    /// Returns the remaining number of requests, as last stated by the provider.
    pub fn remaining(&self) -> Option<i64> {
        self.state().remaining
    }

    /// Returns why the last probe did not show the remaining quota.
    pub(super) fn missing(&self) -> Option<String> {
        self.state().missing.clone()
    }

    /// Blocks requests until a time, at most `longest_wait` from now, and returns that time.
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

    /// Estimates when a quota is reset if the provider does not state it.
    pub(super) fn quota_guess(&self, plan: &Plan, now: Timestamp) -> Timestamp {
        let wait = plan.quota.probe.as_ref().map_or(UNKNOWN_RESET, |probe| probe.every);
        after(now, wait)
    }

    /// Reserves a slot for a request now, or returns when one is free.
    pub(super) fn take_slot(self: &Arc<Self>, plan: &Plan, now: Timestamp) -> Result<InFlight, Timestamp> {
        let mut state = self.state();
        if plan.quota.concurrency.is_some_and(|most| state.in_flight >= most) {
            return Err(after(now, SLOT_INTERVAL));
        }
        let longest = plan.quota.rates.iter().map(|rate| rate.per).max();
        if let Some(longest) = longest {
            while state.sent.front().is_some_and(|&sent| after(sent, longest) <= now) {
                state.sent.pop_front();
            }
            for rate in &plan.quota.rates {
                // The oldest of the requests that fill the period.
                let oldest = state.sent.len().checked_sub(rate.requests).map(|at| after(state.sent[at], rate.per));
                if let Some(free) = oldest.filter(|free| *free > now) {
                    return Err(free);
                }
            }
            state.sent.push_back(now);
        }
        state.in_flight += 1;
        Ok(InFlight(Arc::clone(self)))
    }

    /// Returns the token; if there is none, the caller must obtain it.
    pub(super) fn token(&self, now: Timestamp) -> TokenState {
        let mut state = self.state();
        match &state.token {
            Token::Known(token, until) if until.is_none_or(|until| now < until) => TokenState::Known(token.clone()),
            Token::SentAt(at) if now < after(*at, REQUEST_LOST) => TokenState::InProgress,
            _ => {
                state.token = Token::SentAt(now);
                TokenState::Due
            }
        }
    }

    /// Stores the token of a response; `false` if it has none.
    pub(super) fn store_token(&self, plan: &TokenPlan, response: &Response, now: Timestamp) -> bool {
        let body = response.body.as_slice();
        let token = match &plan.token {
            ResponseLocation::Body(path) => find(body, path).and_then(|value| value.as_str().map(str::to_owned)),
            // Cookie attributes follow the first `;` (RFC 6265 §4.1).
            ResponseLocation::Header(name) if name.eq_ignore_ascii_case("set-cookie") => {
                response.header(name).map(|value| value.split(';').next().unwrap_or_default().trim().to_owned())
            }
            ResponseLocation::Header(name) => response.header(name).map(|value| value.trim().to_owned()),
        };
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            self.forget_token();
            return false;
        };
        let expires = plan.expires.as_ref().and_then(|(path, unit)| wait(&find(body, path)?, *unit, now));
        let life = expires.map(|expires| expires.max(MIN_LIFETIME));
        let until = life.and_then(|life| now.checked_add(life - TOKEN_SKEW.min(life / 2)).ok());
        self.state().token = Token::Known(Zeroizing::new(token), until);
        true
    }

    /// Discards the token, so that the next run obtains one.
    pub(super) fn forget_token(&self) {
        self.state().token = Token::None;
    }

    /// Returns whether the quota is known; if not, the caller must send the probe.
    pub(super) fn probe_state(&self, probe: &ProbePlan, now: Timestamp) -> ProbeState {
        let mut state = self.state();
        match state.probe {
            Probe::SentAt(at) if now < after(at, REQUEST_LOST) => ProbeState::InProgress,
            _ if state.is_due(probe, now) => {
                state.probe = Probe::SentAt(now);
                ProbeState::Due
            }
            _ => ProbeState::Known,
        }
    }

    /// Discards a failed probe, so that the next run sends one.
    pub(super) fn probe_again(&self) {
        self.state().probe = Probe::Unknown;
    }

    /// Stores what a probe showed, which replaces what was known.
    pub(super) fn note_probe(&self, remaining: Option<i64>, missing: Option<String>, now: Timestamp) {
        let mut state = self.state();
        state.probe = Probe::KnownAt(now);
        state.remaining = remaining;
        state.missing = missing;
        state.exhausted = None;
    }

    /// Stores the remaining number of requests that a response states.
    pub(super) fn note_remaining(&self, remaining: i64) {
        self.state().remaining = Some(remaining);
    }
}

impl State {
    /// Whether the quota information is outdated.
    fn is_due(&self, probe: &ProbePlan, now: Timestamp) -> bool {
        match self.probe {
            Probe::Unknown => true,
            Probe::KnownAt(at) => now >= after(at, probe.every),
            Probe::SentAt(at) => now >= after(at, REQUEST_LOST),
        }
    }
}
