//! Validates a case for a profile.

use super::play::play;
use super::recorded::{Case, error};
use crate::diagnostic::{Code, Diagnostic, Source, capped};
use crate::plan::{Plan, SettingSpec};
use crate::run::OutcomeKind;
use crate::yaml::{self, Tree};
use std::sync::Arc;

/// Validates a case for a plan. Returns every mistake in its text and in its result.
pub fn check(source: &Arc<Source>, plan: &Plan, load: impl Fn(&str) -> Result<Vec<u8>, String>) -> Vec<Diagnostic> {
    let case = match Case::read(source, load) {
        Ok(case) => case,
        Err(diagnostics) => return diagnostics,
    };
    let tree = Tree::parse(source).expect("the text was parsed before");
    let mut diagnostics = settings(&case, plan, &tree);
    if let Ok(played) = play(plan, &case)
        && case.exchanges.is_empty()
        && played.report.outcome.kind != OutcomeKind::Refused
    {
        diagnostics.push(error(
            Code::CaseTestsNothing,
            &tree,
            "/exchanges",
            "case tests nothing",
            "the run sends no request",
        ));
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels[0].span.start);
    capped(diagnostics)
}

fn settings(case: &Case, plan: &Plan, tree: &Tree) -> Vec<Diagnostic> {
    let names: Vec<&str> = plan.settings.iter().flat_map(|spec| spec.names()).collect();
    let unknown = case.settings.keys().filter(|name| !names.contains(&name.as_str())).map(|name| {
        let near = yaml::nearest(name, names.iter().copied());
        let label = near.map_or_else(|| "not declared".into(), |near| format!("did you mean `{near}`?"));
        let message = format!("unknown setting `{name}` of {}", plan.id);
        let span = tree.key_span(&format!("/settings/{name}"));
        let found = Diagnostic::error(Code::CaseSetting, message, tree.source(), span.clone(), label);
        // Another setting of the case stays as it is.
        let sure = yaml::unmistakable(name, names.iter().copied()).filter(|sure| near == Some(*sure));
        match sure.filter(|sure| !case.settings.contains_key(*sure)) {
            Some(sure) => found.fix(span, sure),
            None => found,
        }
    });
    let is_missing = |spec: &&SettingSpec| {
        spec.required && spec.default.is_none() && !spec.names().any(|name| case.settings.contains_key(name))
    };
    let missing = plan.settings.iter().filter(is_missing).map(|spec| {
        let message = format!("missing setting `{}`", spec.name);
        let place = if tree.has("/settings") { "/settings" } else { "/observable" };
        error(Code::CaseSettingMissing, tree, place, &message, format!("{} requires it", plan.id))
    });
    unknown.chain(missing).collect()
}
