//! `stixmap test --mutate`: changes a profile one thing at a time, and tells which changes no case notices.

mod equivalent;
mod excluded;
mod mutants;
mod text;

use super::edit::source;
use super::parallel;
use super::phrasing::{percent, plural};
use super::recorded::Recorded;
use crate::cli::TestFormat;
use crate::output::{print, print_json};
use anyhow::bail;
use mutants::{Change, Mutant, mutants};
use serde_json::{Value, json};
use std::fmt::Write;

/// What became of a changed profile.
#[derive(Debug)]
enum Fate {
    /// `check` tells of the change, by this code.
    Refused(&'static str),
    /// This case comes out otherwise.
    Noticed(String),
    /// Nothing tells of the change.
    Alive,
}

/// A profile's mutants, and what became of each.
pub(super) struct Mutation<'r> {
    recorded: &'r Recorded,
    mutants: Vec<(Mutant, Fate)>,
}

/// How many mutants met which fate.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Score {
    pub(super) refused: usize,
    pub(super) noticed: usize,
    pub(super) alive: usize,
}

impl Score {
    /// Of the changes that the compiler lets through, the share that cases notice.
    pub(super) fn percent(self) -> f64 {
        percent(self.noticed, self.noticed + self.alive)
    }
}

impl Mutation<'_> {
    pub(super) fn of(recorded: &Recorded) -> Mutation<'_> {
        let mutants = mutants(&recorded.tree);
        let as_it_is = equivalent::compiled(&recorded.plan);
        let fates = parallel::map(&mutants, |mutant| fate(recorded, &as_it_is, mutant));
        let counted = mutants.into_iter().zip(fates).filter_map(|(mutant, fate)| Some((mutant, fate?)));
        Mutation { recorded, mutants: counted.collect() }
    }

    pub(super) fn score(&self) -> Score {
        let mut score = Score::default();
        for (_, fate) in &self.mutants {
            match fate {
                Fate::Refused(_) => score.refused += 1,
                Fate::Noticed(_) => score.noticed += 1,
                Fate::Alive => score.alive += 1,
            }
        }
        score
    }

    fn text(&self) -> String {
        let Score { refused, noticed, alive } = self.score();
        let all = plural(self.mutants.len(), "mutant");
        let mut text = format!(
            "{}: {all}: {refused} refused by check, {noticed} noticed by cases, {alive} alive: {} %\n",
            self.recorded.plan.id,
            self.score().percent(),
        );
        let alive = self.mutants.iter().filter(|(_, fate)| matches!(fate, Fate::Alive)).map(|(mutant, _)| mutant);
        let alive: Vec<&Mutant> = alive.collect();
        for of_part in alive.chunk_by(|one, other| (&one.pointer, &one.subject) == (&other.pointer, &other.subject)) {
            let &Mutant { line, ref subject, ref hint, .. } = of_part[0];
            let _ = writeln!(text, "  no case notices when line {line} {subject} {}: {hint}", changes(of_part));
        }
        text
    }

    fn json(&self) -> Value {
        let Score { refused, noticed, alive } = self.score();
        let mutants = self.mutants.iter().map(|(mutant, fate)| {
            let (word, by) = match fate {
                Fate::Refused(code) => ("refused", Some(*code)),
                Fate::Noticed(case) => ("noticed", Some(case.as_str())),
                Fate::Alive => ("alive", None),
            };
            let Mutant { pointer, line, subject, change, hint, .. } = mutant;
            json!({ "line": line, "pointer": pointer, "change": format!("{subject} {change}"), "fate": word, "by": by, "hint": hint })
        });
        json!({
            "profile": self.recorded.plan.id,
            "file": self.recorded.file,
            "refused": refused,
            "noticed": noticed,
            "alive": alive,
            "percent": self.score().percent(),
            "mutants": mutants.collect::<Vec<_>>(),
        })
    }
}

/// Several changes of one part, in one sentence.
fn changes(mutants: &[&Mutant]) -> String {
    let mut told: Vec<String> = vec![];
    for mutant in mutants {
        match (&mutant.change, told.last_mut()) {
            (Change::Becomes(other), Some(last)) if last.starts_with("becomes") => {
                let _ = write!(last, ", `{other}`");
            }
            (change, _) => told.push(change.to_string()),
        }
    }
    told.join(" or ")
}

/// None where the profile does the same as before: nothing is changed.
fn fate(recorded: &Recorded, as_it_is: &str, mutant: &Mutant) -> Option<Fate> {
    Some(match recorded.compile(&source(&mutant.edit.applied(recorded.tree.value()))) {
        Err(code) => Fate::Refused(code.slug()),
        Ok(plan) if equivalent::compiled(&plan) == as_it_is => return None,
        Ok(plan) => match recorded.noticed_by(&plan) {
            Some(case) => Fate::Noticed(case.to_owned()),
            None => Fate::Alive,
        },
    })
}

/// Tells what became of the mutants of profiles, and the lowest score.
pub(super) fn run(profiles: &[Recorded], format: TestFormat) -> anyhow::Result<f64> {
    let mutations: Vec<Mutation> = profiles.iter().map(Mutation::of).collect();
    match format {
        TestFormat::Text => print(&mutations.iter().map(Mutation::text).collect::<String>())?,
        TestFormat::Json => print_json(&Value::from_iter(mutations.iter().map(Mutation::json)))?,
        TestFormat::Lcov | TestFormat::Cobertura => bail!("mutants are told as text or json"),
    }
    Ok(mutations.iter().map(|mutation| mutation.score().percent()).fold(100.0, f64::min))
}
