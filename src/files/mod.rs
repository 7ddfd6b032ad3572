//! The one place that opens files. Everything is read up to a bound and from regular files only; what others may have made is
//! reached without following a link. Whose file it is decides how it is opened:
//!
//! - [`Root`]: a folder that a stranger may have filled, such as a profile's. Below it no link is followed.
//! - [`named`]: a file that the operator names. It may be a link, and where data comes and goes, a pipe.
//! - [`found`]: a file that lies where it is looked for. It is read only if nobody else could have put it there.
//! - [`State`]: what the program itself must remember, in a folder that is open to nobody else.

mod directory;
pub(crate) mod implicit;
pub(crate) mod operator_path;
mod untrusted;
mod state_directory;
mod path_walk;

pub(crate) use directory::{bounded, too_large};
pub(crate) use state_directory::{State, StateError};
pub(crate) use untrusted::Root;

/// How many bytes may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound(pub(crate) u64);

const MIB: u64 = 1 << 20;

impl Bound {
    /// A value in a file: a secret, or certificates in PEM.
    pub(crate) const VALUE: Bound = Bound(MIB);
    /// Certificates of all the authorities that a system trusts.
    pub(crate) const AUTHORITIES: Bound = Bound(16 * MIB);
    /// A file of settings.
    pub(crate) const SETTINGS: Bound = Bound(MIB);
    /// A list of values to look up.
    pub(crate) const LIST: Bound = Bound(64 * MIB);
    /// A stored answer that is read as a whole.
    pub(crate) const ANSWER: Bound = Bound(1024 * MIB);
    /// One line of a stored answer that is read by lines, however many it has.
    pub(crate) const LINE: Bound = Bound(64 * MIB);
    /// An answer that a profile is drafted from.
    pub(crate) const SAMPLE: Bound = Bound(64 * MIB);
    /// The bodies of one case together, and what is expected of it.
    pub(crate) const CASE: Bound = Bound(64 * MIB);
    /// A file that the program wrote itself.
    pub(crate) const OWN: Bound = Bound(256 * MIB);
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            bytes if bytes.is_multiple_of(MIB) => write!(f, "{} MiB", bytes / MIB),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}
