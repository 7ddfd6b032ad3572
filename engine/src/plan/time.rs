//! How a provider writes instants, and how long a duration is: read once, used for each record.

use crate::stix::LATEST;
use crate::yaml::nearest;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::Value;

/// A way to write an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMilliseconds,
    /// Microseconds since 1970.
    EpochMicroseconds,
    /// A date and time with a zone, as in RFC 3339.
    Rfc3339,
    /// A pattern as in `strftime` that names a zone (`%z`, `%Z`, `%s` …).
    Zoned(String),
    /// A pattern without a zone, and the zone it is meant in.
    Civil(String, TimeZone),
}

/// A value that a number or a time is read from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Datum<'d> {
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(&'d str),
    /// Anything else.
    Other,
}

impl<'d> Datum<'d> {
    fn as_str(self) -> Option<&'d str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'d> From<&'d Value> for Datum<'d> {
    fn from(value: &'d Value) -> Self {
        match value {
            Value::Number(number) => {
                number.as_i64().map_or_else(|| number.as_f64().map_or(Self::Other, Self::Float), Self::Integer)
            }
            Value::String(text) => Self::Text(text),
            _ => Self::Other,
        }
    }
}

/// Why a text is no way to write an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormatError {
    /// Neither a word nor a pattern that prints and reads a time.
    Unknown,
    /// It names no zone, and none is given.
    NoZone,
    /// The zone is not in the IANA database.
    UnknownZone(String),
}

impl TimeFormat {
    /// Reads a format and, where it needs one, its zone.
    pub fn parse(format: &str, zone: Option<&str>) -> Result<TimeFormat, TimeFormatError> {
        match format {
            "epoch-seconds" => return Ok(Self::EpochSeconds),
            "epoch-milliseconds" => return Ok(Self::EpochMilliseconds),
            "epoch-microseconds" => return Ok(Self::EpochMicroseconds),
            "rfc3339" => return Ok(Self::Rfc3339),
            _ if !format.contains('%') => return Err(TimeFormatError::Unknown),
            _ => {}
        }
        let probe = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let printed = BrokenDownTime::from(&probe).to_string(format).map_err(|_| TimeFormatError::Unknown)?;
        let read = BrokenDownTime::parse(format, &printed).map_err(|_| TimeFormatError::Unknown)?;
        if read.to_timestamp().is_ok() {
            return Ok(Self::Zoned(format.to_owned()));
        }
        if read.to_date().is_err() {
            return Err(TimeFormatError::Unknown);
        }
        let zone = zone.ok_or(TimeFormatError::NoZone)?;
        let zone = TimeZone::get(zone).map_err(|_| TimeFormatError::UnknownZone(zone.to_owned()))?;
        Ok(Self::Civil(format.to_owned(), zone))
    }

