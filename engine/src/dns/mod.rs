//! DNS as passive-DNS providers write it: names, addresses, record types and record data, each read once and kept in
//! one canonical spelling. Reads text only: no wire format, no zone files, no resolution.

mod address;
mod escape;
mod mailbox;
mod name;
mod rdata;
mod rrtype;
mod scope;
mod soa;
mod text;

pub use address::{AddressError, expanded, parse_address, reverse_name};
pub use mailbox::{Mailbox, MailboxError};
pub use name::{Name, NameError};
pub use rdata::{Rdata, RdataError};
pub use rrtype::{Form, RrType, RrTypeError};
pub use scope::{Scope, scope};
pub use soa::Soa;
