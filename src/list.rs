//! `stixmap list`: lists the available profiles.

use crate::cli::ListArgs;
use crate::exit::Exit;
use crate::standard_streams::{print, print_json};
use crate::{catalog, render};
use serde::Serialize;
use std::fmt::Write;
use stixmap_engine::plan::Plan;
use stixmap_engine::printable;

#[derive(Serialize)]
struct Row<'p> {
    profile: &'p str,
    version: &'p str,
    status: &'static str,
    accepts: Vec<&'static str>,
    /// Origins that receive credentials; empty if the operator chooses the server.
    origins: Vec<String>,
    summary: &'p str,
}

pub(crate) fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let known = catalog::known(args.catalog.profiles.as_deref())?;
    let conflicts: Vec<String> = known.conflicts().collect();
    conflicts.iter().for_each(|conflict| render::remark(conflict));
    let folders: Vec<_> = known.folders().cloned().collect();
    let plans = catalog::plans(&folders);
    let exit = if plans.iter().all(Option::is_some) && conflicts.is_empty() { Exit::Success } else { Exit::Failure };
    let rows: Vec<Row> = plans.iter().flatten().map(row).collect();
    match args.json {
        true => print_json(&rows)?,
        false => print(&table(&rows))?,
    }
    Ok(exit)
}

fn row(plan: &Plan) -> Row<'_> {
    Row {
        profile: &plan.id,
        version: &plan.version,
        status: plan.status.as_str(),
        accepts: plan.accepts().into_iter().map(|kind| kind.stix_type()).collect(),
        origins: plan.origins().into_iter().collect(),
        summary: &plan.summary,
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "{:<24} {:<8} {:<13} {}", row.profile, row.version, row.status, row.accepts.join(", "));
        let _ = writeln!(text, "    {}", printable::line(row.summary));
        if !row.origins.is_empty() {
            let _ = writeln!(text, "    {}", row.origins.join(", "));
        }
    }
    text
}
