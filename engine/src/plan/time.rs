//! Time formats and durations, parsed once and used for every record.

mod pattern;

use crate::stix::LATEST;
use crate::yaml::nearest;
use jiff::civil::date;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{RoundMode, SignedDuration, Span, Timestamp, Unit, ZonedRound};
use pattern::{Pattern, with_offset};
use serde_json::Value;

/// How a provider writes a point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// Seconds since 1970-01-01T00:00:00Z, as a number.
    EpochSeconds,
    /// Milliseconds since 1970-01-01T00:00:00Z, as a number.
    EpochMilliseconds,
    /// Microseconds since 1970-01-01T00:00:00Z, as a number.
    EpochMicroseconds,
    /// Date and time with an offset (RFC 3339).
    Rfc3339,
    /// A `strftime` pattern with a zone (`%z`, `%Z`, `%s` …).
    Zoned(Pattern),
    /// A `strftime` pattern without a zone, and its time zone.
    Civil(Pattern, TimeZone),
}

/// A value from which a number or a time is parsed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Datum<'d> {
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// A number with a fraction or exponent.
    Float(f64),
    /// A text, which may contain a number.
    Text(&'d str),
    /// A value of any other type.
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

/// Reasons why a time format is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormatError {
    /// Neither a keyword nor a pattern that can both write and parse a time.
    Unknown,
    /// The pattern loses a part of the time, such as the half of the day in `%I` without `%p`.
    Ambiguous,
    /// The pattern has no zone, and none is given.
    NoZone,
    /// The time zone is not in the IANA database.
    UnknownZone(String),
    /// The pattern contains an offset as text, such as `Z`, which the time zone contradicts.
    OtherZone,
}

