//! HTTP client: sends requests of the engine and returns responses unchanged, up to a size limit. Redirects and retries are
//! decided by the engine.

use crate::files::{Bound, operator_path};
use crate::memory::Share;
use anyhow::Context;
use async_compression::tokio::bufread::GzipDecoder;
use futures_util::TryStreamExt;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Method, redirect};
use std::error::Error;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use stixmap_engine::run::{Fault, Request, Response};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
use tokio::time::{Instant, timeout_at};
use tokio_util::io::StreamReader;

/// Variables with certificate authorities in addition to the system's, as in Python and OpenCTI. (`SSL_CERT_FILE` replaces
/// the system's.)
const AUTHORITIES: [&str; 3] = ["HTTPS_CA_CERTIFICATES", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Variables of files that the TLS library and the resolver open themselves, without a limit: a pipe would block them, and a
/// device would never end.
const LIBRARY_FILES: [&str; 3] = ["SSL_CERT_FILE", "HOSTALIASES", "RESOLV_HOST_CONF"];

/// Variable of folders in which the TLS library reads every file.
const LIBRARY_FOLDERS: &str = "SSL_CERT_DIR";

/// Rejects files of libraries that are too large or not regular, by reading them first.
pub(crate) fn check_library_files() -> anyhow::Result<()> {
    let check = |name: &str, path: &Path| {
        let read = operator_path::read(path, Bound::AUTHORITIES).map(drop);
        read.with_context(|| format!("failed to read {}, named by {name}", path.display()))
    };
    for name in LIBRARY_FILES {
        if let Some(path) = std::env::var_os(name) {
            check(name, Path::new(&path))?;
        }
    }
    let folders = std::env::var_os(LIBRARY_FOLDERS).unwrap_or_default();
    for folder in std::env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty()) {
        let files = operator_path::files_of(&folder);
        let files = files
            .with_context(|| format!("failed to read the folder {}, named by {LIBRARY_FOLDERS}", folder.display()))?;
        // The library ignores what is not a file, too.
        files.iter().filter(|file| operator_path::is_file(file)).try_for_each(|file| check(LIBRARY_FOLDERS, file))?;
    }
    Ok(())
}

/// Returns the common configuration of all clients: user agent, no redirects.
pub(crate) fn builder() -> anyhow::Result<ClientBuilder> {
    check_library_files()?;
    let builder = Client::builder().user_agent(concat!("stixmap/", env!("CARGO_PKG_VERSION")));
    Ok(builder.redirect(redirect::Policy::none()))
}

/// Returns the client for all providers. Proxies and certificate authorities are read from the environment.
pub(crate) fn client() -> anyhow::Result<Client> {
    // Bodies are decompressed here, since a body may have several members.
    let accepted = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
    let builder =
        builder()?.referer(false).no_gzip().default_headers(accepted).connect_timeout(Duration::from_secs(15));
    authorities(builder)?.build().context("failed to create the HTTP client")
}

/// Adds the certificate authorities of the environment.
pub(crate) fn authorities(builder: ClientBuilder) -> anyhow::Result<ClientBuilder> {
    let mut builder = builder;
    for name in AUTHORITIES {
        let Some(value) = std::env::var(name).ok().filter(|value| !value.trim().is_empty()) else { continue };
        let pem = match value.trim_start().starts_with("-----BEGIN") {
            true => value,
            false => {
                let read = operator_path::read_text(Path::new(&value), Bound::VALUE);
                read.with_context(|| format!("failed to read the file named by {name}"))?
            }
        };
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).ok().filter(|found| !found.is_empty());
        let certificates = certificates.with_context(|| format!("no valid certificate in {name}"))?;
        builder = certificates.into_iter().fold(builder, ClientBuilder::add_root_certificate);
    }
    Ok(builder)
}

/// Sends a request. A body that ends early is returned with the fault in `cut`. A large body waits for memory; this wait does
/// not count toward the request's timeout.
pub(crate) async fn send(client: &Client, request: &Request, share: &mut Share) -> Result<Response, Fault> {
    let until = Instant::now() + Duration::try_from(request.timeout).unwrap_or(Duration::ZERO);
    let (mut response, answer) = head(within(until, start(client, request)).await?);
    match read(answer, request.max_body, &mut response.body, until, share).await {
        Ok(()) => Ok(response),
        Err(fault) if !response.body.is_empty() => Ok(Response { cut: Some(fault), ..response }),
        Err(fault) => Err(fault),
    }
}

/// Reads a body of at most `most` bytes; keeps what was received before a fault.
async fn read(
    answer: reqwest::Response,
    most: u64,
    body: &mut Vec<u8>,
    until: Instant,
    share: &mut Share,
) -> Result<(), Fault> {
    let is_compressed = is_compressed(answer.headers());
    // Reserve the announced length at once: growing step by step could take twice as much memory.
    let expected = answer.content_length().filter(|_| !is_compressed).unwrap_or(0).min(most);
    let until = until + share.announce(expected).await;
    body.reserve_exact(usize::try_from(expected).unwrap_or(0));
    let received = StreamReader::new(answer.bytes_stream().map_err(std::io::Error::other));
    match is_compressed {
        false => read_decoded(received, most, body, until, share).await,
        true => {
            let mut decoder = GzipDecoder::new(received);
            decoder.multiple_members(true);
            read_decoded(BufReader::new(decoder), most, body, until, share).await
        }
    }
}

