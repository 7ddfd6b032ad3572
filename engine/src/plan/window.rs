//! An end of the window inside a text, such as `{window.start:%Y-%m-%d}`: which end, and how it is written.

use super::lookups::Distance;
use super::time::TimeFormat;
use crate::profile::WindowPoint;
use jiff::Timestamp;
use std::fmt;

/// An end of the window, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowText {
    /// Which end.
    pub point: WindowPoint,
    format: String,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Time(TimeFormat),
    Distance(Distance),
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

    /// The end of a window from `start` to `now`.
    pub fn write(&self, start: Timestamp, now: Timestamp) -> String {
        let time = match self.point {
            WindowPoint::Start => start,
            WindowPoint::End => now,
        };
        match &self.form {
            Form::Time(format) => format.write(time),
            Form::Distance(distance) => distance.write(now.duration_since(time)),
        }
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
