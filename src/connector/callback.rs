//! The other way a message comes: a worker takes it from the queue and brings it over HTTP. The answer is given when the
//! message was dealt with, so that a worker whose connector died brings it again.

use super::Connector;
use super::configuration::Callback;
use super::log::because;
use super::work::{Verdict, deal};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// The largest message that is taken.
const LARGEST: usize = 64 * 1024 * 1024;

/// How long a handshake may take, and the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// How long to wait where no connection can be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the process ends.
pub(super) async fn serve(connector: Arc<Connector>, callback: Callback) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", callback.port)).await?;
    let path: Arc<str> = callback.path.into();
    let places = Arc::new(Semaphore::new(usize::from(connector.configuration.concurrency)));
    let tls = callback.tls.map(TlsAcceptor::from);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // There are no more descriptors: some are given back.
            sleep(PAUSE).await;
            continue;
        };
        let (connector, path, places) = (Arc::clone(&connector), Arc::clone(&path), Arc::clone(&places));
        let tls = tls.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                answer(Arc::clone(&connector), Arc::clone(&path), Arc::clone(&places), request)
            });
            match tls {
                None => requests(stream, service).await,
                Some(tls) => {
                    // Who cannot shake hands is no concern of anybody here.
                    if let Ok(Ok(stream)) = timeout(HEAD, tls.accept(stream)).await {
                        requests(stream, service).await;
                    }
                }
            }
        });
    }
}

async fn requests<S>(stream: impl AsyncRead + AsyncWrite + Unpin, service: S)
where
    S: HttpService<Incoming, ResBody = Full<Bytes>, Error = Infallible>,
{
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    // The worker is gone; it brings the message again.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    connector: Arc<Connector>,
    path: Arc<str>,
    places: Arc<Semaphore>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET && request.uri().path() == "/health" {
        return Ok(reply(200, json!({ "status": "ok" })));
    }
    if request.method() != Method::POST || request.uri().path() != &*path {
        return Ok(reply(404, json!({ "error": "Not found" })));
    }
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if !authorization.is_some_and(|text| is_welcome(&connector, text)) {
        return Ok(reply(401, json!({ "error": "Invalid credentials" })));
    }
    let Ok(body) = Limited::new(request.into_body(), LARGEST).collect().await else {
        return Ok(reply(400, json!({ "error": "Invalid JSON payload" })));
    };
    let body = body.to_bytes();
    // A worker waits for its answer: a connection that breaks off must not break off the work.
    let dealt = tokio::spawn(async move {
        let _place = places.acquire_owned().await;
        connector.metrics.delivered("callback");
        deal(connector, &body).await
    });
    Ok(match dealt.await {
        Ok(Verdict::Done) => reply(202, json!({ "message": "Message successfully received" })),
        Ok(Verdict::NoMessage) => reply(400, json!({ "error": "Invalid JSON payload" })),
        Ok(Verdict::Again) | Err(_) => reply(500, json!({ "error": "Error processing message" })),
    })
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
                false
            }
        },
        None => aws_lc_rs::constant_time::verify_slices_are_equal(
            token.as_bytes(),
            connector.configuration.token.as_bytes(),
        )
        .is_ok(),
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
