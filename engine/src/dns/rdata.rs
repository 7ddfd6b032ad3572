//! Record data: what a type's presentation format says, typed by the form of the type. Data that nothing is made of
//! stays text.

mod parse;
#[cfg(test)]
mod tests;

use super::mailbox::{Mailbox, MailboxError};
use super::name::{Name, NameError};
use super::rrtype::RrType;
use super::soa::Soa;
use super::text::quoted;
use std::fmt;
use std::net::IpAddr;

/// The data of one record. Its `Display` is the presentation format, and is read back as the same data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Rdata {
    /// Of A and AAAA: an address of the type's own family.
    Address(IpAddr),
    /// Of NS, CNAME, PTR, DNAME …: one name.
    Name(Name),
    /// Of MX, AFSDB, KX, RT and LP.
    Mx {
        /// The lower, the sooner; AFSDB's subtype. None if the provider left it out.
        preference: Option<u16>,
        /// The server; the root if there is none (RFC 7505).
        exchange: Name,
    },
    /// Of SOA.
    Soa(Soa),
    /// Of SRV (RFC 2782).
    Srv {
        /// The lower, the sooner.
        priority: u16,
        /// The share among those of the same priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The host; the root if there is no such service.
        target: Name,
    },
    /// Of TXT and SPF: the strings joined. Octets that are no UTF-8 stand as `\DDD`.
    Text(String),
    /// Of CAA (RFC 8659).
    Caa {
        /// 128 if an authority must understand the tag.
        flags: u8,
        /// `issue`, `issuewild`, `iodef` …, in lower case.
        tag: String,
        /// What it is about.
        value: String,
    },
    /// Of SVCB and HTTPS (RFC 9460).
    Svcb {
        /// The lower, the sooner; 0 makes it an alias.
        priority: u16,
        /// The host; the root if it is the owner, or for an alias if there is none.
        target: Name,
        /// The parameters as they stand, such as `alpn=h2 port=8443`.
        params: String,
    },
    /// Of NAPTR (RFC 3403).
    Naptr {
        /// The lower, the sooner.
        order: u16,
        /// The same, among those of one order.
        preference: u16,
        /// What comes next.
        flags: String,
        /// For which service.
        service: String,
        /// How to rewrite; empty if there is a replacement.
        regexp: String,
        /// The next name; the root if there is a regular expression.
        replacement: Name,
    },
    /// Of URI (RFC 7553).
    Uri {
        /// The lower, the sooner.
        priority: u16,
        /// The share among those of the same priority.
        weight: u16,
        /// The URI as it stands.
        target: String,
    },
    /// Of RP (RFC 1183).
    Rp {
        /// The person's mailbox.
        mailbox: Mailbox,
        /// Where TXT records tell more; the root if nowhere.
        txt: Name,
    },
    /// Of EUI48 (RFC 7043).
    Mac([u8; 6]),
    /// Of any other type, and any data written as octets (`\# 4 C0000201`, RFC 3597 §5): as it stands.
    Opaque(String),
}

impl Rdata {
    /// Reads the data of a record of this type; blanks around it do not count.
    pub fn parse(rrtype: RrType, text: &str) -> Result<Rdata, RdataError> {
        parse::rdata(rrtype, text)
    }
}

impl fmt::Display for Rdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => write!(f, "{name}"),
            Self::Mx { preference: Some(preference), exchange } => write!(f, "{preference} {exchange}"),
            Self::Mx { preference: None, exchange } => write!(f, "{exchange}"),
            Self::Soa(soa) => write!(f, "{soa}"),
            Self::Srv { priority, weight, port, target } => write!(f, "{priority} {weight} {port} {target}"),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Caa { flags, tag, value } => write!(f, "{flags} {tag} {}", quoted(value)),
            Self::Svcb { priority, target, params } if params.is_empty() => write!(f, "{priority} {target}"),
            Self::Svcb { priority, target, params } => write!(f, "{priority} {target} {params}"),
            Self::Naptr { order, preference, flags, service, regexp, replacement } => {
                let (flags, service, regexp) = (quoted(flags), quoted(service), quoted(regexp));
                write!(f, "{order} {preference} {flags} {service} {regexp} {replacement}")
            }
            Self::Uri { priority, weight, target } => write!(f, "{priority} {weight} {}", quoted(target)),
            Self::Rp { mailbox, txt } => write!(f, "{} {txt}", mailbox.to_rname()),
            Self::Mac([a, b, c, d, e, g]) => write!(f, "{a:02x}-{b:02x}-{c:02x}-{d:02x}-{e:02x}-{g:02x}"),
            Self::Opaque(text) => f.write_str(text),
        }
    }
}

/// Why a text is no data of a type; what was found is shortened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RdataError {
    /// Nothing at all.
    Empty {
        /// The type.
        rrtype: RrType,
    },
    /// Another form than the type's.
    Form {
        /// The type.
        rrtype: RrType,
        /// What was found.
        found: String,
    },
    /// No domain name where one must be.
    Name {
        /// The type.
        rrtype: RrType,
        /// What was found.
        found: String,
        /// Why it is none.
        error: NameError,
    },
    /// No mailbox where one must be.
    Mailbox {
        /// The type.
        rrtype: RrType,
        /// What was found.
        found: String,
        /// Why it is none.
        error: MailboxError,
    },
}

impl fmt::Display for RdataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { rrtype } => write!(f, "{} record has no data", article(*rrtype)),
            Self::Form { rrtype, found } => {
                write!(f, "{} record's data is {}, not `{found}`", article(*rrtype), rrtype.form().description())
            }
            Self::Name { rrtype, found, error } => {
                write!(f, "`{found}` in {} record is no domain name: {error}", article(*rrtype))
            }
            Self::Mailbox { rrtype, found, error } => {
                write!(f, "`{found}` in {} record is no mailbox: {error}", article(*rrtype))
            }
        }
    }
}

impl std::error::Error for RdataError {}

/// The type with `a` or `an`, as its first letter is spelt out.
fn article(rrtype: RrType) -> String {
    let name = rrtype.to_string();
    match name.starts_with(['A', 'E', 'F', 'H', 'I', 'L', 'M', 'N', 'O', 'R', 'S', 'X']) {
        true => format!("an {name}"),
        false => format!("a {name}"),
    }
}
