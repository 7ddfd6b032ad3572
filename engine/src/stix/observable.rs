//! An observable: a type and a value of this type in canonical form. Can only be created by parsing, so that every
//! value in a bundle or request is valid.

use super::id::Id;
use super::inline_string::Short;
use super::observable_type::ObservableType;
use crate::dns::{AddressError, Mailbox, Name, NameError, parse_address};
use crate::printable;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use url::Url;

/// Maximum length of a text observable in octets: the maximum length of a TXT record.
const MAX_TEXT: usize = 65_535;

/// A STIX Cyber-observable Object (SCO): the queried observable, or one in a response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Observable {
    kind: ObservableType,
    value: Arc<str>,
    /// An id that differs from the derived one, if the observable was received with one.
    external_id: Option<Id>,
}

impl Observable {
    /// Parses a value of a known type; ignores leading and trailing whitespace.
    pub fn parse(kind: ObservableType, text: &str) -> Result<Observable, ObservableError> {
        let text = text.trim();
        match kind {
            ObservableType::DomainName => {
                let name = Name::parse(text).map_err(|error| ObservableError::name(text, error))?;
                Self::of_name(&name).ok_or_else(|| ObservableError::NotOneName(text.to_owned()))
            }
            ObservableType::Ipv4Addr | ObservableType::Ipv6Addr => {
                let address = parse_address(text).map_err(|error| ObservableError::address(text, error))?;
                if kind == ObservableType::Ipv6Addr && address.is_ipv4() && text.contains(':') {
                    return Err(ObservableError::address(text, AddressError::Mapped));
                }
                Some(Self::of_address(address))
                    .filter(|observable| observable.kind == kind)
                    .ok_or_else(|| ObservableError::OtherFamily { text: text.to_owned(), kind })
            }
            ObservableType::EmailAddr => Mailbox::parse(text)
                .ok()
                .and_then(|mailbox| Self::of_mailbox(&mailbox))
                .ok_or_else(|| ObservableError::Mailbox(text.to_owned())),
            ObservableType::Hostname => Ok(Self::parse(ObservableType::DomainName, text)?.as_hostname()),
            ObservableType::Url => Self::of_url(text).ok_or_else(|| ObservableError::other(kind, text)),
            ObservableType::Text => {
                let is_text = !text.is_empty() && text.len() <= MAX_TEXT;
                is_text.then(|| Self::new(kind, text.to_owned())).ok_or_else(|| ObservableError::other(kind, text))
            }
            ObservableType::MacAddr => Self::of_mac(text).ok_or_else(|| ObservableError::other(kind, text)),
            ObservableType::AutonomousSystem => Self::of_system(text).ok_or_else(|| ObservableError::other(kind, text)),
        }
    }

