//! `stixmap connector`: profiles as OpenCTI connectors. Each registers, tells that it lives, takes messages and deals with
//! them; everything that is about one message is passed down with it, and nothing of it stays here.

mod expectations;
#[doc(hidden)]
pub mod fuzz_targets;
mod graphql_error;
mod sandbox;
mod breaker;
mod broker;
mod callback;
mod tls;
mod configuration;
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
mod progress;
mod replay_cache;
mod validation;
mod split;
mod token;
mod single_flight;
mod sources;
mod enrichment;

pub(crate) use sandbox::{enter_sandbox, split_and_discard};

use crate::cli::ConnectorArgs;
use crate::files::{Bound, implicit};
use crate::memory::Budget;
use crate::render::{Several, causes};
use crate::setting::{self, SettingSources};
use crate::trust::Trust;
use crate::{Exit, catalog, http};
use anyhow::Context;
use archive::Store;
use breaker::Breakers;
use broker::{Address, Outbox};
use configuration::Configuration;
use graphql_error::PlatformError;
use journal::Journal;
use log::{Log, because, nothing};
use metrics::{Build, Metrics, Served};
use platform::Platform;
use prometheus_client::registry::Registry;
use reqwest::Client;
use serde_json::{Value, json};
use single_flight::SingleFlight;
use sources::Values;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::ProviderState;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long after an answer the platform hears again that the connector lives.
const PING: Duration = Duration::from_secs(40);

/// The same while the platform is away: what is ready is said soon after it is back.
const PING_AWAY: Duration = Duration::from_secs(5);

/// However often it is rung for, the connector registers no oftener than that.
const REST: Duration = Duration::from_secs(2);

/// The first wait for a platform or a broker that is away, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// What operators look for in a log, in pycti's words.
const AWAY: &str = "OpenCTI API is not reachable. Waiting for OpenCTI API to start or check your configuration...";

/// One profile as a connector.
struct Connector {
    configuration: Configuration,
    profile: ProfileArgument,
    plan: Plan,
    settings: Settings,
    account: Arc<ProviderState>,
    client: Client,
    platform: Platform,
    outbox: Outbox,
    registered: Mutex<Option<Registration>>,
    /// Rung when the platform has forgotten the connector, or its queue is gone.
    again: Notify,
    journal: Journal,
    breakers: Breakers,
    turns: SingleFlight,
    /// Shared with the other connectors of the process.
    budget: Budget,
    log: Log,
    metrics: Metrics,
}

/// A profile as it was named, and where it and its settings are looked for.
struct ProfileArgument {
    name: String,
    shelf: Option<PathBuf>,
    config: Option<PathBuf>,
}

/// What the platform said at registration.
#[derive(Clone)]
struct Registration {
    address: Address,
    user: Option<String>,
    keys: Option<String>,
    /// What it keeps for the connector, as JSON.
    state: Option<String>,
    store: Option<Arc<Store>>,
}

impl Connector {
    fn registered(&self) -> Option<Registration> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn address(&self) -> Option<Address> {
        self.registered().map(|registered| registered.address)
    }

    /// The user that the platform gave the connector.
    fn user(&self) -> Option<String> {
        self.registered()?.user
    }

    fn keeps_copies(&self) -> bool {
        self.configuration.directory.is_some() || self.configuration.store.is_some()
    }

    /// The keys that the platform signs with.
    fn keys(&self) -> Option<String> {
        self.registered()?.keys
    }
}

pub(crate) fn run(args: &ConnectorArgs) -> anyhow::Result<Exit> {
    started(args).or_else(|error| {
        log::tell_end(&error);
        Ok(Exit::NotStarted)
    })
}

