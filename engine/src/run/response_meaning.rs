//! Interprets a response: read it, retry, wait, fail or stop. The profile's `answers` rows are evaluated before the
//! status code.

use super::extract::{find, find_in_lines};
use super::paging::is_any_of;
use super::request_builder::RequestBuilder;
use super::retry_after::{retry_after, stated, stated_wait, wait};
use super::shown_value::shown_value;
use super::{Fault, Health, Response};
use crate::plan::{AnswerPlan, BodyTestPlan, Path, Plan};
use crate::printable;
use crate::profile::{Framing, Meaning};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Maximum length of a provider's message in an outcome, in characters.
const MAX_MESSAGE: usize = 200;

/// Maximum length of the part of a body that is searched for a text, in octets.
const MAX_SEARCHED: usize = 64 * 1024;

/// Status of a response that contains a range of its content.
const PARTIAL_CONTENT: u16 = 206;

/// Consequence of a response for the run.
#[derive(Debug)]
pub(super) enum Decision {
    /// It contains records.
    Read,
    /// The provider has no data on the observable.
    Empty,
    /// Retry the request, after this wait if the provider states one.
    Retry(Reason, Option<SignedDuration>),
    /// The quota is exhausted, until this time if the provider states one.
    Quota(Reason, Option<Timestamp>),
    /// The lookup fails.
    Fail(Reason),
    /// The run stops.
    StopAll(Reason),
    /// Follow a redirect to this location.
    Redirect(String),
}

impl Decision {
    /// Returns what the response shows about the provider as a whole. A token or quota request that fails shows that
    /// lookups are impossible; its success shows nothing, since another part of the provider may serve lookups.
    pub(super) fn health(&self, is_lookup: bool, result: &Result<Response, Fault>) -> Health {
        let fault = result.as_ref().map_or_else(Some, |response| response.cut.as_ref());
        match self {
            // These concern a single request or response.
            _ if matches!(fault, Some(Fault::Unsendable(_) | Fault::TooLarge(_))) => Health::Unknown,
            // An untrusted certificate does not become trusted by waiting.
            Self::StopAll(reason) => Health::Denies(reason.text()),
            Self::Retry(reason, _) | Self::Quota(reason, _) | Self::Fail(reason) => match (reason.meaning, is_lookup) {
                (Meaning::Unauthorized | Meaning::Forbidden, _) | (Meaning::Rejected, false) => {
                    Health::Denies(reason.text())
                }
                (Meaning::Unavailable, _) => Health::Fails(reason.text()),
                _ => Health::Serves,
            },
            Self::Read | Self::Empty if is_lookup => Health::Serves,
            Self::Read | Self::Empty | Self::Redirect(_) => Health::Unknown,
        }
    }
}

/// Why a request was not successful, as a text for analysts.
#[derive(Debug)]
pub(super) struct Reason {
    meaning: Meaning,
    summary: String,
    detail: Option<String>,
}

impl Reason {
    /// Describes a request without a response.
    pub(super) fn of_fault(fault: &Fault) -> Reason {
        let (summary, detail) = match fault {
            Fault::Connect(cause) => ("failed to connect to the provider", Some(cause)),
            Fault::Untrusted(cause) => ("untrusted certificate", Some(cause)),
            Fault::Unsendable(cause) => ("request not sent", Some(cause)),
            Fault::Timeout => ("request timed out", None),
            Fault::Reset => ("connection reset", None),
            Fault::TooLarge(limit) => {
                let summary = format!("response exceeds {} MiB", limit >> 20);
                return Reason { meaning: Meaning::Unavailable, summary, detail: None };
            }
        };
        Reason { meaning: Meaning::Unavailable, summary: summary.to_owned(), detail: detail.cloned() }
    }

