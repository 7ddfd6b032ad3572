//! Data of SOA records (RFC 1035 §3.3.13), complete or with the one part that a provider keeps.

use super::mailbox::Mailbox;
use super::name::Name;
use std::fmt;

/// The known parts of the data of an SOA record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Soa {
    /// MNAME: the primary name server; `None` if it is unknown or the root.
    pub mname: Option<Name>,
    /// RNAME: the mailbox of the zone's administrator; `None` if it is unknown or the root.
    pub rname: Option<Mailbox>,
    /// SERIAL, REFRESH, RETRY, EXPIRE and MINIMUM; all but the serial number are in seconds.
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
