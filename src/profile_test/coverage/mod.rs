//! `stixmap test --coverage`: reports which rules, rows, lookups, page ends and diagnostics of a profile its cases
//! exercise.

mod cobertura;
mod items;
mod lcov;
mod measure;
mod profile_coverage;

use super::recorded::Recorded;
use crate::cli::TestFormat;
use crate::standard_streams::{print, print_json};
use profile_coverage::Coverage;
use serde_json::Value;

/// Prints the coverage of the profiles and returns the lowest, in percent.
pub(super) fn run(profiles: &[Recorded], format: TestFormat) -> anyhow::Result<f64> {
    let coverages: Vec<Coverage> = profiles.iter().map(Coverage::of).collect();
    match format {
        TestFormat::Text => print(&coverages.iter().map(Coverage::text).collect::<String>())?,
        TestFormat::Json => print_json(&Value::from_iter(coverages.iter().map(Coverage::json)))?,
        TestFormat::Lcov => print(&coverages.iter().map(lcov::record).collect::<String>())?,
        TestFormat::Cobertura => print(&cobertura::report(&coverages))?,
    }
    Ok(coverages.iter().map(Coverage::percent).fold(100.0, f64::min))
}

/// Returns the coverage of a profile, in percent.
pub(super) fn percent(profile: &Recorded) -> f64 {
    Coverage::of(profile).percent()
}
