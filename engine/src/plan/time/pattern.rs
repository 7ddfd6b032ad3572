//! `strftime` patterns and their unambiguous variants: with fractions of a second, as a date alone, and, for patterns
//! that start with the year, every extended and basic form of ISO 8601.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// A `strftime` pattern and its variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    family: Family,
    /// Patterns that are tried if this one does not match.
    related: Vec<String>,
}

/// Which variants a pattern accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// ISO 8601 with fixed-width numbers. strptime is not used, because it accepts blanks and single digits.
    Iso,
    /// ISO 8601, and numbers without leading zeros.
    UnpaddedIso,
    /// Another order or other separators.
    Other,
}

/// A parsed text: a point in time, or a date and time without an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Instant(Timestamp),
    Civil(DateTime),
}

impl Reading {
    /// Returns the point in time, if it has an offset or a zone is given.
    pub(super) fn instant(self, zone: Option<&TimeZone>) -> Option<Timestamp> {
        match self {
            Self::Instant(time) => Some(time),
            Self::Civil(civil) => zone?.to_ambiguous_timestamp(civil).compatible().ok(),
        }
    }
}

impl Pattern {
    /// Creates a pattern that can write and parse a time, with a zone if it has none.
    pub(super) fn new(text: &str, zone: Option<&TimeZone>) -> Pattern {
        let probe = Timestamp::constant(1_352_538_487, 0).to_zoned(zone.cloned().unwrap_or(TimeZone::UTC));
        let printed = BrokenDownTime::from(&probe).to_string(text).unwrap_or_default();
        let instant = |reading: Option<Reading>| reading.and_then(|reading| reading.instant(zone));
        let (as_iso, as_written) = (instant(iso(&printed)), instant(own(text, &printed)));
        let family = match as_iso.is_some() && as_iso == as_written {
            true if directives(text).iter().all(|directive| directive.is_padded) => Family::Iso,
            true => Family::UnpaddedIso,
            false => Family::Other,
        };
        let related = [with_fraction(text), date_alone(text)].into_iter().flatten().collect();
        Pattern { text: text.to_owned(), family, related }
    }

    /// Returns the pattern as written in the profile.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the pattern reads every form of ISO 8601.
    pub(super) fn reads_iso(&self) -> bool {
        self.family != Family::Other
    }

    /// Returns whether the pattern reads nothing but ISO 8601.
    pub(super) fn is_iso_only(&self) -> bool {
        self.family == Family::Iso
    }

    pub(super) fn read(&self, text: &str) -> Option<Reading> {
        match self.family {
            Family::Iso => iso(text),
            Family::UnpaddedIso => iso(text).or_else(|| self.strptime(text)),
            Family::Other => self.strptime(text),
        }
    }

    fn strptime(&self, text: &str) -> Option<Reading> {
        own(&self.text, text).or_else(|| self.related.iter().find_map(|pattern| own(pattern, text)))
    }
}

fn own(pattern: &str, text: &str) -> Option<Reading> {
    let read = BrokenDownTime::parse(pattern, text).ok()?;
    if read.offset().is_some_and(|offset| offset.seconds().abs() > LARGEST_OFFSET) {
        return None;
    }
    if let Ok(time) = read.to_timestamp() {
        return Some(Reading::Instant(time));
    }
    let civil = read.to_datetime().or_else(|_| read.to_date().map(midnight));
    civil.ok().map(Reading::Civil)
}

/// Maximum distance of a local time from UTC, in seconds: ISO 8601 has no limit, but `+25:00` is a misprint, and the
/// date would be wrong by a day.
const LARGEST_OFFSET: i32 = 18 * 3600;

/// Parses a time with an offset of at most [`LARGEST_OFFSET`] (RFC 3339).
pub(super) fn with_offset(text: &str) -> Option<Timestamp> {
    let time = text.parse().ok()?;
    is_possible_offset(text).then_some(time)
}

/// Returns whether the numeric offset at the end of a time is at most [`LARGEST_OFFSET`].
fn is_possible_offset(text: &str) -> bool {
    // Before this place, `-` separates the parts of a date.
    let Some(sign) = text.rfind(['+', '-']).filter(|place| *place > 10) else { return true };
    let digits: Vec<i32> =
        text[sign + 1..].bytes().filter(u8::is_ascii_digit).map(|digit| i32::from(digit - b'0')).collect();
    let part = |at: usize| digits.get(at).map_or(0, |tens| tens * 10 + digits.get(at + 1).copied().unwrap_or(0));
    part(0) * 3600 + part(2) * 60 + part(4) <= LARGEST_OFFSET
}

fn midnight(date: Date) -> DateTime {
    date.at(0, 0, 0, 0)
}