    /// The word that was probably meant by another.
    pub(super) fn meant(word: &str) -> Option<&'static str> {
        match word.to_ascii_lowercase().as_str() {
            "iso" | "iso8601" | "iso-8601" | "iso 8601" | "rfc-3339" | "rfc 3339" => Some("rfc3339"),
            "epoch" | "unix" | "unixtime" | "unix-time" | "timestamp" | "seconds" => Some("epoch-seconds"),
            "epoch-ms" | "epoch-millis" | "unix-ms" | "milliseconds" | "millis" | "ms" => Some("epoch-milliseconds"),
            word => nearest(word, ["rfc3339", "epoch-seconds", "epoch-milliseconds"]),
        }
    }

    /// Reads an instant. `None` if it is none in this format, lies before 1970, or beyond what STIX can write ([`LATEST`]).
    pub fn read<'d>(&self, datum: impl Into<Datum<'d>>) -> Option<Timestamp> {
        let datum = datum.into();
        let time = match self {
            Self::EpochSeconds => seconds(datum)?,
            Self::EpochMilliseconds => Timestamp::from_millisecond(integer(datum)?).ok()?,
            Self::EpochMicroseconds => Timestamp::from_microsecond(integer(datum)?).ok()?,
            Self::Rfc3339 => datum.as_str()?.parse().ok()?,
            Self::Zoned(pattern) => BrokenDownTime::parse(pattern, datum.as_str()?).ok()?.to_timestamp().ok()?,
            Self::Civil(pattern, zone) => {
                zone.to_ambiguous_timestamp(civil(pattern, datum.as_str()?)?).compatible().ok()?
            }
        };
        (Timestamp::UNIX_EPOCH..=LATEST).contains(&time).then_some(time)
    }

    /// Writes an instant; patterns without a zone, in theirs.
    pub fn write(&self, time: Timestamp) -> String {
        let pattern = |pattern: &str, zone: TimeZone| {
            let time = time.to_zoned(zone);
            BrokenDownTime::from(&time).to_string(pattern).expect("the pattern printed a time when it was compiled")
        };
        match self {
            Self::EpochSeconds => time.as_second().to_string(),
            Self::EpochMilliseconds => time.as_millisecond().to_string(),
            Self::EpochMicroseconds => time.as_microsecond().to_string(),
            Self::Rfc3339 => crate::stix::stix_time(time),
            Self::Zoned(text) => pattern(text, TimeZone::UTC),
            Self::Civil(text, zone) => pattern(text, zone.clone()),
        }
    }
}

/// A whole number, also one written as text.
pub fn integer<'d>(datum: impl Into<Datum<'d>>) -> Option<i64> {
    match datum.into() {
        Datum::Integer(number) => Some(number),
        Datum::Text(text) => text.parse().ok(),
        Datum::Float(_) | Datum::Other => None,
    }
}

fn seconds(datum: Datum) -> Option<Timestamp> {
    match datum {
        Datum::Float(seconds) if seconds.is_finite() => {
            Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
        }
        Datum::Text(text) if text.contains('.') => seconds(Datum::Float(text.parse().ok()?)),
        datum => Timestamp::from_second(integer(datum)?).ok(),
    }
}

/// The commonest pattern is read by jiff's strict reader: strptime takes blanks and single digits for it.
fn civil(pattern: &str, text: &str) -> Option<DateTime> {
    match pattern {
        "%Y-%m-%d %H:%M:%S" if text.len() == 19 && text.as_bytes()[10] == b' ' => text.parse().ok(),
        "%Y-%m-%d %H:%M:%S" => None,
        "%Y-%m-%d" if text.len() == 10 => text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)),
        "%Y-%m-%d" => None,
        _ => {
            let read = BrokenDownTime::parse(pattern, text).ok()?;
            read.to_datetime().or_else(|_| read.to_date().map(|date| date.at(0, 0, 0, 0))).ok()
        }
    }
}

/// Reads an instant as RFC 3339 writes it.
pub fn time_text(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Reads an ISO 8601 duration that is not negative.
pub(super) fn duration(text: &str) -> Option<Span> {
    let span: Span = text.parse().ok()?;
    (!span.is_negative() && text.starts_with('P')).then_some(span)
}

/// The start of a span that ends at an instant, in calendar days of UTC; 1970 at the earliest, as far back as every format
/// can write.
pub fn before(time: Timestamp, span: Span) -> Timestamp {
    let start = time.to_zoned(TimeZone::UTC).checked_sub(span).map(|zoned| zoned.timestamp());
    start.unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH)
}