    fn of_status(meaning: Meaning, status: u16, detail: Option<String>) -> Reason {
        let summary = match meaning {
            Meaning::Unauthorized => "invalid credentials",
            Meaning::Forbidden => "access denied",
            Meaning::Throttled => "rate limit exceeded",
            Meaning::Quota => "quota exhausted",
            Meaning::Unavailable if status == PARTIAL_CONTENT => "incomplete response",
            Meaning::Unavailable => "provider error",
            Meaning::Rejected => "request rejected",
            Meaning::Ok | Meaning::Empty => "response received",
        };
        Reason { meaning, summary: format!("{summary} (HTTP {status})"), detail }
    }

    pub(super) fn text(&self) -> String {
        self.text_with("")
    }

    /// Like [`Reason::text`], with the number of attempts that were made.
    pub(super) fn text_after(&self, attempts: u32) -> String {
        self.text_with(&format!(" after {attempts} attempt{}", if attempts == 1 { "" } else { "s" }))
    }

    fn text_with(&self, attempts: &str) -> String {
        let detail = self.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        format!("{}{attempts}{detail}", self.summary)
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        self.meaning == Meaning::Unauthorized
    }

    pub(super) fn is_throttling(&self) -> bool {
        self.meaning == Meaning::Throttled
    }
}

/// Decides how to proceed after a response.
pub(super) fn decide(
    plan: &Plan,
    framing: Framing,
    response: &Response,
    now: Timestamp,
    builder: &RequestBuilder,
) -> Decision {
    let row = plan.answers.iter().find(|row| matches(row, framing, response));
    let meaning = row.map_or_else(|| meaning_of_status(response.status), |row| Some(row.means));
    let Some(meaning) = meaning else { return redirect(response) };
    let is_error = meaning != Meaning::Ok && meaning != Meaning::Empty;
    let paths = row.map_or(&[][..], |row| &row.message);
    let message = is_error.then(|| message(paths, response, |text| builder.redact(text))).flatten();
    let reason = Reason::of_status(meaning, response.status, message);
    let wait =
        row.and_then(|row| row.retry_after.as_ref()).and_then(|(place, unit)| stated_wait(place, *unit, response, now));
    let wait = wait.or_else(|| retry_after(response, now)).map(|wait| wait.min(plan.quota.longest_wait));
    match meaning {
        Meaning::Ok => whole(framing, response),
        Meaning::Empty => Decision::Empty,
        Meaning::Unauthorized | Meaning::Forbidden => Decision::StopAll(reason),
        Meaning::Throttled | Meaning::Unavailable => Decision::Retry(reason, wait),
        Meaning::Quota => Decision::Quota(reason, wait.and_then(|wait| now.checked_add(wait).ok())),
        Meaning::Rejected => Decision::Fail(reason),
    }
}

/// Applies the profile's `answers` rows to a stored response: `None` to read it, `Ok` if it is empty, `Err` if it is an
/// error.
pub(super) fn stored_result(
    plan: &Plan,
    framing: Framing,
    response: &Response,
    redact: impl Fn(&str) -> String,
) -> Option<Result<(), String>> {
    let row = plan.answers.iter().find(|row| matches(row, framing, response))?;
    match row.means {
        Meaning::Ok => None,
        Meaning::Empty => Some(Ok(())),
        meaning => {
            Some(Err(Reason::of_status(meaning, response.status, message(&row.message, response, redact)).text()))
        }
    }
}

/// Complete lines of a truncated body are usable; a truncated JSON document is not.
fn whole(framing: Framing, response: &Response) -> Decision {
    match (&response.cut, framing) {
        (None, _) | (Some(_), Framing::Ndjson | Framing::Saf | Framing::Delimited) => Decision::Read,
        (Some(fault @ Fault::TooLarge(_)), Framing::Json) => Decision::Fail(Reason::of_fault(fault)),
        (Some(fault), Framing::Json) => Decision::Retry(Reason::of_fault(fault), None),
    }
}

fn redirect(response: &Response) -> Decision {
    match response.header("location") {
        Some(location) => Decision::Redirect(location.to_owned()),
        None => Decision::Fail(Reason::of_status(Meaning::Rejected, response.status, None)),
    }
}