/// Parses extended or basic ISO 8601: a date alone or with a time of any precision, and an optional offset, also after
/// a space.
fn iso(text: &str) -> Option<Reading> {
    let is_sign = |sign: u8| sign.is_ascii_digit() || b"-:.,+ TtZzUC".contains(&sign);
    if text.len() < 8 || !text.bytes().take(4).all(|sign| sign.is_ascii_digit()) || !text.bytes().all(is_sign) {
        return None;
    }
    let text = normalized(text)?;
    // After the date, `-` can only start an offset.
    let has_offset = text.contains(['Z', 'z', '+']) || text.rfind('-').is_some_and(|place| place > 10);
    match has_offset {
        true => with_offset(&text).map(Reading::Instant),
        false => text.parse().ok().map(Reading::Civil),
    }
}

/// Normalizes what the ISO 8601 parser does not accept. Of digits only, 8 and 14 are unambiguous.
fn normalized(text: &str) -> Option<Cow<'_, str>> {
    if text.bytes().all(|sign| sign.is_ascii_digit()) {
        return match text.len() {
            8 => Some(Cow::Borrowed(text)),
            14 => Some(Cow::Owned(format!("{}T{}", &text[..8], &text[8..]))),
            _ => None,
        };
    }
    if let Some(civil) = text.strip_suffix(" UTC") {
        return Some(Cow::Owned(format!("{civil}Z")));
    }
    match text.rfind(' ') {
        Some(blank) if blank > 10 && text[blank + 1..].starts_with(['+', '-', 'Z']) => {
            Some(Cow::Owned(format!("{}{}", &text[..blank], &text[blank + 1..])))
        }
        _ => Some(Cow::Borrowed(text)),
    }
}

/// Returns the offset in seconds that a pattern contains as text: `Z`, `UTC`, `GMT`, `+02:00`.
pub(super) fn literal_offset(pattern: &str) -> Option<i32> {
    let mut from = 0;
    let ends = directives(pattern).into_iter().map(|directive| (directive.start, directive.end));
    ends.chain([(pattern.len(), pattern.len())]).find_map(|(start, end)| {
        let literal = &pattern[std::mem::replace(&mut from, end)..start];
        let mut words = literal.split(|sign: char| !sign.is_ascii_alphanumeric());
        let is_utc = words.any(|word| ["Z", "UTC", "GMT"].iter().any(|utc| word.eq_ignore_ascii_case(utc)));
        if is_utc { Some(0) } else { numeric_offset(literal) }
    })
}

/// Returns the offset in a text such as `+0200`, `+02:00` or `-05`.
fn numeric_offset(text: &str) -> Option<i32> {
    let at = text.find(['+', '-'])?;
    let digits: String = text[at + 1..].chars().filter(|sign| *sign != ':').take_while(char::is_ascii_digit).collect();
    let (hours, minutes) = match digits.len() {
        2 => (&digits[..], "0"),
        4 => digits.split_at(2),
        _ => return None,
    };
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    Some(if text[at..].starts_with('-') { -seconds } else { seconds })
}

/// One conversion specification (`%…`) of a pattern.
struct Directive {
    start: usize,
    end: usize,
    letter: char,
    /// Whether the padding is the default one.
    is_padded: bool,
}

fn directives(pattern: &str) -> Vec<Directive> {
    let mut found = vec![];
    let mut from = 0;
    while let Some(start) = pattern[from..].find('%').map(|place| from + place) {
        let rest = &pattern[start + 1..];
        let Some((place, letter)) = rest.char_indices().find(|(_, sign)| sign.is_alphabetic() || *sign == '%') else {
            break;
        };
        let end = start + 1 + place + letter.len_utf8();
        let is_padded = !rest[..place].contains(['-', '_', '0', '^', '#']) && !"ekl".contains(letter);
        found.push(Directive { start, end, letter, is_padded });
        from = end;
    }
    found
}

/// Returns the pattern with an optional fraction after the seconds.
fn with_fraction(pattern: &str) -> Option<String> {
    let directives = directives(pattern);
    if directives.iter().any(|directive| "fN".contains(directive.letter)) {
        return None;
    }
    let seconds = directives.iter().find(|directive| "ST".contains(directive.letter))?;
    Some(format!("{}%.f{}", &pattern[..seconds.end], &pattern[seconds.end..]))
}

/// Returns the pattern without its time of day, if the complete date precedes it.
fn date_alone(pattern: &str) -> Option<String> {
    let directives = directives(pattern);
    let time = directives.iter().find(|directive| "HIklMSTRrXpPf".contains(directive.letter))?;
    let date = pattern[..time.start].trim_end_matches([' ', 'T', ',', '_', '-']);
    let printed = BrokenDownTime::from(Date::constant(2012, 11, 10)).to_string(date).ok()?;
    BrokenDownTime::parse(date, &printed).ok()?.to_date().ok()?;
    Some(date.to_owned())
}
