//! `stixmap test --mutate`: changes a profile one thing at a time and reports the mutants that no case detects.

mod equivalent;
mod excluded;
mod mutants;
mod text;

use super::edit::source;
use super::parallel;
use super::phrasing::{percent, plural};
use super::recorded::Recorded;
use crate::cli::TestFormat;
use crate::standard_streams::{print, print_json};
use anyhow::bail;
use mutants::{Change, Mutant, mutants};
use serde_json::{Value, json};
use std::fmt::Write;

/// The result of a mutant.
#[derive(Debug)]
enum MutantResult {
    /// `check` reports a diagnostic with this code.
    Rejected(&'static str),
    /// The result of this case differs.
    Detected(String),
    /// Neither `check` nor a case detects the change.
    Survived,
}

/// The mutants of a profile with their results.
pub(super) struct Mutation<'r> {
    recorded: &'r Recorded,
    mutants: Vec<(Mutant, MutantResult)>,
}

/// The number of mutants by result.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Score {
    pub(super) rejected: usize,
    pub(super) detected: usize,
    pub(super) survived: usize,
}

impl Score {
    /// Returns the mutation score: the share of valid mutants that cases detect, in percent.
    pub(super) fn percent(self) -> f64 {
        percent(self.detected, self.detected + self.survived)
    }
}

impl Mutation<'_> {
    pub(super) fn of(recorded: &Recorded) -> Mutation<'_> {
        let mutants = mutants(&recorded.tree);
        let original = equivalent::compiled(&recorded.plan);
        let results = parallel::map(&mutants, |mutant| result(recorded, &original, mutant));
        let counted = mutants.into_iter().zip(results).filter_map(|(mutant, result)| Some((mutant, result?)));
        Mutation { recorded, mutants: counted.collect() }
    }

    pub(super) fn score(&self) -> Score {
        let mut score = Score::default();
        for (_, result) in &self.mutants {
            match result {
                MutantResult::Rejected(_) => score.rejected += 1,
                MutantResult::Detected(_) => score.detected += 1,
                MutantResult::Survived => score.survived += 1,
            }
        }
        score
    }

    fn text(&self) -> String {
        let Score { rejected, detected, survived } = self.score();
        let all = plural(self.mutants.len(), "mutant");
        let mut text = format!(
            "{}: {all}: {rejected} rejected by check, {detected} detected by cases, {survived} survived: {} %\n",
            self.recorded.plan.id,
            self.score().percent(),
        );
        let survived = self
            .mutants
            .iter()
            .filter(|(_, result)| matches!(result, MutantResult::Survived))
            .map(|(mutant, _)| mutant);
        let survived: Vec<&Mutant> = survived.collect();
        for of_part in survived.chunk_by(|one, other| (&one.pointer, &one.subject) == (&other.pointer, &other.subject))
        {
            let &Mutant { line, ref subject, ref hint, .. } = of_part[0];
            let _ = writeln!(text, "  undetected: line {line} {subject} {}: {hint}", changes(of_part));
        }
        text
    }

    fn json(&self) -> Value {
        let Score { rejected, detected, survived } = self.score();
        let mutants = self.mutants.iter().map(|(mutant, result)| {
            let (result, by) = match result {
                MutantResult::Rejected(code) => ("rejected", Some(*code)),
                MutantResult::Detected(case) => ("detected", Some(case.as_str())),
                MutantResult::Survived => ("undetected", None),
            };
            let Mutant { pointer, line, subject, change, hint, .. } = mutant;
            json!({ "line": line, "pointer": pointer, "change": format!("{subject} {change}"), "result": result, "by": by, "hint": hint })
        });
        json!({
            "profile": self.recorded.plan.id,
            "file": self.recorded.file,
            "rejected": rejected,
            "detected": detected,
            "undetected": survived,
            "percent": self.score().percent(),
            "mutants": mutants.collect::<Vec<_>>(),
        })
    }
}

/// Joins the changes of one part to one phrase.
fn changes(mutants: &[&Mutant]) -> String {
    let mut texts: Vec<String> = vec![];
    for mutant in mutants {
        match (&mutant.change, texts.last_mut()) {
            (Change::Replaced(other), Some(last)) if last.starts_with("replaced") => {
                let _ = write!(last, ", `{other}`");
            }
            (change, _) => texts.push(change.to_string()),
        }
    }
    texts.join(" or ")
}

/// Returns the result of a mutant; `None` if it is equivalent to the profile.
fn result(recorded: &Recorded, original: &str, mutant: &Mutant) -> Option<MutantResult> {
    Some(match recorded.compile(&source(&mutant.edit.applied(recorded.tree.value()))) {
        Err(code) => MutantResult::Rejected(code.slug()),
        Ok(plan) if equivalent::compiled(&plan) == original => return None,
        Ok(plan) => match recorded.detected_by(&plan) {
            Some(case) => MutantResult::Detected(case.to_owned()),
            None => MutantResult::Survived,
        },
    })
}

/// Prints the mutants of the profiles and returns the lowest score, in percent.
pub(super) fn run(profiles: &[Recorded], format: TestFormat) -> anyhow::Result<f64> {
    let mutations: Vec<Mutation> = profiles.iter().map(Mutation::of).collect();
    match format {
        TestFormat::Text => print(&mutations.iter().map(Mutation::text).collect::<String>())?,
        TestFormat::Json => print_json(&Value::from_iter(mutations.iter().map(Mutation::json)))?,
        TestFormat::Lcov | TestFormat::Cobertura => bail!("invalid format for mutants: expected text or json"),
    }
    Ok(mutations.iter().map(|mutation| mutation.score().percent()).fold(100.0, f64::min))
}
