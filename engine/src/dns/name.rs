//! Domain names: any spelling in, one spelling out. Takes every name that DNS can hold, host name or not
//! (RFC 2181 §11), and refuses texts that only look like one: addresses, networks, URLs.

#[cfg(test)]
mod tests;

use super::address::{AddressError, are_numbers, parse_address};
use super::escape::{BadEscape, Octet, find_unescaped, has_meaning, octets, push_octet};
use crate::printable;
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// The octets of a label, at most (RFC 1035 §2.3.4).
const LABEL: usize = 63;
/// The octets of a name on the wire, a length before each label and the root at its end, at most.
const WIRE: usize = 255;
/// No spelling is longer, with every octet as `\DDD`. Keeps hostile texts away from UTS 46.
const TEXT: usize = 4 * WIRE;
/// What may not stand beside letters outside ASCII, together with all that cannot be seen.
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "\\\"();@");

/// A domain name in canonical form: lower case, A-labels (RFC 5890), no trailing dot, each octet in its one spelling
/// (`\.`, `\032`). The root is `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Reads the presentation format (RFC 1035 §5.1) in any case, with or without the trailing dot.
    ///
    /// Letters outside ASCII become A-labels (UTS 46); a name that has some has no escapes. Underscores, `*` and `/`
    /// are as good as any other octet. A first label `_WILDCARD_` is `*`. A name that is all numbers is refused as an
    /// address, because C's `inet_aton` reads it as one.
    pub fn parse(text: &str) -> Result<Name, NameError> {
        let text = ascii(text)?;
        match &*text {
            "" => Err(NameError::Empty),
            "." => Ok(Name(".".into())),
            text => Self::checked(canonical(without_trailing_dot(text))?),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The labels, first to last; none for the root. An escaped dot separates nothing.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let mut rest = if self.is_root() { "" } else { self.as_str() };
        std::iter::from_fn(move || {
            let end = find_unescaped(rest, b'.').unwrap_or(rest.len());
            let label = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or("");
            Some(label).filter(|label| !label.is_empty())
        })
    }

    /// Whether it is the root, `.`: as data it says that there is no such server (RFC 7505, RFC 2782).
    pub fn is_root(&self) -> bool {
        &*self.0 == "."
    }

    /// Whether it stands for many names: `*` is its first label, or its last, as some providers cut a name.
    pub fn is_wildcard(&self) -> bool {
        self.0.contains('*') && (self.labels().next() == Some("*") || self.labels().last() == Some("*"))
    }

    /// The name as people read it: A-labels as U-labels, where they are valid.
    pub fn to_unicode(&self) -> String {
        if self.is_root() {
            return self.to_string();
        }
        let labels: Vec<_> = self.labels().map(unicode_label).collect();
        labels.join(".")
    }

    /// The address of a name exactly below `in-addr.arpa` (four numbers) or `ip6.arpa` (32 digits); networks, parts
    /// of networks (RFC 2317) and look-alikes in other zones have none.
    pub fn reverse_address(&self) -> Option<IpAddr> {
        match self.0.strip_suffix(".in-addr.arpa") {
            Some(numbers) => reversed_v4(numbers).map(IpAddr::V4),
            None => reversed_v6(self.0.strip_suffix(".ip6.arpa")?).map(|address| IpAddr::V6(address).to_canonical()),
        }
    }

    /// The name of an owner that is written relative to this one; empty or `@`, it is this one. A dot at its end is
    /// refused: it would say that the owner is not relative.
    pub fn join(&self, relative: &str) -> Result<Name, NameError> {
        let relative = ascii(relative)?;
        match &*relative {
            "" | "@" => Ok(self.clone()),
            relative if self.is_root() => Self::checked(canonical(relative)?),
            relative => Self::checked(format!("{}.{self}", canonical(relative)?).into()),
        }
    }

    /// Labels that are canonical each may still be no name together.
    fn checked(mut text: Cow<str>) -> Result<Name, NameError> {
        if text == "_wildcard_" || text.starts_with("_wildcard_.") {
            text = text.replacen("_wildcard_", "*", 1).into();
        }
        if wire_length(&text) > WIRE {
            return Err(NameError::TooLong);
        }
        match look_alike(&text) {
            Some(error) => Err(error),
            None => Ok(Name(text.into())),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// Nothing at all.
    Empty,
    /// Nothing between two dots, or before the first.
    EmptyLabel,
    /// A label of more than 63 octets.
    LongLabel,
    /// More than 255 octets on the wire.
    TooLong,
    /// A character that needs a backslash in a name: a blank, a control character, or one of `"();@`.
    Character(char),
    /// A backslash with neither a character nor three digits up to 255 behind it.
    Escape,
    /// Letters outside ASCII that UTS 46 does not permit in a name, or a backslash beside them.
    International,
    /// An IP address, or numbers that are read as one.
    Address,
    /// A network or a range of addresses.
    Network,
    /// A URL, or a name with a port.
    Url,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the text is empty",
            Self::EmptyLabel => "a label is empty",
            Self::LongLabel => "a label is longer than 63 octets",
            Self::TooLong => "the name is longer than 255 octets",
            Self::Character(' ') => "a blank stands in it",
            Self::Character(character) => {
                return write!(
                    f,
                    "`{}` stands in it without a backslash",
                    printable::line(character.encode_utf8(&mut [0; 4]))
                );
            }
            Self::Escape => "a backslash escapes neither a character nor an octet",
            Self::International => "its letters outside ASCII do not make an internationalised name",
            Self::Address => "the text is read as an IP address",
            Self::Network => "the text is a network or a range of addresses",
            Self::Url => "the text is a URL or has a port",
        })
    }
}

