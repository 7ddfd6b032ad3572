//! `stixmap test --assurance`: measures how well each profile's cases cover it and prints `docs/assurance.md`.

use super::mutate::{Mutation, Score};
use super::recorded::Recorded;
use super::{coverage, property};
use crate::standard_streams::print;
use std::fmt::Write;

const HEAD: &str = "\
# Assurance

How well the recorded cases of each profile cover it. `stixmap test --assurance` prints this page; a test keeps it up to date.

- **coverage**: share of the rules, `orientation` rows, `answers` rows, lookups, page ends and response diagnostics that at
  least one case exercises (`stixmap test --coverage` lists the rest).
- **rejected**, **detected**, **survived**: mutation testing. Each mutant changes one thing in the profile: a keyword becomes
  another of its set, a path its neighbor, a condition its negation, an optional key is removed. A mutant is rejected if
  `stixmap check` reports it, detected if the result of a case differs, and survives otherwise (`stixmap test --mutate`
  names the missing case). Names, descriptions and limits that need a real connection (timeouts, sizes) are not mutated.
- **score**: share of the mutants that are not rejected which cases detect.
- **properties**: how many invariants hold for 64 generated runs (`stixmap explain properties` and
  [properties.md](properties.md) describe them).

| profile | rules | cases | coverage | rejected | detected | survived | score | properties |
|---|---|---|---|---|---|---|---|---|
";

/// Prints the scores of the profiles and returns the lowest, in percent.
pub(super) fn run(profiles: &[Recorded]) -> anyhow::Result<f64> {
    let mut page = HEAD.to_owned();
    let mut lowest = 100.0_f64;
    for profile in profiles {
        let coverage = coverage::percent(profile);
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
    let Score { rejected, detected, survived } = score;
    let percent = score.percent();
    let _ = writeln!(
        page,
        "| {id} | {rules} | {cases} | {coverage} % | {rejected} | {detected} | {survived} | {percent} % | {properties} |"
    );
}
