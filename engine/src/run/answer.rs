//! What an answer means for the run: read it, try again, wait until, stop. The profile's rows first, then the status.

use super::extract::find;
use super::paging::says;
use super::request::RequestBuilder;
use super::{Fault, Health, Response};
use crate::plan::{AnswerPlace, AnswerPlan, BodyTestPlan, Path, Plan, exact};
use crate::printable;
use crate::profile::{Framing, Meaning, WaitUnit};
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::Value;

/// The longest message of a provider that is repeated.
const MAX_MESSAGE: usize = 200;

/// How much of a body is searched for a text.
const MAX_SEARCHED: usize = 64 * 1024;

/// What an answer means for the run.
#[derive(Debug)]
pub(super) enum Decision {
    /// It holds records.
    Read,
    /// The provider knows nothing of the observable.
    Empty,
    /// The same request again, after this wait if the provider named one.
    TryAgain(Reason, Option<SignedDuration>),
    /// No more until then, if the provider said when.
    Quota(Reason, Option<Timestamp>),
    /// This lookup ends.
    Fail(Reason),
    /// The whole run ends.
    StopAll(Reason),
    /// The same request elsewhere.
    Redirect(String),
}

impl Decision {
    /// What the answer says of the provider. An answer that only prepares a lookup (a token, the quota) shows by failing that
    /// none can be made, and by success nothing: lookups may be served by another part of the provider.
    pub(super) fn health(&self, is_lookup: bool, result: &Result<Response, Fault>) -> Health {
        let fault = result.as_ref().map_or_else(Some, |response| response.cut.as_ref());
        match self {
            // About this request or this answer alone.
            _ if matches!(fault, Some(Fault::Unsendable(_) | Fault::TooLarge(_))) => Health::Unknown,
            // Whom to trust is the operator's matter: it does not pass by itself.
            Self::StopAll(why) => Health::Denies(why.text()),
            Self::TryAgain(why, _) | Self::Quota(why, _) | Self::Fail(why) => match (why.meaning, is_lookup) {
                (Meaning::Unauthorized | Meaning::Forbidden, _) | (Meaning::Rejected, false) => {
                    Health::Denies(why.text())
                }
                (Meaning::Unavailable, _) => Health::Fails(why.text()),
                _ => Health::Serves,
            },
            Self::Read | Self::Empty if is_lookup => Health::Serves,
            Self::Read | Self::Empty | Self::Redirect(_) => Health::Unknown,
        }
    }
}

/// The reason, in words for an analyst.
#[derive(Debug)]
pub(super) struct Reason {
    meaning: Meaning,
    text: String,
}

impl Reason {
    /// Of a request that was not answered.
    pub(super) fn of_fault(fault: &Fault) -> Reason {
        let text = match fault {
            Fault::Connect(reason) => format!("the provider cannot be reached: {reason}"),
            Fault::Untrusted(reason) => format!("the provider's certificate is not trusted: {reason}"),
            Fault::Unsendable(reason) => format!("the request was not sent: {reason}"),
            Fault::Timeout => "the provider did not answer in time".to_owned(),
            Fault::Reset => "the connection to the provider broke".to_owned(),
            Fault::TooLarge(limit) => format!("the answer is larger than {} MiB", limit >> 20),
        };
        Reason { meaning: Meaning::Unavailable, text }
    }

    pub(super) fn text(&self) -> String {
        self.text.clone()
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        self.meaning == Meaning::Unauthorized
    }

    pub(super) fn is_throttling(&self) -> bool {
        self.meaning == Meaning::Throttled
    }
}

