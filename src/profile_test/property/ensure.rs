//! States a condition of a property, with the reason of a failure.

/// Returns the reason if the condition does not hold.
pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
