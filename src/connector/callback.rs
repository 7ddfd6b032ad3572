//! The other way a message comes: a worker takes it from the queue and brings it over HTTP. The answer is given when the
//! message was dealt with, so that a worker whose connector died brings it again.

use super::Connector;
use super::configuration::Callback;
use super::listen::dealt;
use super::log::{because, nothing};
use super::work::{Brought, Verdict};
use anyhow::Context;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// The largest message that is taken.
const LARGEST: usize = 64 * 1024 * 1024;

/// How long a handshake may take, and the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// How long its body may take.
const BODY: Duration = Duration::from_secs(30);

/// How long to wait where no connection can be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// A worker waits five minutes for its answer, and brings the message again after that: by then it was dealt with, reported and
/// answered.
const WORKER: Duration = Duration::from_secs(230);

/// What the connections of a callback share.
struct Desk {
    connector: Arc<Connector>,
    path: String,
    places: Semaphore,
}

/// Serves till it is stopped; what is under way then may end, and be answered.
pub(super) async fn serve(
    connector: Arc<Connector>,
    callback: Callback,
    stopped: &mut watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", callback.port)).await;
    let listener =
        listener.with_context(|| format!("CONNECTOR_LISTEN_PROTOCOL_API_PORT: {} cannot be had", callback.port))?;
    connector.metrics.ready.store(true, Ordering::Relaxed);
    let grace = connector.configuration.grace;
    let places = Semaphore::new(usize::from(connector.configuration.concurrency));
    let desk = Arc::new(Desk { connector, path: callback.path, places });
    let tls = callback.tls.map(TlsAcceptor::from);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Ok((stream, _)) = accepted else {
            // There are no more descriptors: some are given back.
            sleep(PAUSE).await;
            continue;
        };
        connections.spawn(connection(stream, tls.clone(), Arc::clone(&desk), stopped.clone()));
    }
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(grace, all).await.is_err() {
        desk.connector.log.warning("What is under way is brought again by the workers", nothing());
    }
    Ok(())
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, desk: Arc<Desk>, stopped: watch::Receiver<bool>) {
    match tls {
        None => requests(stream, desk, stopped).await,
        Some(tls) => {
            // Who cannot shake hands is no concern of anybody here.
            if let Ok(Ok(stream)) = timeout(HEAD, tls.accept(stream)).await {
                requests(stream, desk, stopped).await;
            }
        }
    }
}

/// Answers what comes over a connection; after a stop only what is under way.
async fn requests(stream: impl AsyncRead + AsyncWrite + Unpin, desk: Arc<Desk>, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(|request| answer(Arc::clone(&desk), request));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut serving = pin!(server.serve_connection(TokioIo::new(stream), service));
    // Where serving ends with an error, the worker is gone; it brings the message again.
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}

async fn answer(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET && request.uri().path() == "/health" {
        return Ok(reply(200, json!({ "status": "ok" })));
    }
    if request.method() != Method::POST || request.uri().path() != desk.path {
        return Ok(reply(404, json!({ "error": "Not found" })));
    }
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if !authorization.is_some_and(|text| is_welcome(&desk.connector, text)) {
        return Ok(reply(401, json!({ "error": "Invalid credentials" })));
    }
    let until = Instant::now() + allowed(&desk.connector);
    // A worker waits for its answer: a connection that breaks off must not break off the work.
    let dealt = tokio::spawn(async move { taken(&desk, request.into_body(), until).await });
    Ok(match dealt.await {
        Ok(Verdict::Done) => reply(202, json!({ "message": "Message successfully received" })),
        Ok(Verdict::NoMessage) => reply(400, json!({ "error": "Invalid JSON payload" })),
        Ok(Verdict::Again) | Err(_) => reply(500, json!({ "error": "Error processing message" })),
    })
}

/// How long dealing with a message may take.
fn allowed(connector: &Connector) -> Duration {
    WORKER.min(connector.configuration.patience)
}

/// Takes a message as soon as there is a place for it, and deals with it. A worker brings it again that has waited so long for a
/// place that half of the time is over.
async fn taken(desk: &Desk, body: Incoming, until: Instant) -> Verdict {
    let half = until.saturating_duration_since(Instant::now()) / 2;
    let Ok(Ok(_place)) = timeout(half, desk.places.acquire()).await else { return Verdict::Again };
    let body = match timeout(BODY, Limited::new(body, LARGEST).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) | Err(_) => return Verdict::NoMessage,
    };
    match verdict(&desk.connector, &body, until).await {
        // It was told and logged; a worker that hears of it would bring it for ever.
        Verdict::NoMessage if serde_json::from_slice::<IgnoredAny>(&body).is_ok() => Verdict::Done,
        verdict => verdict,
    }
}