/// Judges an answer.
pub(super) fn judge(
    plan: &Plan,
    framing: Framing,
    response: &Response,
    now: Timestamp,
    asker: &RequestBuilder,
) -> Decision {
    let row = plan.answers.iter().find(|row| matches(row, framing, response));
    let meaning = row.map_or_else(|| meaning_of_status(response.status), |row| Some(row.means));
    let Some(meaning) = meaning else { return redirect(response) };
    let is_told = meaning != Meaning::Ok && meaning != Meaning::Empty;
    let paths = row.map_or(&[][..], |row| &row.message);
    let message = message(paths, response, |text| asker.scrub(text)).filter(|_| is_told);
    let why = why(meaning, response.status, message);
    let wait =
        row.and_then(|row| row.retry_after.as_ref()).and_then(|(place, unit)| stated(place, *unit, response, now));
    let wait = wait.or_else(|| retry_after(response, now)).map(|wait| wait.min(plan.quota.longest_wait));
    match meaning {
        Meaning::Ok => whole(framing, response),
        Meaning::Empty => Decision::Empty,
        Meaning::Unauthorized | Meaning::Forbidden => Decision::StopAll(why),
        Meaning::Throttled | Meaning::Unavailable => Decision::TryAgain(why, wait),
        Meaning::Quota => Decision::Quota(why, wait.and_then(|wait| now.checked_add(wait).ok())),
        Meaning::Rejected => Decision::Fail(why),
    }
}

/// What the profile's rows say of an answer that was stored: nothing, if it is to be read; that it is empty; or what is wrong.
pub(super) fn said_instead(
    plan: &Plan,
    framing: Framing,
    response: &Response,
    redact: impl Fn(&str) -> String,
) -> Option<Result<(), String>> {
    let row = plan.answers.iter().find(|row| matches(row, framing, response))?;
    match row.means {
        Meaning::Ok => None,
        Meaning::Empty => Some(Ok(())),
        meaning => Some(Err(why(meaning, response.status, message(&row.message, response, redact)).text())),
    }
}

/// Of lines, those that arrived can be used; of a document that was cut, nothing.
fn whole(framing: Framing, response: &Response) -> Decision {
    match (&response.cut, framing) {
        (None, _) | (Some(_), Framing::Ndjson | Framing::Saf | Framing::Delimited) => Decision::Read,
        (Some(fault @ Fault::TooLarge(_)), Framing::Json) => Decision::Fail(Reason::of_fault(fault)),
        (Some(fault), Framing::Json) => Decision::TryAgain(Reason::of_fault(fault), None),
    }
}

fn redirect(response: &Response) -> Decision {
    match response.header("location") {
        Some(location) => Decision::Redirect(location.to_owned()),
        None => Decision::Fail(why(Meaning::Rejected, response.status, None)),
    }
}

/// What a profile takes an answer for; `None` for redirects.
pub fn meaning(plan: &Plan, framing: Framing, response: &Response) -> Option<Meaning> {
    let row = plan.answers.iter().find(|row| matches(row, framing, response));
    row.map_or_else(|| meaning_of_status(response.status), |row| Some(row.means))
}

/// What a status means that no row of the profile names; `None` for redirects.
pub fn meaning_of_status(status: u16) -> Option<Meaning> {
    Some(match status {
        200..=299 => Meaning::Ok,
        301 | 302 | 303 | 307 | 308 => return None,
        401 => Meaning::Unauthorized,
        403 => Meaning::Forbidden,
        429 => Meaning::Throttled,
        408 | 500..=599 => Meaning::Unavailable,
        _ => Meaning::Rejected,
    })
}

fn why(meaning: Meaning, status: u16, message: Option<String>) -> Reason {
    let fact = match meaning {
        Meaning::Unauthorized => "the provider does not accept the credentials",
        Meaning::Forbidden => "the provider does not permit this with these credentials",
        Meaning::Throttled => "the provider asks to slow down",
        Meaning::Quota => "the quota is used up",
        Meaning::Unavailable => "the provider is out of order",
        Meaning::Rejected => "the provider does not take the request",
        Meaning::Ok | Meaning::Empty => "the provider answered",
    };
    let said = message.map(|message| format!(": {message}")).unwrap_or_default();
    Reason { meaning, text: format!("{fact} ({status}){said}") }
}

