//! The other way a message comes: a worker takes it from the queue and brings it over HTTP. The answer is given when the
//! message was dealt with, so that a worker whose connector died brings it again.

use super::Connector;
use super::configuration::Callback;
use super::consumer::dealt;
use super::enrichment::{Ack, IncomingMessage, repeated};
use super::log::nothing;
use super::replay_cache::{Fingerprint, ReplayCache};
use super::token::{Invalid, verify};
use crate::http_server::{HEAD, HttpServer, not_allowed};
use anyhow::Context;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

/// The largest message that is taken.
const LARGEST: usize = 64 * 1024 * 1024;

/// How long its body may take.
const BODY: Duration = Duration::from_secs(30);

/// A worker waits five minutes for its answer, and brings the message again after that: by then it was dealt with, reported and
/// answered.
const WORKER: Duration = Duration::from_secs(230);

/// How often the platform is asked for its keys since a token is refused, and how often refusals are logged.
const REFUSALS: Duration = Duration::from_secs(60);

/// The number of connections that are open at once.
const CONNECTIONS: usize = 256;

/// What the connections of a callback share.
struct CallbackState {
    connector: Arc<Connector>,
    path: String,
    places: Semaphore,
    accepted: Mutex<ReplayCache>,
    keys: MinimumInterval,
    refusals: MinimumInterval,
}

impl CallbackState {
    fn accepted(&self) -> MutexGuard<'_, ReplayCache> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is done once a minute at most.
#[derive(Default)]
struct MinimumInterval(Mutex<(Option<Instant>, u64)>);

impl MinimumInterval {
    /// How often it was asked for since it was last due, this time included; nothing where it is not due.
    fn is_due(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, asked) = &mut *state;
        *asked += 1;
        if last.is_some_and(|last| now.saturating_duration_since(last) < REFUSALS) {
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(asked))
    }
}

/// Serves till it is stopped; what is under way then may end, and be answered.
pub(super) async fn serve(
    connector: Arc<Connector>,
    callback: Callback,
    stopped: &mut watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(callback.address).await;
    let listener = listener.with_context(|| {
        format!(
            "CONNECTOR_LISTEN_PROTOCOL_API_ADDRESS, CONNECTOR_LISTEN_PROTOCOL_API_PORT: {} cannot be had",
            callback.address
        )
    })?;
    connector.metrics.ready.set_listening(true);
    let grace = connector.configuration.grace;
    let places = Semaphore::new(usize::from(connector.configuration.concurrency));
    let (accepted, keys, refusals) = Default::default();
    let desk = Arc::new(CallbackState { connector, path: callback.path, places, accepted, keys, refusals });
    let server = HttpServer {
        listener,
        tls: callback.tls.map(TlsAcceptor::from),
        connections: CONNECTIONS,
        head: HEAD,
        stopped: Some(stopped.clone()),
        grace,
    };
    let log = desk.connector.log.clone();
    if !server.serve(move |request| answer(Arc::clone(&desk), request)).await {
        log.warning("What is under way is brought again by the workers", nothing());
    }
    Ok(())
}

async fn answer(desk: Arc<CallbackState>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, path) if path == desk.path => {}
        (_, path) if path == desk.path => return Ok(not_allowed(&[Method::POST])),
        (&Method::GET | &Method::HEAD, "/health") => return Ok(reply(200, json!({ "status": "ok" }))),
        (_, "/health") => return Ok(not_allowed(&[Method::GET, Method::HEAD])),
        _ => return Ok(reply(404, json!({ "error": "Not found" }))),
    }
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let Some(token) = authorization.and_then(bearer).filter(|token| is_welcome(&desk, token)).map(str::to_owned) else {
        return Ok(reply(401, json!({ "error": "Invalid credentials" })));
    };
    let until = Instant::now() + allowed(&desk.connector);
    // A worker waits for its answer: a connection that breaks off must not break off the work.
    let dealt = tokio::spawn(async move { taken(&desk, &token, request.into_body(), until).await });
    Ok(match dealt.await {
        Ok(Ack::Done) => reply(202, json!({ "message": "Message successfully received" })),
        Ok(Ack::NoMessage) => reply(400, json!({ "error": "Invalid JSON payload" })),
        Ok(Ack::Again) | Err(_) => reply(500, json!({ "error": "Error processing message" })),
    })
}

