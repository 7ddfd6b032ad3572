//! The only module that opens files. Only regular files are read, up to a size limit. How a file is opened depends on who
//! controls it:
//!
//! - [`Root`]: a folder with untrusted contents, such as a profile's. Symbolic links in it are not followed.
//! - [`operator_path`]: a path named by the operator. It can be a link; inputs and outputs can be pipes or terminals.
//! - [`implicit`]: a file at a default location. It is read only if no other user could have created it.
//! - [`State`]: the program's own state, in a folder that only this user can access.

mod directory;
pub(crate) mod implicit;
pub(crate) mod operator_path;
mod untrusted;
mod state_directory;
mod path_walk;

pub(crate) use directory::{bounded, too_large};
pub(crate) use state_directory::{State, StateError};
pub(crate) use untrusted::Root;

/// Maximum number of bytes that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound(pub(crate) u64);

const MIB: u64 = 1 << 20;

impl Bound {
    /// A secret, or certificates in PEM.
    pub(crate) const VALUE: Bound = Bound(MIB);
    /// Certificates of all authorities that a system trusts.
    pub(crate) const AUTHORITIES: Bound = Bound(16 * MIB);
    /// A settings file.
    pub(crate) const SETTINGS: Bound = Bound(MIB);
    /// A list of values to look up.
    pub(crate) const LIST: Bound = Bound(64 * MIB);
    /// A stored response that is read at once.
    pub(crate) const ANSWER: Bound = Bound(1024 * MIB);
    /// One line of a stored response that is read line by line; the number of lines is unlimited.
    pub(crate) const LINE: Bound = Bound(64 * MIB);
    /// A sample response for `draft`.
    pub(crate) const SAMPLE: Bound = Bound(64 * MIB);
    /// All bodies of one case, or its expected result.
    pub(crate) const CASE: Bound = Bound(64 * MIB);
    /// A file of the program's own state.
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