fn matches(row: &AnswerPlan, framing: Framing, response: &Response) -> bool {
    let by_status = row.status.is_empty() || row.status.contains(&response.status);
    by_status && row.header.as_ref().is_none_or(|test| header_says(test, response)) && body_says(row, framing, response)
}

fn header_says((name, text): &(String, Option<String>), response: &Response) -> bool {
    let value = response.header(name);
    value.is_some_and(|value| text.as_ref().is_none_or(|text| value.to_lowercase().contains(text)))
}

fn body_says(row: &AnswerPlan, framing: Framing, response: &Response) -> bool {
    match &row.body {
        None => true,
        Some(BodyTestPlan::Contains(text)) => contains(&response.body, text),
        Some(BodyTestPlan::Is(text)) => is(&response.body, text),
        Some(BodyTestPlan::Empty(wanted)) => response.body.trim_ascii().is_empty() == *wanted,
        Some(BodyTestPlan::Value(path, values)) => holds(path, framing, response, |found| says(values, found)),
        Some(BodyTestPlan::Text(path, texts)) => {
            let contains = |found: &Value| {
                let found = found.as_str().map(str::to_lowercase);
                found.is_some_and(|found| texts.iter().any(|text| found.contains(text.as_str())))
            };
            holds(path, framing, response, contains)
        }
    }
}

/// Whether what stands at a place of a body, or of one of its lines, is what is wanted.
fn holds(path: &Path, framing: Framing, response: &Response, is_wanted: impl Fn(&Value) -> bool) -> bool {
    let is_told = |text: &[u8]| find(text, path).is_some_and(|found| is_wanted(&found));
    is_told(&response.body) || framing != Framing::Json && response.body.split(|&octet| octet == b'\n').any(is_told)
}

/// Whether a body contains a text, in any case. Of a long body only the start is looked at: it is an answer, not an error.
fn contains(body: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(&body[..body.len().min(MAX_SEARCHED)]).to_lowercase().contains(text)
}

/// Whether a body is a text and no more, in any case.
fn is(body: &[u8], text: &str) -> bool {
    let body = body.trim_ascii();
    body.len() <= MAX_SEARCHED && String::from_utf8_lossy(body).to_lowercase() == text
}

/// The first of these places that holds a text; or a body that is text itself, and short.
fn message(paths: &[Path], response: &Response, redact: impl Fn(&str) -> String) -> Option<String> {
    let found = paths.iter().find_map(|path| find(&response.body, path)?.as_str().map(str::to_owned));
    // Whole: half a secret would not be found.
    let text = redact(&found.or_else(|| plain_text(&response.body))?);
    let printable: String = printable::line(text.trim()).chars().take(MAX_MESSAGE).collect();
    (!printable.is_empty()).then_some(printable)
}

/// A body that is neither JSON nor a page of the web.
fn plain_text(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_plain = !text.starts_with(['{', '[', '<']) && text.len() <= 4 * MAX_MESSAGE;
    is_plain.then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// `Retry-After` in both its forms (RFC 9110 §10.2.3).
fn retry_after(response: &Response, now: Timestamp) -> Option<SignedDuration> {
    let text = response.header("retry-after")?.trim();
    wait(&Value::from(text), WaitUnit::Seconds, now).or_else(|| until(date(text)?, now))
}

fn stated(place: &AnswerPlace, unit: WaitUnit, response: &Response, now: Timestamp) -> Option<SignedDuration> {
    let value = match place {
        AnswerPlace::Body(path) => find(&response.body, path)?,
        AnswerPlace::Header(name) => Value::from(response.header(name)?.trim()),
    };
    wait(&value, unit, now)
}

/// How long a stated wait is from now.
pub(super) fn wait(value: &Value, unit: WaitUnit, now: Timestamp) -> Option<SignedDuration> {
    let wait = match (unit, with_unit(value)) {
        (WaitUnit::Seconds | WaitUnit::Milliseconds | WaitUnit::Minutes, Some(wait)) => wait,
        (WaitUnit::Seconds, None) => of_seconds(number(value)?)?,
        (WaitUnit::Milliseconds, None) => of_seconds(number(value)? / 1000.0)?,
        (WaitUnit::Minutes, None) => of_seconds(number(value)? * 60.0)?,
        (WaitUnit::EpochSeconds, _) => until(instant(number(value)?)?, now)?,
        (WaitUnit::EpochMilliseconds, _) => until(instant(number(value)? / 1000.0)?, now)?,
        (WaitUnit::Date, _) => until(date(value.as_str()?.trim())?, now)?,
    };
    (!wait.is_negative()).then_some(wait)
}

/// A length with its unit: as clocks (`1m 30s`, `850ms`) or ISO 8601 (`PT1M`) have it.
fn with_unit(value: &Value) -> Option<SignedDuration> {
    let span: Span = value.as_str()?.trim().parse().ok()?;
    exact(span)
}

/// A number, also one written as text.
fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|number| number.is_finite())
}

