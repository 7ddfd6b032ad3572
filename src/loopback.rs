//! An HTTP server on loopback that returns recorded responses. Its caller selects the response to each request.

use crate::http_server::HttpServer;
use anyhow::Context;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming as Body};
use hyper::{Request, Response};
use std::sync::Arc;
use std::time::Duration;
use stixmap_engine::run::{Fault, Response as Recorded};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Maximum number of open connections.
const CONNECTIONS: usize = 256;

/// Maximum size of a request body in octets, and the timeout for reading it.
const LARGEST: usize = 1024 * 1024;
const BODY: Duration = Duration::from_secs(10);

/// A response, or a fault of the connection.
pub(crate) type Answer = Result<Recorded, Fault>;

/// Returns a plain text response of the server itself.
pub(crate) fn text(status: u16, text: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Ok(Recorded { status, headers, body: text.as_bytes().to_owned(), cut: None })
}

/// A received request.
pub(crate) struct Incoming<'r> {
    pub(crate) method: &'r str,
    /// Path and query (RFC 9110 §7.1).
    pub(crate) target: &'r str,
    pub(crate) body: &'r [u8],
}

/// Responds to each request. A fault closes the connection.
pub(crate) async fn serve<F>(listener: TcpListener, answer: F)
where
    F: Fn(&Incoming<'_>) -> anyhow::Result<Answer> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    // Closes the connection, as the recorded fault requires.
    let respond = move |request| respond(request, Arc::clone(&answer));
    HttpServer::new(listener, CONNECTIONS).serve(respond).await;
}

async fn respond<F>(request: Request<Body>, answer: Arc<F>) -> anyhow::Result<Response<Full<Bytes>>>
where
    F: Fn(&Incoming<'_>) -> anyhow::Result<Answer>,
{
    let (head, body) = request.into_parts();
    let read =
        timeout(BODY, Limited::new(body, LARGEST).collect()).await.context("timeout while reading the request body")?;
    let body = read.map_err(|error| anyhow::anyhow!("failed to read the request body: {error}"))?.to_bytes();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let incoming = Incoming { method: head.method.as_str(), target, body: &body };
    let recorded = answer(&incoming)?.map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
    let mut response = Response::builder().status(recorded.status);
    for (name, value) in &recorded.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(recorded.body))?)
}
