//! `stixmap test --properties`: property tests. Generates responses from a profile and checks invariants on the
//! resulting runs. No request is sent: a generator replaces the provider.

mod accepted;
mod body;
mod derive;
mod ensure;
mod fault;
mod invariant;
mod play;
mod pool;
mod bundle_view;
mod ordering;
mod reply;
mod results;
mod runner;
mod runs;
mod scenario;
mod mock_provider;
mod table;
mod take;
mod report;
#[cfg(test)]
mod tests;
mod valid;
mod round_trip;

use super::parallel;
use super::suite::Suite;
use crate::catalog::Folder;
use crate::cli::{TestArgs, TestFormat};
use crate::exit::Exit;
use crate::files::{Bound, Root};
use crate::standard_streams::{print, print_json};
use anyhow::{Context, bail};
use play::{Stage, levels};
use proptest::test_runner::{TestCaseError, TestCaseResult, TestError};
use results::{Failure, PropertyResults, RunCounts, Tally};
use runner::runner;
use scenario::{Scenario, scenes};
use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use stixmap_engine::plan::Plan;
use table::{PROPERTIES, Property};
use take::Take;

/// Default number of generated runs.
pub(super) const USUAL_CASES: u32 = 64;

/// Maximum factor by which runs are added for a lookup without a mapped record.
const MOST_REPETITIONS: u32 = 16;

pub(super) fn run(suites: &[Suite], args: &TestArgs) -> anyhow::Result<Exit> {
    let mut plans = vec![];
    for suite in suites {
        let Some(plan) = Folder::OnDisk(suite.folder.clone()).plan()? else { return Ok(Exit::Failure) };
        plans.push((suite, plan));
    }
    let cases = args.cases.unwrap_or_else(|| of_environment().max(USUAL_CASES));
    if let Some(folder) = &args.runs {
        Root::new(folder).make().with_context(|| format!("failed to create {}", folder.display()))?;
        let written = quietly(|| parallel::map(&plans, |(_, plan)| runs::write(folder, plan, cases, args.seed)));
        return written.into_iter().collect::<anyhow::Result<()>>().map(|()| Exit::Success);
    }
    let mut tried: Vec<PropertyResults> =
        quietly(|| parallel::map(&plans, |(_, plan)| try_all(&Stage::new(plan), cases, args.seed)))
            .into_iter()
            .collect::<anyhow::Result<_>>()?;
    if args.accept {
        for (tried, (suite, _)) in tried.iter_mut().zip(&plans) {
            tried.results.iter_mut().try_for_each(|tally| keep(tally, &suite.folder))?;
        }
    }
    match args.format() {
        TestFormat::Text => print(&report::text(&tried))?,
        TestFormat::Json => print_json(&report::json(&tried))?,
        TestFormat::Lcov | TestFormat::Cobertura => bail!("invalid format for properties: expected text or json"),
    }
    let is_kept = tried.iter().all(|tried| tried.kept() == tried.results.len());
    Ok(if is_kept { Exit::Success } else { Exit::Failure })
}

/// Returns the page that documents the properties.
pub(super) fn page() -> String {
    table::page()
}

/// Returns the number of properties that hold for a profile, and their total.
pub(super) fn held(plan: &Plan) -> anyhow::Result<(usize, usize)> {
    let tried = quietly(|| try_all(&Stage::new(plan), USUAL_CASES, 0))?;
    Ok((tried.kept(), tried.results.len()))
}

/// Returns the number of cases in `PROPTEST_CASES`.
fn of_environment() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Runs the closure without printing panics: they are caught and reported as failures.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = work();
    std::panic::set_hook(hook);
    done
}

/// Checks all properties on the same runs, and on up to [`MOST_REPETITIONS`] times as many if a lookup mapped no record,
/// as it may by chance.
fn try_all(stage: &Stage, cases: u32, seed: u64) -> anyhow::Result<PropertyResults> {
    let mut times = 1;
    loop {
        let tried = try_cases(stage, cases.saturating_mul(times), seed)?;
        times *= 4;
        if tried.untried.is_empty() || tried.reached.records.0 == 0 || times > MOST_REPETITIONS {
            return Ok(tried);
        }
    }
}

