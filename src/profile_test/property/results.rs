//! The results of the properties of one profile, and what the runs behind them reached.

use super::table::Property;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use stixmap_engine::run::{RecordResult, Report};

/// The results for one profile.
pub(super) struct PropertyResults {
    pub(super) id: String,
    pub(super) seed: u64,
    pub(super) reached: RunCounts,
    pub(super) results: Vec<Tally>,
    /// The lookups that no mapped record came from; properties hold vacuously for them.
    pub(super) untried: Vec<String>,
}

impl PropertyResults {
    /// Tests whether a lookup mapped no record, so that all properties hold vacuously for it.
    pub(super) fn is_vacuous(&self) -> bool {
        self.reached.records.0 == 0 || !self.untried.is_empty()
    }

    /// Tests whether a property holds non-vacuously.
    pub(super) fn is_kept(&self, tally: &Tally) -> bool {
        tally.failure.is_none() && !self.is_vacuous()
    }

    /// Returns the number of properties that hold.
    pub(super) fn kept(&self) -> usize {
        self.results.iter().filter(|tally| self.is_kept(tally)).count()
    }
}

/// What the runs reached: properties of runs without results prove little.
#[derive(Default)]
pub(super) struct RunCounts {
    /// The number of runs by outcome.
    pub(super) outcomes: BTreeMap<&'static str, u32>,
    /// The number of mapped records, and of all records.
    pub(super) records: (u64, u64),
    pub(super) requests: u64,
    /// The rules that mapped or dropped a record.
    pub(super) rules: BTreeSet<usize>,
    /// The number of rules of the profile.
    pub(super) of: usize,
    /// The lookups with a mapped record.
    pub(super) lookups: BTreeSet<String>,
}

impl RunCounts {
    pub(super) fn note(&mut self, report: &Report) {
        *self.outcomes.entry(report.outcome.kind.as_str()).or_default() += 1;
        self.records.0 += report.counts.mapped;
        self.records.1 += report.counts.read;
        self.requests += report.requests;
        let mapped = report.trace.iter().filter(|traced| matches!(traced.result, RecordResult::Mapped));
        self.lookups.extend(mapped.map(|traced| traced.lookup.clone()));
        self.rules.extend(report.trace.iter().flat_map(|traced| &traced.links).map(|link| link.rule));
        self.rules.extend(report.trace.iter().filter_map(|traced| match traced.result {
            RecordResult::Dropped(_, rule) => rule,
            _ => None,
        }));
    }
}

/// The result of one property.
pub(super) struct Tally {
    pub(super) property: &'static Property,
    pub(super) cases: u32,
    pub(super) failure: Option<Failure>,
}

/// The smallest run found that violates a property.
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) case: String,
    pub(super) file: Option<PathBuf>,
}