impl TimeFormat {
    /// Parses a time format, and its time zone if it needs one.
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
            return Self::Zoned(Pattern::new(format, None)).exact();
        }
        if read.to_date().is_err() {
            return Err(TimeFormatError::Unknown);
        }
        let zone = zone.ok_or(TimeFormatError::NoZone)?;
        let zone = TimeZone::get(zone).map_err(|_| TimeFormatError::UnknownZone(zone.to_owned()))?;
        if pattern::literal_offset(format).is_some_and(|offset| !always_has(&zone, offset)) {
            return Err(TimeFormatError::OtherZone);
        }
        Self::Civil(Pattern::new(format, Some(&zone)), zone).exact()
    }

    /// Returns whether a later format of the same field never applies, because this one reads all of its values.
    pub(super) fn hides(&self, later: &TimeFormat) -> bool {
        let pattern = |format: &TimeFormat| match format {
            Self::Zoned(pattern) | Self::Civil(pattern, _) => Some(pattern.clone()),
            _ => None,
        };
        match (self.unit(), later.unit()) {
            // A number of coarser units is also one of finer units, of a time near 1970.
            (Some(unit), Some(later)) => return unit <= later,
            (None, Some(_)) => return false,
            (Some(_), None) => return later.writes_numbers(),
            (None, None) => {}
        }
        let has_zone = |format: &TimeFormat| !matches!(format, Self::Civil(..));
        let reads_iso = pattern(self).is_some_and(|pattern| pattern.reads_iso());
        let is_iso = pattern(later).is_none_or(|pattern| pattern.is_iso_only());
        self == later
            || pattern(self).is_some_and(|pattern| pattern.as_str() == later.as_str())
            || reads_iso && is_iso && (!has_zone(self) || has_zone(later))
    }

    /// Returns the unit of a number since 1970 in nanoseconds.
    fn unit(&self) -> Option<i64> {
        match self {
            Self::EpochSeconds => Some(1_000_000_000),
            Self::EpochMilliseconds => Some(1_000_000),
            Self::EpochMicroseconds => Some(1_000),
            Self::Rfc3339 | Self::Zoned(_) | Self::Civil(..) => None,
        }
    }

    /// Returns whether every text in this format is also a number.
    fn writes_numbers(&self) -> bool {
        [0, 1_700_000_000, 4_000_000_000].iter().all(|second| {
            let time = Timestamp::from_second(*second).expect("within the range of times");
            integer(Datum::Text(&self.write(time))).is_some()
        })
    }

    /// Returns the format if a time that it writes is read as the same time, rounded down to its precision.
    fn exact(self) -> Result<TimeFormat, TimeFormatError> {
        const UNITS: [Unit; 7] =
            [Unit::Nanosecond, Unit::Microsecond, Unit::Millisecond, Unit::Second, Unit::Minute, Unit::Hour, Unit::Day];
        let zone = if let Self::Civil(_, zone) = &self { zone.clone() } else { TimeZone::UTC };
        // In the afternoon, after the twelfth day, every part different from the others.
        let probe = date(2013, 11, 25).at(21, 47, 53, 123_456_789).to_zoned(zone).expect("within the range of times");
        let text = self.write(probe.timestamp());
        let read = self.read(Datum::Text(&text));
        let is_rounded = |unit| {
            let rounded = probe.round(ZonedRound::new().smallest(unit).mode(RoundMode::Trunc));
            let rounded = rounded.expect("rounded down").timestamp();
            read == Some(rounded) && self.write(rounded) == text
        };
        if UNITS.into_iter().any(is_rounded) { Ok(self) } else { Err(TimeFormatError::Ambiguous) }
    }

    /// Suggests the keyword that was probably meant.
    pub(super) fn suggest(word: &str) -> Option<&'static str> {
        match word.to_ascii_lowercase().as_str() {
            "iso" | "iso8601" | "iso-8601" | "iso 8601" | "rfc-3339" | "rfc 3339" => Some("rfc3339"),
            "epoch" | "unix" | "unixtime" | "unix-time" | "timestamp" | "seconds" => Some("epoch-seconds"),
            "epoch-ms" | "epoch-millis" | "unix-ms" | "milliseconds" | "millis" | "ms" => Some("epoch-milliseconds"),
            word => nearest(word, ["rfc3339", "epoch-seconds", "epoch-milliseconds"]),
        }
    }

    /// Returns the format as written in a profile.
    pub fn as_str(&self) -> &str {
        match self {
            Self::EpochSeconds => "epoch-seconds",
            Self::EpochMilliseconds => "epoch-milliseconds",
            Self::EpochMicroseconds => "epoch-microseconds",
            Self::Rfc3339 => "rfc3339",
            Self::Zoned(pattern) | Self::Civil(pattern, _) => pattern.as_str(),
        }
    }

    /// Parses a time in this format or in an unambiguous variant: a number since 1970 with a fraction, or a variant of
    /// the pattern, such as a fraction of a second, a date alone, or another form of ISO 8601. Returns `None` if the value
    /// is invalid, before 1970, or later than STIX can represent ([`LATEST`]).
    pub fn read<'d>(&self, datum: impl Into<Datum<'d>>) -> Option<Timestamp> {
        let datum = datum.into();
        let time = match self {
            Self::EpochSeconds => since_1970(datum, 1_000_000_000)?,
            Self::EpochMilliseconds => since_1970(datum, 1_000_000)?,
            Self::EpochMicroseconds => since_1970(datum, 1_000)?,
            Self::Rfc3339 => with_offset(datum.as_str()?)?,
            Self::Zoned(pattern) => pattern.read(datum.as_str()?)?.instant(None)?,
            Self::Civil(pattern, zone) => pattern.read(datum.as_str()?)?.instant(Some(zone))?,
        };
        (Timestamp::UNIX_EPOCH..=LATEST).contains(&time).then_some(time)
    }

    /// Writes a time in this format. Patterns without a zone use theirs.
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
            Self::Zoned(text) => pattern(text.as_str(), TimeZone::UTC),
            Self::Civil(text, zone) => pattern(text.as_str(), zone.clone()),
        }
    }
}

/// Whether a time zone has this offset in seconds, in summer and winter.
fn always_has(zone: &TimeZone, offset: i32) -> bool {
    [1, 7].into_iter().all(|month| {
        let time = date(2024, month, 1).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).expect("within the range of times");
        zone.to_offset(time.timestamp()).seconds() == offset
    })
}

/// Parses a whole number, also from a text.
pub fn integer<'d>(datum: impl Into<Datum<'d>>) -> Option<i64> {
    match datum.into() {
        Datum::Integer(number) => Some(number),
        Datum::Text(text) => text.parse().ok(),
        Datum::Float(_) | Datum::Other => None,
    }
}

