//! HTTP callback (`CONNECTOR_LISTEN_PROTOCOL=API`): a worker of the platform reads the queue and posts each message. The response
//! is sent after processing, so that the worker retries if the connector dies.

use super::acknowledgement::Disposition;
use super::configuration::Callback;
use super::consumer::handle_in_task;
use super::enrichment::{IncomingMessage, log_duplicate};
use super::instance::Connector;
use super::log::no_attributes;
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

/// Maximum size of a message in bytes.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Timeout for receiving a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum processing time. A worker retries after five minutes without a response; the rest is for the report.
const MAX_PROCESSING: Duration = Duration::from_secs(230);

/// Minimum interval between two requests for the platform's keys because of rejected tokens, and between two logs of those.
const REJECTION_INTERVAL: Duration = Duration::from_secs(60);

/// Maximum number of open connections.
const MAX_CONNECTIONS: usize = 256;

/// State that all connections share.
struct CallbackState {
    connector: Arc<Connector>,
    path: String,
    slots: Semaphore,
    accepted: Mutex<ReplayCache>,
    keys: MinimumInterval,
    rejections: MinimumInterval,
}

impl CallbackState {
    fn accepted(&self) -> MutexGuard<'_, ReplayCache> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Limits an action to once per `REJECTION_INTERVAL`, and counts how often it was requested.
#[derive(Default)]
struct MinimumInterval(Mutex<(Option<Instant>, u64)>);

impl MinimumInterval {
    /// Returns the number of requests since the action was last due, including this one; none if it is not due.
    fn is_due(&self, now: Instant) -> Option<u64> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, count) = &mut *guard;
        *count += 1;
        if last.is_some_and(|last| now.saturating_duration_since(last) < REJECTION_INTERVAL) {
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(count))
    }
}

/// Serves until stopped; requests in progress may end within the grace period.
pub(super) async fn serve(
    connector: Arc<Connector>,
    callback: Callback,
    stopped: &mut watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(callback.address).await;
    let listener = listener.with_context(|| {
        format!(
            "failed to listen on {} (CONNECTOR_LISTEN_PROTOCOL_API_ADDRESS, CONNECTOR_LISTEN_PROTOCOL_API_PORT)",
            callback.address
        )
    })?;
    connector.metrics.ready.set_listening(true);
    let grace = connector.configuration.grace_period;
    let slots = Semaphore::new(usize::from(connector.configuration.concurrency));
    let (accepted, keys, rejections) = Default::default();
    let state = Arc::new(CallbackState { connector, path: callback.path, slots, accepted, keys, rejections });
    let server = HttpServer {
        listener,
        tls: callback.tls.map(TlsAcceptor::from),
        connections: MAX_CONNECTIONS,
        head: HEAD,
        stopped: Some(stopped.clone()),
        grace,
    };
    let log = state.connector.log.clone();
    if !server.serve(move |request| respond(Arc::clone(&state), request)).await {
        log.warning("Unfinished requests will be retried by the workers", no_attributes());
    }
    Ok(())
}

async fn respond(state: Arc<CallbackState>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, path) if path == state.path => {}
        (_, path) if path == state.path => return Ok(not_allowed(&[Method::POST])),
        (&Method::GET | &Method::HEAD, "/health") => return Ok(reply(200, json!({ "status": "ok" }))),
        (_, "/health") => return Ok(not_allowed(&[Method::GET, Method::HEAD])),
        _ => return Ok(reply(404, json!({ "error": "Not found" }))),
    }
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let Some(token) = authorization.and_then(bearer).filter(|token| is_authorized(&state, token)).map(str::to_owned)
    else {
        return Ok(reply(401, json!({ "error": "Invalid credentials" })));
    };
    let until = Instant::now() + time_limit(&state.connector);
    // In a task, so that a broken connection does not cancel processing.
    let processed = tokio::spawn(async move { receive(&state, &token, request.into_body(), until).await });
    Ok(match processed.await {
        Ok(Disposition::Acknowledge) => reply(202, json!({ "message": "Message successfully received" })),
        Ok(Disposition::Reject) => reply(400, json!({ "error": "Invalid JSON payload" })),
        Ok(Disposition::Requeue) | Err(_) => reply(500, json!({ "error": "Error processing message" })),
    })
}

