//! Runs profiles as OpenCTI connectors (`stixmap connector`): configuration, registration, pings, and the metrics
//! server. Each message is processed by `enrichment`.

mod expectations;
#[doc(hidden)]
pub mod fuzz_targets;
mod graphql_error;
mod sandbox;
mod breaker;
mod bundle;
mod broker;
mod callback;
mod tls;
mod configuration;
mod acknowledgement;
mod archive;
mod message;
mod entity;
mod journal;
mod json;
mod compat;
mod consumer;
mod log;
mod marking;
mod metrics;
mod object_names;
mod objects;
mod publish;
mod pending_works;
mod platform;
mod work_counters;
mod replay_cache;
mod validation;
mod split;
mod token;
mod single_flight;
mod sources;
mod enrichment;
mod instance;
mod object_store;
mod copy_name;
mod publisher;

pub(crate) use sandbox::{enter_sandbox, split_and_discard};

use crate::cli::ConnectorArgs;
use crate::exit::Exit;
use crate::files::{Bound, implicit};
use crate::memory::Budget;
use crate::render::{MultilineError, causes};
use crate::setting::{self, SettingSources};
use crate::trust::Trust;
use crate::{catalog, http};
use anyhow::Context;
use breaker::Breakers;
use broker::{Address, Outbox};
use configuration::Configuration;
use graphql_error::PlatformError;
use instance::{Connector, ProfileArgument, Registration, WAITS};
use journal::Journal;
use log::{Log, no_attributes, with_reason};
use metrics::{Build, Metrics, Served};
use object_store::Store;
use platform::Platform;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use single_flight::SingleFlight;
use sources::Values;
pub(crate) use sources::{known_keys, section_names};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stixmap_engine::plan::{Plan, Settings};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Interval between pings to the platform.
const PING: Duration = Duration::from_secs(40);

/// Interval between pings while the platform is unreachable, so that completed work is reported soon after it returns.
const PING_UNREACHABLE: Duration = Duration::from_secs(5);

/// Minimum interval between registrations.
const MIN_REGISTRATION_INTERVAL: Duration = Duration::from_secs(2);

/// pycti's message for an unreachable platform, word for word: operators search logs for it.
const UNREACHABLE: &str =
    "OpenCTI API is not reachable. Waiting for OpenCTI API to start or check your configuration...";

pub(crate) fn run(args: &ConnectorArgs) -> anyhow::Result<Exit> {
    start(args).or_else(|error| {
        log::log_exit(&error);
        Ok(Exit::NotStarted)
    })
}