/// Parses a number of units since 1970, with `unit` in nanoseconds. A fraction in a text is exact; one of a JSON number
/// is rounded to microseconds, because a binary floating-point number is not more precise for current times.
fn since_1970(datum: Datum, unit: i64) -> Option<Timestamp> {
    let nanoseconds = match datum {
        Datum::Float(units) => ((units * unit as f64 / 1e3).round() as i128).checked_mul(1_000)?,
        Datum::Text(text) if text.contains('.') => fractional(text, unit)?,
        datum => i128::from(integer(datum)?) * i128::from(unit),
    };
    Timestamp::from_nanosecond(nanoseconds).ok()
}

/// Parses a decimal number to nanoseconds.
fn fractional(text: &str, unit: i64) -> Option<i128> {
    let (whole, fraction) = text.split_once('.')?;
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let billionths: i128 = format!("{fraction:0<9}")[..9].parse().ok()?;
    Some(whole.parse::<i64>().map(i128::from).ok()? * i128::from(unit) + billionths * i128::from(unit) / 1_000_000_000)
}

/// Parses a time as defined by RFC 3339.
pub fn time_text(text: &str) -> Option<Timestamp> {
    with_offset(text)
}

/// Parses a non-negative ISO 8601 duration.
pub(super) fn duration(text: &str) -> Option<Span> {
    let span: Span = text.parse().ok()?;
    (!span.is_negative() && text.starts_with('P')).then_some(span)
}

/// Returns the start of a span that ends at `time`, in calendar days of UTC, but not before 1970, so that every format
/// can represent it.
pub fn before(time: Timestamp, span: Span) -> Timestamp {
    let start = time.to_zoned(TimeZone::UTC).checked_sub(span).map(|zoned| zoned.timestamp());
    start.unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH)
}

