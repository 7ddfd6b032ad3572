//! Ends of the window in requests, such as `{window.start:%Y-%m-%d}`: which end, how it is written, and how exactly.

use super::lookups::{Distance, LookupPlan, QueryPlan};
use super::time::{Datum, TimeFormat};
use super::{Part, after};
use crate::profile::WindowPoint;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// An end of the window, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowText {
    /// Which end.
    pub point: WindowPoint,
    format: String,
    form: Form,
}

/// How an end of the window is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a time.
    Time(TimeFormat),
    /// As how far back it lies.
    Distance(Distance),
}

impl Form {
    pub(crate) fn write(&self, time: Timestamp, now: Timestamp) -> String {
        match self {
            Self::Time(format) => format.write(time),
            Self::Distance(distance) => distance.write(now.duration_since(time)),
        }
    }

    /// How far a time lies behind what its text says, at most: what is written is cut off, not rounded.
    fn step(&self) -> SignedDuration {
        match self {
            Self::Time(format) => step(format),
            Self::Distance(Distance::Days) => DAY,
            Self::Distance(Distance::Seconds | Distance::NegativeSeconds) => SignedDuration::from_secs(1),
        }
    }
}

/// No format that tells an instant is coarser.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The same of a format, found by the last second of each hour of a day; and what a clock that is put back makes uncertain.
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

impl LookupPlan {
    /// The ends of the window that a request names.
    pub(crate) fn window_ends(&self) -> Vec<(WindowPoint, Form)> {
        let values = self.query.iter().chain(&self.form).filter_map(|(_, value)| match value {
            QueryPlan::Text(_) => None,
            QueryPlan::Time(point, format) => Some((*point, Form::Time(format.clone()))),
            QueryPlan::Distance(point, distance) => Some((*point, Form::Distance(*distance))),
        });
        let in_texts = self.texts().flat_map(|text| text.parts()).filter_map(|part| match part {
            Part::Window(end) => Some((end.point, end.form.clone())),
            _ => None,
        });
        values.chain(in_texts).collect()
    }

    /// How far two neighbouring parts of the window overlap, so that nothing between them is missed, whether the provider takes
    /// an end for part of what it ends or not.
    pub(crate) fn window_step(&self) -> SignedDuration {
        self.window_ends().iter().map(|(_, form)| form.step()).max().unwrap_or(DAY)
    }
}

impl WindowText {
    /// Reads what stands in the braces. `None` if it is no end of the window; `Err` if it is, and its format is none.
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

    /// The time of this end, as it is written now.
    pub fn write(&self, time: Timestamp, now: Timestamp) -> String {
        self.form.write(time, now)
    }

    /// Whether it is written as a number.
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

/// As it stands in the braces.
impl fmt::Display for WindowText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.point {
            WindowPoint::Start => "window.start",
            WindowPoint::End => "window.end",
        };
        write!(f, "{end}:{}", self.format)
    }
}