/// How long dealing with a message may take.
fn allowed(connector: &Connector) -> Duration {
    WORKER.min(connector.configuration.patience)
}

/// Takes a message as soon as there is a place for it, and deals with it. A worker brings it again that has waited so long for a
/// place that half of the time is over.
async fn taken(desk: &CallbackState, token: &str, body: Incoming, until: Instant) -> Ack {
    let half = until.saturating_duration_since(Instant::now()) / 2;
    let Ok(Ok(_place)) = timeout(half, desk.places.acquire()).await else { return Ack::Again };
    let body = match timeout(BODY, Limited::new(body, LARGEST).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) | Err(_) => return Ack::NoMessage,
    };
    let request = Fingerprint::new(token, &body);
    if desk.accepted().contains(request) {
        desk.connector.log.info("The message was processed before", nothing());
        return Ack::Done;
    }
    let verdict = match verdict(&desk.connector, &body, until).await {
        // It was told and logged; a worker that hears of it would bring it for ever.
        Ack::NoMessage if serde_json::from_slice::<IgnoredAny>(&body).is_ok() => Ack::Done,
        verdict => verdict,
    };
    if verdict == Ack::Done {
        desk.accepted().insert(request, Instant::now());
    }
    verdict
}

async fn verdict(connector: &Arc<Connector>, body: &[u8], until: Instant) -> Ack {
    let (mut verdict, mut is_repeated) = (Ack::Done, true);
    let dealing = async {
        is_repeated = false;
        connector.metrics.begin();
        // A worker does not say whether it brought the message before.
        let brought = IncomingMessage { body, comes_again: true, until, acker: None };
        let is_late = brought.is_late(allowed(connector) / 4);
        verdict = if is_late { Ack::Again } else { dealt(connector, brought).await };
        connector.metrics.end();
        connector.metrics.delivered(match verdict {
            Ack::Done => "done",
            Ack::NoMessage => "rejected",
            Ack::Again => "again",
        });
        verdict == Ack::Done
    };
    if connector.turns.once(body, dealing).await {
        connector.journal.entry(body, false).close();
    }
    if is_repeated {
        repeated(connector, body);
    }
    verdict
}

fn reply(status: u16, body: Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Full::from(body.to_string())).expect("a response of our own")
}

/// The token of `Bearer TOKEN` (RFC 6750 §2.1).
fn bearer(authorization: &str) -> Option<&str> {
    let mut words = authorization.split_ascii_whitespace();
    let (Some(scheme), Some(token), None) = (words.next(), words.next(), words.next()) else { return None };
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// With the platform's keys, a token that it signed; without, the connector's own.
fn is_welcome(desk: &CallbackState, token: &str) -> bool {
    let connector = &desk.connector;
    let verified = match connector.keys() {
        Some(keys) => verify(token, &keys, &connector.configuration.id, Timestamp::now()),
        None => {
            let own = connector.configuration.token.as_bytes();
            let verified = aws_lc_rs::constant_time::verify_slices_are_equal(token.as_bytes(), own);
            verified.map_err(|_| Invalid::Key("it is not the connector's"))
        }
    };
    verified.map_err(|invalid| refuse(desk, &invalid)).is_ok()
}

/// Logs a refused token, and asks for the platform's keys where it may have others by now: each once a minute, as anybody may
/// send tokens.
fn refuse(desk: &CallbackState, invalid: &Invalid) {
    let now = Instant::now();
    if let Some(refused) = desk.refusals.is_due(now) {
        let attributes = json!({ "reason": invalid.reason(), "refused": refused });
        desk.connector.log.warning("Invalid credentials", attributes);
    }
    if matches!(invalid, Invalid::Key(_)) && desk.keys.is_due(now).is_some() {
        desk.connector.again.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_by_the_thousand_are_due_once_a_minute() {
        let (seldom, start) = (MinimumInterval::default(), Instant::now());
        let due = (0..1200).filter_map(|tick| seldom.is_due(start + Duration::from_millis(100 * tick)));
        assert_eq!(due.collect::<Vec<_>>(), [1, 600]);
    }
}
