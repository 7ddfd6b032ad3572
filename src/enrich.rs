//! `stixmap enrich`: looks up observables, and writes the merged results.

use crate::catalog::Folder;
use crate::cli::{EnrichArgs, MarkingArgs, OutputArgs, Verbosity};
use crate::clock::Clock;
use crate::driver::Driver;
use crate::exit::Exit;
use crate::files::{Bound, operator_path};
use crate::replay::Replay;
use crate::setting::SettingSources;
use crate::trust::Trust;
use crate::{catalog, http, output_format, progress, render, standard_streams};
use anyhow::{Context, bail};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;
use stixmap_engine::plan::{Plan, Settings, after};
use stixmap_engine::run::{Input, OutcomeKind, ProviderState, Report};
use stixmap_engine::stix::{Marking, Observable, ObservableType, Pap, Tlp};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A provider with its plan, its settings and the state of its quota.
struct Provider {
    plan: Plan,
    settings: Settings,
    account: Arc<ProviderState>,
    replay: Option<Replay>,
}

impl Provider {
    /// Returns whether the observable can be looked up: always, or if a case is recorded.
    fn has(&self, observable: &Observable) -> bool {
        self.replay.as_ref().is_none_or(|replay| replay.has(observable))
    }
}

/// The report of one lookup, with its observable.
pub(crate) struct Answer {
    pub(crate) observable: Observable,
    pub(crate) report: Report,
}

pub(crate) fn run(args: &EnrichArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let Values { observables, invalid } = Values::read(args)?;
    invalid.iter().for_each(|reason| render::remark(&format!("skipped: {reason}")));
    standard_streams::check(args.output.output.as_deref())?;
    let markings = markings(&args.marking)?;
    let deadline = duration(&args.deadline)?;
    let runtime = tokio::runtime::Runtime::new().context("failed to start the async runtime")?;
    runtime.block_on(async {
        let Some(providers) = providers(args, &observables).await? else { return Ok(Exit::Failure) };
        let skipped = not_replayed(args, &providers, &observables)?;
        skipped.iter().for_each(|reason| render::remark(&format!("skipped: {reason}")));
        let answers = run_lookups(args, verbosity, providers, observables, &markings, deadline).await?;
        let explained = report(&answers, &args.output, verbosity);
        let exit = explained.max(exit_of_all(&answers, !(invalid.is_empty() && skipped.is_empty())));
        let mut reports = answers.into_iter().map(|answer| answer.report).collect();
        let fill = &mut |out: &mut dyn Write| output_format::write(args.output.format, &mut reports, out);
        standard_streams::write(args.output.output.as_deref(), fill)?;
        Ok(exit)
    })
}

/// Returns a message for each lookup without a recorded case. It is an error with `--strict`, or if no lookup is left.
fn not_replayed(args: &EnrichArgs, providers: &[Provider], observables: &[Observable]) -> anyhow::Result<Vec<String>> {
    let replays = || providers.iter().filter_map(|provider| provider.replay.as_ref());
    let missing: Vec<String> = replays().flat_map(|replay| replay.missing.iter().cloned()).collect();
    let is_any_left = providers.iter().any(|provider| observables.iter().any(|observable| provider.has(observable)));
    if !missing.is_empty() && (args.strict || !is_any_left) {
        bail!("{}", missing.join("; "));
    }
    Ok(missing)
}

/// The observables to look up, and the values that are none.
struct Values {
    /// Without duplicates: first those of the command line, then those of the file.
    observables: Vec<Observable>,
    /// A message for each value that is not an observable.
    invalid: Vec<String>,
}

impl Values {
    /// Reads the values of the command line and the input file. An invalid value is an error with `--strict` only.
    fn read(args: &EnrichArgs) -> anyhow::Result<Values> {
        let kind = kind(args.kind.as_deref())?;
        let mut values = Values { observables: vec![], invalid: vec![] };
        let mut known = HashSet::new();
        for (value, line) in given(args)? {
            match observable(&value, kind) {
                Ok(observable) if !known.insert((observable.kind(), observable.value().to_owned())) => {}
                Ok(observable) => values.observables.push(observable),
                Err(reason) => values.invalid.push(line.map_or(reason.to_string(), |n| format!("line {n}: {reason}"))),
            }
        }
        if !values.invalid.is_empty() && (args.strict || values.observables.is_empty()) {
            bail!("no request was sent: {}", values.invalid.join("; "));
        }
        if let (Some(path), true) = (&args.input, values.observables.is_empty()) {
            bail!("nothing to look up: no values in {}", path.display());
        }
        Ok(values)
    }
}

/// Returns every given value; those of the input file with their line numbers.
fn given(args: &EnrichArgs) -> anyhow::Result<Vec<(String, Option<usize>)>> {
    let mut values: Vec<_> = args.values.iter().map(|value| (value.clone(), None)).collect();
    let Some(path) = &args.input else { return Ok(values) };
    let text = operator_path::read_input(path, Bound::LIST).and_then(operator_path::text);
    let text = text.with_context(|| format!("failed to read {}", path.display()))?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).enumerate();
    values.extend(lines.filter(|(_, line)| !line.is_empty()).map(|(i, line)| (line.to_owned(), Some(i + 1))));
    Ok(values)
}

