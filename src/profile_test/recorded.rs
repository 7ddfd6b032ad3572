//! A profile with its cases, played once: the baseline for coverage and mutation.

use super::compare::setting_message;
use super::edit::source as written_out;
use super::suite::Suite;
use crate::catalog::{self, Folder, PROFILE};
use crate::render;
use std::collections::BTreeMap;
use std::path::PathBuf;
use stixmap_engine::case::{Case, Played, play};
use stixmap_engine::diagnostic::{Code, Diagnostic, Source};
use stixmap_engine::plan::Plan;
use stixmap_engine::yaml::Tree;

/// A profile and the results of its cases.
pub(crate) struct Recorded {
    /// The file of the profile.
    pub(crate) file: PathBuf,
    /// The parsed profile with its spans.
    pub(crate) tree: Tree,
    /// The profile with every YAML alias expanded, so that each use has its own span.
    pub(crate) expanded: Tree,
    /// Compiled from the expanded text, so that diagnostics of a run point to one use.
    pub(crate) plan: Plan,
    /// Sorted by length of the transcript, longest first: these detect most mutants.
    pub(crate) cases: Vec<RecordedCase>,
    /// Diagnostics of the unchanged profile, counted by code.
    warnings: BTreeMap<Code, usize>,
}

/// A case and its result.
pub(crate) struct RecordedCase {
    pub(crate) name: String,
    pub(crate) case: Case,
    pub(crate) played: Played,
}

impl Recorded {
    /// Reads and plays a profile's cases; `None` if something is invalid or differs, which has been reported.
    pub(crate) fn read(suite: &Suite) -> anyhow::Result<Option<Recorded>> {
        let file = suite.folder.path().join(PROFILE);
        let checked = catalog::source(&suite.folder, PROFILE)?.map_err(|mistake| vec![mistake]).and_then(|source| {
            let tree = Tree::parse(&source)?;
            let (plan, diagnostics) = Plan::check(&source);
            if plan.is_none() {
                return Err(diagnostics);
            }
            let expanded = Tree::parse(&written_out(tree.value()))?;
            let (plan, diagnostics) = Plan::check(expanded.source());
            plan.map(|plan| (tree, expanded, plan, count(&diagnostics))).ok_or(diagnostics)
        });
        let (tree, expanded, plan, warnings) = match checked {
            Ok(checked) => checked,
            Err(mistakes) => {
                render::diagnostics(&mistakes);
                return Ok(None);
            }
        };
        let mut cases = vec![];
        for name in &suite.cases {
            let Some(case) = recorded_case(suite, &plan, name)? else { return Ok(None) };
            cases.push(case);
        }
        cases.sort_by_key(|case| std::cmp::Reverse(case.played.transcript.len()));
        Ok(Some(Recorded { file, tree, expanded, plan, cases, warnings }))
    }

    /// Returns the line of the key at a pointer; for parts that an alias repeats, the line of the alias.
    pub(crate) fn line(&self, pointer: &str) -> usize {
        self.tree.line_of_use(pointer)
    }

    /// Returns the first case whose result differs with another plan.
    pub(crate) fn detected_by(&self, plan: &Plan) -> Option<&str> {
        self.cases.iter().find(|case| case.detects(plan)).map(|case| case.name.as_str())
    }

    /// Compiles a mutant; fails with the code of the first diagnostic that the unchanged profile does not have.
    pub(crate) fn compile(&self, source: &std::sync::Arc<Source>) -> Result<Plan, Code> {
        let (plan, diagnostics) = Plan::check(source);
        let known = |code: &Code| self.warnings.get(code).copied().unwrap_or(0);
        let news = count(&diagnostics).into_iter().find(|(code, count)| *count > known(code));
        match (plan, news) {
            (Some(plan), None) => Ok(plan),
            (_, Some((code, _))) => Err(code),
            (None, None) => Err(diagnostics.first().map_or(Code::Syntax, |found| found.code)),
        }
    }
}

impl RecordedCase {
    /// Tests whether the result differs with another plan, or the case cannot be played with it.
    pub(crate) fn detects(&self, plan: &Plan) -> bool {
        play(plan, &self.case).map_or(true, |played| played.transcript != self.played.transcript)
    }
}

/// Reads and plays a case; `None` if it differs from its expected result, which has been reported.
fn recorded_case(suite: &Suite, plan: &Plan, name: &str) -> anyhow::Result<Option<RecordedCase>> {
    let Some(case) = Folder::OnDisk(suite.folder.clone()).case(name)? else { return Ok(None) };
    let played = match play(plan, &case) {
        Ok(played) => played,
        Err(errors) => {
            errors.iter().for_each(|error| render::remark(&setting_message(error)));
            return Ok(None);
        }
    };
    if suite.expected(name)? != played.transcript {
        let name = name.trim_end_matches(".yaml");
        render::remark(&format!("{} {name} differs from its expected result: run `stixmap test`", plan.id));
        return Ok(None);
    }
    Ok(Some(RecordedCase { name: name.trim_end_matches(".yaml").to_owned(), case, played }))
}

fn count(diagnostics: &[Diagnostic]) -> BTreeMap<Code, usize> {
    let mut counts = BTreeMap::new();
    for diagnostic in diagnostics {
        *counts.entry(diagnostic.code).or_default() += 1;
    }
    counts
}