    fn of_url(text: &str) -> Option<Observable> {
        let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_TEXT)?;
        Some(Self::new(ObservableType::Url, url.to_string()))
    }

    /// Accepts six octets separated by `:` or `-`, or without separators.
    fn of_mac(text: &str) -> Option<Observable> {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect::<String>().to_ascii_lowercase();
        let is_mac = digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let octets: Vec<&str> = (0..6).filter(|_| is_mac).map(|i| &digits[2 * i..2 * i + 2]).collect();
        is_mac.then(|| Self::new(ObservableType::MacAddr, octets.join(":")))
    }

    /// Accepts `64500`, `AS64500`, and `AS64500` followed by a name, which is ignored.
    fn of_system(text: &str) -> Option<Observable> {
        let word = text.split_ascii_whitespace().next()?;
        let number: u32 = word.trim_start_matches(['A', 'S', 'a', 's']).parse().ok()?;
        Some(Self::new(ObservableType::AutonomousSystem, number.to_string()))
    }

    /// Converts a domain name to a hostname with the same value; returns other types unchanged.
    pub fn as_hostname(&self) -> Observable {
        match self.kind {
            ObservableType::DomainName => Self::new(ObservableType::Hostname, Arc::clone(&self.value)),
            _ => self.clone(),
        }
    }

    /// Parses the observable of a query, of the given type or the detected one. A network of one address
    /// (`192.0.2.1/32`, STIX 2.1 §6.8) is queried as that address, and keeps the id that is derived from the original
    /// value.
    pub fn asked(kind: Option<ObservableType>, text: &str) -> Result<Observable, ObservableError> {
        let read = |text: &str| kind.map_or_else(|| Self::detect(text), |kind| Self::parse(kind, text));
        let text = text.trim();
        let Some(address) = single_address(text) else { return read(text) };
        let observable = read(address)?;
        let id = derived_id(observable.kind, text);
        Ok(observable.with_id(id))
    }

    /// Parses a value and detects its type: an IP address, an e-mail address if it contains `@`, otherwise a domain
    /// name.
    pub fn detect(text: &str) -> Result<Observable, ObservableError> {
        let text = text.trim();
        match parse_address(text) {
            Ok(address) => Ok(Self::of_address(address)),
            Err(AddressError::Network) => Err(ObservableError::address(text, AddressError::Network)),
            Err(_) if text.contains('@') => Self::parse(ObservableType::EmailAddr, text),
            Err(_) => Self::parse(ObservableType::DomainName, text),
        }
    }

    /// Returns the observable of a domain name. `None` for the root, for wildcards, which name no single domain, and
    /// for names that DNS permits and OpenCTI rejects: escaped characters, the slash of classless reverse zones (RFC
    /// 2317), labels that begin or end with a hyphen (RFC 5890 §2.3.1), which STIX rejects as well, names of a single
    /// label, and names whose last label has one octet.
    pub fn of_name(name: &Name) -> Option<Observable> {
        let mut before = b'.';
        let is_good = |octet: u8| {
            let is_plain = octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
            let is_hyphen_at_an_end = matches!((before, octet), (b'.', b'-') | (b'-', b'.'));
            before = octet;
            is_plain && !is_hyphen_at_an_end
        };
        let is_one_domain = !name.is_root() && name.as_str().bytes().chain([b'.']).all(is_good);
        (is_one_domain && has_top_level(name.as_str())).then(|| Self::new(ObservableType::DomainName, name.shared()))
    }

    /// Returns the observable of an address in a record. `None` for an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2): it
    /// is not an address of a node in the DNS, and STIX validators reject it.
    pub fn found_address(address: IpAddr) -> Option<Observable> {
        let is_mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
        (!is_mapped).then(|| Self::of_address(address))
    }

    /// Returns the observable of an IPv4 or IPv6 address.
    pub fn of_address(address: IpAddr) -> Observable {
        let kind = if address.is_ipv4() { ObservableType::Ipv4Addr } else { ObservableType::Ipv6Addr };
        let mut text = Short::new();
        match address {
            IpAddr::V4(address) => push_ipv4(&mut text, address),
            IpAddr::V6(address) => write!(text, "{address}").expect("an address is short"),
        }
        Self::new(kind, text.as_str())
    }

    /// Returns the observable of an e-mail address. `None` if OpenCTI rejects it: a local part with non-ASCII
    /// characters, or a domain that is not a domain-name observable or contains an underscore, which host names do not
    /// have (RFC 5321 §2.3.5).
    pub fn of_mailbox(mailbox: &Mailbox) -> Option<Observable> {
        let domain = Self::of_name(mailbox.domain())?;
        // `*@example.com` is a pattern, not an address.
        let is_permitted = mailbox.local().is_ascii() && !mailbox.local().contains('*') && !domain.value.contains('_');
        is_permitted.then(|| Self::new(ObservableType::EmailAddr, mailbox.to_string()))
    }

    pub(super) fn new(kind: ObservableType, value: impl Into<Arc<str>>) -> Observable {
        Observable { kind, value: value.into(), external_id: None }
    }

    /// Replaces the id by one that was received from elsewhere.
    pub fn with_id(self, id: Id) -> Observable {
        let derived = Observable { external_id: None, ..self };
        let external_id = Some(id).filter(|external_id| *external_id != derived.id());
        Observable { external_id, ..derived }
    }

    /// Returns the STIX type of the observable.
    pub fn kind(&self) -> ObservableType {
        self.kind
    }

    /// Returns the value in canonical form.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the number of an autonomous system; `None` for other types.
    pub fn number(&self) -> Option<u32> {
        (self.kind == ObservableType::AutonomousSystem)
            .then(|| self.value.parse().expect("the value of an autonomous system is its number"))
    }

    /// Returns the STIX id: the one that was received, otherwise the derived one.
    pub fn id(&self) -> Id {
        self.external_id.unwrap_or_else(|| derived_id(self.kind, &self.value))
    }

    /// Returns whether both have the same type and value, whatever their ids.
    pub fn is_same(&self, other: &Observable) -> bool {
        self.kind == other.kind && self.value == other.value
    }
}

/// Returns the address of a network that contains a single address.
fn single_address(text: &str) -> Option<&str> {
    let (address, length) = text.split_once('/')?;
    let bits = match address.parse().ok()? {
        IpAddr::V4(_) => "32",
        IpAddr::V6(_) => "128",
    };
    (length == bits).then_some(address)
}

/// Returns whether a name has at least two labels, the last of at least two octets.
fn has_top_level(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, last)| last.len() >= 2)
}

/// Equals `Display` of `Ipv4Addr`, but is about six times as fast: IPv4 addresses are the most frequent observables.
fn push_ipv4(text: &mut Short, address: Ipv4Addr) {
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push(b".");
        }
        let digits = [octet / 100, octet / 10 % 10, octet % 10].map(|digit| b'0' + digit);
        let leading_zeros = usize::from(octet < 100) + usize::from(octet < 10);
        text.push(&digits[leading_zeros..]);
    }
}

