//! Plays recorded cases, compares what came with what is expected, and says which rules no case used.

use super::suite::Suite;
use crate::Exit;
use crate::catalog::Folder;
use crate::cli::Verbosity;
use crate::output::print;
use crate::render;
use anyhow::bail;
use std::collections::BTreeSet;
use stixmap_engine::case::play;
use stixmap_engine::plan::{Plan, SettingError};

/// How the cases went.
#[derive(Default)]
struct Score {
    passed: usize,
    failed: usize,
    rewritten: usize,
    profiles_failed: usize,
}

/// Plays all cases; one that differs is told with its difference, or rewritten.
pub(super) fn run(suites: &[Suite], accepts: bool, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let mut score = Score::default();
    for suite in suites {
        play_suite(suite, accepts, verbosity, &mut score)?;
    }
    let Score { passed, failed, rewritten, profiles_failed } = score;
    let accepted = if rewritten > 0 { format!(", {rewritten} of them rewritten") } else { String::new() };
    tell(format!("{passed} passed{accepted}, {failed} failed"))?;
    if passed + failed == 0 && profiles_failed == 0 {
        bail!("there was no case to play");
    }
    Ok(if failed + profiles_failed > 0 { Exit::Told } else { Exit::Fine })
}

fn play_suite(suite: &Suite, accepts: bool, verbosity: Verbosity, score: &mut Score) -> anyhow::Result<()> {
    let folder = Folder::OnDisk(suite.folder.clone());
    let Some(plan) = folder.plan()? else {
        score.profiles_failed += 1;
        return Ok(());
    };
    let mut used = BTreeSet::new();
    for name in &suite.cases {
        let shown = format!("{} {}", plan.id, name.trim_end_matches(".yaml"));
        let verdict = play_case(&plan, &folder, suite, name, accepts, &mut used)?;
        if let CaseResult::Same | CaseResult::Rewritten = verdict {
            score.passed += 1;
        } else {
            score.failed += 1;
        }
        match verdict {
            CaseResult::Same if verbosity == Verbosity::Verbose => tell(format!("ok        {shown}"))?,
            CaseResult::Same => {}
            CaseResult::Rewritten => {
                score.rewritten += 1;
                tell(format!("rewritten {shown}"))?;
            }
            CaseResult::Differs(difference) => tell(format!("DIFFERS   {shown}\n{difference}"))?,
            CaseResult::AsksOtherwise(lines) => {
                tell(format!("DIFFERS   {shown}: its exchanges are not what is asked\n{lines}"))?;
            }
            CaseResult::Unplayable => tell(format!("MISTAKE   {shown}"))?,
        }
    }
    if suite.is_whole {
        tell_unused_rules(&plan, &used)?;
    }
    Ok(())
}

fn tell(line: String) -> anyhow::Result<()> {
    print(&format!("{line}\n"))
}

enum CaseResult {
    Same,
    Rewritten,
    Differs(String),
    /// Requests that the case does not expect, or the other way round: not to be accepted.
    AsksOtherwise(String),
    Unplayable,
}

fn play_case(
    plan: &Plan,
    folder: &Folder,
    suite: &Suite,
    name: &str,
    accepts: bool,
    used: &mut BTreeSet<usize>,
) -> anyhow::Result<CaseResult> {
    let Some(case) = folder.case(name)? else { return Ok(CaseResult::Unplayable) };
    let played = match play(plan, &case) {
        Ok(played) => played,
        Err(errors) => {
            errors.iter().for_each(|error| render::remark(&setting_remark(error)));
            return Ok(CaseResult::Unplayable);
        }
    };
    used.extend(&played.rules);
    let expected = suite.expected(name)?;
    if !played.is_as_expected {
        let odd = played.transcript.lines().filter(|line| line.contains("expected"));
        return Ok(CaseResult::AsksOtherwise(odd.map(|line| format!("  {line}\n")).collect()));
    }
    if expected == played.transcript {
        return Ok(CaseResult::Same);
    }
    if accepts {
        suite.accept(name, &played.transcript)?;
        return Ok(CaseResult::Rewritten);
    }
    Ok(CaseResult::Differs(difference(&expected, &played.transcript)))
}

pub(super) fn setting_remark(error: &SettingError) -> String {
    match error {
        SettingError::Missing { spec } => format!("the case gives no setting `{}`", spec.name),
        SettingError::Unfit { spec, flaw } => format!("the case's setting `{}` {flaw}", spec.name),
        SettingError::NotOfType { spec } => format!("the case's setting `{}` is not {}", spec.name, spec.wanted()),
    }
}

/// Both texts line by line: `-` what was expected, `+` what came.
fn difference(expected: &str, came: &str) -> String {
    let diff = similar::TextDiff::from_lines(expected, came);
    let lines = diff.iter_all_changes().map(|change| format!("  {}{}", change.tag(), change.value()));
    lines.collect::<String>().trim_end().to_owned()
}

fn tell_unused_rules(plan: &Plan, used: &BTreeSet<usize>) -> anyhow::Result<()> {
    let rules = plan.rules.rules.iter().enumerate();
    rules
        .filter(|(number, rule)| rule.pack.is_none() && !used.contains(number))
        .try_for_each(|(number, rule)| tell(format!("no case of {} uses rules[{number}], line {}", plan.id, rule.line)))
}
