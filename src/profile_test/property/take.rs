//! What a property is checked on: a scenario and its result.

use super::play::{Panicked, Played, Stage};
use super::scenario::Scenario;

/// A scenario and its result.
pub(super) struct Take<'t> {
    pub(super) stage: &'t Stage<'t>,
    pub(super) scene: &'t Scenario,
    pub(super) played: &'t Result<Played, Box<Panicked>>,
}
