//! E-mail addresses in DNS notation (SOA and RP records, RFC 1035 §8) and with `@`. Display names, quoted local parts
//! and address literals are not supported.

use super::escape::{find_unescaped, push_octet, resolved};
use super::name::{Name, NameError};
use std::fmt;

/// An e-mail address: a local part of letters, digits and dots (RFC 5321 §4.1.2 `Dot-string`, RFC 6531), and a domain.
///
/// Both parts are in lower case, the local part too: DNS compares without regard to case, so that the spellings of two
/// providers give one observable. Dots may occur anywhere in the local part, because some mail providers permit that.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    local: Box<str>,
    domain: Name,
}

impl Mailbox {
    /// Parses an address with `@`, such as `hostmaster@example.com`. The domain may have a trailing dot.
    pub fn parse(text: &str) -> Result<Mailbox, MailboxError> {
        let at = find_unescaped(text, b'@').ok_or(MailboxError::NoAt)?;
        Self::from_parts(&text[..at], &text[at + 1..])
    }

    /// Parses the RNAME notation of SOA records, where the first unescaped dot stands for `@`:
    /// `first\.last.example.com.` means first.last@example.com. A text with an unescaped `@` is parsed by
    /// [`Mailbox::parse`].
    pub fn from_rname(text: &str) -> Result<Mailbox, MailboxError> {
        if find_unescaped(text, b'@').is_some() {
            return Self::parse(text);
        }
        let dot = find_unescaped(text, b'.').ok_or(MailboxError::NoDomain)?;
        Self::from_parts(&text[..dot], &text[dot + 1..])
    }

    /// Returns the local part, in front of the `@`.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Returns the domain, after the `@`.
    pub fn domain(&self) -> &Name {
        &self.domain
    }

    /// Returns the whole address in the form `local@domain`.
    pub fn value(&self) -> String {
        self.to_string()
    }

    /// Returns the address in the RNAME notation of SOA records, without the trailing dot.
    pub fn to_rname(&self) -> String {
        let mut out = String::with_capacity(self.local.len() + 1 + self.domain.as_str().len());
        self.local.bytes().for_each(|octet| push_octet(&mut out, octet));
        out.push('.');
        out.push_str(self.domain.as_str());
        out
    }

    fn from_parts(local: &str, domain: &str) -> Result<Mailbox, MailboxError> {
        if domain.is_empty() {
            return Err(MailboxError::NoDomain);
        }
        let local = parse_local(local)?;
        let domain = Name::parse(domain).map_err(MailboxError::Domain)?;
        // IDNA also accepts `。` as a dot.
        if domain.is_root() {
            return Err(MailboxError::NoDomain);
        }
        Ok(Mailbox { local: local.into(), domain })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Reason why a text is not an e-mail address. Completes a message such as "invalid mailbox `x`: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailboxError {
    /// The text has no unescaped `@`.
    NoAt,
    /// No local part in front of the `@`.
    NoLocal,
    /// A local part of more than 64 octets (RFC 5321 §4.5.3.1.1).
    LongLocal,
    /// A local part that would need quotes, or that is not valid UTF-8.
    Local,
    /// No domain after the `@`.
    NoDomain,
    /// An invalid domain name after the `@`, with the reason.
    Domain(NameError),
}

impl fmt::Display for MailboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAt => f.write_str("missing `@`"),
            Self::NoLocal => f.write_str("missing local part"),
            Self::LongLocal => f.write_str("local part longer than 64 octets"),
            Self::Local => f.write_str("local part contains characters that require quotes"),
            Self::NoDomain => f.write_str("missing domain"),
            Self::Domain(error) => write!(f, "invalid domain: {error}"),
        }
    }
}

impl std::error::Error for MailboxError {}

fn parse_local(text: &str) -> Result<String, MailboxError> {
    let octets = resolved(text).map_err(|_| MailboxError::Local)?;
    let local = String::from_utf8(octets).map_err(|_| MailboxError::Local)?.to_lowercase();
    match local.len() {
        0 => Err(MailboxError::NoLocal),
        65.. => Err(MailboxError::LongLocal),
        _ if local.chars().all(is_local_character) => Ok(local),
        _ => Err(MailboxError::Local),
    }
}