fn start(args: &ConnectorArgs) -> anyhow::Result<Exit> {
    let connectors = match connectors(args)? {
        Some(connectors) => connectors,
        None => return Ok(Exit::NotStarted),
    };
    connectors.iter().take(1).for_each(|connector| log::log_panics(connector.log.clone()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let exit = runtime.block_on(run_all(connectors));
    // Deliveries still in progress after the grace period return to the queue when the connection closes.
    runtime.shutdown_background();
    exit
}

/// Builds all connectors. Returns `None` if diagnostics of a profile were printed; other configuration errors are
/// reported together.
fn connectors(args: &ConnectorArgs) -> anyhow::Result<Option<Vec<Arc<Connector>>>> {
    let (settings_file, file) = match &args.settings.config {
        Some(path) => Some((path.clone(), setting::file(path)?)),
        None => find_file()?,
    }
    .unzip();
    let given = SettingSources::with(&args.settings, file.clone())?;
    let file = file.unwrap_or_default();
    // A variable that is not UTF-8 is never a setting.
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let variables: BTreeMap<String, String> = std::env::vars_os().filter_map(text).collect();
    let trust = Trust::read(&args.catalog)?;
    let mut profiles = vec![];
    for name in &args.profile {
        let folder = catalog::find(name, args.catalog.profiles.as_deref())?;
        let Some(plan) = folder.plan()? else { return Ok(None) };
        profiles.push((name, folder, plan));
    }
    let plans: Vec<&Plan> = profiles.iter().map(|(_, _, plan)| plan).collect();
    given.refuse_unknown(&plans, args.catalog.profiles.as_deref())?;
    let (mut connectors, mut mistakes, mut budget) = (vec![], vec![], None);
    let beside: Vec<_> = profiles.iter().map(|(_, folder, plan)| (folder.clone(), plan)).collect();
    let confirm = |folder, plan| trust.confirm(folder, plan, &beside).and_then(|trusted| given.settings(&trusted));
    let mut confirmed: VecDeque<_> = profiles.iter().map(|(_, folder, plan)| confirm(folder, plan)).collect();
    for (name, _, plan) in profiles {
        let prefix = (args.profile.len() > 1).then(|| plan.id.clone());
        let mut values = Values::new(variables.clone(), file.clone(), prefix);
        let mut configuration = Configuration::read(&mut values, &plan);
        configuration.warnings.append(&mut values.unknown());
        mistakes.append(&mut values.mistakes);
        match confirmed.pop_front().expect("one for each profile") {
            Ok(settings) if mistakes.is_empty() => {
                let mut configuration = configuration;
                configuration.warnings.extend(given.warnings(&plan, &settings));
                let profiles_dir = args.catalog.profiles.clone();
                let profile =
                    ProfileArgument { name: name.clone(), profiles: profiles_dir, config: settings_file.clone() };
                // Memory belongs to the process: if the profiles differ, the budget of the first one applies.
                let budget = budget.get_or_insert_with(|| Budget::new(configuration.memory_budget)).clone();
                connectors.push(Arc::new(connector(configuration, profile, plan, settings, budget)?));
            }
            Ok(_) => {}
            Err(error) => mistakes.push(causes(&error)),
        }
    }
    let mut ids = BTreeSet::new();
    for connector in &connectors {
        if !ids.insert(connector.configuration.id.clone()) {
            let id = crate::setting::variable(&connector.plan.id, "connector_id");
            mistakes.push(format!("duplicate CONNECTOR_ID: set one for each profile, such as {id}"));
        }
    }
    if !mistakes.is_empty() {
        mistakes.dedup();
        let lines = mistakes.iter().flat_map(|mistake| mistake.lines()).map(|line| format!("  {line}"));
        anyhow::bail!(MultilineError::new(std::iter::once("invalid connector configuration:".to_owned()).chain(lines)));
    }
    Ok(Some(connectors))
}

/// Finds `config.yml` in the working directory, next to the executable, or above it. A file that other users may write
/// is rejected, because it determines where the token is sent.
fn find_file() -> anyhow::Result<Option<(PathBuf, serde_yaml::Value)>> {
    let program = std::env::current_exe().ok();
    let folder = program.as_ref().and_then(|program| program.parent());
    let above = folder.and_then(|folder| folder.parent());
    let folders = [Some(std::path::Path::new(".")), folder, above].into_iter().flatten();
    for path in folders.map(|folder| folder.join("config.yml")) {
        let found = implicit::read(&path, Bound::SETTINGS).with_context(|| {
            let shown = path.display();
            format!("refused to read {shown}; restrict its permissions, or pass `--config {shown}`")
        })?;
        if let Some(text) = found {
            let values = setting::parsed(&path, &text)?;
            return Ok(Some((path, values)));
        }
    }
    Ok(None)
}

fn connector(
    configuration: Configuration,
    profile: ProfileArgument,
    plan: Plan,
    settings: Settings,
    budget: Budget,
) -> anyhow::Result<Connector> {
    let log = Log::new(&configuration.name, configuration.level, configuration.logs_json);
    // Logged at every level: ineffective settings would otherwise go unnoticed.
    let warnings = configuration.warnings.iter().chain(&configuration.disabled_checks);
    warnings.for_each(|warning| log.warn_always(warning, no_attributes()));
    let (mut journal, problem) = Journal::open(configuration.journal.as_deref(), &configuration.id)?;
    journal.warn_in(log.clone());
    if let Some(problem) = problem {
        log.warn_always(
            "No journal; redelivered messages run in a sandbox and may be reported twice",
            with_reason(problem),
        );
    }
    let metrics = Metrics::default();
    Ok(Connector {
        platform: Platform::new(&configuration, Arc::clone(&metrics.ready))?,
        client: http::client()?,
        account: Arc::default(),
        outbox: Outbox::default(),
        registered: Mutex::default(),
        registration_due: Notify::new(),
        metrics,
        journal,
        breakers: Breakers::default(),
        single_flight: SingleFlight::default(),
        budget,
        log,
        profile,
        configuration,
        plan,
        settings,
    })
}

async fn run_all(connectors: Vec<Arc<Connector>>) -> anyhow::Result<Exit> {
    let (stop, stopped) = watch::channel(false);
    serve_metrics(&connectors).await?;
    let mut tasks = JoinSet::new();
    for connector in connectors {
        tasks.spawn(connect(connector, stopped.clone()));
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut exit = Exit::Success;
    loop {
        tokio::select! {
            _ = terminate.recv() => drop(stop.send(true)),
            _ = interrupt.recv() => drop(stop.send(true)),
            ended = tasks.join_next() => match ended {
                None => return Ok(exit),
                Some(Ok(Ok(()))) => {}
                // One connector that fails stops all: an operator notices a stopped process, not a missing connector.
                Some(Ok(Err(error))) => {
                    log::log_exit(&error);
                    exit = Exit::NotStarted;
                    stop.send(true)?;
                }
                Some(Err(error)) => return Err(error.into()),
            },
        }
    }
}

async fn serve_metrics(connectors: &[Arc<Connector>]) -> anyhow::Result<()> {
    let Some(settings) = connectors.iter().find_map(|connector| connector.configuration.metrics.clone()) else {
        return Ok(());
    };
    let mut registry = Registry::default();
    for connector in connectors {
        let build = Build { profile: &connector.plan.id, profile_version: &connector.plan.version };
        connector.metrics.register(&mut registry, &settings.prefix, &connector.configuration.name, build);
    }
    let ready = connectors.iter().map(|connector| Arc::clone(&connector.metrics.ready)).collect();
    let listener = TcpListener::bind(settings.address).await;
    let listener = listener.with_context(|| {
        format!("failed to listen on {} (CONNECTOR_METRICS_ADDRESS, CONNECTOR_METRICS_PORT)", settings.address)
    })?;
    tokio::spawn(metrics::serve(listener, Arc::new(Served { registry, ready })));
    Ok(())
}

/// Runs one connector until it is stopped or fails permanently.
async fn connect(connector: Arc<Connector>, mut stopped: watch::Receiver<bool>) -> anyhow::Result<()> {
    tokio::select! {
        registered = register(&connector) => registered?,
        _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
    }
    let pinging = tokio::spawn(keep_alive(Arc::clone(&connector)));
    let settling = tokio::spawn(pending_works::settle(Arc::clone(&connector)));
    let ended = match connector.configuration.callback.clone() {
        Some(callback) => callback::serve(Arc::clone(&connector), callback, &mut stopped).await,
        None => consumer::consume(&connector, &mut stopped).await,
    };
    connector.metrics.ready.set_listening(false);
    pinging.abort();
    settling.abort();
    connector.log.info("Connector stopped", no_attributes());
    ended
}

/// Registers the connector. Retries while the platform is unreachable; fails if it rejects the registration.
async fn register(connector: &Connector) -> anyhow::Result<()> {
    let mut wait = WAITS.0;
    loop {
        connector.log.info("Health check (platform version)...", no_attributes());
        let registered = match connector.platform.version().await {
            Ok(version) => {
                check_version(connector, &version)?;
                connector.platform.register().await
            }
            Err(error) => Err(error),
        };
        match registered {
            Ok(response) => return store_registration(connector, &response),
            Err(
                PlatformError::Unreachable(reason) | PlatformError::NoResponse(reason) | PlatformError::Failed(reason),
            ) => {
                connector.log.error(UNREACHABLE, with_reason(reason));
                sleep(wait).await;
                wait = (wait * 2).min(WAITS.1);
            }
            Err(error) => anyhow::bail!("{}: {error}", connector.configuration.name),
        }
    }
}

/// Checks that the platform is recent enough for the configured protocols.
fn check_version(connector: &Connector, version: &str) -> anyhow::Result<()> {
    let own = &connector.configuration;
    for (is_configured, name, since) in [
        (own.callback.is_some(), "CONNECTOR_LISTEN_PROTOCOL=API", "6.5.7"),
        (own.pushes_by_api, "CONNECTOR_QUEUE_PROTOCOL=api", "6.3.0"),
    ] {
        let is_supported = !is_configured || connector.platform.has(since);
        anyhow::ensure!(is_supported, "{}: {name} requires OpenCTI {since} or newer, found {version}", own.name);
    }
    Ok(())
}

fn store_registration(connector: &Connector, response: &Value) -> anyhow::Result<()> {
    let text = |key: &str| response[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let registered = Registration {
        address: Address::read(response, &connector.configuration.broker)?,
        user: text("connector_user_id"),
        keys: text("jwks"),
        state: text("connector_state"),
        store: Store::read(&response["config"]["s3"], connector.configuration.store.as_ref())?.map(Arc::new),
    };
    *connector.registered.lock().unwrap_or_else(PoisonError::into_inner) = Some(registered);
    connector.metrics.ready.set_platform(true);
    connector.log.info("Connector registered with ID", json!({ "id": connector.configuration.id }));
    Ok(())
}

/// Pings the platform, and registers again if it no longer knows the connector.
async fn keep_alive(connector: Arc<Connector>) {
    // State that another connector stored under this id is preserved.
    let mut state =
        connector.registered().and_then(|registration| registration.state).unwrap_or_else(|| "null".to_owned());
    let mut was_unreachable = false;
    loop {
        match connector.platform.ping(&state).await {
            Ok(kept) => {
                connector.metrics.pings.inc();
                connector.metrics.ready.set_platform(true);
                if std::mem::take(&mut was_unreachable) {
                    connector.log.info("API Ping back to normal", no_attributes());
                }
                let kept = kept.filter(|kept| !kept.is_empty()).unwrap_or_else(|| "null".to_owned());
                if kept != state {
                    connector.log.info("Connector state has been remotely updated", no_attributes());
                    state = kept;
                }
            }
            Err(error) => {
                connector.metrics.ping_errors.inc();
                connector.metrics.ready.set_platform(false);
                connector.log.error("Error pinging the API", with_reason(&error));
                was_unreachable = true;
                // The connector may have been deleted on the platform.
                if matches!(error, PlatformError::Rejected { .. }) {
                    register_again(&connector).await;
                }
            }
        }
        tokio::select! {
            () = sleep(if was_unreachable { PING_UNREACHABLE } else { PING }) => {}
            () = connector.registration_due.notified() => {
                register_again(&connector).await;
                sleep(MIN_REGISTRATION_INTERVAL).await;
            }
        }
    }
}

/// Registers again. The platform may have been upgraded or replaced.
async fn register_again(connector: &Connector) {
    let response = match connector.platform.version().await {
        Ok(_) => connector.platform.register().await,
        Err(error) => Err(error),
    };
    match response.map(|response| store_registration(connector, &response)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => connector.log.error("Cannot register again", with_reason(format!("{error:#}"))),
        Err(error) => connector.log.error("Cannot register again", with_reason(error)),
    }
}