pub(crate) fn kind(text: Option<&str>) -> anyhow::Result<Option<ObservableType>> {
    let Some(text) = text else { return Ok(None) };
    let kinds = || ObservableType::all().map(ObservableType::stix_type).collect::<Vec<_>>().join(", ");
    Ok(Some(
        ObservableType::parse(text).with_context(|| format!("invalid --type `{text}`: expected one of {}", kinds()))?,
    ))
}

pub(crate) fn observable(value: &str, kind: Option<ObservableType>) -> anyhow::Result<Observable> {
    Ok(Observable::asked(kind, value)?)
}

pub(crate) fn markings(args: &MarkingArgs) -> anyhow::Result<Vec<Marking>> {
    let read = |marking: Marking, option: &str, text: &str, levels: &[&str]| match marking {
        Marking::Unreadable(_) => bail!("invalid {option} `{text}`: expected one of {}", levels.join(", ")),
        level => Ok(level),
    };
    let tlp = args.tlp.iter().map(|text| read(Marking::tlp(text), "--tlp", text, &Tlp::ALL.map(Tlp::as_str)));
    let pap = args.pap.iter().map(|text| read(Marking::pap(text), "--pap", text, &Pap::ALL.map(Pap::as_str)));
    tlp.chain(pap).collect()
}

/// Returns the highest PAP level, which marks the results.
pub(crate) fn pap(markings: &[Marking]) -> Option<Pap> {
    let level = |marking: &Marking| if let Marking::Pap(pap) = marking { Some(*pap) } else { None };
    markings.iter().filter_map(level).max()
}

/// Parses a duration such as `90s`, `5m` or `PT5M` (ISO 8601).
pub(crate) fn duration(text: &str) -> anyhow::Result<SignedDuration> {
    let span: Span = text
        .parse()
        .ok()
        .with_context(|| format!("invalid --deadline `{text}`: expected a duration such as 90s or 5m"))?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok().with_context(|| {
        format!("invalid --deadline `{text}`: expected an exact duration such as 90s or 5m; months and years vary")
    })?;
    if duration <= SignedDuration::ZERO {
        bail!("invalid --deadline `{text}`: expected a positive duration");
    }
    Ok(duration)
}

/// Compiles the profiles and reads their settings; prints diagnostics and returns `None` if a profile is invalid.
async fn providers(args: &EnrichArgs, observables: &[Observable]) -> anyhow::Result<Option<Vec<Provider>>> {
    let given = SettingSources::read(&args.settings)?;
    let mut folders: Vec<(Folder, Plan)> = vec![];
    for name in &args.profile {
        let folder = catalog::find(name, args.catalog.profiles.as_deref())?;
        // A profile that is given twice is asked once.
        if folders.iter().any(|(known, _)| known.is_same(&folder)) {
            continue;
        }
        let Some(plan) = folder.plan()? else { return Ok(None) };
        folders.push((folder, plan));
    }
    let plans: Vec<&Plan> = folders.iter().map(|(_, plan)| plan).collect();
    given.refuse_unknown(&plans, args.catalog.profiles.as_deref())?;
    let trust = Trust::read(&args.catalog)?;
    let beside: Vec<(Folder, &Plan)> = folders.iter().map(|(folder, plan)| (folder.clone(), plan)).collect();
    // Recorded cases contain the settings they were recorded with.
    let confirmed = folders.iter().map(|(folder, plan)| match args.replay {
        true => Ok(Settings::default()),
        false => given.settings(&trust.confirm(folder, plan, &beside)?),
    });
    let confirmed = confirmed.collect::<anyhow::Result<Vec<_>>>()?;
    let mut providers = vec![];
    for ((folder, plan), settings) in folders.into_iter().zip(confirmed) {
        let replay = match args.replay {
            true => Some(Replay::start(&folder, &plan, observables).await?),
            false => None,
        };
        if replay.is_none() {
            given.warnings(&plan, &settings).iter().for_each(|warning| render::warning(warning));
        }
        providers.push(Provider { plan, settings, account: Arc::default(), replay });
    }
    Ok(Some(providers))
}

