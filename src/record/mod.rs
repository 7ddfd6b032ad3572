//! `stixmap record`: queries the provider for one observable and writes the exchanges as a case. The case is played
//! before it is written: it must yield the same result, and must not contain secrets.

mod case_path;
mod credentials;
mod identity;
mod recording;
mod scrub;

use crate::catalog;
use crate::cli::{RecordArgs, Verbosity};
use crate::clock::Clock;
use crate::driver::{Driver, Tape};
use crate::enrich::{Answer, duration, exit, kind, markings, observable, summary};
use crate::exit::Exit;
use crate::setting::SettingSources;
use crate::trust::Trust;
use crate::{http, render, standard_streams};
use anyhow::{Context, bail};
use case_path::CasePath;
use identity::Identity;
use jiff::Timestamp;
use recording::Recording;
use std::sync::{Arc, PoisonError};
use stixmap_engine::case::Case;
use stixmap_engine::plan::after;
use stixmap_engine::printable;
use stixmap_engine::run::{Fault, Input};

pub(crate) fn run(args: &RecordArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let folder = catalog::find(&args.profile, args.catalog.profiles.as_deref())?;
    let Some(plan) = folder.plan()? else { return Ok(Exit::Failure) };
    let path = CasePath::new(args, &folder)?;
    let given = SettingSources::read(&args.settings)?;
    given.refuse_unknown(&[&plan], args.catalog.profiles.as_deref())?;
    let settings = given.settings(&Trust::read(&args.catalog)?.confirm(&folder, &plan, &[])?)?;
    given.warnings(&plan, &settings).iter().for_each(|warning| render::warning(warning));
    let mut identity = Identity::new(&plan, &settings);
    let observable = observable(&args.value, kind(args.kind.as_deref())?)?;
    // The clock of a case has a resolution of one second.
    let now = Timestamp::from_second(Timestamp::now().as_second()).context("the clock")?;
    let markings = markings(&args.marking)?;
    let deadline = after(now, duration(&args.deadline)?);
    let input =
        Input { observable: observable.clone(), markings: markings.clone(), settings, deadline, seed: 0, trace: false };
    let tape = Tape::default();
    let runtime = tokio::runtime::Runtime::new().context("failed to start the runtime")?;
    let report = runtime.block_on(async {
        let driver = Driver::new(http::client()?, verbosity == Verbosity::Verbose).recording_to(Arc::clone(&tape));
        anyhow::Ok(driver.drive(&plan, Arc::default(), input, Clock::real()).await)
    })?;
    let ended = exit(report.outcome.kind);
    identity.add_secrets(report.secrets.searchable());
    render::remark(&summary(&Answer { observable: observable.clone(), report }));
    let answers = std::mem::take(&mut *tape.lock().unwrap_or_else(PoisonError::into_inner));
    if answers.is_empty() {
        bail!("nothing written: no request was sent");
    }
    // A failed connection says nothing about the provider, and its message depends on the system.
    if answers.iter().any(|answer| matches!(answer, Err(Fault::Connect(_)))) {
        bail!("nothing written: failed to connect to the provider");
    }
    let about = args.about.clone().unwrap_or_else(|| format!("Results for {}", args.value));
    let case = Case { about, now, observable, markings, settings: identity.made_up(), exchanges: vec![] };
    let mut recording = Recording { plan: &plan, case, marking: &args.marking, answers: identity.redacted(answers)? };
    let (answers, read) = credentials::redacted(&recording)?;
    recording.answers = answers;
    for name in &read {
        render::warning(&format!("`{name}` may be a credential, but is kept because the profile reads it"));
    }
    if !args.whole {
        recording.answers = scrub::scrubbed(&recording)?;
    }
    let files = recording.files(&path, &identity)?;
    path.write(&files)?;
    let shown = |name: &String| path.folder.path().join(name).to_string_lossy().into_owned();
    let written: String = files.iter().map(|(name, _)| format!("{}\n", printable::line(&shown(name)))).collect();
    standard_streams::print(&written)?;
    if verbosity > Verbosity::Quiet {
        render::remark("next: review the case, since it contains the provider's results; then run `stixmap test`");
    }
    Ok(ended)
}
