//! `stixmap test --assurance`: how well the cases of each profile prove it, as the page `docs/assurance.md`.

use super::coverage::Coverage;
use super::mutate::{Mutation, Score};
use super::property;
use super::recorded::Recorded;
use crate::output::print;
use std::fmt::Write;

const HEAD: &str = "\
# Assurance

How well the recorded cases of each profile prove it. `stixmap test --assurance` prints this page, and a test compares them.

- **coverage**: of the rules, the rows of `orientation` and `answers`, the lookups, the ways their pages can end and the
  diagnostics their answers can earn, the share that some case exercises (`stixmap test --coverage` names the rest).
- **refused**, **noticed**, **alive**: the profile is changed one thing at a time: a word becomes another of its set, a path
  its neighbour, a condition its opposite, what may be missing is gone. A change is refused where `stixmap check` tells of it,
  noticed where a case no longer comes out as expected, and otherwise alive (`stixmap test --mutate` names the case that is
  missing). Names, words for people, and what only a real connection shows (time limits, sizes) are not changed.
- **score**: of the changes that are not refused, the share that cases notice.
- **properties**: invariants that were tried on 64 generated runs, and how many of them hold (`stixmap explain properties`
  tells what each is, [properties.md](properties.md) has the same).

| profile | rules | cases | coverage | refused | noticed | alive | score | properties |
|---|---|---|---|---|---|---|---|---|
";

/// Tells the scores of profiles, and the lowest of all.
pub(super) fn run(profiles: &[Recorded]) -> anyhow::Result<f64> {
    let mut page = HEAD.to_owned();
    let mut lowest = 100.0_f64;
    for profile in profiles {
        let coverage = Coverage::of(profile).percent();
        let score = Mutation::of(profile).score();
        let (held, of) = property::held(&profile.plan)?;
        row(&mut page, profile, coverage, score, &format!("{held} of {of}"));
        lowest = lowest.min(coverage).min(score.percent());
    }
    print(&page)?;
    Ok(lowest)
}

fn row(page: &mut String, profile: &Recorded, coverage: f64, score: Score, properties: &str) {
    let (id, rules, cases) = (&profile.plan.id, profile.plan.rules.rules.len(), profile.cases.len());
    let Score { refused, noticed, alive } = score;
    let percent = score.percent();
    let _ = writeln!(
        page,
        "| {id} | {rules} | {cases} | {coverage} % | {refused} | {noticed} | {alive} | {percent} % | {properties} |"
    );
}