/// Checks all properties on the same runs. Each failing property is shrunk by itself.
fn try_cases(stage: &Stage, cases: u32, seed: u64) -> anyhow::Result<PropertyResults> {
    let plan = stage.plan;
    let mut open: Vec<&'static Property> = PROPERTIES.iter().collect();
    let mut failed: Vec<(&'static str, Failure)> = vec![];
    let reached = RefCell::new(RunCounts { of: plan.rules.rules.len(), ..RunCounts::default() });
    while let Some((name, scene)) = first_failure(stage, &open, (cases, seed), &reached)? {
        failed.push((name, failure(stage, name, &scene)?));
        open.retain(|property| property.name != name);
    }
    let tally = |property: &'static Property| {
        let place = failed.iter().position(|(name, _)| *name == property.name);
        Tally { property, cases, failure: place.map(|place| failed.swap_remove(place).1) }
    };
    let results = PROPERTIES.iter().map(tally).collect();
    let reached = reached.into_inner();
    let untried = plan.lookups.iter().map(|lookup| &lookup.name).filter(|name| !reached.lookups.contains(*name));
    let untried = untried.cloned().collect();
    Ok(PropertyResults { id: plan.id.clone(), seed, reached, results, untried })
}

/// Returns the first property that fails, and the smallest run found for it.
fn first_failure(
    stage: &Stage,
    open: &[&'static Property],
    (cases, seed): (u32, u64),
    reached: &RefCell<RunCounts>,
) -> anyhow::Result<Option<(&'static str, Scenario)>> {
    *reached.borrow_mut() = RunCounts { of: stage.plan.rules.rules.len(), ..RunCounts::default() };
    let found = Cell::new(None);
    let scenes = scenes(stage.plan.record.fields.len(), levels(stage.plan));
    let outcome = runner(cases, seed).run(&scenes, |scene| -> TestCaseResult {
        let played = stage.play(&scene);
        let take = Take { stage, scene: &scene, played: &played };
        played.iter().for_each(|played| reached.borrow_mut().note(&played.report));
        // While shrinking, only the same property counts.
        let wanted = |property: &&&Property| found.get().is_none_or(|name| name == property.name);
        for property in open.iter().filter(wanted) {
            if let Err(reason) = (property.check)(&take) {
                found.set(Some(property.name));
                return Err(TestCaseError::fail(reason));
            }
        }
        Ok(())
    });
    match outcome {
        Ok(()) => Ok(None),
        Err(TestError::Fail(_, scene)) => Ok(found.get().map(|name| (name, scene))),
        Err(TestError::Abort(reason)) => anyhow::bail!("failed to generate runs: {reason}"),
    }
}

fn failure(stage: &Stage, name: &str, scene: &Scenario) -> anyhow::Result<Failure> {
    let played = stage.play(scene);
    let take = Take { stage, scene, played: &played };
    let property = PROPERTIES.iter().find(|property| property.name == name).context("it is one of the table")?;
    let reason = (property.check)(&take).err().unwrap_or_default();
    let about = format!("{}: {reason}", property.holds);
    let case = played.as_ref().map_or_else(|panicked| panicked.case(&about), |played| played.case(&about));
    let case = case.text()?;
    Ok(Failure { reason, case, file: None })
}

/// Writes the run to the profile's cases, without overwriting another case.
fn keep(tally: &mut Tally, folder: &Root) -> anyhow::Result<()> {
    let Some(failure) = &mut tally.failure else { return Ok(()) };
    let cases = folder.below("cases");
    let shown = cases.path();
    cases.make().with_context(|| format!("failed to create {}", shown.display()))?;
    let name = format!("property-{}", tally.property.name);
    let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    for name in names.map(|name| format!("{name}.yaml")) {
        let file = (name, failure.case.clone().into_bytes());
        let is_kept = match cases.create(std::slice::from_ref(&file)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                cases.read(&file.0, Bound::CASE).is_ok_and(|kept| kept == file.1)
            }
            created => created.map(|()| true).with_context(|| format!("failed to write {}", shown.display()))?,
        };
        if is_kept {
            failure.file = Some(shown.join(file.0));
            return Ok(());
        }
    }
    unreachable!("the sequence of names is infinite")
}
