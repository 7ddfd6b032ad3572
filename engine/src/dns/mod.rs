//! DNS names, IP addresses, record types and record data in presentation format (RFC 1035 §5.1, RFC 9499). Each value
//! is parsed once and kept in one canonical form. There is no wire format, zone file or resolver here.

mod address;
mod escape;
mod mailbox;
mod name;
mod rdata;
mod reverse;
mod rrtype;
mod address_scope;
mod soa;
mod special;
mod text;

pub use address::{AddressError, expanded, parse_address};
pub use address_scope::{NOT_PUBLIC, Scope, scope};
pub use mailbox::{Mailbox, MailboxError};
pub use name::{Name, NameError};
pub use rdata::{Rdata, RdataError};
pub use reverse::reverse_name;
pub use rrtype::{Form, RrType, RrTypeError};
pub use soa::Soa;
pub use special::{reverse_scope, special_use};
