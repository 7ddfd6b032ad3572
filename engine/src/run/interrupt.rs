//! Lets the driver interrupt the mapping of a response, which may take long: the engine has no clock.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

/// Number of records between two tests.
const INTERVAL: u64 = 64;

/// Tests whether the run must end.
#[derive(Clone, Default)]
pub(super) struct Interrupt(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Interrupt {
    pub(super) fn new(test: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(test)))
    }

    pub(super) fn watch(&self) -> Watch<'_> {
        Watch { interrupt: self, records: Cell::new(0), skipped: Cell::new(0), is_over: Cell::new(false) }
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interrupt").field(&self.0.is_some()).finish()
    }
}

/// Counts records, and tests for an interrupt now and then.
pub(super) struct Watch<'i> {
    interrupt: &'i Interrupt,
    records: Cell<u64>,
    /// Number of rows that were not mapped.
    skipped: Cell<u64>,
    is_over: Cell<bool>,
}

impl Watch<'_> {
    /// Whether records were left out.
    pub(super) fn was_over(&self) -> bool {
        self.is_over.get()
    }

    /// Counts a row that is not mapped.
    pub(super) fn skip_row(&self) {
        self.skipped.set(self.skipped.get() + 1);
    }

    /// Returns why the rest of a page was not read.
    pub(super) fn reason(&self, page: u32) -> String {
        format!("deadline exceeded on page {page}; rows not read: {}", self.skipped.get())
    }

    /// Counts a record. Returns whether it must not be mapped, nor any after it.
    pub(super) fn is_over(&self) -> bool {
        self.records.set(self.records.get() + 1);
        if !self.is_over.get() && self.records.get().is_multiple_of(INTERVAL) {
            self.is_over.set(self.interrupt.0.as_ref().is_some_and(|test| test()));
        }
        self.is_over.get()
    }
}