async fn run_lookups(
    args: &EnrichArgs,
    verbosity: Verbosity,
    providers: Vec<Provider>,
    observables: Vec<Observable>,
    markings: &[Marking],
    deadline: SignedDuration,
) -> anyhow::Result<Vec<Answer>> {
    let driver = Driver::new(http::client()?, verbosity == Verbosity::Verbose);
    let permits = Arc::new(Semaphore::new(usize::from(args.concurrency)));
    let bar = progress::bar(observables.len() * providers.len(), verbosity > Verbosity::Quiet);
    let providers: Vec<Arc<Provider>> = providers.into_iter().map(Arc::new).collect();
    let seed = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or_default();
    let keeps_trace = args.output.needs_trace();
    let mut lookups = JoinSet::new();
    let pairs = observables.iter().flat_map(|observable| providers.iter().map(move |provider| (observable, provider)));
    let pairs = pairs.filter(|(observable, provider)| provider.has(observable));
    for (position, (observable, provider)) in pairs.enumerate() {
        let (driver, permits, bar) = (driver.clone(), Arc::clone(&permits), bar.clone());
        let (observable, provider, markings) = (observable.clone(), Arc::clone(provider), markings.to_vec());
        lookups.spawn(async move {
            let _permit = permits.acquire().await.expect("the semaphore is never closed");
            progress::show(&bar, observable.value());
            let (clock, account, mut input) = match &provider.replay {
                Some(replay) => replay.recorded(&provider.plan, &observable),
                None => {
                    let settings = provider.settings.clone();
                    let (observable, clock) = (observable.clone(), Clock::real());
                    let input =
                        Input { observable, markings: vec![], settings, deadline: clock.now(), seed: 0, trace: false };
                    (clock, Arc::clone(&provider.account), input)
                }
            };
            input.markings.extend(markings);
            input.deadline = after(clock.now(), deadline);
            input.seed = seed.wrapping_add(position as u64);
            input.trace = keeps_trace;
            let pap = pap(&input.markings);
            let mut report = driver.drive(&provider.plan, account, input, clock).await;
            report.bundle.mark(pap);
            bar.inc(1);
            (position, Answer { observable, report })
        });
    }
    let mut answers = lookups.join_all().await;
    bar.finish_and_clear();
    // In the order of the command line, not of completion.
    answers.sort_by_key(|(position, _)| *position);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// Maximum number of diagnostics that are printed; the rest is counted.
const MAX_SHOWN: usize = 10;

/// Prints trace, diagnostics and summaries; returns the exit status of `--why`, which fails for an object not in the bundle.
pub(crate) fn report(answers: &[Answer], args: &OutputArgs, verbosity: Verbosity) -> Exit {
    if args.trace {
        answers.iter().for_each(|answer| render::remarks(&output_format::trace(&answer.report)));
    }
    let explained = args.why.as_ref().map_or(Exit::Success, |id| explain(answers, id));
    if verbosity > Verbosity::Quiet {
        let found: Vec<_> = answers.iter().flat_map(|answer| answer.report.diagnostics.iter().cloned()).collect();
        render::diagnostics(&found[..found.len().min(MAX_SHOWN)]);
        if found.len() > MAX_SHOWN {
            render::remark(&format!("{} more diagnostics are not shown", found.len() - MAX_SHOWN));
        }
    }
    // `--quiet` still prints failed lookups.
    let is_shown = |answer: &&Answer| verbosity > Verbosity::Quiet || exit(answer.report.outcome.kind) != Exit::Success;
    answers.iter().filter(is_shown).for_each(|answer| render::remark(&summary(answer)));
    explained
}

/// Prints the records and rules that produced an object of the bundle.
fn explain(answers: &[Answer], id: &str) -> Exit {
    let reports: Vec<_> = answers.iter().map(|answer| &answer.report).collect();
    let text = output_format::why(&reports, id);
    let exit = if text.is_some() { Exit::Success } else { Exit::Failure };
    match text {
        Some(text) => render::remarks(&text),
        None => render::remark(&format!("unknown object `{id}`: it is not in the bundle")),
    }
    exit
}

pub(crate) fn summary(answer: &Answer) -> String {
    let Answer { observable, report } = answer;
    let relationships = report.bundle.relationships().count();
    let plural = if relationships == 1 { "" } else { "s" };
    format!(
        "{}: {}: {} · {} · {relationships} relationship{plural}",
        report.provider,
        observable.value(),
        report.outcome,
        report.counts
    )
}

/// Returns the most severe exit status of all lookups. An invalid or refused value makes a list partial, not failed.
fn exit_of_all(answers: &[Answer], has_invalid: bool) -> Exit {
    let kinds = || answers.iter().map(|answer| answer.report.outcome.kind);
    let is_refused = |kind| kind == OutcomeKind::Refused;
    let is_mixed = kinds().any(is_refused) && !kinds().all(is_refused);
    let asked = kinds().filter(|kind| !is_mixed || !is_refused(*kind)).map(exit).max().unwrap_or(Exit::Success);
    if is_mixed || has_invalid { asked.max(Exit::Partial) } else { asked }
}

pub(crate) fn exit(kind: OutcomeKind) -> Exit {
    match kind {
        OutcomeKind::Ok | OutcomeKind::Empty => Exit::Success,
        OutcomeKind::Partial | OutcomeKind::Deferred => Exit::Partial,
        OutcomeKind::Refused | OutcomeKind::Failed => Exit::Failure,
    }
}
