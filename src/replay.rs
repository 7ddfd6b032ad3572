//! A provider that answers from its profile's recorded cases: a real HTTP server on loopback. Each case has a base URL of
//! its own, so that several can be asked at once.

use crate::clock::Clock;
use crate::shelf::Folder;
use anyhow::{Context, bail};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use stixmap_engine::case::{Case, Exchange, input};
use stixmap_engine::plan::{BASE_URL, Plan, TOKEN_URL};
use stixmap_engine::run::{Account, Input};
use stixmap_engine::stix::Observable;
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
                [] => {
                    bail!("{} has no recorded case about {}; it has {}", plan.id, observable.value(), values(&recorded))
                }
                _ => bail!("{} has {} recorded cases about {}", plan.id, about.len(), observable.value()),
            };
        }
        let exchanges =
            cases.iter().map(|(name, case)| (name.clone(), case.exchanges.iter().rev().cloned().collect())).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on loopback is free")?;
        let origin = format!("http://{}", listener.local_addr()?);
        tokio::spawn(serve(listener, Arc::new(Mutex::new(exchanges))));
        Ok(Replay { origin, cases })
    }

    /// The run that was recorded: its time, its settings, asked of the server instead of the provider.
    pub(crate) fn recorded(&self, plan: &Plan, observable: &Observable) -> (Clock, Arc<Account>, Input) {
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
    for file in folder.cases() {
        let Some(case) = folder.case(&file)? else { bail!("a recorded case has a mistake") };
        cases.push((file.trim_end_matches(".yaml").to_owned(), case));
    }
    Ok(cases)
}

fn values(recorded: &[(String, Case)]) -> String {
    let values: Vec<&str> = recorded.iter().map(|(_, case)| case.observable.value()).collect();
    values.join(", ")
}

async fn serve(listener: TcpListener, progress: Progress) {
    // The listener fails only when the process runs out of sockets: then the client is told by its own.
    while let Ok((stream, _)) = listener.accept().await {
        let progress = Arc::clone(&progress);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&progress)));
            // A broken connection is what a recorded fault asks for, and the client tells it.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// The next recorded answer, if the request is the recorded one. A recorded fault breaks the connection.
async fn answer(request: Request<Incoming>, progress: Progress) -> anyhow::Result<Response<Full<Bytes>>> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let (case, target) = target.trim_start_matches('/').split_once('/').context("a case's base URL")?;
    let target = if target.starts_with("https://") { target.to_owned() } else { format!("/{target}") };
    let exchange = {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        let exchanges = progress.get_mut(case).context("a case that is replayed")?;
        exchanges.pop_if(|exchange| exchange.matches(request.method().as_str(), &target))
    };
    let Some(exchange) = exchange else {
        let text = format!("not recorded: {} {target}\n", request.method());
        return Ok(Response::builder().status(StatusCode::NOT_IMPLEMENTED).body(Full::from(text))?);
    };
    let recorded = exchange.answer().map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
    let mut response = Response::builder().status(recorded.status);
    for (name, value) in &recorded.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(recorded.body))?)
}