async fn verdict(connector: &Arc<Connector>, body: &[u8], until: Instant) -> Verdict {
    let mut verdict = Verdict::Done;
    let dealing = async {
        connector.metrics.begin();
        // A worker does not say whether it brought the message before.
        let brought = Brought { body, comes_again: true, until, acker: None };
        let is_late = brought.is_late(allowed(connector) / 4);
        verdict = if is_late { Verdict::Again } else { dealt(connector, brought).await };
        connector.metrics.end();
        connector.metrics.delivered(match verdict {
            Verdict::Done => "done",
            Verdict::NoMessage => "rejected",
            Verdict::Again => "again",
        });
        verdict == Verdict::Done
    };
    if connector.turns.once(body, dealing).await {
        connector.journal.entry(body, false).close();
    }
    verdict
}

fn reply(status: u16, body: Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Full::from(body.to_string())).expect("a response of our own")
}

/// With the platform's keys, a token that it signed; without, the connector's own.
fn is_welcome(connector: &Connector, authorization: &str) -> bool {
    let mut words = authorization.split_ascii_whitespace();
    let (Some(scheme), Some(token), None) = (words.next(), words.next(), words.next()) else { return false };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return false;
    }
    match connector.keys() {
        Some(keys) => match verify(token, &keys, Timestamp::now()) {
            Ok(()) => true,
            Err(reason) => {
                connector.log.warning("Invalid credentials", because(reason));
                // The platform may have other keys than it had.
                connector.again.notify_one();
                false
            }
        },
        None => {
            let own = connector.configuration.token.as_bytes();
            let is_own = aws_lc_rs::constant_time::verify_slices_are_equal(token.as_bytes(), own).is_ok();
            if !is_own {
                // It may have keys by now.
                connector.again.notify_one();
            }
            is_own
        }
    }
}

/// A JSON Web Token (RFC 7519) that the platform signed with one of its keys (RFC 8037).
fn verify(token: &str, keys: &str, now: Timestamp) -> Result<(), &'static str> {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts[..] else { return Err("it has not three parts") };
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| "a part is no base64");
    let json = |text: &str| serde_json::from_slice::<Value>(&decoded(text)?).map_err(|_| "a part is no JSON");
    let head = json(head)?;
    if head["alg"] != "EdDSA" {
        return Err("it is not signed with Ed25519");
    }
    let kid = head["kid"].as_str().ok_or("it names no key")?;
    let keys: Value = serde_json::from_str(keys).map_err(|_| "the platform's keys are no JSON")?;
    let mut known = keys["keys"].as_array().into_iter().flatten();
    let key = known.find(|key| key["kid"] == kid && key["crv"] == "Ed25519").ok_or("its key is not the platform's")?;
    let public = decoded(key["x"].as_str().ok_or("the platform's key is none")?)?;
    let signed = &token[..parts[0].len() + 1 + parts[1].len()];
    let verified = UnparsedPublicKey::new(&ED25519, public).verify(signed.as_bytes(), &decoded(signature)?);
    verified.map_err(|_| "the signature is wrong")?;
    let claims = json(claims)?;
    let at = |name: &str| claims[name].as_f64();
    let now = now.as_second() as f64;
    if claims["iss"] != "opencti" || claims.get("sub").is_some_and(|subject| subject != "connector") {
        return Err("it is not meant for a connector");
    }
    if at("exp").is_some_and(|expires| expires <= now) || at("iat").is_some_and(|issued| issued > now) {
        return Err("it has expired, or is not yet valid");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    fn signed(pair: &Ed25519KeyPair, head: Value, claims: Value) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(head), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()).as_ref());
        format!("{text}.{signature}")
    }

    #[test]
    fn only_what_the_platform_signed_in_time_for_us_is_welcome() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let other = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).expect("a key");
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": public }] }).to_string();
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        let second = now.as_second();
        let claims = |iss: &str, exp: i64, iat: i64| json!({ "iss": iss, "sub": "connector", "exp": exp, "iat": iat });
        let head = || json!({ "alg": "EdDSA", "kid": "k" });
        let good = claims("opencti", second + 60, second);
        let check = |token: String, is_good: bool| assert_eq!(verify(&token, &keys, now).is_ok(), is_good, "{token}");
        check(signed(&pair, head(), good.clone()), true);
        check(signed(&other, head(), good.clone()), false);
        check(signed(&pair, json!({ "alg": "none", "kid": "k" }), good.clone()), false);
        check(signed(&pair, json!({ "alg": "EdDSA", "kid": "z" }), good), false);
        check(signed(&pair, head(), claims("somebody", second + 60, second)), false);
        check(signed(&pair, head(), claims("opencti", second, second)), false);
        check(signed(&pair, head(), claims("opencti", second + 60, second + 1)), false);
        check("a.b".into(), false);
    }
}
