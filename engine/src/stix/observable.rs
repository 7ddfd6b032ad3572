//! An observable: a kind and a value that really is of this kind, in its one canonical spelling.
//! Made only by parsing, so that what a bundle holds, or a request asks for, cannot be anything else.

use super::id::Id;
use super::kind::Kind;
use crate::dns::{AddressError, Mailbox, Name, NameError, parse_address};
use std::fmt;
use std::net::IpAddr;

/// A STIX Cyber-observable: what is asked about, and what is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Observable {
    kind: Kind,
    value: String,
    id: Id,
}

impl Observable {
    /// Reads a value of a known kind.
    pub fn parse(kind: Kind, text: &str) -> Result<Observable, ObservableError> {
        let text = text.trim();
        match kind {
            Kind::DomainName => {
                let name = Name::parse(text).map_err(|error| ObservableError::name(text, error))?;
                Self::of_name(&name).ok_or_else(|| ObservableError::NotOneName(text.to_owned()))
            }
            Kind::Ipv4Addr | Kind::Ipv6Addr => {
                let address = parse_address(text).map_err(|error| ObservableError::address(text, error))?;
                Some(Self::of_address(address))
                    .filter(|observable| observable.kind == kind)
                    .ok_or_else(|| ObservableError::OtherFamily { text: text.to_owned(), kind })
            }
            Kind::EmailAddr => Mailbox::parse(text)
                .map(|mailbox| Self::of_mailbox(&mailbox))
                .map_err(|_| ObservableError::Mailbox(text.to_owned())),
        }
    }

    /// Finds the kind from the value: an address, a mailbox, or else a name.
    pub fn detect(text: &str) -> Result<Observable, ObservableError> {
        let text = text.trim();
        match parse_address(text) {
            Ok(address) => Ok(Self::of_address(address)),
            Err(AddressError::Network) => Err(ObservableError::address(text, AddressError::Network)),
            Err(_) if text.contains('@') => Self::parse(Kind::EmailAddr, text),
            Err(_) => Self::parse(Kind::DomainName, text),
        }
    }

    /// The observable a name stands for. None for the root, for a wildcard, which names no single domain, and for names
    /// that DNS permits and OpenCTI refuses: escaped signs, and the slash of classless reverse zones (RFC 2317).
    pub fn of_name(name: &Name) -> Option<Observable> {
        let is_plain = name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        let is_one_domain = is_plain && !name.is_root() && !name.is_wildcard();
        is_one_domain.then(|| Self::new(Kind::DomainName, name.as_str().to_owned()))
    }

    /// The observable of an address.
    pub fn of_address(address: IpAddr) -> Observable {
        match address {
            IpAddr::V4(address) => Self::new(Kind::Ipv4Addr, address.to_string()),
            IpAddr::V6(address) => Self::new(Kind::Ipv6Addr, address.to_string()),
        }
    }

    /// The observable of an e-mail address.
    pub fn of_mailbox(mailbox: &Mailbox) -> Observable {
        Self::new(Kind::EmailAddr, mailbox.to_string())
    }

    fn new(kind: Kind, value: String) -> Observable {
        let id = Id::of_value(kind, &value);
        Observable { kind, value, id }
    }

    /// The same, known by the id that something else gave it.
    pub fn with_id(self, id: Id) -> Observable {
        Observable { id, ..self }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its value in canonical form.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Its STIX id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Whether both are the same thing, whatever ids they go by.
    pub fn is_same(&self, other: &Observable) -> bool {
        self.kind == other.kind && self.value == other.value
    }
}

impl fmt::Display for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.value)
    }
}

/// Why a text is no observable of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObservableError {
    /// No domain name, and why.
    Name(String, NameError),
    /// A name, but not one of a single domain.
    NotOneName(String),
    /// No address, and why.
    Address(String, AddressError),
    /// An address of the other family.
    OtherFamily {
        /// What was given.
        text: String,
        /// What was asked for.
        kind: Kind,
    },
    /// No e-mail address.
    Mailbox(String),
}

impl ObservableError {
    fn name(text: &str, error: NameError) -> Self {
        Self::Name(text.to_owned(), error)
    }

    fn address(text: &str, error: AddressError) -> Self {
        Self::Address(text.to_owned(), error)
    }
}

impl fmt::Display for ObservableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text, error) => write!(f, "`{}` is no domain name: {error}", text.escape_debug()),
            Self::NotOneName(text) => write!(f, "`{text}` is not the name of one domain"),
            Self::Address(text, error) => write!(f, "`{}` is no address: {error}", text.escape_debug()),
            Self::OtherFamily { text, kind } => write!(f, "`{text}` is no {kind}"),
            Self::Mailbox(text) => write!(f, "`{}` is no e-mail address", text.escape_debug()),
        }
    }
}

impl std::error::Error for ObservableError {}
