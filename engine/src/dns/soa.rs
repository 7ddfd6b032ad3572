//! The start of a zone of authority (RFC 1035 §3.3.13), whole or as the one part that a provider keeps.

use super::mailbox::Mailbox;
use super::name::Name;
use std::fmt;

/// What is known of an SOA record's data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Soa {
    /// The primary name server; none if it is not told, or is the root.
    pub mname: Option<Name>,
    /// The mailbox of who runs the zone; none if it is not told, or is the root.
    pub rname: Option<Mailbox>,
    /// Serial number; then refresh, retry, expire and minimum, in seconds.
    pub rest: Option<[u32; 5]>,
}

impl fmt::Display for Soa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.mname, &self.rname, &self.rest) {
            (None, None, None) => f.write_str("."),
            (Some(mname), None, None) => write!(f, "{mname}"),
            (None, Some(rname), None) => write!(f, "{rname}"),
            (mname, rname, rest) => {
                f.write_str(mname.as_ref().map_or(".", Name::as_str))?;
                write!(f, " {}", rname.as_ref().map_or(".".to_owned(), Mailbox::to_rname))?;
                rest.iter().flatten().try_for_each(|number| write!(f, " {number}"))
            }
        }
    }
}