async fn read_decoded(
    content: impl AsyncBufRead,
    most: u64,
    body: &mut Vec<u8>,
    mut until: Instant,
    share: &mut Share,
) -> Result<(), Fault> {
    let mut content = pin!(content);
    loop {
        let chunk = within(until, async { content.fill_buf().await.map_err(|_| Fault::Reset) }).await?;
        let (length, room) = (chunk.len(), usize::try_from(most).unwrap_or(usize::MAX) - body.len());
        if length == 0 {
            return Ok(());
        }
        until += share.hold(body.len() + length).await;
        body.extend_from_slice(&chunk[..length.min(room)]);
        if length > room {
            return Err(Fault::TooLarge(most));
        }
        content.as_mut().consume(length);
    }
}

/// Whether a body is compressed by gzip (RFC 9110 §8.4.1.3), the only coding that requests accept.
fn is_compressed(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let is_gzip = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|coding| ["gzip", "x-gzip"].iter().any(|gzip| coding.trim().eq_ignore_ascii_case(gzip)))
    };
    codings.next().is_some_and(is_gzip) && codings.next().is_none()
}

async fn within<T>(until: Instant, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout_at(until, work).await.unwrap_or(Err(Fault::Timeout))
}

async fn start(client: &Client, request: &Request) -> Result<reqwest::Response, Fault> {
    client.execute(built(client, request)?).await.map_err(|error| fault(&error))
}

/// Builds the request, and verifies that URL and headers are exactly those that the engine made and shows.
fn built(client: &Client, request: &Request) -> Result<reqwest::Request, Fault> {
    let method = Method::from_bytes(request.method.as_bytes()).expect("the engine's methods are HTTP's");
    let headers = headers(request)?;
    let mut asked = client.request(method, request.url.expose()).headers(headers.clone());
    if let Some(body) = &request.body {
        asked = asked.body(body.expose().to_owned());
    }
    let asked = asked.build().map_err(|_| Fault::Unsendable("invalid URL".to_owned()))?;
    if asked.url().as_str() != request.url.expose() {
        return Err(Fault::Unsendable("the HTTP client would change its URL".to_owned()));
    }
    match *asked.headers() == headers {
        true => Ok(asked),
        false => Err(Fault::Unsendable("the HTTP client would change its headers".to_owned())),
    }
}

fn headers(request: &Request) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let unusable = |_| Fault::Unsendable(format!("invalid value of the header `{name}`"));
        let mut value = HeaderValue::from_str(value.expose()).map_err(unusable)?;
        value.set_sensitive(true);
        headers.append(
            HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Fault::Unsendable(format!("invalid header name `{name}`")))?,
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

/// Converts an error. Only the innermost cause is kept: reqwest's own texts contain the URL, which may contain secrets.
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

/// Returns the text of the innermost cause of an error.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Returns why the peer's certificate was rejected, if that is the cause.
pub(crate) fn distrust(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(distrust @ rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Some(distrust.to_string());
        }
        // The error inside of an I/O error is not among its sources.
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use stixmap_engine::case::{Case, input};
    use stixmap_engine::diagnostic::Source;
    use stixmap_engine::plan::Plan;
    use stixmap_engine::run::{Run, Step};

    fn entries(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect()
    }

    fn source(path: &Path) -> Arc<Source> {
        Source::new(path.display().to_string(), std::fs::read_to_string(path).expect("a file"))
    }

    /// Verifies what is sent for each request of a case; returns the number of requests.
    fn check(client: &Client, plan: &Plan, case: &Case) -> usize {
        let (mut now, mut exchanges, mut checked) = (case.now, case.exchanges.iter(), 0);
        let mut run = Run::new(plan, Arc::default(), input(plan, case).expect("settings"), now);
        loop {
            match run.next(now) {
                Step::Done => return checked,
                Step::Wait(until) => now = until,
                Step::Send(request) => {
                    let sent = built(client, &request).unwrap_or_else(|fault| panic!("{fault:?}: {request:?}"));
                    assert_eq!(sent.url().as_str(), request.url.expose());
                    assert_eq!(sent.method().as_str(), request.method);
                    let mut shown: Vec<(String, String)> = request
                        .headers
                        .iter()
                        .map(|(name, value)| (name.to_lowercase(), value.expose().to_owned()))
                        .collect();
                    let text = |value: &HeaderValue| value.to_str().expect("ASCII").to_owned();
                    let mut headers: Vec<(String, String)> =
                        sent.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
                    shown.sort();
                    headers.sort();
                    assert_eq!(headers, shown);
                    let body = sent.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
                    assert_eq!(body, request.body.as_ref().map_or("", |body| body.expose()).as_bytes());
                    checked += 1;
                    let answer = exchanges.next().map_or(Err(Fault::Reset), |exchange| exchange.response());
                    run.accept(answer, now);
                }
            }
        }
    }

    #[test]
    fn recorded_request_is_sent_as_shown() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (client, mut checked) = (client().expect("a client"), 0);
        for folder in entries(&root.join("profiles")).into_iter().chain(entries(&root.join("tests/providers"))) {
            let plan = Plan::read(&source(&folder.join("profile.yaml"))).expect("a profile");
            let cases = folder.join("cases");
            let load = |name: &str| std::fs::read(cases.join(name)).map_err(|error| error.to_string());
            for path in entries(&cases) {
                if path.extension().is_some_and(|extension| extension == "yaml") {
                    checked += check(&client, &plan, &Case::read(&source(&path), load).expect("a case"));
                }
            }
        }
        assert!(checked > 300, "{checked}");
    }
}