/// The instant after a wait; the last one there is, if the wait is longer.
pub fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// The length of a span without months and years.
pub fn exact(span: Span) -> Option<SignedDuration> {
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(format: &str, zone: Option<&str>, value: Value, expected: Option<&str>) {
        let format = TimeFormat::parse(format, zone).expect("a format");
        let expected: Option<Timestamp> = expected.map(|time| time.parse().expect("a time"));
        assert_eq!(format.read(&value), expected, "{value} as {format:?}");
    }

    #[test]
    fn times_are_read_as_their_format_says() {
        let sql = "%Y-%m-%d %H:%M:%S";
        check(sql, Some("UTC"), json!("2024-02-01 00:00:00"), Some("2024-02-01T00:00:00Z"));
        check(sql, Some("America/Los_Angeles"), json!("2020-06-02 06:01:31"), Some("2020-06-02T13:01:31Z"));
        for odd in
            [" 2024-02-01 00:00:00", "2024-2-1 00:00:00", "2024-02-30 00:00:00", "None", "2024-02-01T00:00:00", ""]
        {
            check(sql, Some("UTC"), json!(odd), None);
        }
        check(sql, Some("UTC"), json!(null), None);
        check(sql, Some("UTC"), json!("0001-01-01 00:00:00"), None);
        check("%Y-%m-%d", Some("UTC"), json!("2019-10-20"), Some("2019-10-20T00:00:00Z"));
        check("%d/%m/%Y %H:%M %z", None, json!("20/10/2019 01:00 +0100"), Some("2019-10-20T00:00:00Z"));
        check("epoch-seconds", None, json!(1380123456), Some("2013-09-25T15:37:36Z"));
        check("epoch-seconds", None, json!("1380123456"), Some("2013-09-25T15:37:36Z"));
        check("epoch-seconds", None, json!("1380123456.25"), Some("2013-09-25T15:37:36.25Z"));
        check("epoch-seconds", None, json!("1e9.5"), None);
        check("epoch-microseconds", None, json!(1340308340123456_i64), Some("2012-06-21T19:52:20.123456Z"));
        check("epoch-seconds", None, json!(-5), None);
        check("epoch-seconds", None, json!(1e300), None);
        check("epoch-milliseconds", None, json!(1340308340123_i64), Some("2012-06-21T19:52:20.123Z"));
        check("rfc3339", None, json!("2019-06-30T11:17:42.459369+00:00"), Some("2019-06-30T11:17:42.459369Z"));
        check("rfc3339", None, json!("2019-06-30T11:17:42"), None);
    }

    #[test]
    fn formats_that_tell_no_instant_are_refused() {
        assert_eq!(TimeFormat::parse("iso", None), Err(TimeFormatError::Unknown));
        assert_eq!(TimeFormat::parse("%H:%M", Some("UTC")), Err(TimeFormatError::Unknown));
        assert_eq!(TimeFormat::parse("%Q", Some("UTC")), Err(TimeFormatError::Unknown));
        assert_eq!(TimeFormat::parse("%Y-%m-%d", None), Err(TimeFormatError::NoZone));
        assert_eq!(TimeFormat::parse("%Y", Some("Mars/Base")), Err(TimeFormatError::Unknown));
        assert!(matches!(TimeFormat::parse("%F", Some("Mars/Base")), Err(TimeFormatError::UnknownZone(_))));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in 0_i64..4_102_444_800) {
            let time = Timestamp::from_second(seconds).expect("in range");
            for (format, zone) in [("%Y-%m-%d %H:%M:%S", Some("UTC")), ("epoch-seconds", None), ("epoch-milliseconds", None), ("rfc3339", None)] {
                let format = TimeFormat::parse(format, zone).expect("a format");
                prop_assert_eq!(format.read(&json!(format.write(time))), Some(time));
            }
        }

        #[test]
        fn no_format_or_value_makes_reading_panic(format in r"[%a-zA-Z0-9 :-]{0,12}", text in r"\PC{0,24}") {
            if let Ok(format) = TimeFormat::parse(&format, Some("UTC")) {
                let _ = format.read(&json!(text));
                for time in [Timestamp::MIN, Timestamp::UNIX_EPOCH, LATEST, Timestamp::MAX] {
                    let _ = format.write(time);
                }
            }
        }
    }
}
