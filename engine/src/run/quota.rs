//! Reads the remaining quota from response headers and from the response to a probe.

use super::Response;
use super::extract::document;
use super::provider_state::{Cause, ProviderState};
use super::retry_after::wait;
use crate::plan::{ElementPlan, Path, Plan, ProbeFigures, ProbePlan, after, integer};
use crate::profile::QuotaHeaders;
use jiff::Timestamp;
use serde_json::Value;

impl ProviderState {
    /// Stores the quota from a probe's response. Returns until when it is exhausted, and why. A response without the
    /// figures is stored too, and does not block requests.
    pub(super) fn store_probe(
        &self,
        plan: &Plan,
        probe: &ProbePlan,
        body: Option<&[u8]>,
        now: Timestamp,
    ) -> Option<(Timestamp, String)> {
        let body: Option<Value> = body.and_then(document);
        let reset =
            body.as_ref().zip(probe.reset.as_ref()).and_then(|(body, (path, format))| format.read(path.find(body)?));
        let until = reset.filter(|reset| *reset > now).unwrap_or(after(now, probe.every));
        let figures = match &probe.element {
            Some(element) => body.as_ref().and_then(|body| selected(element, body)),
            None => body.as_ref(),
        };
        let (exhausted, remaining, missing) = match remaining_of(&probe.figures, figures) {
            Ok(Remaining::Some(remaining)) => (None, remaining, None),
            Ok(Remaining::Exhausted(reason)) => (Some(reason), Some(0), None),
            Err(missing) => (None, None, Some(missing)),
        };
        self.note_probe(remaining, missing, now);
        exhausted.map(|reason| (self.exhaust(plan, until, (Cause::Quota, reason.clone()), now), reason))
    }

    /// Reads the quota from response headers: the least of several values decides, and all exhausted ones must be
    /// reset.
    pub(super) fn note_headers(&self, plan: &Plan, response: &Response, now: Timestamp) {
        let figures = plan.quota.headers.iter().filter_map(|headers| {
            let least =
                members(response, &headers.remaining).filter_map(|text| figure(text)?.parse::<i64>().ok()).min()?;
            Some((least, headers))
        });
        let figures: Vec<(i64, &QuotaHeaders)> = figures.collect();
        let Some(least) = figures.iter().map(|(remaining, _)| *remaining).min() else { return };
        self.note_remaining(least);
        let used_up = figures.iter().filter(|(remaining, _)| *remaining <= 0);
        let full =
            used_up.map(|(_, headers)| reset(headers, response, now).unwrap_or_else(|| self.quota_guess(plan, now)));
        if let Some(until) = full.max() {
            self.exhaust(plan, until, (Cause::Quota, "quota exhausted".into()), now);
        }
    }
}

/// Returns the reset time of a quota from response headers.
fn reset(headers: &QuotaHeaders, response: &Response, now: Timestamp) -> Option<Timestamp> {
    let reset = headers.reset.as_ref()?;
    // A date contains a comma.
    let whole = response.header(&reset.header).and_then(|text| wait(&Value::from(text.trim()), reset.unit, now));
    let longest =
        || members(response, &reset.header).filter_map(|text| wait(&figure(text)?.into(), reset.unit, now)).max();
    now.checked_add(whole.or_else(longest)?).ok()
}

/// Returns the members of a list-based header field, also on several lines (RFC 9110 §5.6.1).
fn members<'r>(response: &'r Response, name: &'r str) -> impl Iterator<Item = &'r str> {
    response.headers(name).flat_map(|line| line.split(',')).map(str::trim)
}

/// Returns a member without its parameters (RFC 9651 §3.1.2): `0` of `0;w=60`.
fn figure(member: &str) -> Option<&str> {
    member.split(';').next().map(str::trim)
}

enum Remaining {
    /// The remaining number; `None` if unlimited.
    Some(Option<i64>),
    Exhausted(String),
}

fn remaining_of(figures: &ProbeFigures, body: Option<&Value>) -> Result<Remaining, String> {
    let figure = |paths: &[Path]| {
        let found =
            paths.iter().find_map(|path| body.and_then(|body| path.find(body)).filter(|value| !value.is_null()));
        let shown = &paths[0];
        match found {
            Some(value) if is_unlimited(value) => Ok(None),
            Some(value) => integer(value).map(Some).ok_or_else(|| format!("no integer at `{shown}`")),
            None => Err(format!("no value at `{shown}`")),
        }
    };
    Ok(match figures {
        ProbeFigures::UsedOfLimit(used, limit) => match (figure(used)?, figure(limit)?) {
            (Some(used), Some(limit)) if used >= limit => {
                Remaining::Exhausted(format!("quota exhausted: {used} of {limit} used"))
            }
            (Some(used), Some(limit)) => Remaining::Some(Some(limit.saturating_sub(used))),
            _ => Remaining::Some(None),
        },
        ProbeFigures::Remaining(remaining) => match figure(remaining)? {
            Some(remaining) if remaining <= 0 => Remaining::Exhausted("quota exhausted".into()),
            remaining => Remaining::Some(remaining),
        },
    })
}

/// Returns the element of a list that contains the quota.
fn selected<'b>(element: &ElementPlan, body: &'b Value) -> Option<&'b Value> {
    let list = element.of.find(body)?.as_array()?;
    list.iter().find(|item| element.at.find(item).is_some_and(|value| element.is.is(value)))
}

fn is_unlimited(value: &Value) -> bool {
    value.as_str().is_some_and(|text| ["unlimited", "n/a", "none"].contains(&text.trim().to_lowercase().as_str()))
}
