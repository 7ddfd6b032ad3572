//! A bound of the window in a text, such as `{window.start:%Y-%m-%d}`: bound, format and precision.

use super::time::{Datum, TimeFormat, after};
use crate::profile::WindowPoint;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// Formats for the distance of a time from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// Days, rounded up to whole days.
    Days,
    /// Seconds, as a positive number.
    Seconds,
    /// Seconds, as a negative number.
    NegativeSeconds,
}

impl Distance {
    pub(super) fn parse(word: &str) -> Option<Distance> {
        match word {
            "days-back" => Some(Self::Days),
            "seconds-back" => Some(Self::Seconds),
            "negative-seconds" => Some(Self::NegativeSeconds),
            _ => None,
        }
    }

    /// Writes a distance in this format.
    pub fn write(self, distance: SignedDuration) -> String {
        let seconds = distance.as_secs().max(0);
        match self {
            Self::Days => ((seconds + 86_399) / 86_400).to_string(),
            Self::Seconds => seconds.to_string(),
            Self::NegativeSeconds => format!("-{seconds}"),
        }
    }
}

/// A bound of the window with its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowText {
    /// Which bound of the window is written.
    pub point: WindowPoint,
    format: String,
    pub(super) form: Form,
}

/// Format of a bound of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a point in time.
    Time(TimeFormat),
    /// As distance from now.
    Distance(Distance),
}

impl Form {
    pub(crate) fn write(&self, time: Timestamp, now: Timestamp) -> String {
        match self {
            Self::Time(format) => format.write(time),
            Self::Distance(distance) => distance.write(now.duration_since(time)),
        }
    }

    /// Whether the time is written as distance from now, which cannot be after now.
    pub(super) fn is_distance(&self) -> bool {
        matches!(self, Self::Distance(_))
    }

    /// Returns the maximum difference between a time and its text, which is truncated.
    pub(super) fn step(&self) -> SignedDuration {
        match self {
            Self::Time(format) => step(format),
            Self::Distance(Distance::Days) => DAY,
            Self::Distance(Distance::Seconds | Distance::NegativeSeconds) => SignedDuration::from_secs(1),
        }
    }
}

/// Coarsest precision of any time format.
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Returns the precision of a time format, from the last second of each hour of a day, and adds the ambiguity of clock
/// changes.
fn step(format: &TimeFormat) -> SignedDuration {
    let midnight: Timestamp = "2024-03-15T00:00:00Z".parse().expect("a time");
    let lag = |hour: i64| {
        let time = after(midnight, SignedDuration::from_secs(hour * 3600 + 3599));
        format.read(Datum::Text(&format.write(time))).map_or(DAY, |read| time.duration_since(read).abs())
    };
    let most = (0..24).map(lag).max().unwrap_or(DAY);
    let units = [SignedDuration::from_secs(1), SignedDuration::from_mins(1), SignedDuration::from_hours(1)];
    let unit = units.into_iter().find(|unit| most < *unit).unwrap_or(DAY);
    let repeats_hours =
        matches!(format, TimeFormat::Civil(_, zone) if *zone != TimeZone::UTC && zone.to_fixed_offset().is_err());
    if repeats_hours { unit + SignedDuration::from_hours(2) } else { unit }
}

impl WindowText {
    /// Parses a placeholder. Returns `None` if it is not a bound of the window, and `Err` if its format is invalid.
    pub(super) fn parse(name: &str) -> Option<Result<WindowText, ()>> {
        let (end, format) = name.split_once(':').unwrap_or((name, ""));
        let point = match end {
            "window.start" => WindowPoint::Start,
            "window.end" => WindowPoint::End,
            _ => return None,
        };
        let form = match Distance::parse(format) {
            Some(distance) => Ok(Form::Distance(distance)),
            None => TimeFormat::parse(format, Some("UTC")).map(Form::Time).map_err(|_| ()),
        };
        Some(form.map(|form| Self { point, format: format.to_owned(), form }))
    }

    /// Writes the time of this bound, given the current time.
    pub fn write(&self, time: Timestamp, now: Timestamp) -> String {
        self.form.write(time, now)
    }

    /// Returns whether the format is a number.
    pub fn is_number(&self) -> bool {
        match &self.form {
            Form::Time(format) => matches!(
                format,
                TimeFormat::EpochSeconds | TimeFormat::EpochMilliseconds | TimeFormat::EpochMicroseconds
            ),
            Form::Distance(_) => true,
        }
    }
}

/// Writes the placeholder without its braces.
impl fmt::Display for WindowText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.point {
            WindowPoint::Start => "window.start",
            WindowPoint::End => "window.end",
        };
        write!(f, "{end}:{}", self.format)
    }
}
