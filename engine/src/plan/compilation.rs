//! Compiles a profile: reads the YAML, compiles the parts, and checks them together.

use super::compiled::Plan;
use super::compiler::Compiler;
use super::parts::Parts;
use super::{cascade, consistency, printable_texts, records};
use crate::diagnostic::{Code, Diagnostic, Severity, Source, Span, capped};
use crate::profile::Profile;
use crate::yaml::{self, Size};
use std::collections::HashSet;
use std::sync::Arc;

impl Plan {
    /// Compiles a profile.
    ///
    /// # Errors
    ///
    /// Returns all diagnostics if at least one is an error. Warnings alone are ignored; [`Plan::check`] returns them.
    pub fn read(source: &Arc<Source>) -> Result<Plan, Vec<Diagnostic>> {
        match Self::check(source) {
            (Some(plan), _) => Ok(plan),
            (None, diagnostics) => Err(diagnostics),
        }
    }

    /// Compiles a profile and returns all errors and warnings, ordered by location. There is no plan if there is an
    /// error.
    pub fn check(source: &Arc<Source>) -> (Option<Plan>, Vec<Diagnostic>) {
        let (plan, diagnostics) = Self::compile(source);
        (plan, capped(diagnostics))
    }

    fn compile(source: &Arc<Source>) -> (Option<Plan>, Vec<Diagnostic>) {
        let read = yaml::read_lenient::<Profile>(source, Size::PROFILE, true);
        if let Some(found) = language(source).filter(|_| !read.diagnostics.is_empty()) {
            return (None, vec![found]);
        }
        let mut diagnostics = read.diagnostics;
        let Some((mut profile, tree)) = read.value else { return (None, diagnostics) };
        let unprintable = printable_texts::check(&tree);
        let mut compiler = Compiler::new(&tree);
        records::correct_field_names(&mut compiler, &mut profile.record);
        let parts = Parts::compile(&mut compiler, &profile);
        consistency::check(&mut compiler, &profile, &parts);
        let plan = parts.plan(profile, source, compiler.span("/id"));
        diagnostics.extend(unprintable);
        let found = compiler.diagnostics;
        let reported: HashSet<Span> = diagnostics.iter().map(|found| found.labels[0].span.clone()).collect();
        let is_reported = |found: &Diagnostic| reported.contains(&found.labels[0].span);
        let is_new = |found: &Diagnostic| !is_reported(found) && !cascade::is_cascading(found, &tree, &read.incomplete);
        diagnostics.extend(found.into_iter().filter(is_new));
        diagnostics.sort_by_key(|diagnostic| diagnostic.labels[0].span.start);
        let is_sound = diagnostics.iter().all(|diagnostic| diagnostic.severity == Severity::Warning);
        (plan.filter(|_| is_sound), diagnostics)
    }
}

/// Reports an unknown language version. Other diagnostics of such a profile would be meaningless.
fn language(source: &Arc<Source>) -> Option<Diagnostic> {
    let tree = yaml::Tree::parse(source).ok()?;
    let language = tree.value().get("profile").and_then(serde_json::Value::as_str);
    let language = language.filter(|language| language.starts_with("stixmap/v") && *language != "stixmap/v1")?;
    let message = format!("unknown language version `{language}`");
    let found =
        Diagnostic::error(Code::LanguageVersion, message, source, tree.span("/profile"), "expected `stixmap/v1`");
    let note = "this program supports `stixmap/v1`; a newer one may support other versions (see `stixmap --version`)";
    Some(found.note(note))
}
