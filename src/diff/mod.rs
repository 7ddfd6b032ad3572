//! `stixmap diff`: compares the results of two versions of a profile on recorded cases.

mod graph;
mod report;

use crate::catalog::{self, Folder, PROFILE};
use crate::cli::DiffArgs;
use crate::exit::Exit;
use crate::files::{Root, operator_path};
use crate::render;
use crate::standard_streams::{print, print_json};
use anyhow::bail;
use graph::{CaseDifference, difference};
use std::path::Path;
use stixmap_engine::case::play;
use stixmap_engine::plan::Plan;

pub(crate) fn run(args: &DiffArgs) -> anyhow::Result<Exit> {
    let profiles = args.catalog.profiles.as_deref();
    let (Some((old, old_folder)), Some((new, new_folder))) = (read(&args.old, profiles)?, read(&args.new, profiles)?)
    else {
        return Ok(Exit::NotStarted);
    };
    let folder = match &args.cases {
        Some(cases) => with_cases(cases),
        None => new_folder.or(old_folder).unwrap_or(Folder::OnDisk(Root::default())),
    };
    let names = folder.cases()?;
    if names.is_empty() {
        bail!("no cases found; specify their folder with `--cases`");
    }
    let mut differences = vec![];
    for name in &names {
        let Some(case) = folder.case(name)? else { return Ok(Exit::NotStarted) };
        let played = |plan: &Plan| play(plan, &case).ok();
        let difference = difference(played(&old).as_ref(), played(&new).as_ref());
        let case = name.trim_end_matches(".yaml").to_owned();
        differences.extend((!difference.is_none()).then_some(CaseDifference { case, difference }));
    }
    match args.json {
        true => print_json(&report::json(&old, &new, names.len(), &differences))?,
        false => print(&report::text(&old, &new, names.len(), &differences))?,
    }
    Ok(if differences.is_empty() { Exit::Success } else { Exit::Failure })
}

/// Reads a profile and, unless it is a file of another name, its folder; `None` if it is invalid, which has been
/// reported.
fn read(name: &str, profiles: Option<&Path>) -> anyhow::Result<Option<(Plan, Option<Folder>)>> {
    let path = Path::new(name);
    if !operator_path::is_file(path) || path.ends_with(PROFILE) {
        let folder = catalog::find(name, profiles)?;
        return Ok(folder.plan()?.map(|plan| (plan, Some(folder))));
    }
    let (root, name) = catalog::locate(path)?;
    let plan = catalog::source(&root, name)?.map_err(|mistake| vec![mistake]).and_then(|source| Plan::read(&source));
    Ok(plan.map_err(|mistakes| render::diagnostics(&mistakes)).ok().map(|plan| (plan, None)))
}

/// Returns the folder that contains `cases`, given either of them.
fn with_cases(path: &Path) -> Folder {
    let is_inner =
        !operator_path::is_folder(&path.join("cases")) && path.file_name().is_some_and(|name| name == "cases");
    let folder = if is_inner { path.parent().unwrap_or(Path::new("")) } else { path };
    Folder::OnDisk(Root::new(folder))
}
