//! A provider that answers from its profile's recorded cases: a real HTTP server on loopback. Each case has a base URL of
//! its own, so that several can be asked at once.

use crate::catalog::Folder;
use crate::clock::Clock;
use crate::loopback::{self, Answer};
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use stixmap_engine::case::{Case, Exchange, input};
use stixmap_engine::plan::{BASE_URL, Plan, TOKEN_URL};
use stixmap_engine::printable;
use stixmap_engine::run::{Input, ProviderState};
use stixmap_engine::stix::Observable;
use stixmap_engine::yaml::closest_few;
use tokio::net::TcpListener;

/// The cases that are replayed, and where they are served.
pub(crate) struct Replay {
    origin: String,
    cases: BTreeMap<String, Case>,
}

/// How far each case has come.
type Progress = Arc<Mutex<BTreeMap<String, Vec<Exchange>>>>;

impl Replay {
    /// Serves the cases about these observables. Each must have been recorded, and only once.
    pub(crate) async fn start(folder: &Folder, plan: &Plan, observables: &[Observable]) -> anyhow::Result<Replay> {
        let recorded = recorded(folder)?;
        let mut cases = BTreeMap::new();
        for observable in observables {
            let about: Vec<&(String, Case)> =
                recorded.iter().filter(|(_, case)| case.observable.is_same(observable)).collect();
            match about[..] {
                [(name, case)] => cases.insert(name.clone(), case.clone()),
                [] => bail!(not_recorded(plan, observable, &recorded)),
                _ => bail!("{} has {} recorded cases about {}", plan.id, about.len(), observable.value()),
            };
        }
        let exchanges =
            cases.iter().map(|(name, case)| (name.clone(), case.exchanges.iter().rev().cloned().collect())).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on loopback is free")?;
        let origin = format!("http://{}", listener.local_addr()?);
        let progress: Progress = Arc::new(Mutex::new(exchanges));
        tokio::spawn(loopback::serve(listener, move |incoming| answer(incoming.method, incoming.target, &progress)));
        Ok(Replay { origin, cases })
    }

    /// The run that was recorded: its time, its settings, asked of the server instead of the provider.
    pub(crate) fn recorded(&self, plan: &Plan, observable: &Observable) -> (Clock, Arc<ProviderState>, Input) {
        let found = self.cases.iter().find(|(_, case)| case.observable.is_same(observable));
        let (name, case) = found.expect("start() has seen to each observable");
        let mut case = case.clone();
        let base = format!("{}/{name}", self.origin);
        let recorded = input(plan, &case).expect("recorded cases bring their settings");
        if let Some(url) = plan.token_url(&recorded.settings) {
            // The whole URL of the token's place follows the case's own.
            case.settings.insert(TOKEN_URL.into(), format!("{base}/{url}"));
        }
        case.settings.insert(BASE_URL.into(), base);
        let input = input(plan, &case).expect("recorded cases bring their settings");
        (Clock::starting_at(case.now), Arc::default(), input)
    }
}

fn recorded(folder: &Folder) -> anyhow::Result<Vec<(String, Case)>> {
    let mut cases = vec![];
    for file in folder.cases()? {
        let Some(case) = folder.case(&file)? else { bail!("a recorded case has a mistake") };
        cases.push((file.trim_end_matches(".yaml").to_owned(), case));
    }
    Ok(cases)
}

/// Names the few recorded values that are closest: a profile may have a hundred cases.
fn not_recorded(plan: &Plan, observable: &Observable, recorded: &[(String, Case)]) -> String {
    let values = recorded.iter().map(|(_, case)| case.observable.value());
    let closest = closest_few(observable.value(), values, 3).join(", ");
    format!("no recorded case of `{}` about `{}`; the closest: {closest}", plan.id, observable.value())
}

/// The next recorded answer, if the request is the recorded one.
fn answer(method: &str, target: &str, progress: &Progress) -> anyhow::Result<Answer> {
    let (case, target) = target.trim_start_matches('/').split_once('/').context("a case's base URL")?;
    let target = if target.starts_with("https://") { target.to_owned() } else { format!("/{target}") };
    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    let exchanges = progress.get_mut(case).context("a case that is replayed")?;
    match exchanges.pop_if(|exchange| exchange.matches(method, &target)) {
        Some(exchange) => Ok(exchange.response()),
        None => Ok(loopback::text(501, &format!("not recorded: {method} {}\n", printable::line(&target)))),
    }
}
