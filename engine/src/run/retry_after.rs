//! Parses waits that a provider states: `Retry-After` and places that the profile names, as seconds, durations or dates.

use super::Response;
use super::extract::find_in_lines;
use crate::plan::{ResponseLocation, exact};
use crate::profile::WaitUnit;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::Value;

/// Reads `Retry-After` as seconds or as a date (RFC 9110 §10.2.3).
pub(super) fn retry_after(response: &Response, now: Timestamp) -> Option<SignedDuration> {
    let text = response.header("retry-after")?.trim();
    wait(&Value::from(text), WaitUnit::Seconds, now).or_else(|| until(date(text)?, now))
}

pub(super) fn stated_wait(
    place: &ResponseLocation,
    unit: WaitUnit,
    response: &Response,
    now: Timestamp,
) -> Option<SignedDuration> {
    wait(&stated(place, response)?, unit, now)
}

/// Returns the value at a position of a response.
pub(super) fn stated(place: &ResponseLocation, response: &Response) -> Option<Value> {
    match place {
        ResponseLocation::Body(path) => find_in_lines(&response.body, path),
        ResponseLocation::Header(name) => response.header(name).map(|text| Value::from(text.trim())),
    }
}

/// Converts a stated wait to a duration from now.
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

/// Parses a duration with a unit: `1m 30s`, `850ms`, or ISO 8601 `PT1M`.
fn with_unit(value: &Value) -> Option<SignedDuration> {
    let span: Span = value.as_str()?.trim().parse().ok()?;
    exact(span)
}

/// Parses a number or a numeric string.
fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|number| number.is_finite())
}

/// Rounds to milliseconds, which is as fine as waits need to be.
fn of_seconds(seconds: f64) -> Option<SignedDuration> {
    let millis = (seconds * 1000.0).round();
    (millis.abs() < i64::MAX as f64).then(|| SignedDuration::from_millis(millis as i64))
}

fn instant(seconds: f64) -> Option<Timestamp> {
    Timestamp::UNIX_EPOCH.checked_add(of_seconds(seconds)?).ok()
}

/// Returns the time until an instant; zero if it has passed.
fn until(time: Timestamp, now: Timestamp) -> Option<SignedDuration> {
    Some(time.duration_since(now).max(SignedDuration::ZERO))
}

fn date(text: &str) -> Option<Timestamp> {
    let without_zone = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())).or_else(without_zone)
}
