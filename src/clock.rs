//! The clock of a run: the system's, or one that starts at the time of a recorded case.

use jiff::{SignedDuration, Timestamp};
use stixmap_engine::plan::after;

/// A clock with a constant offset to the system's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    behind: SignedDuration,
}

impl Clock {
    /// Returns the clock of the system.
    pub(crate) fn real() -> Self {
        Self { behind: SignedDuration::ZERO }
    }

    /// Returns a clock that shows `time` now, and advances normally.
    pub(crate) fn starting_at(time: Timestamp) -> Self {
        Self { behind: Timestamp::now().duration_since(time) }
    }

    pub(crate) fn now(self) -> Timestamp {
        after(Timestamp::now(), -self.behind)
    }
}
