//! `stixmap check`: validates profiles and cases, reports all diagnostics at once, and applies fixes.

use crate::catalog::{self, DEFAULT_FOLDER, Folder, PROFILE, other_name, source};
use crate::cli::{CheckArgs, CheckFormat};
use crate::exit::Exit;
use crate::files::{Root, operator_path};
use crate::standard_streams::{print, print_json};
use crate::{render, sarif};
use anyhow::{Context, bail};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stixmap_engine::case::{self, Case};
use stixmap_engine::diagnostic::{Code, Diagnostic, Fix, Severity, Source, Span};
use stixmap_engine::parallel;
use stixmap_engine::plan::Plan;

/// Maximum number of rounds of fixes.
const MAX_ROUNDS: usize = 10;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let paths = if args.paths.is_empty() { vec![PathBuf::from(DEFAULT_FOLDER)] } else { args.paths.clone() };
    let mut diagnostics = check(&paths)?;
    if args.fix {
        let mut fixed = 0;
        // A fix can reveal another mistake.
        for _ in 0..MAX_ROUNDS {
            match fix(&diagnostics)? {
                0 => break,
                more => fixed += more,
            }
            diagnostics = check(&paths)?;
        }
        render::remark(&format!("{fixed} fixed"));
    }
    match args.format {
        CheckFormat::Text => render::diagnostics(&diagnostics),
        CheckFormat::Json => print_json(&render::json(&diagnostics))?,
        CheckFormat::Sarif => print_json(&sarif::log(&diagnostics))?,
        CheckFormat::Github => print(&diagnostics.iter().map(render::github).collect::<String>())?,
    }
    if args.format == CheckFormat::Text {
        render::remark(&summary(&diagnostics));
    }
    Ok(if diagnostics.is_empty() { Exit::Success } else { Exit::Failure })
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (errors, diagnostics.len() - errors) {
        (0, 0) => "no errors, no warnings".to_owned(),
        (errors, 0) => plural(errors, "error"),
        (0, warnings) => plural(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}

/// Validates everything at these paths; returns the diagnostics in the order of the paths.
pub(crate) fn check(paths: &[PathBuf]) -> anyhow::Result<Vec<Diagnostic>> {
    let (mut diagnostics, mut known) = (vec![], HashSet::new());
    for found in parallel::map(paths, |path| check_path(path)) {
        let found = found?;
        // A profile can be validated twice: for its folder and for a case.
        diagnostics.extend(found.into_iter().filter(|found| known.insert(identity(found))));
    }
    Ok(diagnostics)
}

/// Returns what identifies a diagnostic, to report it once.
fn identity(found: &Diagnostic) -> (String, Span, Code, String) {
    let place = &found.labels[0];
    (place.source.name.clone(), place.span.clone(), found.code, found.message.clone())
}

/// Validates a folder of a profile, a folder of such folders, a profile, or a case.
fn check_path(path: &Path) -> anyhow::Result<Vec<Diagnostic>> {
    let root = catalog::root(path);
    if root.claims(PROFILE) {
        return check_folder(&root);
    }
    if operator_path::is_folder(path) {
        let folders: Vec<Root> = catalog::folders_in(&root)?.into_values().collect();
        if folders.is_empty() {
            bail!("no profile in `{}`", path.display());
        }
        return Ok(parallel::map(&folders, check_one_of_several).concat());
    }
    let (root, name) = catalog::locate(path)?;
    let source = match source(&root, name)? {
        Ok(source) => source,
        Err(mistake) => return Ok(vec![mistake]),
    };
    match catalog::folder_of_case(path) {
        Some(folder) => {
            let (plan, mut diagnostics) = plan(&folder)?;
            diagnostics.extend(check_case(&source, plan.as_ref(), &folder, path));
            Ok(diagnostics)
        }
        None => Ok(Plan::check(&source).1),
    }
}

fn plan(folder: &Root) -> anyhow::Result<(Option<Plan>, Vec<Diagnostic>)> {
    let source = match source(folder, PROFILE)? {
        Ok(source) => source,
        Err(mistake) => return Ok((None, vec![mistake])),
    };
    let (plan, mut diagnostics) = Plan::check(&source);
    diagnostics.extend(plan.as_ref().and_then(|plan| other_name(plan, folder)).map(Diagnostic::warning));
    Ok((plan, diagnostics))
}

/// Validates a profile; an unreadable one becomes a diagnostic, so that the others are still validated.
fn check_one_of_several(folder: &Root) -> Vec<Diagnostic> {
    check_folder(folder).unwrap_or_else(|error| {
        let source = Source::new(folder.path().join(PROFILE).display().to_string(), "");
        vec![Diagnostic::error(Code::NotUtf8, render::causes(&error), &source, 0..0, "not validated")]
    })
}

fn check_folder(folder: &Root) -> anyhow::Result<Vec<Diagnostic>> {
    let (plan, mut diagnostics) = plan(folder)?;
    for name in Folder::OnDisk(folder.clone()).cases()? {
        let path = Path::new("cases").join(name);
        match source(folder, &path)? {
            Ok(source) => diagnostics.extend(check_case(&source, plan.as_ref(), folder, &path)),
            Err(mistake) => diagnostics.push(mistake),
        }
    }
    Ok(diagnostics)
}

/// Validates a case. Without a plan, because the profile is invalid, only the case's own syntax is validated.
fn check_case(source: &Arc<Source>, plan: Option<&Plan>, root: &Root, path: &Path) -> Vec<Diagnostic> {
    let folder = Folder::OnDisk(root.clone());
    let beside = folder.beside();
    let load = |name: &str| beside.read(name);
    let mut diagnostics = match plan {
        Some(plan) => case::check(source, plan, load),
        None => Case::read(source, load).err().unwrap_or_default(),
    };
    let expected = Path::new("cases").join(path.file_name().unwrap_or_default()).with_extension("expected");
    if diagnostics.is_empty() && !root.claims(expected) {
        let message = "missing expected result of the case";
        let label = "no file of this name with the extension `.expected`";
        let found = Diagnostic::error(Code::CaseNotAccepted, message, source, 0..0, label).warning();
        diagnostics.push(found.note("`stixmap test --accept` writes it; review it"));
    }
    diagnostics
}

/// Applies fixes from the end of each file to its start, so that spans stay valid. A fix is kept only if it reduces the number
/// of mistakes. Returns the number of applied fixes.
fn fix(diagnostics: &[Diagnostic]) -> anyhow::Result<usize> {
    let mut fixed = 0;
    let mut sources: Vec<&Arc<Source>> = diagnostics.iter().map(|diagnostic| &diagnostic.labels[0].source).collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    // The same file may have been read twice.
    sources.dedup_by(|a, b| a.name == b.name);
    for source in sources {
        let of_source = diagnostics.iter().filter(|diagnostic| diagnostic.labels[0].source == *source);
        let fixes = of_source.filter_map(|diagnostic| diagnostic.fix.as_ref()).collect();
        let (text, applied) = with_fixes(source, fixes)?;
        if applied > 0 {
            let (root, name) = catalog::locate(Path::new(&source.name))?;
            let written = root.replace(name, &mut |out| out.write_all(text.as_bytes()));
            written.with_context(|| format!("failed to write {}", source.name))?;
        }
        fixed += applied;
    }
    Ok(fixed)
}

/// Returns the text with the fixes that reduce its mistakes, and their number. Of overlapping fixes the first is used.
fn with_fixes(source: &Arc<Source>, mut fixes: Vec<&Fix>) -> anyhow::Result<(String, usize)> {
    fixes.sort_by_key(|fix| (fix.span.start, fix.span.end));
    fixes.dedup_by(|later, earlier| later.span.start < earlier.span.end || later.span == earlier.span);
    let (mut text, mut applied) = (source.text.clone(), 0);
    let mut left = mistakes(&source.name, &text)?;
    for fix in fixes.iter().rev() {
        let mut changed = text.clone();
        changed.replace_range(fix.span.clone(), &fix.replacement);
        let remaining = mistakes(&source.name, &changed)?;
        if remaining < left {
            (text, left, applied) = (changed, remaining, applied + 1);
        }
    }
    Ok((text, applied))
}

/// Returns the numbers of errors and warnings of a file with this text. Errors come first: they can hide warnings.
fn mistakes(name: &str, text: &str) -> anyhow::Result<(usize, usize)> {
    let (source, path) = (Source::new(name, text), Path::new(name));
    let found = match catalog::folder_of_case(path) {
        Some(folder) => check_case(&source, plan(&folder)?.0.as_ref(), &folder, path),
        None => Plan::check(&source).1,
    };
    let errors = found.iter().filter(|found| found.severity == Severity::Error).count();
    Ok((errors, found.len() - errors))
}
