//! A profile with its cases, played once: what other readings of the profile are compared with.

use super::compare::setting_remark;
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

/// A profile and what its cases come to.
pub(crate) struct Recorded {
    /// Its file.
    pub(crate) file: PathBuf,
    /// Its text, and where each part of it stands.
    pub(crate) tree: Tree,
    /// The same with every alias written out: each use stands at a place of its own.
    pub(crate) expanded: Tree,
    /// Compiled from the expanded text, so that what a run tells of is one use.
    pub(crate) plan: Plan,
    /// Sorted: those that tell most come first, since they notice most.
    pub(crate) cases: Vec<RecordedCase>,
    /// What `check` warns of as it is.
    warnings: BTreeMap<Code, usize>,
}

/// A case, and what comes of it.
pub(crate) struct RecordedCase {
    pub(crate) name: String,
    pub(crate) case: Case,
    pub(crate) played: Played,
}

impl Recorded {
    /// Reads and plays a profile's cases; `None` after it was told why that cannot be built on.
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

    /// The line on which the key at a pointer stands, or what has none; of what an alias repeats, the alias's.
    pub(crate) fn line(&self, pointer: &str) -> usize {
        self.tree.line_of_use(pointer)
    }

    /// The first case that comes out otherwise by another plan.
    pub(crate) fn noticed_by(&self, plan: &Plan) -> Option<&str> {
        self.cases.iter().find(|case| case.notices(plan)).map(|case| case.name.as_str())
    }

    /// A plan of another text, unless `check` tells more of it than of the profile.
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
    /// Whether the case comes out otherwise by another plan. One that cannot be played any more does.
    pub(crate) fn notices(&self, plan: &Plan) -> bool {
        play(plan, &self.case).map_or(true, |played| played.transcript != self.played.transcript)
    }
}

/// Reads and plays a case; `None` after it was told that it differs from what is expected of it.
fn recorded_case(suite: &Suite, plan: &Plan, name: &str) -> anyhow::Result<Option<RecordedCase>> {
    let Some(case) = Folder::OnDisk(suite.folder.clone()).case(name)? else { return Ok(None) };
    let played = match play(plan, &case) {
        Ok(played) => played,
        Err(errors) => {
            errors.iter().for_each(|error| render::remark(&setting_remark(error)));
            return Ok(None);
        }
    };
    if suite.expected(name)? != played.transcript {
        let name = name.trim_end_matches(".yaml");
        render::remark(&format!("{} {name} differs from what is expected of it: `stixmap test` tells how", plan.id));
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
