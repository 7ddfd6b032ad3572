//! Writes generated runs for external validators: a file for each profile, and on each line the exchanges and the
//! bundle of one run.

use super::play::{Stage, levels};
use super::runner::runner;
use super::scenario::scenes;
use crate::case_file::CaseText;
use crate::files::Root;
use anyhow::Context;
use proptest::strategy::{Strategy, ValueTree};
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use stixmap_engine::plan::Plan;

#[derive(Serialize)]
struct Run<'r> {
    case: CaseText<'r>,
    outcome: &'static str,
    bundle: &'r serde_json::Value,
}

/// Writes the runs of a profile. Runs that panic are omitted; a property reports them.
pub(super) fn write(folder: &Path, plan: &Plan, cases: u32, seed: u64) -> anyhow::Result<()> {
    let name = format!("{}.ndjson", plan.id);
    let mut failed = None;
    let written = Root::new(folder).replace(&name, &mut |file| {
        failed = lines(file, plan, cases, seed).err();
        Ok(())
    });
    failed.map_or(Ok(()), Err)?;
    written.with_context(|| format!("failed to write {}", folder.join(&name).display()))
}

fn lines(file: &mut dyn Write, plan: &Plan, cases: u32, seed: u64) -> anyhow::Result<()> {
    let stage = Stage::new(plan);
    let mut runner = runner(cases, seed);
    let scenes = scenes(plan.record.fields.len(), levels(plan));
    for _ in 0..cases {
        let scene = scenes
            .new_tree(&mut runner)
            .map_err(|reason| anyhow::anyhow!("failed to generate a run: {reason}"))?
            .current();
        let Ok(played) = stage.play(&scene) else { continue };
        let outcome = played.report.outcome.kind.as_str();
        let case = played.case("a generated run");
        serde_json::to_writer(&mut *file, &Run { case, outcome, bundle: &played.bundle })?;
        file.write_all(b"\n")?;
    }
    Ok(())
}