impl std::error::Error for NameError {}

impl From<BadEscape> for NameError {
    fn from(_: BadEscape) -> Self {
        Self::Escape
    }
}

/// The same name without letters outside ASCII.
fn ascii(text: &str) -> Result<Cow<'_, str>, NameError> {
    if text.len() > TEXT {
        return Err(NameError::TooLong);
    }
    if text.is_ascii() {
        return Ok(text.into());
    }
    if let Some(character) = text.chars().find(|&character| needs_backslash(character)) {
        return Err(NameError::Character(character));
    }
    Uts46::new()
        .to_ascii(text.as_bytes(), DENIED, Hyphens::Allow, DnsLength::Ignore)
        .map_err(|_| NameError::International)
}

fn needs_backslash(character: char) -> bool {
    let has_meaning = |octet| has_meaning(octet) && !matches!(octet, b'.' | b'\\');
    character.is_whitespace() || character.is_control() || u8::try_from(character).is_ok_and(has_meaning)
}

/// A dot behind an odd number of backslashes is escaped and stays.
fn without_trailing_dot(text: &str) -> &str {
    let is_separator = |rest: &&str| (rest.len() - rest.trim_end_matches('\\').len()).is_multiple_of(2);
    text.strip_suffix('.').filter(is_separator).unwrap_or(text)
}

/// The labels of an ASCII text in their one spelling.
fn canonical(text: &str) -> Result<Cow<'_, str>, NameError> {
    if is_canonical(text) {
        return Ok(text.into());
    }
    let (mut out, mut length) = (String::with_capacity(text.len()), 0);
    for octet in octets(text) {
        match octet? {
            Octet::Plain(b'.') => {
                end_label(length)?;
                out.push('.');
                length = 0;
                continue;
            }
            Octet::Plain(octet) if needs_backslash(octet.into()) => return Err(NameError::Character(octet.into())),
            Octet::Plain(octet) | Octet::Escaped(octet) => push_octet(&mut out, octet.to_ascii_lowercase()),
        }
        length += 1;
    }
    end_label(length)?;
    Ok(out.into())
}

/// Whether a text is canonical at first sight, as nearly all are: then nothing is copied.
fn is_canonical(text: &str) -> bool {
    let mut length = 0;
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*' => length += 1,
            b'.' if end_label(length).is_ok() => length = 0,
            _ => return false,
        }
    }
    end_label(length).is_ok()
}

fn end_label(length: usize) -> Result<(), NameError> {
    match length {
        0 => Err(NameError::EmptyLabel),
        1..=LABEL => Ok(()),
        _ => Err(NameError::LongLabel),
    }
}

/// Octets of a canonical name on the wire: each dot stands for a length, and there are one more and the root.
fn wire_length(text: &str) -> usize {
    let octets = if text.contains('\\') { octets(text).count() } else { text.len() };
    octets + 2
}

/// What a text of canonical labels is, if not a name. Addresses end in a digit or have a colon: most names do neither.
fn look_alike(text: &str) -> Option<NameError> {
    if !text.ends_with(|last: char| last.is_ascii_digit()) && !text.contains(':') {
        return None;
    }
    if are_numbers(text) {
        return Some(NameError::Address);
    }
    match parse_address(text) {
        Err(AddressError::Network) => Some(NameError::Network),
        Err(AddressError::NotAnAddress | AddressError::Blanks) => is_url(text).then_some(NameError::Url),
        Ok(_) | Err(AddressError::Octet | AddressError::Zone | AddressError::Port | AddressError::Mapped) => {
            Some(NameError::Address)
        }
    }
}

/// `https://example.com`, `example.com:443`: no top-level domain has a colon.
fn is_url(text: &str) -> bool {
    text.contains("://") || text.rsplit('.').next().is_some_and(|last| last.contains(':'))
}

fn unicode_label(label: &str) -> Cow<'_, str> {
    if !label.starts_with("xn--") || label.contains('\\') {
        return label.into();
    }
    match Uts46::new().to_unicode(label.as_bytes(), DENIED, Hyphens::Allow) {
        (unicode, Ok(())) => unicode,
        (_, Err(_)) => label.into(),
    }
}

fn reversed_v4(numbers: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<_> = numbers.rsplit('.').collect();
    numbers.join(".").parse().ok()
}

fn reversed_v6(digits: &str) -> Option<Ipv6Addr> {
    let digits = digits.as_bytes();
    let is_whole = digits.len() == 63 && digits.iter().skip(1).step_by(2).all(|&octet| octet == b'.');
    let mut bits = 0;
    for &digit in digits.iter().step_by(2).rev() {
        bits = bits << 4 | u128::from(char::from(digit).to_digit(16)?);
    }
    is_whole.then(|| bits.into())
}