/// Returns the maximum processing time of a message.
fn time_limit(connector: &Connector) -> Duration {
    MAX_PROCESSING.min(connector.configuration.delivery_timeout)
}

/// Waits for a free slot, reads the message and processes it. If no slot becomes free in half of the time, the worker must retry.
async fn receive(state: &CallbackState, token: &str, body: Incoming, until: Instant) -> Disposition {
    let half = until.saturating_duration_since(Instant::now()) / 2;
    let Ok(Ok(_slot)) = timeout(half, state.slots.acquire()).await else { return Disposition::Requeue };
    let body = match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) | Err(_) => return Disposition::Reject,
    };
    let request = Fingerprint::new(token, &body);
    if state.accepted().contains(request) {
        state.connector.log.info("Ignored duplicate request", no_attributes());
        return Disposition::Acknowledge;
    }
    let disposition = match process_once(&state.connector, &body, until).await {
        // It was reported and logged; after an error response the worker would retry forever.
        Disposition::Reject if serde_json::from_slice::<IgnoredAny>(&body).is_ok() => Disposition::Acknowledge,
        disposition => disposition,
    };
    if disposition == Disposition::Acknowledge {
        state.accepted().insert(request, Instant::now());
    }
    disposition
}

async fn process_once(connector: &Arc<Connector>, body: &[u8], until: Instant) -> Disposition {
    let (mut disposition, mut is_duplicate) = (Disposition::Acknowledge, true);
    let work = async {
        is_duplicate = false;
        connector.metrics.begin();
        // Workers do not say whether they posted the message before.
        let incoming = IncomingMessage { body, is_redelivered: true, until, acker: None };
        let is_late = incoming.is_late(time_limit(connector) / 4);
        disposition = if is_late { Disposition::Requeue } else { handle_in_task(connector, incoming).await };
        connector.metrics.end();
        connector.metrics.delivered(match disposition {
            Disposition::Acknowledge => "done",
            Disposition::Reject => "rejected",
            Disposition::Requeue => "again",
        });
        disposition == Disposition::Acknowledge
    };
    if connector.single_flight.once(body, work).await {
        connector.journal.entry(body, false).close();
    }
    if is_duplicate {
        log_duplicate(connector, body);
    }
    disposition
}

fn reply(status: u16, body: Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Full::from(body.to_string())).expect("a valid response")
}

/// Returns the token of `Bearer TOKEN` (RFC 6750 §2.1).
fn bearer(authorization: &str) -> Option<&str> {
    let mut parts = authorization.split_ascii_whitespace();
    let (Some(scheme), Some(token), None) = (parts.next(), parts.next(), parts.next()) else { return None };
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// Verifies the token: if the platform has keys, it must be signed by one; otherwise it must equal the connector's token.
fn is_authorized(state: &CallbackState, token: &str) -> bool {
    let connector = &state.connector;
    let verified = match connector.keys() {
        Some(keys) => verify(token, &keys, &connector.configuration.id, Timestamp::now()),
        None => {
            let own = connector.configuration.token.as_bytes();
            let verified = aws_lc_rs::constant_time::verify_slices_are_equal(token.as_bytes(), own);
            verified.map_err(|_| Invalid::Key("not the connector's token"))
        }
    };
    verified.map_err(|invalid| on_rejected_token(state, &invalid)).is_ok()
}

/// Logs a rejected token and, if newer keys may verify it, requests them from the platform. Both are limited to once a minute,
/// since anyone can send tokens.
fn on_rejected_token(state: &CallbackState, invalid: &Invalid) {
    let now = Instant::now();
    if let Some(count) = state.rejections.is_due(now) {
        let attributes = json!({ "reason": invalid.reason(), "refused": count });
        state.connector.log.warning("Invalid credentials", attributes);
    }
    if matches!(invalid, Invalid::Key(_)) && state.keys.is_due(now).is_some() {
        state.connector.registration_due.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_rejections_are_due_once_a_minute() {
        let (interval, start) = (MinimumInterval::default(), Instant::now());
        let due = (0..1200).filter_map(|tick| interval.is_due(start + Duration::from_millis(100 * tick)));
        assert_eq!(due.collect::<Vec<_>>(), [1, 600]);
    }
}
