//! How STIX writes an instant: in its properties, in the head of an object, and in the text that makes an id.

use super::short::Short;
use jiff::Timestamp;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;

/// A property of time: whole seconds without a fraction, otherwise milliseconds or microseconds.
pub fn stix_time(time: Timestamp) -> String {
    stix_text(time).as_str().to_owned()
}

pub(super) fn stix_text(time: Timestamp) -> Short {
    printed(time, fraction_digits(time))
}

/// `created` and `modified`, which STIX 2.1 §3.2 wants to the millisecond.
pub fn object_time(time: Timestamp) -> String {
    printed(time, 3).as_str().to_owned()
}

/// As Python's `isoformat()` writes a time without a zone: what connectors built on pycti hash into ids.
pub fn id_time(time: Timestamp) -> String {
    id_text(time).as_str().to_owned()
}

pub(super) fn id_text(time: Timestamp) -> Short {
    let has_fraction = time.subsec_nanosecond() >= 1_000;
    let mut text = printed(time, if has_fraction { 6 } else { 0 });
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

/// In UTC, with a `Z`.
fn printed(time: Timestamp, digits: u8) -> Short {
    let mut text = Short::new();
    let printer = DateTimePrinter::new().precision(Some(digits));
    printer.print_timestamp(&time, StdFmtWrite(&mut text)).expect("a time is short");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(time: &str, stix: &str, object: &str, id: &str) {
        let time: Timestamp = time.parse().expect("a time");
        assert_eq!((&*stix_time(time), &*object_time(time), &*id_time(time)), (stix, object, id));
    }

    #[test]
    fn times_are_written_as_stix_and_pycti_write_them() {
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
}