/// Returns the deterministic id of an observable (STIX 2.1 §2.9).
pub(super) fn derived_id(kind: ObservableType, value: &str) -> Id {
    match kind {
        ObservableType::AutonomousSystem => Id::of_number(kind, value),
        _ => Id::of_value(kind, value),
    }
}

impl fmt::Display for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.value)
    }
}

/// Reason why a text is not an observable of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObservableError {
    /// An invalid domain name, with the reason.
    Name(String, NameError),
    /// A name that is not the name of a single domain.
    NotOneName(String),
    /// An invalid IP address, with the reason.
    Address(String, AddressError),
    /// An address of the other IP version.
    OtherFamily {
        /// The value.
        text: String,
        /// The expected type.
        kind: ObservableType,
    },
    /// An invalid e-mail address.
    Mailbox(String),
    /// An invalid value of any other type.
    Other {
        /// The value, truncated to 60 characters.
        text: String,
        /// The expected type.
        kind: ObservableType,
    },
}

impl ObservableError {
    fn name(text: &str, error: NameError) -> Self {
        Self::Name(text.to_owned(), error)
    }

    fn other(kind: ObservableType, text: &str) -> Self {
        Self::Other { text: text.chars().take(60).collect(), kind }
    }

    fn address(text: &str, error: AddressError) -> Self {
        Self::Address(text.to_owned(), error)
    }
}

impl fmt::Display for ObservableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text, error) => write!(f, "invalid domain name `{}`: {error}", printable::line(text)),
            Self::NotOneName(text) => write!(f, "`{text}` is not the name of a single domain"),
            Self::Address(text, error) => write!(f, "invalid IP address `{}`: {error}", printable::line(text)),
            Self::OtherFamily { text, kind } => {
                write!(f, "invalid {kind} `{text}`: it is an address of the other IP version")
            }
            Self::Other { text, kind } => write!(f, "invalid {kind} `{}`", printable::line(text)),
            Self::Mailbox(text) => write!(f, "invalid e-mail address `{}`", printable::line(text)),
        }
    }
}

impl std::error::Error for ObservableError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_name_accepts_names_that_stix_and_opencti_accept() {
        let is_one = |text: &str| Observable::of_name(&Name::parse(text).expect("a name")).is_some();
        let domains = ["example.com", "_dmarc.example.com", "a-b.example.com", "xn--bcher-kva.example", "a.co"];
        assert_eq!(domains.map(is_one), [true; 5]);
        let others = [".", "*.example.com", "-a.example.com", "a-.example.com", "example.-7", "a/b.example.com"];
        assert_eq!(others.map(is_one), [false; 6]);
        assert_eq!(["com", "localhost", "example.c"].map(is_one), [false; 3]);
    }

    #[test]
    fn asked_network_of_one_address_is_the_address_with_its_own_id() {
        for (text, value) in [("198.51.100.7/32", "198.51.100.7"), ("2001:db8::7/128", "2001:db8::7")] {
            let asked = Observable::asked(None, text).expect("an address");
            assert_eq!((asked.value(), asked.id()), (value, derived_id(asked.kind(), text)));
            assert_eq!(Observable::asked(Some(asked.kind()), text), Ok(asked));
        }
        for network in ["198.51.100.0/24", "198.51.100.7/128", "2001:db8::7/32", "example.com/32", "198.51.100.7/032"] {
            assert!(Observable::asked(None, network).is_err(), "{network}");
        }
    }

    #[test]
    fn ipv4_mapped_address_is_converted_or_rejected() {
        for text in ["::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1"] {
            assert_eq!(Observable::found_address(text.parse().expect("an address")), None, "{text}");
            let asked = Observable::parse(ObservableType::Ipv6Addr, text);
            assert!(asked.expect_err(text).to_string().contains("IPv4-mapped"), "{text}");
            for read in [Observable::detect(text), Observable::parse(ObservableType::Ipv4Addr, text)] {
                assert_eq!(read.expect(text).value(), "192.0.2.1");
            }
        }
    }

    #[test]
    fn of_mailbox_requires_host_name_as_domain() {
        let is_one = |text: &str| Observable::of_mailbox(&Mailbox::parse(text).expect("a mailbox")).is_some();
        assert_eq!(["a@example.com", "a.b+c@xn--bcher-kva.example", "a_b@example.com"].map(is_one), [true; 3]);
        let refused = [
            "root@localhost",
            "a@my_zone.example.com",
            "*@example.com",
            "grün@example.com",
            "a@*.example.com",
            "a@b.c",
            "a@-b.example",
        ];
        assert_eq!(refused.map(is_one), [false; 7]);
    }

    #[test]
    fn of_address_equals_display_for_every_octet() {
        for octet in 0..=255 {
            let address = Ipv4Addr::from([octet, 0, 255 - octet, octet]);
            assert_eq!(Observable::of_address(address.into()).value(), address.to_string());
        }
    }
}