/// Returns how a profile interprets a response; `None` for redirects.
pub fn meaning(plan: &Plan, framing: Framing, response: &Response) -> Option<Meaning> {
    let row = plan.answers.iter().find(|row| matches(row, framing, response));
    row.map_or_else(|| meaning_of_status(response.status), |row| Some(row.means))
}

/// Returns the meaning of a status code that no row of the profile lists; `None` for redirects.
pub fn meaning_of_status(status: u16) -> Option<Meaning> {
    Some(match status {
        // No request asks for a range, so that the rest is missing (RFC 9110 §15.3.7).
        PARTIAL_CONTENT => Meaning::Unavailable,
        200..=299 => Meaning::Ok,
        301 | 302 | 303 | 307 | 308 => return None,
        401 => Meaning::Unauthorized,
        403 => Meaning::Forbidden,
        429 => Meaning::Throttled,
        408 | 500..=599 => Meaning::Unavailable,
        _ => Meaning::Rejected,
    })
}

/// Whether the row that applies to a response tests more than its status code.
pub(super) fn is_tested(plan: &Plan, framing: Framing, response: &Response) -> bool {
    let row = plan.answers.iter().find(|row| matches(row, framing, response));
    row.is_some_and(|row| row.body.is_some() || row.header.is_some())
}

fn matches(row: &AnswerPlan, framing: Framing, response: &Response) -> bool {
    let by_status = row.status.is_empty() || row.status.contains(&response.status);
    by_status
        && row.header.as_ref().is_none_or(|test| matches_header(test, response))
        && matches_body(row, framing, response)
}

fn matches_header((name, text): &(String, Option<String>), response: &Response) -> bool {
    let value = response.header(name);
    value.is_some_and(|value| text.as_ref().is_none_or(|text| value.to_lowercase().contains(text)))
}

fn matches_body(row: &AnswerPlan, framing: Framing, response: &Response) -> bool {
    match &row.body {
        None => true,
        Some(BodyTestPlan::Contains(text)) => contains(&response.body, text),
        Some(BodyTestPlan::Is(text)) => is(&response.body, text),
        Some(BodyTestPlan::Empty(wanted)) => response.body.trim_ascii().is_empty() == *wanted,
        Some(BodyTestPlan::Value(path, values)) => holds(path, framing, response, |found| is_any_of(values, found)),
        Some(BodyTestPlan::Text(path, texts)) => {
            let contains = |found: &Value| match found {
                Value::Array(items) => items.iter().any(|item| has_one_of(texts, item)),
                found => has_one_of(texts, found),
            };
            holds(path, framing, response, contains)
        }
    }
}

/// Whether a value is a text that contains one of these, ignoring case.
fn has_one_of(texts: &[String], found: &Value) -> bool {
    let found = found.as_str().map(str::to_lowercase);
    found.is_some_and(|found| texts.iter().any(|text| found.contains(text.as_str())))
}

/// Whether the value at a path of the body, or of one of its lines, satisfies the test.
fn holds(path: &Path, framing: Framing, response: &Response, is_wanted: impl Fn(&Value) -> bool) -> bool {
    let is_match = |text: &[u8]| find(text, path).is_some_and(|found| is_wanted(&found));
    is_match(&response.body) || framing != Framing::Json && response.body.split(|&octet| octet == b'\n').any(is_match)
}

/// Whether a body contains a text, ignoring case. Only the start is searched: error messages are short.
fn contains(body: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(&body[..body.len().min(MAX_SEARCHED)]).to_lowercase().contains(text)
}

/// Whether a body consists of this text, ignoring case.
fn is(body: &[u8], text: &str) -> bool {
    let body = body.trim_ascii();
    body.len() <= MAX_SEARCHED && String::from_utf8_lossy(body).to_lowercase() == text
}

/// Returns the text at the first path that has one, or a short plain-text body.
fn message(paths: &[Path], response: &Response, redact: impl Fn(&str) -> String) -> Option<String> {
    let found = paths.iter().find_map(|path| find_in_lines(&response.body, path)?.as_str().map(str::to_owned));
    // Redact before truncating: a partial secret would not be found.
    let text = redact(&found.or_else(|| plain_text(&response.body))?);
    let printable: String = printable::line(text.trim()).chars().take(MAX_MESSAGE).collect();
    (!printable.is_empty()).then_some(printable)
}