/// Matches `atext` of RFC 5322 §3.2.3, the dot, and non-ASCII characters (RFC 6531 §3.3).
fn is_local_character(character: char) -> bool {
    match character {
        '\0'..='\x7f' => character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(character),
        _ => !character.is_whitespace() && !character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(parsed: Result<Mailbox, MailboxError>, expected: Result<&str, MailboxError>) {
        assert_eq!(parsed.map(|mailbox| mailbox.value()), expected.map(str::to_owned));
    }

    #[test]
    fn parse_valid_address_returns_lower_case() {
        for (text, value) in [
            ("hostmaster@example.com", "hostmaster@example.com"),
            ("HostMaster@EXAMPLE.com.", "hostmaster@example.com"),
            ("first.last+tag@example.com", "first.last+tag@example.com"),
            (r"first\.last@example.com", "first.last@example.com"),
            ("root@localhost", "root@localhost"),
            ("grün@bücher.example", "grün@xn--bcher-kva.example"),
            ("a..b.@example.com", "a..b.@example.com"),
        ] {
            check(Mailbox::parse(text), Ok(value));
            check(Mailbox::from_rname(text), Ok(value));
        }
    }

    #[test]
    fn from_rname_first_unescaped_dot_becomes_at() {
        for (text, value) in [
            ("hostmaster.example.com.", "hostmaster@example.com"),
            ("dns-hostmaster.example.com", "dns-hostmaster@example.com"),
            (r"first\.last.example.com.", "first.last@example.com"),
            (r"first\046last.example.com.", "first.last@example.com"),
            (r"gr\195\188n.example.com.", "grün@example.com"),
            ("root.localhost.", "root@localhost"),
        ] {
            check(Mailbox::from_rname(text), Ok(value));
        }
    }

    #[test]
    fn parse_invalid_address_returns_reason() {
        use MailboxError::*;
        for (text, error) in [
            ("", NoAt),
            ("hostmaster.example.com", NoAt),
            (r"a\@example.com", NoAt),
            ("@example.com", NoLocal),
            ("hostmaster@", NoDomain),
            ("hostmaster@.", NoDomain),
            ("hostmaster@。", NoDomain),
            ("a b@example.com", Local),
            ("\"a\"@example.com", Local),
            (r"a\@b@example.com", Local),
            (r"\255@example.com", Local),
            (r"\1@example.com", Local),
            ("<a@example.com>", Local),
            ("a@b@example.com", Domain(NameError::Character('@'))),
            ("a@192.0.2.1", Domain(NameError::Address)),
            ("a@b..c", Domain(NameError::EmptyLabel)),
        ] {
            check(Mailbox::parse(text), Err(error));
        }
        check(Mailbox::parse(&format!("{}@example.com", "a".repeat(65))), Err(LongLocal));
        for (text, error) in [("", NoDomain), (".", NoDomain), ("a.", NoDomain), ("a", NoDomain), (".com", NoLocal)] {
            check(Mailbox::from_rname(text), Err(error));
        }
    }

    #[test]
    fn to_rname_escapes_dots_of_local_part() {
        let mailbox = Mailbox::parse("first.last@example.com").expect("a mailbox");
        assert_eq!(mailbox.to_rname(), r"first\.last.example.com");
        assert_eq!((mailbox.local(), mailbox.domain().as_str()), ("first.last", "example.com"));
    }

    fn check_round_trips(parsed: Result<Mailbox, MailboxError>) -> Result<(), TestCaseError> {
        if let Ok(mailbox) = parsed {
            prop_assert_eq!(Mailbox::parse(&mailbox.value()), Ok(mailbox.clone()));
            prop_assert_eq!(Mailbox::from_rname(&mailbox.to_rname()), Ok(mailbox));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_text_round_trips_if_valid(text in ".*") {
            check_round_trips(Mailbox::parse(&text))?;
            check_round_trips(Mailbox::from_rname(&text))?;
        }

        #[test]
        fn hostile_text_round_trips_if_valid(text in r"([a-cA-C0-9.@\\ _İΣ]|\\[0-9]{3}|\\\.){0,20}[@.][a-c]{1,3}") {
            check_round_trips(Mailbox::parse(&text))?;
            check_round_trips(Mailbox::from_rname(&text))?;
        }
    }
}