fn started(args: &ConnectorArgs) -> anyhow::Result<Exit> {
    let connectors = match connectors(args)? {
        Some(connectors) => connectors,
        None => return Ok(Exit::NotStarted),
    };
    connectors.iter().take(1).for_each(|connector| log::tell_panics(connector.log.clone()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let exit = runtime.block_on(live(connectors));
    // What is still under way after the grace period goes back to the queue with the connection.
    runtime.shutdown_background();
    exit
}

/// Every connector, ready to start; none after all that is missing or wrong was told.
fn connectors(args: &ConnectorArgs) -> anyhow::Result<Option<Vec<Arc<Connector>>>> {
    let (settings_file, file) = match &args.settings.config {
        Some(path) => Some((path.clone(), setting::file(path)?)),
        None => found_file()?,
    }
    .unzip();
    let given = SettingSources::with(&args.settings, file.clone())?;
    let file = file.unwrap_or_default();
    // A variable that is no text is none of ours.
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let variables: BTreeMap<String, String> = std::env::vars_os().filter_map(text).collect();
    let trust = Trust::read(&args.shelf)?;
    let mut profiles = vec![];
    for name in &args.profile {
        let folder = catalog::find(name, args.shelf.profiles.as_deref())?;
        let Some(plan) = folder.plan()? else { return Ok(None) };
        profiles.push((name, folder, plan));
    }
    let plans: Vec<&Plan> = profiles.iter().map(|(_, _, plan)| plan).collect();
    given.refuse_unknown(&plans, &other_sections(&plans, args.shelf.profiles.as_deref())?)?;
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
                let shelf = args.shelf.profiles.clone();
                let profile = ProfileArgument { name: name.clone(), shelf, config: settings_file.clone() };
                // The process has one memory: where profiles differ, the first one's budget is everybody's.
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
            mistakes.push(format!("two connectors have one id: give each its own, such as {id}"));
        }
    }
    if !mistakes.is_empty() {
        mistakes.dedup();
        let lines = mistakes.iter().flat_map(|mistake| mistake.lines()).map(|line| format!("  {line}"));
        anyhow::bail!(Several::new(std::iter::once("the connector cannot start:".to_owned()).chain(lines)));
    }
    Ok(Some(connectors))
}

/// The sections that a settings file may have beside those of these profiles: of other profiles, and of the connector.
pub(crate) fn other_sections(plans: &[&Plan], extra: Option<&Path>) -> anyhow::Result<Vec<String>> {
    let mut ids: Vec<String> = catalog::known(extra)?.names().collect();
    ids.extend(plans.iter().map(|plan| plan.id.clone()));
    let sections = Values::section_names(&ids);
    Ok(ids.into_iter().chain(sections).collect())
}

