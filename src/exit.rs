//! The exit status of a command.

/// Exit status of a command, in order of severity: the most severe of several lookups counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Complete, without diagnostics.
    Success,
    /// A lookup is partial or deferred.
    Partial,
    /// A diagnostic was reported, a case differs, or a lookup was refused or failed.
    Failure,
    /// The command could not start.
    NotStarted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::NotStarted => 2,
            Self::Partial => 3,
        }
    }
}