/// Returns the first line of a body that is neither JSON nor HTML.
fn plain_text(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_plain = !text.starts_with(['{', '[', '<']) && text.len() <= 4 * MAX_MESSAGE;
    is_plain.then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// Returns the wait that a response states and that cannot be read, with where it stands, and the row of the profile.
pub(super) fn unreadable_wait<'p>(
    plan: &'p Plan,
    framing: Framing,
    response: &Response,
    now: Timestamp,
) -> Option<(String, Option<&'p AnswerPlan>)> {
    let row = plan.answers.iter().find(|row| matches(row, framing, response));
    let meaning = row.map_or_else(|| meaning_of_status(response.status), |row| Some(row.means));
    if !matches!(meaning, Some(Meaning::Throttled | Meaning::Unavailable | Meaning::Quota)) {
        return None;
    }
    let place = row.and_then(|row| row.retry_after.as_ref());
    let by_row = place.and_then(|(place, unit)| {
        let value = stated(place, response).filter(|value| !value.is_null())?;
        Some((place.to_string(), value.clone(), wait(&value, *unit, now).is_some()))
    });
    let by_header = response
        .header("retry-after")
        .map(|text| ("Retry-After".to_owned(), Value::from(text.trim()), retry_after(response, now).is_some()));
    let (place, value, is_read) = by_row.or(by_header)?;
    (!is_read).then(|| (format!("`{place}` is {}", shown_value(&value)), row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_from_the_meaning_and_the_kind_of_request() {
        let whole = || Ok(Response::default());
        let fault = |fault: &Fault| (Decision::Retry(Reason::of_fault(fault), None), Err(fault.clone()));
        let means = |meaning| Reason::of_status(meaning, 500, None);
        let (denies, fails) = (Health::Denies(String::new()), Health::Fails(String::new()));
        for (decision, result, lookup, other) in [
            (Decision::Read, whole(), &Health::Serves, &Health::Unknown),
            (Decision::Empty, whole(), &Health::Serves, &Health::Unknown),
            (Decision::Redirect(String::new()), whole(), &Health::Unknown, &Health::Unknown),
            (Decision::Fail(means(Meaning::Rejected)), whole(), &Health::Serves, &denies),
            (Decision::StopAll(means(Meaning::Unauthorized)), whole(), &denies, &denies),
            (Decision::StopAll(means(Meaning::Forbidden)), whole(), &denies, &denies),
            (Decision::Retry(means(Meaning::Throttled), None), whole(), &Health::Serves, &Health::Serves),
            (Decision::Quota(means(Meaning::Quota), None), whole(), &Health::Serves, &Health::Serves),
            (Decision::Retry(means(Meaning::Unavailable), None), whole(), &fails, &fails),
        ] {
            for (is_lookup, expected) in [(true, lookup), (false, other)] {
                let health = decision.health(is_lookup, &result);
                assert_eq!(
                    std::mem::discriminant(&health),
                    std::mem::discriminant(expected),
                    "{decision:?}: {health:?}"
                );
            }
        }
        let of_fault = |of: Fault| {
            let (decision, result) = fault(&of);
            decision.health(true, &result)
        };
        for of in [Fault::Connect(String::new()), Fault::Timeout, Fault::Reset] {
            assert!(matches!(of_fault(of), Health::Fails(_)));
        }
        for of in [Fault::Unsendable(String::new()), Fault::TooLarge(1)] {
            assert_eq!(of_fault(of), Health::Unknown, "it concerns a single request or response");
        }
        let untrusted = Fault::Untrusted(String::new());
        let decision = Decision::StopAll(Reason::of_fault(&untrusted));
        assert!(matches!(decision.health(true, &Err(untrusted)), Health::Denies(_)));
    }
}
