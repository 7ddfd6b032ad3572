//! Domain names in one canonical form. Accepts every name that DNS permits, also if it is not a host name (RFC 2181
//! §11), and rejects texts that only resemble one: IP addresses, networks, URLs.

#[cfg(test)]
mod tests;

use super::address::{AddressError, are_numbers, parse_address};
use super::escape::{BadEscape, Octet, find_unescaped, is_special, octets, push_octet};
use crate::printable;
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Maximum length of a label in octets (RFC 1035 §2.3.4).
const LABEL: usize = 63;
/// Maximum length of a name in wire format in octets: a length octet before each label, and the root at the end (RFC
/// 1035 §2.3.4).
const WIRE: usize = 255;
/// Maximum length of a name in presentation format, where every octet may be written as `\DDD`. Keeps long hostile
/// texts away from UTS 46.
const TEXT: usize = 4 * WIRE;
/// ASCII characters that a name with non-ASCII characters must not contain; control characters are included.
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "\\\"();@");

/// A domain name in canonical form: lower case, A-labels (RFC 5890 §2.3.2.1), no trailing dot, and only the necessary
/// escapes (`\.`, `\032`). The root is `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Parses a name in presentation format (RFC 1035 §5.1), in any case, with or without the trailing dot.
    ///
    /// Converts labels with non-ASCII characters to A-labels (UTS 46); such a name must not contain escapes.
    /// Underscores, `*` and `/` are permitted. A first label `_WILDCARD_` means `*`. A name that consists of numbers
    /// only is rejected as an IP address, because `inet_aton` of the C library would parse it as one.
    pub fn parse(text: &str) -> Result<Name, NameError> {
        let text = to_ascii_name(text)?;
        match &*text {
            "" => Err(NameError::Empty),
            "." => Ok(Name(".".into())),
            text => Self::validate(canonicalize(without_trailing_dot(text))?),
        }
    }

    /// Returns the name in presentation format, without the trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the same text as [`Name::as_str`] without copying it.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Iterates over the labels from left to right; the root has none. An escaped dot does not separate labels.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let mut rest = if self.is_root() { "" } else { self.as_str() };
        std::iter::from_fn(move || {
            let end = find_unescaped(rest, b'.').unwrap_or(rest.len());
            let label = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or("");
            Some(label).filter(|label| !label.is_empty())
        })
    }

    /// Returns whether the name is the root, `.`. In record data the root means that there is no such server (RFC 7505,
    /// RFC 2782).
    pub fn is_root(&self) -> bool {
        &*self.0 == "."
    }

    /// Returns whether the name is a wildcard: `*` is its first label (RFC 4592), or its last label, as some providers
    /// truncate names.
    pub fn is_wildcard(&self) -> bool {
        self.0.contains('*') && (self.labels().next() == Some("*") || self.labels().last() == Some("*"))
    }

    /// Returns the name with valid A-labels converted to U-labels, for display.
    pub fn to_unicode(&self) -> String {
        if self.is_root() {
            return self.to_string();
        }
        let labels: Vec<_> = self.labels().map(unicode_label).collect();
        labels.join(".")
    }

    /// Returns the address that a complete reverse name stands for: four numbers below `in-addr.arpa` or 32 hexadecimal
    /// digits below `ip6.arpa`. Networks, classless delegations (RFC 2317) and similar names in other zones return
    /// `None`.
    pub fn reverse_address(&self) -> Option<IpAddr> {
        match self.0.strip_suffix(".in-addr.arpa") {
            Some(numbers) => reversed_v4(numbers).map(IpAddr::V4),
            None => reversed_v6(self.0.strip_suffix(".ip6.arpa")?).map(|address| IpAddr::V6(address).to_canonical()),
        }
    }

    /// Appends this name as the origin to a relative owner name. An empty name or `@` means the origin itself. A
    /// trailing dot is an error, because it would make the owner name absolute.
    pub fn join(&self, relative: &str) -> Result<Name, NameError> {
        let relative = to_ascii_name(relative)?;
        match &*relative {
            "" | "@" => Ok(self.clone()),
            relative if self.is_root() => Self::validate(canonicalize(relative)?),
            relative => Self::validate(format!("{}.{self}", canonicalize(relative)?).into()),
        }
    }

    /// Validates the whole name after its labels: length, wildcard spelling and resemblance to an address or URL.
    fn validate(mut text: Cow<str>) -> Result<Name, NameError> {
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

/// Reason why a text is not a domain name. Completes a message such as "invalid domain name `x`: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// The text is empty.
    Empty,
    /// No characters between two dots, or before the first dot.
    EmptyLabel,
    /// A label of more than 63 octets (RFC 1035 §2.3.4).
    LongLabel,
    /// More than 255 octets in wire format (RFC 1035 §2.3.4).
    TooLong,
    /// An unescaped character that must be escaped: whitespace, a control character, or one of `"();@`.
    Character(char),
    /// A backslash that is followed by neither a non-digit nor three digits up to 255.
    Escape,
    /// Non-ASCII characters that UTS 46 does not permit in a name, or that occur together with a backslash.
    International,
    /// An IP address, or numbers that `inet_aton` would parse as one.
    Address,
    /// A network (`192.0.2.0/24`) or an address range.
    Network,
    /// A URL, or a name with a port.
    Url,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the name is empty",
            Self::EmptyLabel => "empty label",
            Self::LongLabel => "label longer than 63 octets",
            Self::TooLong => "name longer than 255 octets",
            Self::Character(' ') => "unescaped space",
            Self::Character(character) => {
                return write!(f, "unescaped character `{}`", printable::line(character.encode_utf8(&mut [0; 4])));
            }
            Self::Escape => "invalid escape sequence",
            Self::International => "not a valid internationalized name (UTS 46)",
            Self::Address => "it is an IP address",
            Self::Network => "it is a network or an address range",
            Self::Url => "it is a URL or has a port",
        })
    }
}

impl std::error::Error for NameError {}

impl From<BadEscape> for NameError {
    fn from(_: BadEscape) -> Self {
        Self::Escape
    }
}

/// Converts a name with non-ASCII characters to ASCII (UTS 46).
fn to_ascii_name(text: &str) -> Result<Cow<'_, str>, NameError> {
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
    let is_special = |octet| is_special(octet) && !matches!(octet, b'.' | b'\\');
    character.is_whitespace() || character.is_control() || u8::try_from(character).is_ok_and(is_special)
}

/// Removes the trailing dot unless it is escaped, which is the case after an odd number of backslashes.
fn without_trailing_dot(text: &str) -> &str {
    let is_separator = |rest: &&str| (rest.len() - rest.trim_end_matches('\\').len()).is_multiple_of(2);
    text.strip_suffix('.').filter(is_separator).unwrap_or(text)
}

/// Converts an ASCII text to canonical form, label by label.
fn canonicalize(text: &str) -> Result<Cow<'_, str>, NameError> {
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

/// Fast path: returns whether the text is certainly canonical, which nearly all names are. Then nothing is copied.
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

/// Returns the length of a canonical name in wire format: each dot becomes a length octet; the first length octet and
/// the root are added.
fn wire_length(text: &str) -> usize {
    let octets = if text.contains('\\') { octets(text).count() } else { text.len() };
    octets + 2
}

/// Returns what a canonical text resembles, if it is not a name. Addresses end in a digit or contain a colon; most
/// names do neither.
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

/// Matches `https://example.com` and `example.com:443`: a top-level domain never contains a colon.
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
