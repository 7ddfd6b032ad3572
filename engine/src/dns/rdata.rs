//! Record data (RDATA) in presentation format, parsed by the form of its type. Data of types that produce no objects
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

/// The data of one record. `Display` writes the presentation format, which parses as the same data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Rdata {
    /// A and AAAA: an address of the type's own family.
    Address(IpAddr),
    /// NS, CNAME, PTR, DNAME …: one domain name.
    Name(Name),
    /// MX, AFSDB, KX, RT and LP: a preference and a domain name.
    Mx {
        /// Preference, the lowest is used first; the subtype for AFSDB. `None` if the provider omits it.
        preference: Option<u16>,
        /// The server; the root if there is none (RFC 7505).
        exchange: Name,
    },
    /// SOA (RFC 1035 §3.3.13), complete or in part.
    Soa(Soa),
    /// SRV (RFC 2782): the host and port of a service.
    Srv {
        /// The lowest value is used first.
        priority: u16,
        /// Relative weight among targets of the same priority.
        weight: u16,
        /// Port of the service on the target.
        port: u16,
        /// The host; the root if the service does not exist.
        target: Name,
    },
    /// TXT and SPF: the joined strings. Octets that are not valid UTF-8 are kept as `\DDD`.
    Text(String),
    /// CAA (RFC 8659): which certification authority may issue certificates.
    Caa {
        /// Flags; 128 means that an authority must understand the tag.
        flags: u8,
        /// Property tag in lower case: `issue`, `issuewild`, `iodef` ….
        tag: String,
        /// Property value, such as the domain name of an authority.
        value: String,
    },
    /// SVCB and HTTPS (RFC 9460): an endpoint of a service.
    Svcb {
        /// The lowest value is used first; 0 is alias mode.
        priority: u16,
        /// The host; the root means the owner name, or in alias mode that the service does not exist.
        target: Name,
        /// The parameters without changes, such as `alpn=h2 port=8443`.
        params: String,
    },
    /// NAPTR (RFC 3403): a rewriting rule for names and URIs.
    Naptr {
        /// The lowest value is used first.
        order: u16,
        /// The lowest value is used first among records of the same order.
        preference: u16,
        /// Flags that control the next step, such as `U` or `S`.
        flags: String,
        /// The services that the rule applies to.
        service: String,
        /// The substitution expression; empty if there is a replacement.
        regexp: String,
        /// The next domain name to look up; the root if there is a substitution expression.
        replacement: Name,
    },
    /// URI (RFC 7553): the URI of a service.
    Uri {
        /// The lowest value is used first.
        priority: u16,
        /// Relative weight among targets of the same priority.
        weight: u16,
        /// The URI without changes.
        target: String,
    },
    /// RP (RFC 1183): the responsible person.
    Rp {
        /// Mailbox of the responsible person.
        mailbox: Mailbox,
        /// Domain name of TXT records with more information; the root if there are none.
        txt: Name,
    },
    /// EUI48 (RFC 7043): a MAC address.
    Mac([u8; 6]),
    /// Any other type, and data in the generic form (`\# 4 C0000201`, RFC 3597 §5): the text without changes.
    Opaque(String),
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

/// Reason why a text is not valid data of a type, with an excerpt of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RdataError {
    /// The data is empty.
    Empty {
        /// The record type.
        rrtype: RrType,
    },
    /// The data does not have the format of its type.
    Form {
        /// The record type.
        rrtype: RrType,
        /// Excerpt of the text.
        found: String,
    },
    /// An invalid domain name.
    Name {
        /// The record type.
        rrtype: RrType,
        /// Excerpt of the text.
        found: String,
        /// The reason why it is invalid.
        error: NameError,
    },
    /// An invalid mailbox.
    Mailbox {
        /// The record type.
        rrtype: RrType,
        /// Excerpt of the text.
        found: String,
        /// The reason why it is invalid.
        error: MailboxError,
    },
}

impl fmt::Display for RdataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { rrtype } => write!(f, "missing data of {rrtype} record"),
            Self::Form { rrtype, found } => {
                write!(f, "invalid {rrtype} record data: expected {}, found `{found}`", rrtype.form().description())
            }
            Self::Name { rrtype, found, error } => {
                write!(f, "invalid domain name `{found}` in {rrtype} record: {error}")
            }
            Self::Mailbox { rrtype, found, error } => {
                write!(f, "invalid mailbox `{found}` in {rrtype} record: {error}")
            }
        }
    }
}

impl std::error::Error for RdataError {}
