//! Plays recorded cases, compares each result with the expected one, and reports the rules that no case used.

use super::suite::Suite;
use crate::catalog::Folder;
use crate::cli::Verbosity;
use crate::exit::Exit;
use crate::render;
use crate::standard_streams::print;
use anyhow::bail;
use std::collections::BTreeSet;
use stixmap_engine::case::play;
use stixmap_engine::plan::{Plan, SettingError};

/// Counts of the played cases.
#[derive(Default)]
struct Score {
    passed: usize,
    failed: usize,
    rewritten: usize,
    profiles_failed: usize,
}

/// Plays all cases; reports each difference, or accept it as the new expected result.
pub(super) fn run(suites: &[Suite], accept: bool, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let mut score = Score::default();
    for suite in suites {
        play_suite(suite, accept, verbosity, &mut score)?;
    }
    let Score { passed, failed, rewritten, profiles_failed } = score;
    let accepted = if rewritten > 0 { format!(" ({rewritten} rewritten)") } else { String::new() };
    print_line(format!("{passed} passed{accepted}, {failed} failed"))?;
    if passed + failed == 0 && profiles_failed == 0 {
        bail!("no cases found");
    }
    Ok(if failed + profiles_failed > 0 { Exit::Failure } else { Exit::Success })
}

fn play_suite(suite: &Suite, accept: bool, verbosity: Verbosity, score: &mut Score) -> anyhow::Result<()> {
    let folder = Folder::OnDisk(suite.folder.clone());
    let Some(plan) = folder.plan()? else {
        score.profiles_failed += 1;
        return Ok(());
    };
    let mut used = BTreeSet::new();
    for name in &suite.cases {
        let shown = format!("{} {}", plan.id, name.trim_end_matches(".yaml"));
        let result = play_case(&plan, &folder, suite, name, accept, &mut used)?;
        if let CaseResult::Same | CaseResult::Rewritten = result {
            score.passed += 1;
        } else {
            score.failed += 1;
        }
        match result {
            CaseResult::Same if verbosity == Verbosity::Verbose => print_line(format!("ok        {shown}"))?,
            CaseResult::Same => {}
            CaseResult::Rewritten => {
                score.rewritten += 1;
                print_line(format!("rewritten {shown}"))?;
            }
            CaseResult::Differs(difference) => print_line(format!("DIFFERS   {shown}\n{difference}"))?,
            CaseResult::UnexpectedRequests(lines) => {
                print_line(format!("DIFFERS   {shown}: unexpected requests\n{lines}"))?;
            }
            CaseResult::Invalid => print_line(format!("INVALID   {shown}"))?,
        }
    }
    if suite.is_whole {
        print_unused_rules(&plan, &used)?;
    }
    Ok(())
}

fn print_line(line: String) -> anyhow::Result<()> {
    print(&format!("{line}\n"))
}

enum CaseResult {
    Same,
    Rewritten,
    Differs(String),
    /// The run sent unexpected requests, or left expected ones unsent; such a result cannot be accepted.
    UnexpectedRequests(String),
    Invalid,
}

fn play_case(
    plan: &Plan,
    folder: &Folder,
    suite: &Suite,
    name: &str,
    accept: bool,
    used: &mut BTreeSet<usize>,
) -> anyhow::Result<CaseResult> {
    let Some(case) = folder.case(name)? else { return Ok(CaseResult::Invalid) };
    let played = match play(plan, &case) {
        Ok(played) => played,
        Err(errors) => {
            errors.iter().for_each(|error| render::remark(&setting_message(error)));
            return Ok(CaseResult::Invalid);
        }
    };
    used.extend(&played.rules);
    let expected = suite.expected(name)?;
    if !played.is_as_expected {
        let odd = played.transcript.lines().filter(|line| line.contains("expected"));
        return Ok(CaseResult::UnexpectedRequests(odd.map(|line| format!("  {line}\n")).collect()));
    }
    if expected == played.transcript {
        return Ok(CaseResult::Same);
    }
    if accept {
        suite.accept(name, &played.transcript)?;
        return Ok(CaseResult::Rewritten);
    }
    Ok(CaseResult::Differs(difference(&expected, &played.transcript)))
}

pub(super) fn setting_message(error: &SettingError) -> String {
    match error {
        SettingError::Missing { spec } => format!("missing setting `{}` in the case", spec.name),
        SettingError::Unfit { spec, flaw } => format!("invalid setting `{}` in the case: {flaw}", spec.name),
        SettingError::NotOfType { spec } => {
            format!("invalid setting `{}` in the case: expected {}", spec.name, spec.wanted())
        }
    }
}

/// Returns a line diff: `-` for expected lines, `+` for actual ones.
fn difference(expected: &str, actual: &str) -> String {
    let diff = similar::TextDiff::from_lines(expected, actual);
    let lines = diff.iter_all_changes().map(|change| format!("  {}{}", change.tag(), change.value()));
    lines.collect::<String>().trim_end().to_owned()
}

fn print_unused_rules(plan: &Plan, used: &BTreeSet<usize>) -> anyhow::Result<()> {
    let rules = plan.rules.rules.iter().enumerate();
    rules.filter(|(number, rule)| rule.pack.is_none() && !used.contains(number)).try_for_each(|(number, rule)| {
        print_line(format!("unused rule: rules[{number}] of {}, line {}", plan.id, rule.line))
    })
}