/// `config.yml` where connectors have it: here, or beside the program, or above it. One that others may have put there is
/// refused, since it says where the token goes.
fn found_file() -> anyhow::Result<Option<(PathBuf, serde_yaml::Value)>> {
    let program = std::env::current_exe().ok();
    let folder = program.as_ref().and_then(|program| program.parent());
    let above = folder.and_then(|folder| folder.parent());
    let folders = [Some(std::path::Path::new(".")), folder, above].into_iter().flatten();
    for path in folders.map(|folder| folder.join("config.yml")) {
        let found = implicit::read(&path, Bound::SETTINGS).with_context(|| {
            let shown = path.display();
            format!("{shown} was found and is not read; make it yours alone, or name it with `--config {shown}`")
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
    // At every level: what is set in vain would not be noticed otherwise.
    let said = configuration.warnings.iter().chain(&configuration.dangers);
    said.for_each(|warning| log.danger(warning, nothing()));
    let (mut journal, problem) = Journal::open(configuration.journal.as_deref(), &configuration.id)?;
    journal.warn_in(log.clone());
    if let Some(problem) = problem {
        log.danger("There is no journal: what comes again is tried apart, and may be told twice", because(problem));
    }
    let metrics = Metrics::default();
    Ok(Connector {
        platform: Platform::new(&configuration, Arc::clone(&metrics.ready))?,
        client: http::client()?,
        account: Arc::default(),
        outbox: Outbox::default(),
        registered: Mutex::default(),
        again: Notify::new(),
        metrics,
        journal,
        breakers: Breakers::default(),
        turns: SingleFlight::default(),
        budget,
        log,
        profile,
        configuration,
        plan,
        settings,
    })
}

async fn live(connectors: Vec<Arc<Connector>>) -> anyhow::Result<Exit> {
    let (stop, stopped) = watch::channel(false);
    serve_metrics(&connectors).await?;
    let mut living = JoinSet::new();
    for connector in connectors {
        living.spawn(connect(connector, stopped.clone()));
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut exit = Exit::Fine;
    loop {
        tokio::select! {
            _ = terminate.recv() => drop(stop.send(true)),
            _ = interrupt.recv() => drop(stop.send(true)),
            ended = living.join_next() => match ended {
                None => return Ok(exit),
                Some(Ok(Ok(()))) => {}
                // One that cannot live ends them all: an operator is to see it, not a shelf with a hole.
                Some(Ok(Err(error))) => {
                    log::tell_end(&error);
                    exit = Exit::NotStarted;
                    stop.send(true)?;
                }
                Some(Err(error)) => return Err(error.into()),
            },
        }
    }
}

async fn serve_metrics(connectors: &[Arc<Connector>]) -> anyhow::Result<()> {
    let Some(place) = connectors.iter().find_map(|connector| connector.configuration.metrics.clone()) else {
        return Ok(());
    };
    let mut registry = Registry::default();
    for connector in connectors {
        let build = Build { profile: &connector.plan.id, profile_version: &connector.plan.version };
        connector.metrics.register(&mut registry, &place.prefix, &connector.configuration.name, build);
    }
    let ready = connectors.iter().map(|connector| Arc::clone(&connector.metrics.ready)).collect();
    let listener = TcpListener::bind(place.address).await;
    let listener = listener.with_context(|| {
        format!("CONNECTOR_METRICS_ADDRESS, CONNECTOR_METRICS_PORT: {} cannot be had", place.address)
    })?;
    tokio::spawn(metrics::serve(listener, Arc::new(Served { registry, ready })));
    Ok(())
}

/// A connector's life: until it is stopped, or the platform says that it may not be one.
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
    connector.log.info("The connector stops", nothing());
    ended
}

/// Registers; waits for a platform that is away, and gives up on one that says no.
async fn register(connector: &Connector) -> anyhow::Result<()> {
    let mut wait = WAITS.0;
    loop {
        connector.log.info("Health check (platform version)...", nothing());
        let registered = match connector.platform.version().await {
            Ok(version) => {
                fits(connector, &version)?;
                connector.platform.register().await
            }
            Err(refused) => Err(refused),
        };
        match registered {
            Ok(told) => return keep(connector, &told),
            Err(PlatformError::Away(reason) | PlatformError::Unanswered(reason) | PlatformError::Failed(reason)) => {
                connector.log.error(AWAY, because(reason));
                sleep(wait).await;
                wait = (wait * 2).min(WAITS.1);
            }
            Err(refused) => anyhow::bail!("{}: {refused}", connector.configuration.name),
        }
    }
}

/// Whether the platform has what the connector is set up for.
fn fits(connector: &Connector, version: &str) -> anyhow::Result<()> {
    let own = &connector.configuration;
    for (is_wanted, name, since) in [
        (own.callback.is_some(), "CONNECTOR_LISTEN_PROTOCOL=API", "6.5.7"),
        (own.pushes_by_api, "CONNECTOR_QUEUE_PROTOCOL=api", "6.3.0"),
    ] {
        let fits = !is_wanted || connector.platform.has(since);
        anyhow::ensure!(fits, "{}: {name} needs a platform from {since} on, and this is {version}", own.name);
    }
    Ok(())
}

fn keep(connector: &Connector, told: &Value) -> anyhow::Result<()> {
    let text = |key: &str| told[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let registered = Registration {
        address: Address::read(told, &connector.configuration.broker)?,
        user: text("connector_user_id"),
        keys: text("jwks"),
        state: text("connector_state"),
        store: Store::read(&told["config"]["s3"], connector.configuration.store.as_ref())?.map(Arc::new),
    };
    *connector.registered.lock().unwrap_or_else(PoisonError::into_inner) = Some(registered);
    connector.metrics.ready.set_platform(true);
    connector.log.info("Connector registered with ID", json!({ "id": connector.configuration.id }));
    Ok(())
}

/// Tells the platform that the connector lives, and registers again where it has forgotten.
async fn keep_alive(connector: Arc<Connector>) {
    // What another connector kept there under this id stays.
    let mut state = connector.registered().and_then(|told| told.state).unwrap_or_else(|| "null".to_owned());
    let mut was_away = false;
    loop {
        match connector.platform.ping(&state).await {
            Ok(kept) => {
                connector.metrics.pings.inc();
                connector.metrics.ready.set_platform(true);
                if std::mem::take(&mut was_away) {
                    connector.log.info("API Ping back to normal", nothing());
                }
                let kept = kept.filter(|kept| !kept.is_empty()).unwrap_or_else(|| "null".to_owned());
                if kept != state {
                    connector.log.info("Connector state has been remotely updated", nothing());
                    state = kept;
                }
            }
            Err(refused) => {
                connector.metrics.ping_errors.inc();
                connector.metrics.ready.set_platform(false);
                connector.log.error("Error pinging the API", because(&refused));
                was_away = true;
                // It may have been deleted there.
                if matches!(refused, PlatformError::No { .. }) {
                    again(&connector).await;
                }
            }
        }
        tokio::select! {
            () = sleep(if was_away { PING_AWAY } else { PING }) => {}
            () = connector.again.notified() => {
                again(&connector).await;
                sleep(REST).await;
            }
        }
    }
}

/// Registers again. The platform may be another than before.
async fn again(connector: &Connector) {
    let told = match connector.platform.version().await {
        Ok(_) => connector.platform.register().await,
        Err(refused) => Err(refused),
    };
    match told.map(|told| keep(connector, &told)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => connector.log.error("Cannot register again", because(format!("{error:#}"))),
        Err(refused) => connector.log.error("Cannot register again", because(refused)),
    }
}
