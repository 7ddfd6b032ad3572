//! Timestamp formats: of STIX properties, of `created` and `modified`, and of the text that ids are derived from.

use super::inline_string::Short;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::Offset;

/// Latest permitted time of an observation. A relationship's stop time may be moved to a second after its start, and
/// times with microseconds must parse again: the range of `Timestamp` ends at 9999-12-30T22:00:00.999999999Z.
pub const LATEST: Timestamp = Timestamp::constant(253_402_207_198, 0);

/// Formats a timestamp property (STIX 2.1 §3.8): without a fraction for whole seconds, otherwise with milliseconds or
/// microseconds.
pub fn stix_time(time: Timestamp) -> String {
    stix_text(time).as_str().to_owned()
}

pub(super) fn stix_text(time: Timestamp) -> Short {
    format_utc(time, fraction_digits(time))
}

/// Formats `created` and `modified`, which STIX 2.1 §3.2 requires with milliseconds.
pub fn object_time(time: Timestamp) -> String {
    format_utc(time, 3).as_str().to_owned()
}

/// Formats a time like `isoformat()` of Python without a time zone: connectors based on pycti derive ids from this
/// text.
pub fn id_time(time: Timestamp) -> String {
    id_text(time).as_str().to_owned()
}

pub(super) fn id_text(time: Timestamp) -> Short {
    let has_fraction = time.subsec_nanosecond() >= 1_000;
    let mut text = format_utc(time, if has_fraction { 6 } else { 0 });
    text.pop();
    text
}

fn fraction_digits(time: Timestamp) -> u8 {
    let nanos = time.subsec_nanosecond();
    if nanos == 0 {
        0
    } else if nanos % 1_000_000 == 0 {
        3
    } else {
        6
    }
}

/// Formats a time in UTC with a `Z` and a number of fraction digits.
fn format_utc(time: Timestamp, digits: u8) -> Short {
    let mut text = Short::new();
    let civil = Offset::UTC.to_datetime(time);
    if let (0, Ok(year)) = (digits, u16::try_from(civil.year())) {
        push_whole_seconds(&mut text, year, civil);
        return text;
    }
    let printer = DateTimePrinter::new().precision(Some(digits));
    printer.print_timestamp(&time, StdFmtWrite(&mut text)).expect("a time is short");
    text
}

/// Appends a time such as `2024-01-15T10:30:00Z`, about four times as fast as the general printer: nearly all times
/// have whole seconds, and each relationship has three.
fn push_whole_seconds(text: &mut Short, year: u16, civil: DateTime) {
    let two = |number: u8| [b'0' + number / 10, b'0' + number % 10];
    let part = |number: i8| two(u8::try_from(number).expect("parts of a time are not negative"));
    let century = |years: u16| two(u8::try_from(years).expect("a year has four digits"));
    text.push(&century(year / 100));
    text.push(&century(year % 100));
    let parts = [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
    for (before, number) in b"--T::".iter().zip(parts) {
        let [tens, ones] = part(number);
        text.push(&[*before, tens, ones]);
    }
    text.push(b"Z");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(time: &str, stix: &str, object: &str, id: &str) {
        let time: Timestamp = time.parse().expect("a time");
        assert_eq!((&*stix_time(time), &*object_time(time), &*id_time(time)), (stix, object, id));
    }

    #[test]
    fn formats_equal_those_of_stix_and_pycti() {
        check("2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z", "2024-01-15T10:30:00.000Z", "2024-01-15T10:30:00");
        check(
            "2024-01-15T10:30:00.12Z",
            "2024-01-15T10:30:00.120Z",
            "2024-01-15T10:30:00.120Z",
            "2024-01-15T10:30:00.120000",
        );
        check(
            "2024-01-15T10:30:00.123456Z",
            "2024-01-15T10:30:00.123456Z",
            "2024-01-15T10:30:00.123Z",
            "2024-01-15T10:30:00.123456",
        );
    }

    proptest! {
        #[test]
        fn whole_seconds_equal_general_format(second in Timestamp::MIN.as_second()..=Timestamp::MAX.as_second()) {
            let time = Timestamp::from_second(second).expect("a time");
            prop_assert_eq!(stix_time(time), time.to_string());
        }
    }
}
