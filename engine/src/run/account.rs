//! What is known of a provider's quota, shared by all runs that use the same credentials: when one may ask, how much is
//! left, and who is finding out.

use super::Response;
use super::answer::wait;
use crate::plan::{Plan, ProbeFigures, ProbePlan, integer};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A probe that another run sent and that was not answered for so long is sent again.
const PROBE_LOST: SignedDuration = SignedDuration::from_secs(60);

/// How long a quota is taken to be exhausted when nobody says until when.
const UNKNOWN_RESET: SignedDuration = SignedDuration::from_mins(15);

/// The state of one credential at one provider.
#[derive(Debug, Default)]
pub struct Account {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: VecDeque<Timestamp>,
    probe: Probe,
    exhausted: Option<(Timestamp, String)>,
}

#[derive(Debug, Default)]
enum Probe {
    #[default]
    Unknown,
    SentAt(Timestamp),
    KnownAt(Timestamp),
}

/// Whether a quota is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Probing {
    Known,
    Due,
    ByAnother,
}

impl Account {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing may be sent, until when, and why.
    pub(super) fn exhausted(&self, now: Timestamp) -> Option<(Timestamp, String)> {
        self.state().exhausted.clone().filter(|(until, _)| now < *until)
    }

    pub(super) fn set_exhausted(&self, until: Timestamp, reason: String) {
        self.state().exhausted = Some((until, reason));
    }

    /// When a quota is likely to be full again, if nobody says.
    pub(super) fn quota_guess(&self, plan: &Plan, now: Timestamp) -> Timestamp {
        let wait = plan.quota.probe.as_ref().map_or(UNKNOWN_RESET, |probe| probe.every);
        now.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    /// Counts a request that is sent now, or says when it may be.
    pub(super) fn take_slot(&self, plan: &Plan, now: Timestamp) -> Result<(), Timestamp> {
        let Some(rate) = &plan.quota.rate else { return Ok(()) };
        let mut state = self.state();
        while state.sent.front().is_some_and(|&sent| sent + rate.per <= now) {
            state.sent.pop_front();
        }
        if state.sent.len() >= rate.requests {
            return Err(state.sent[0] + rate.per);
        }
        state.sent.push_back(now);
        Ok(())
    }

    /// Whether the quota is known; if it is not, the caller is to ask.
    pub(super) fn probing(&self, probe: &ProbePlan, now: Timestamp) -> Probing {
        let mut state = self.state();
        match state.probe {
            Probe::KnownAt(at) if now < at + probe.every => Probing::Known,
            Probe::SentAt(at) if now < at + PROBE_LOST => Probing::ByAnother,
            _ => {
                state.probe = Probe::SentAt(now);
                Probing::Due
            }
        }
    }

    /// The probe was not answered: whoever comes next asks.
    pub(super) fn probe_again(&self) {
        self.state().probe = Probe::Unknown;
    }

    /// Reads the answer to a probe. Says until when nothing may be sent, and why, if the quota is exhausted.
    pub(super) fn learn(&self, probe: &ProbePlan, body: Option<&[u8]>, now: Timestamp) -> Option<(Timestamp, String)> {
        let body: Option<Value> = body.and_then(|body| serde_json::from_slice(body).ok());
        let reset =
            body.as_ref().zip(probe.reset.as_ref()).and_then(|(body, (path, format))| format.read(path.find(body)?));
        let until = reset.filter(|reset| *reset > now).unwrap_or(now + probe.every);
        let exhausted = match left(&probe.figures, body.as_ref()) {
            Ok(Left::Some) => None,
            Ok(Left::Nothing(reason)) => Some((until, reason)),
            // Fails closed, but asks again soon.
            Err(missing) => Some((now + probe.every, format!("the quota cannot be told: {missing}"))),
        };
        let mut state = self.state();
        state.probe = Probe::KnownAt(now);
        state.exhausted.clone_from(&exhausted);
        exhausted
    }

    /// Reads what an answer's headers say of the quota.
    pub(super) fn note_headers(&self, plan: &Plan, response: &Response, now: Timestamp) {
        let Some(headers) = &plan.quota.headers else { return };
        let remaining = response.header(&headers.remaining).and_then(|text| text.trim().parse::<i64>().ok());
        if remaining.is_none_or(|remaining| remaining > 0) {
            return;
        }
        let reset = headers.reset.as_ref().and_then(|reset| {
            let value = Value::from(response.header(&reset.header)?.trim());
            now.checked_add(wait(&value, reset.unit, now)?).ok()
        });
        let until = reset.unwrap_or_else(|| self.quota_guess(plan, now));
        self.set_exhausted(until, "the quota is used up".into());
    }
}

enum Left {
    Some,
    Nothing(String),
}

fn left(figures: &ProbeFigures, body: Option<&Value>) -> Result<Left, String> {
    let figure = |path: &crate::plan::Path| match body.and_then(|body| path.find(body)) {
        Some(value) if is_unlimited(value) => Ok(None),
        Some(value) => integer(value).map(Some).ok_or_else(|| format!("no figure at `{path}`")),
        None => Err(format!("nothing at `{path}`")),
    };
    Ok(match figures {
        ProbeFigures::UsedOfLimit(used, limit) => match (figure(used)?, figure(limit)?) {
            (Some(used), Some(limit)) if used >= limit => {
                Left::Nothing(format!("the quota is used up: {used} of {limit}"))
            }
            _ => Left::Some,
        },
        ProbeFigures::Remaining(remaining) => match figure(remaining)? {
            Some(remaining) if remaining <= 0 => Left::Nothing("the quota is used up".into()),
            _ => Left::Some,
        },
    })
}

fn is_unlimited(value: &Value) -> bool {
    value.as_str().is_some_and(|text| ["unlimited", "n/a", "none"].contains(&text.trim().to_lowercase().as_str()))
}
