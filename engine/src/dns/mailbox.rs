//! E-mail addresses, as DNS writes them in SOA and RP records (RFC 1035 §8) and as people do. No display names, no
//! quoted local parts, no address literals.

use super::escape::{find_unescaped, push_octet, resolved};
use super::name::{Name, NameError};
use std::fmt;

/// An e-mail address: a local part of letters, digits and dots (RFC 5321 §4.1.2 `Dot-string`, RFC 6531), and a domain.
///
/// All in lower case, the local part too: DNS compares it so, and two providers' spellings are one observable. Dots
/// may stand anywhere in it, because some mail providers let them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    local: Box<str>,
    domain: Name,
}

impl Mailbox {
    /// Reads `hostmaster@example.com`. The domain may end in a dot.
    pub fn parse(text: &str) -> Result<Mailbox, MailboxError> {
        let at = find_unescaped(text, b'@').ok_or(MailboxError::NoAt)?;
        Self::of_parts(&text[..at], &text[at + 1..])
    }

    /// Reads the notation of an SOA's rname, where the first dot without a backslash stands for the `@`:
    /// `first\.last.example.com.` is first.last@example.com. A text with an `@` is read as by `parse`.
    pub fn from_rname(text: &str) -> Result<Mailbox, MailboxError> {
        if find_unescaped(text, b'@').is_some() {
            return Self::parse(text);
        }
        let dot = find_unescaped(text, b'.').ok_or(MailboxError::NoDomain)?;
        Self::of_parts(&text[..dot], &text[dot + 1..])
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// What stands behind it.
    pub fn domain(&self) -> &Name {
        &self.domain
    }

    /// The whole address: `local@domain`.
    pub fn value(&self) -> String {
        self.to_string()
    }

    /// The notation of an SOA's rname.
    pub fn to_rname(&self) -> String {
        let mut out = String::with_capacity(self.local.len() + 1 + self.domain.as_str().len());
        self.local.bytes().for_each(|octet| push_octet(&mut out, octet));
        out.push('.');
        out.push_str(self.domain.as_str());
        out
    }

    fn of_parts(local: &str, domain: &str) -> Result<Mailbox, MailboxError> {
        if domain.is_empty() {
            return Err(MailboxError::NoDomain);
        }
        let local = self::local(local)?;
        let domain = Name::parse(domain).map_err(MailboxError::Domain)?;
        // The root in other signs: `。` is a dot to IDNA.
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

/// Why a text is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailboxError {
    /// No `@`.
    NoAt,
    /// Nothing before the `@`.
    NoLocal,
    /// More than 64 octets before the `@` (RFC 5321 §4.5.3.1.1).
    LongLocal,
    /// Something before the `@` that would need quotes, or is no text.
    Local,
    /// Nothing behind the `@`.
    NoDomain,
    /// No domain name behind the `@`, and why.
    Domain(NameError),
}

impl fmt::Display for MailboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAt => f.write_str("it has no `@`"),
            Self::NoLocal => f.write_str("it has no local part"),
            Self::LongLocal => f.write_str("its local part is longer than 64 octets"),
            Self::Local => f.write_str("its local part has characters that need quotes"),
            Self::NoDomain => f.write_str("it has no domain"),
            Self::Domain(error) => write!(f, "in its domain, {error}"),
        }
    }
}

impl std::error::Error for MailboxError {}

fn local(text: &str) -> Result<String, MailboxError> {
    let octets = resolved(text).map_err(|_| MailboxError::Local)?;
    let local = String::from_utf8(octets).map_err(|_| MailboxError::Local)?.to_lowercase();
    match local.len() {
        0 => Err(MailboxError::NoLocal),
        65.. => Err(MailboxError::LongLocal),
        _ if local.chars().all(needs_no_quotes) => Ok(local),
        _ => Err(MailboxError::Local),
    }
}

/// RFC 5322 §3.2.3 `atext` with the dot, and letters outside ASCII (RFC 6531 §3.3).
fn needs_no_quotes(character: char) -> bool {
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
    fn addresses_are_lower_case() {
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
    fn the_first_bare_dot_is_the_at() {
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
    fn what_is_no_address_says_why() {
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
    fn rname_escapes_dots() {
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
        fn any_text(text in ".*") {
            check_round_trips(Mailbox::parse(&text))?;
            check_round_trips(Mailbox::from_rname(&text))?;
        }

        #[test]
        fn hostile_text(text in r"([a-cA-C0-9.@\\ _İΣ]|\\[0-9]{3}|\\\.){0,20}[@.][a-c]{1,3}") {
            check_round_trips(Mailbox::parse(&text))?;
            check_round_trips(Mailbox::from_rname(&text))?;
        }
    }
}
