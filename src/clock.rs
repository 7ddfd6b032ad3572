//! The clock of a run: the real one, or one that starts when a recorded case did.

use jiff::{SignedDuration, Timestamp};
use stixmap_engine::plan::after;

/// Tells the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    behind: SignedDuration,
}

impl Clock {
    /// The real time.
    pub(crate) fn real() -> Self {
        Self { behind: SignedDuration::ZERO }
    }

    /// It is `time` now, and time goes on from there.
    pub(crate) fn starting_at(time: Timestamp) -> Self {
        Self { behind: Timestamp::now().duration_since(time) }
    }

    pub(crate) fn now(self) -> Timestamp {
        after(Timestamp::now(), -self.behind)
    }
}