/// To the millisecond: finer than that nobody waits, and a number has no more digits.
fn of_seconds(seconds: f64) -> Option<SignedDuration> {
    let millis = (seconds * 1000.0).round();
    (millis.abs() < i64::MAX as f64).then(|| SignedDuration::from_millis(millis as i64))
}

fn instant(seconds: f64) -> Option<Timestamp> {
    Timestamp::UNIX_EPOCH.checked_add(of_seconds(seconds)?).ok()
}

/// A moment that has passed is no wait at all.
fn until(time: Timestamp, now: Timestamp) -> Option<SignedDuration> {
    Some(time.duration_since(now).max(SignedDuration::ZERO))
}

fn date(text: &str) -> Option<Timestamp> {
    let without_zone = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())).or_else(without_zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_by_meaning_and_by_what_was_asked_say_what_the_provider_is_like() {
        let whole = || Ok(Response::default());
        let fault = |fault: &Fault| (Decision::TryAgain(Reason::of_fault(fault), None), Err(fault.clone()));
        let means = |meaning| why(meaning, 500, None);
        let (denies, fails) = (Health::Denies(String::new()), Health::Fails(String::new()));
        for (verdict, result, lookup, beside) in [
            (Decision::Read, whole(), &Health::Serves, &Health::Unknown),
            (Decision::Empty, whole(), &Health::Serves, &Health::Unknown),
            (Decision::Redirect(String::new()), whole(), &Health::Unknown, &Health::Unknown),
            (Decision::Fail(means(Meaning::Rejected)), whole(), &Health::Serves, &denies),
            (Decision::StopAll(means(Meaning::Unauthorized)), whole(), &denies, &denies),
            (Decision::StopAll(means(Meaning::Forbidden)), whole(), &denies, &denies),
            (Decision::TryAgain(means(Meaning::Throttled), None), whole(), &Health::Serves, &Health::Serves),
            (Decision::Quota(means(Meaning::Quota), None), whole(), &Health::Serves, &Health::Serves),
            (Decision::TryAgain(means(Meaning::Unavailable), None), whole(), &fails, &fails),
        ] {
            for (is_lookup, expected) in [(true, lookup), (false, beside)] {
                let health = verdict.health(is_lookup, &result);
                assert_eq!(
                    std::mem::discriminant(&health),
                    std::mem::discriminant(expected),
                    "{verdict:?}: {health:?}"
                );
            }
        }
        let of_fault = |of: Fault| {
            let (verdict, result) = fault(&of);
            verdict.health(true, &result)
        };
        for of in [Fault::Connect(String::new()), Fault::Timeout, Fault::Reset] {
            assert!(matches!(of_fault(of), Health::Fails(_)));
        }
        for of in [Fault::Unsendable(String::new()), Fault::TooLarge(1)] {
            assert_eq!(of_fault(of), Health::Unknown, "it is about this request or this answer");
        }
        let untrusted = Fault::Untrusted(String::new());
        let verdict = Decision::StopAll(Reason::of_fault(&untrusted));
        assert!(matches!(verdict.health(true, &Err(untrusted)), Health::Denies(_)));
    }
}