/// Returns the time after a wait, or the maximum time if the wait is longer.
pub fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Returns the length of a span without months and years, otherwise `None`.
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
    fn time_is_parsed_in_its_format() {
        let sql = "%Y-%m-%d %H:%M:%S";
        check(sql, Some("UTC"), json!("2024-02-01 00:00:00"), Some("2024-02-01T00:00:00Z"));
        check(sql, Some("America/Los_Angeles"), json!("2020-06-02 06:01:31"), Some("2020-06-02T13:01:31Z"));
        for odd in [" 2024-02-01 00:00:00", "2024-2-1 00:00:00", "2024-02-30 00:00:00", "None", ""] {
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
    fn offset_beyond_18_hours_is_invalid() {
        for (offset, is_valid) in [
            ("+18:00", true),
            ("-18:00", true),
            ("+14:00", true),
            ("-00:30", true),
            ("+18:01", false),
            ("-18:01", false),
            ("+19:00", false),
            ("+25:00", false),
            ("-25:00", false),
        ] {
            let texts = [
                ("rfc3339", format!("2024-02-03T12:00:00{offset}")),
                ("%Y-%m-%d %H:%M:%S", format!("2024-02-03 12:00:00 {offset}")),
                ("%Y-%m-%d", format!("20240203T120000{}", offset.replace(':', ""))),
                ("%d/%m/%Y %H:%M %:z", format!("03/02/2024 12:00 {offset}")),
                ("%d/%m/%Y %H:%M %z", format!("03/02/2024 12:00 {}", offset.replace(':', ""))),
            ];
            for (format, text) in texts {
                let read = TimeFormat::parse(format, Some("UTC")).expect("a format").read(&json!(text));
                assert_eq!(read.is_some(), is_valid, "{text} as {format}");
            }
            assert_eq!(time_text(&format!("2024-02-03T12:00:00{offset}")).is_some(), is_valid, "{offset}");
        }
    }

    /// As `zone` documents it.
    #[test]
    fn ambiguous_local_time_is_the_earlier_one() {
        let (sql, zone) = ("%Y-%m-%d %H:%M:%S", Some("America/New_York"));
        check(sql, zone, json!("2024-11-03 01:30:00"), Some("2024-11-03T05:30:00Z"));
        check(sql, zone, json!("2024-03-10 02:30:00"), Some("2024-03-10T07:30:00Z"));
    }

    #[test]
    fn pattern_that_loses_a_part_of_the_time_is_ambiguous() {
        for (format, is_exact) in [
            ("%Y-%m-%d %I:%M:%S", false),
            ("%Y-%m-%d %I:%M:%S %p", true),
            ("%Y-%m-%d %M", false),
            ("%Y-%m-%d %H:%S", false),
            ("%Y-%m-%d %H", true),
            ("%d.%m.%y", true),
            ("%b %d %Y", true),
            ("%A, %d %B %Y %l:%M %p", true),
            ("%A, %d %B %Y %l:%M", false),
            ("%Y-%m-%d %I:%M %z", false),
            ("%d/%m/%Y %H:%M:%S%.3f %z", true),
            ("%Y-%j", true),
            ("%s", true),
        ] {
            for zone in ["UTC", "Asia/Kolkata", "America/New_York"] {
                let read = TimeFormat::parse(format, Some(zone));
                assert_eq!(read.is_ok(), is_exact, "{format} in {zone}: {read:?}");
            }
        }
    }

    #[test]
    fn offset_in_a_pattern_must_be_the_one_of_its_zone() {
        for (format, zone, is_valid) in [
            ("%Y-%m-%dT%H:%M:%SZ", "UTC", true),
            ("%Y-%m-%dT%H:%M:%SZ", "Etc/UTC", true),
            ("%Y-%m-%dT%H:%M:%SZ", "America/New_York", false),
            ("%Y-%m-%dT%H:%M:%SZ", "Europe/London", false),
            ("%Y-%m-%dT%H:%M:%S.%fZ", "America/New_York", false),
            ("%d %b %Y %H:%M:%S GMT", "America/New_York", false),
            ("%d %b %Y %H:%M (utc)", "Asia/Tokyo", false),
            ("UTC %d.%m.%Y %H:%M", "Asia/Tokyo", false),
            ("%Y-%m-%d %H:%M:%S+09:00", "Asia/Tokyo", true),
            ("%Y-%m-%d %H:%M:%S+0900", "UTC", false),
            ("%Y-%m-%d %H:%M:%S-05", "America/New_York", false),
            ("%H:%M:%S %d-%m-%Y", "America/New_York", true),
            ("%Y-%m-%dT%H:%M:%S", "America/New_York", true),
        ] {
            let format = TimeFormat::parse(format, Some(zone));
            assert_eq!(format.is_ok(), is_valid, "{format:?} in {zone}");
        }
    }

    #[test]
    fn format_that_an_earlier_one_hides_reads_nothing_else() {
        let all = [
            ("epoch-seconds", ""),
            ("epoch-milliseconds", ""),
            ("epoch-microseconds", ""),
            ("rfc3339", ""),
            ("%s", ""),
            ("%Y%m%d", "UTC"),
            ("%Y-%m-%d", "UTC"),
            ("%Y-%m-%d %H:%M:%S", "UTC"),
            ("%Y-%m-%d %H:%M:%S", "Asia/Tokyo"),
            ("%Y-%m-%dT%H:%M:%S%z", ""),
            ("%d/%m/%Y", "UTC"),
            ("%m/%d/%Y", "UTC"),
        ];
        let formats = all.map(|(format, zone)| TimeFormat::parse(format, Some(zone)).expect("a format"));
        let times = [2_592_000, 951_782_399, 1_700_000_000, 1_790_000_000]
            .map(|second| Timestamp::from_second(second).expect("a time"));
        for earlier in &formats {
            for later in &formats {
                let values = times.iter().map(|time| later.write(*time));
                let reads_all = values.clone().all(|text| earlier.read(Datum::Text(&text)).is_some());
                if earlier.hides(later) {
                    assert!(reads_all, "{earlier:?} before {later:?}");
                }
            }
            assert!(earlier.hides(earlier), "{earlier:?}");
        }
        let hides = |earlier: &str, later: &str| {
            let format = |format: &str| TimeFormat::parse(format, Some("UTC")).expect("a format");
            format(earlier).hides(&format(later))
        };
        assert!(hides("epoch-milliseconds", "epoch-seconds") && !hides("epoch-seconds", "epoch-milliseconds"));
        assert!(hides("epoch-seconds", "%Y%m%d") && !hides("%Y%m%d", "epoch-seconds"));
        assert!(hides("%Y-%m-%d", "rfc3339") && !hides("rfc3339", "%Y-%m-%d"));
        assert!(!hides("epoch-seconds", "rfc3339") && !hides("%d/%m/%Y", "%m/%d/%Y"));
    }

    /// ISO 8601 patterns with their time zones.
    const ISO: [&str; 10] = [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%d",
        "%F %T",
        "%Y%m%d",
        "%Y%m%d%H%M%S",
        "%Y%m%dT%H%M%SZ",
    ];

    #[test]
    fn iso_8601_variant_is_parsed_by_iso_pattern() {
        for (text, time) in [
            ("2024-02-01 10:20:30", "2024-02-01T10:20:30Z"),
            ("2024-02-01T10:20:30", "2024-02-01T10:20:30Z"),
            ("2024-02-01T10:20:30Z", "2024-02-01T10:20:30Z"),
            ("2024-02-01 10:20:30 UTC", "2024-02-01T10:20:30Z"),
            ("2024-02-01 10:20:30 +0200", "2024-02-01T08:20:30Z"),
            ("2024-02-01T10:20:30-05:00", "2024-02-01T15:20:30Z"),
            ("2024-02-01 10:20:30.5", "2024-02-01T10:20:30.5Z"),
            ("2024-02-01T10:20:30.123456Z", "2024-02-01T10:20:30.123456Z"),
            ("2024-02-01T10:20:30,25", "2024-02-01T10:20:30.25Z"),
            ("2024-02-01T10:20", "2024-02-01T10:20:00Z"),
            ("2024-02-01", "2024-02-01T00:00:00Z"),
            ("20240201", "2024-02-01T00:00:00Z"),
            ("20240201T102030", "2024-02-01T10:20:30Z"),
            ("20240201T102030Z", "2024-02-01T10:20:30Z"),
            ("20240201T102030.5Z", "2024-02-01T10:20:30.5Z"),
            ("20240201102030", "2024-02-01T10:20:30Z"),
        ] {
            ISO.iter().for_each(|format| check(format, Some("UTC"), json!(text), Some(time)));
        }
        check("%Y-%m-%d %H:%M:%S", Some("Asia/Tokyo"), json!("2024-02-01"), Some("2024-01-31T15:00:00Z"));
        check("%Y-%m-%d %H:%M:%S", Some("Asia/Tokyo"), json!("2024-02-01T00:00:00Z"), Some("2024-02-01T00:00:00Z"));
    }

    #[test]
    fn ambiguous_or_invalid_value_is_not_a_time() {
        let odd = [
            json!("01/02/2024"),
            json!("2024-2-1"),
            json!("240201"),
            json!("202402011020"),
            json!("1706782830"),
            json!("1706782830000"),
            json!(1_706_782_830),
            json!(20_240_201),
            json!("2024-02"),
            json!("2024"),
            json!("2024-02-01Z"),
            json!("2024-02-30"),
            json!("20241301"),
            json!("2024-02-01 25:00:00"),
            json!("2024-02-01  10:20:30"),
            json!("2024-02-01 10:20:30 "),
            json!("2024-02-01 10:20:30 CET"),
            json!("2024-02-01 10:20:30 PM"),
            json!("Thu Feb  1 10:20:30 2024"),
        ];
        for (format, value) in ISO.iter().flat_map(|format| odd.iter().map(move |value| (format, value))) {
            check(format, Some("UTC"), value.clone(), None);
        }
        for text in ["2024-02-01", "20240201", "2024-02-01T10:20:30", "1706782830"] {
            check("rfc3339", None, json!(text), None);
            check("%Y-%m-%dT%H:%M:%S%z", None, json!(text), None);
            check("%d/%m/%Y %H:%M:%S", Some("UTC"), json!(text), None);
        }
        for text in ["2024-02-01", "1e9", "1.", ".5", "-1.5", "1.5e9", "1.5.5", " 1.5", "1,5", "0x10"] {
            check("epoch-seconds", None, json!(text), None);
            check("epoch-milliseconds", None, json!(text), None);
        }
    }

    #[test]
    fn fraction_or_date_alone_is_parsed_by_other_patterns() {
        let european = "%d/%m/%Y %H:%M:%S";
        check(european, Some("UTC"), json!("01/02/2024 10:20:30.25"), Some("2024-02-01T10:20:30.25Z"));
        check(european, Some("UTC"), json!("01/02/2024"), Some("2024-02-01T00:00:00Z"));
        check(european, Some("UTC"), json!("13/13/2024"), None);
        check("%d %b %Y, %H:%M", Some("UTC"), json!("01 Feb 2024"), Some("2024-02-01T00:00:00Z"));
        check("%H:%M %d.%m.%Y", Some("UTC"), json!("01.02.2024"), None);
        check("%Y/%m/%d %T", Some("UTC"), json!("2024/02/01 10:20:30.5"), Some("2024-02-01T10:20:30.5Z"));
        check("%Y-%-m-%-d", Some("UTC"), json!("2024-2-1"), Some("2024-02-01T00:00:00Z"));
        check("%Y-%m-%d %H:%M:%S %z", None, json!("2024-02-01 10:20:30.5 +0100"), Some("2024-02-01T09:20:30.5Z"));
        check("epoch-seconds", None, json!(1380123456.123456), Some("2013-09-25T15:37:36.123456Z"));
        check("epoch-seconds", None, json!("1380123456.123456789"), Some("2013-09-25T15:37:36.123456789Z"));
        check("epoch-milliseconds", None, json!(1340308340123.5), Some("2012-06-21T19:52:20.1235Z"));
        check("epoch-milliseconds", None, json!("1340308340123.456"), Some("2012-06-21T19:52:20.123456Z"));
        check("epoch-microseconds", None, json!(1340308340123456.0), Some("2012-06-21T19:52:20.123456Z"));
    }

    #[test]
    fn incomplete_format_is_rejected() {
        assert_eq!(TimeFormat::parse("iso", None), Err(TimeFormatError::Unknown));
        assert_eq!(TimeFormat::parse("%H:%M", Some("UTC")), Err(TimeFormatError::Unknown));
        assert_eq!(TimeFormat::parse("%Q", Some("UTC")), Err(TimeFormatError::Unknown));
        assert_eq!(TimeFormat::parse("%Y-%m-%d", None), Err(TimeFormatError::NoZone));
        assert_eq!(TimeFormat::parse("%Y", Some("Mars/Base")), Err(TimeFormatError::Unknown));
        assert!(matches!(TimeFormat::parse("%F", Some("Mars/Base")), Err(TimeFormatError::UnknownZone(_))));
    }

    proptest! {
        #[test]
        fn written_time_parses_to_itself(seconds in 0_i64..4_102_444_800) {
            let time = Timestamp::from_second(seconds).expect("in range");
            for (format, zone) in [("%Y-%m-%d %H:%M:%S", Some("UTC")), ("epoch-seconds", None), ("epoch-milliseconds", None), ("rfc3339", None)] {
                let format = TimeFormat::parse(format, zone).expect("a format");
                prop_assert_eq!(format.read(&json!(format.write(time))), Some(time));
            }
        }

        #[test]
        fn iso_patterns_parse_each_others_output(micros in 0_i64..4_102_444_800_000_000, zone in prop::sample::select(vec!["UTC", "Asia/Tokyo", "Etc/GMT+5"])) {
            let time = Timestamp::from_microsecond(micros).expect("in range");
            let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.6f", "%Y%m%dT%H%M%S%.f", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %:z"];
            let formats: Vec<_> = formats.iter().chain(&ISO).filter(|format| zone == "UTC" || !format.ends_with('Z'))
                .map(|format| TimeFormat::parse(format, Some(zone)).expect("a format")).collect();
            for exact in &formats[..5] {
                let written = json!(exact.write(time));
                for format in formats.iter().filter(|format| matches!(format, TimeFormat::Civil(..))) {
                    prop_assert_eq!(format.read(&written), Some(time), "{} as {}", written, format.as_str());
                }
            }
            for format in &formats {
                let read = format.read(&json!(format.write(time))).expect("what it writes");
                prop_assert!(time.as_second() / 86_400 - read.as_second() / 86_400 <= 1 && read <= time);
            }
        }

        #[test]
        fn arbitrary_format_or_value_does_not_panic(format in r"[%a-zA-Z0-9 :-]{0,12}", text in r"\PC{0,24}") {
            if let Ok(format) = TimeFormat::parse(&format, Some("UTC")) {
                let _ = format.read(&json!(text));
                for time in [Timestamp::MIN, Timestamp::UNIX_EPOCH, LATEST, Timestamp::MAX] {
                    let _ = format.write(time);
                }
            }
        }
    }
}
