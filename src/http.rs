//! Sends requests and brings back answers as they came: no redirect is followed, nothing is tried again, no body is longer
//! than it may be. What an answer means is the engine's matter.

use anyhow::Context;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Method, redirect};
use std::error::Error;
use std::time::Duration;
use stixmap_engine::run::{Fault, Request, Response};

/// Variables that name certificate authorities besides the system's, as programs in Python and OpenCTI's own have them.
/// (`SSL_CERT_FILE` stands in the system's place.)
const AUTHORITIES: [&str; 3] = ["HTTPS_CA_CERTIFICATES", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// A client for all providers: connections are kept, proxies and certificate authorities come from the environment.
pub(crate) fn client() -> anyhow::Result<Client> {
    let builder = Client::builder()
        .user_agent(concat!("stixmap/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(Duration::from_secs(15));
    authorities(builder)?.build().context("the HTTP client cannot be set up")
}

/// Trusts the authorities that the environment names, too.
pub(crate) fn authorities(builder: ClientBuilder) -> anyhow::Result<ClientBuilder> {
    let mut builder = builder;
    for name in AUTHORITIES {
        let Some(value) = std::env::var(name).ok().filter(|value| !value.trim().is_empty()) else { continue };
        let pem = match value.trim_start().starts_with("-----BEGIN") {
            true => value,
            false => {
                std::fs::read_to_string(&value).with_context(|| format!("{name} names a file that cannot be read"))?
            }
        };
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).ok().filter(|found| !found.is_empty());
        let certificates = certificates.with_context(|| format!("{name} holds no certificate that can be read"))?;
        builder = certificates.into_iter().fold(builder, ClientBuilder::add_root_certificate);
    }
    Ok(builder)
}

/// Sends a request. An answer whose body breaks off is an answer that says so.
pub(crate) async fn send(client: &Client, request: &Request) -> Result<Response, Fault> {
    let limit = Duration::try_from(request.timeout).unwrap_or(Duration::ZERO);
    let mut received = None;
    let exchange = async {
        let answer = start(client, request).await?;
        let (head, mut answer) = head(answer);
        let response = received.insert(head);
        // A body that says how long it is gets its place at once: growing step by step would take twice as much.
        let expected = answer.content_length().unwrap_or(0).min(request.max_body);
        response.body.reserve_exact(usize::try_from(expected).unwrap_or(0));
        while let Some(chunk) = answer.chunk().await.map_err(|error| fault(&error))? {
            let room = usize::try_from(request.max_body).unwrap_or(usize::MAX) - response.body.len();
            response.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Err(Fault::TooLarge(request.max_body));
            }
        }
        Ok(())
    };
    let ended = tokio::time::timeout(limit, exchange).await.unwrap_or(Err(Fault::Timeout));
    match (ended, received) {
        (Ok(()), Some(response)) => Ok(response),
        (Err(fault), Some(response)) if !response.body.is_empty() => Ok(Response { cut: Some(fault), ..response }),
        (Err(fault), _) => Err(fault),
        (Ok(()), None) => unreachable!("an exchange that ended well has an answer"),
    }
}

async fn start(client: &Client, request: &Request) -> Result<reqwest::Response, Fault> {
    let method = Method::from_bytes(request.method.as_bytes()).expect("the engine's methods are HTTP's");
    let headers = headers(request)?;
    let mut asked = client.request(method, request.url.expose()).headers(headers);
    if let Some(body) = &request.body {
        asked = asked.body(body.expose().to_owned());
    }
    asked.send().await.map_err(|error| fault(&error))
}

fn headers(request: &Request) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let unusable = |_| {
            Fault::Connect(format!("the header `{name}` cannot be sent: its value holds signs that no header holds"))
        };
        let mut value = HeaderValue::from_str(value.expose()).map_err(unusable)?;
        value.set_sensitive(true);
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).expect("names were checked when the profile was compiled"),
            value,
        );
    }
    Ok(headers)
}

fn head(answer: reqwest::Response) -> (Response, reqwest::Response) {
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = answer.headers().iter().map(header).collect();
    let response = Response { status: answer.status().as_u16(), headers, body: vec![], cut: None };
    (response, answer)
}

/// reqwest's own texts hold the URL, and with it what must not be printed: only the innermost cause is told.
fn fault(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::Timeout;
    }
    if !error.is_connect() {
        return Fault::Reset;
    }
    match distrust(error) {
        Some(reason) => Fault::Untrusted(reason),
        None => Fault::Connect(innermost(error)),
    }
}

/// The innermost cause of an error.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Why the other end's certificate is not trusted, if that is what is wrong.
pub(crate) fn distrust(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(distrust @ rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Some(distrust.to_string());
        }
        // What an I/O error holds is not among its sources.
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}
