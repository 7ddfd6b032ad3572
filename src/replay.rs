//! A mock provider that replays recorded cases over HTTP on loopback. Each case has its own base URL, so that several
//! can be replayed concurrently.

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

/// The replayed cases and their server.
pub(crate) struct Replay {
    origin: String,
    cases: BTreeMap<String, Case>,
    /// A message for each observable without exactly one recorded case.
    pub(crate) missing: Vec<String>,
}

/// The remaining exchanges of each case.
type Progress = Arc<Mutex<BTreeMap<String, Vec<Exchange>>>>;

impl Replay {
    /// Starts the server for the cases about these observables; one without exactly one recorded case is not replayed.
    pub(crate) async fn start(folder: &Folder, plan: &Plan, observables: &[Observable]) -> anyhow::Result<Replay> {
        let recorded = recorded(folder)?;
        let (mut cases, mut missing) = (BTreeMap::new(), vec![]);
        for observable in observables {
            let about: Vec<&(String, Case)> =
                recorded.iter().filter(|(_, case)| case.observable.is_same(observable)).collect();
            match about[..] {
                [(name, case)] => drop(cases.insert(name.clone(), case.clone())),
                [] => missing.push(not_recorded(plan, observable, &recorded)),
                _ => missing.push(format!(
                    "ambiguous: {} recorded cases of `{}` about `{}`",
                    about.len(),
                    plan.id,
                    observable.value()
                )),
            }
        }
        let exchanges =
            cases.iter().map(|(name, case)| (name.clone(), case.exchanges.iter().rev().cloned().collect())).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to listen on loopback")?;
        let origin = format!("http://{}", listener.local_addr()?);
        let progress: Progress = Arc::new(Mutex::new(exchanges));
        tokio::spawn(loopback::serve(listener, move |incoming| answer(incoming.method, incoming.target, &progress)));
        Ok(Replay { origin, cases, missing })
    }

    /// Returns whether the observable has a recorded case.
    pub(crate) fn has(&self, observable: &Observable) -> bool {
        self.of(observable).is_some()
    }

    fn of(&self, observable: &Observable) -> Option<(&String, &Case)> {
        self.cases.iter().find(|(_, case)| case.observable.is_same(observable))
    }

    /// Returns the clock, state and input of the recorded run, with the server's base URL.
    ///
    /// # Panics
    ///
    /// Panics if the observable has no recorded case ([`Replay::has`]).
    pub(crate) fn recorded(&self, plan: &Plan, observable: &Observable) -> (Clock, Arc<ProviderState>, Input) {
        let (name, case) = self.of(observable).expect("only recorded observables are replayed");
        let mut case = case.clone();
        let base = format!("{}/{name}", self.origin);
        let recorded = input(plan, &case).expect("recorded cases contain their settings");
        if let Some(url) = plan.token_url(&recorded.settings) {
            // The token URL follows the base URL of the case.
            case.settings.insert(TOKEN_URL.into(), format!("{base}/{url}"));
        }
        case.settings.insert(BASE_URL.into(), base);
        let input = input(plan, &case).expect("recorded cases contain their settings");
        (Clock::starting_at(case.now), Arc::default(), input)
    }
}

fn recorded(folder: &Folder) -> anyhow::Result<Vec<(String, Case)>> {
    let mut cases = vec![];
    for file in folder.cases()? {
        let Some(case) = folder.case(&file)? else { bail!("invalid recorded case `{file}`") };
        cases.push((file.trim_end_matches(".yaml").to_owned(), case));
    }
    Ok(cases)
}

/// Lists the closest recorded values only, since a profile may have many cases.
fn not_recorded(plan: &Plan, observable: &Observable, recorded: &[(String, Case)]) -> String {
    let values = recorded.iter().map(|(_, case)| case.observable.value());
    let closest = closest_few(observable.value(), values, 3).join(", ");
    format!("no recorded case of `{}` about `{}`; closest: {closest}", plan.id, observable.value())
}

/// Returns the next recorded response if the request matches.
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
