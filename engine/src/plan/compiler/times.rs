//! Compiles durations and time formats.

use super::super::time::{TimeFormat, TimeFormatError, duration, exact};
use super::Compiler;
use crate::diagnostic::Code;
use crate::profile::DurationText;
use crate::yaml::unmistakable;
use jiff::SignedDuration;

impl Compiler<'_> {
    pub(in crate::plan) fn duration(&mut self, text: &DurationText, pointer: &str) -> Option<SignedDuration> {
        let exact = duration(&text.0).and_then(exact);
        if exact.is_none() {
            let found = self.error(
                Code::WrongForm,
                pointer,
                "invalid duration: expected one of exact length",
                "invalid duration",
            );
            found.notes.push("write `PT30S`, `PT5M` or `P1D`; months and years vary in length".into());
        }
        exact
    }

    pub(in crate::plan) fn time_format(
        &mut self,
        format: &str,
        zone: Option<&str>,
        pointer: &str,
    ) -> Option<TimeFormat> {
        self.time_format_at(format, zone, pointer, "/format")
    }

    /// Parses a time format whose key is not `format`.
    pub(in crate::plan) fn time_format_at(
        &mut self,
        format: &str,
        zone: Option<&str>,
        pointer: &str,
        place: &str,
    ) -> Option<TimeFormat> {
        let at = |key: &str| if key == "format" { format!("{pointer}{place}") } else { format!("{pointer}/{key}") };
        match TimeFormat::parse(format, zone) {
            Ok(format) => Some(format),
            Err(TimeFormatError::Unknown) => {
                let message = format!("unknown time format `{format}`");
                let near = TimeFormat::suggest(format);
                let label =
                    near.map_or_else(|| "unknown time format".to_owned(), |near| format!("did you mean `{near}`?"));
                let sure = near.filter(|near| unmistakable(format, [*near]).is_some());
                let fix = sure.and_then(|near| self.replacement(&at("format"), &(0..format.len()), near));
                let found = self.error(Code::TimeFormat, &at("format"), message, label);
                found.fix = fix;
                found.notes.push(
                    "expected `rfc3339`, `epoch-seconds`, `epoch-milliseconds` or a pattern like `%Y-%m-%d %H:%M:%S`"
                        .into(),
                );
                None
            }
            Err(TimeFormatError::Ambiguous) => {
                let message = format!("ambiguous time format `{format}`");
                let found = self.error(Code::TimeFormat, &at("format"), message, "loses a part of the time");
                found
                    .notes
                    .push("hours of `%I` or `%l` need `%p`; minutes need hours, and seconds need minutes".into());
                None
            }
            Err(TimeFormatError::OtherZone) => {
                let message = "the time zone contradicts the format";
                let label = "the format contains another offset as text";
                self.error(Code::TimeFormat, &at("zone"), message, label);
                None
            }
            Err(TimeFormatError::NoZone) => {
                let found = self.error(
                    Code::TimeZoneMissing,
                    &at("format"),
                    "missing time zone for this format",
                    "no offset in the format",
                );
                found.notes.push(
                    "add the zone that the provider uses, such as `zone: UTC`; a wrong one shifts every time by hours"
                        .into(),
                );
                None
            }
            Err(TimeFormatError::UnknownZone(zone)) => {
                let message = format!("unknown time zone `{zone}`");
                let known: Vec<_> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
                let (place, known) = (self.span(&at("zone")), known.iter().map(String::as_str));
                self.unknown(Code::UnknownTimeZone, place, message, &zone, known, "not in the IANA database");
                None
            }
        }
    }
}
