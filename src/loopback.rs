//! An HTTP server on loopback that gives recorded answers. Which answer a request gets is for its caller to say.

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

/// The number of connections that are open at once.
const CONNECTIONS: usize = 256;

/// The largest body of a request that is read, in octets, and the limit for its arrival.
const LARGEST: usize = 1024 * 1024;
const BODY: Duration = Duration::from_secs(10);

/// What a request gets: an answer, or what goes wrong on the way.
pub(crate) type Answer = Result<Recorded, Fault>;

/// An answer of our own, as text.
pub(crate) fn text(status: u16, text: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Ok(Recorded { status, headers, body: text.as_bytes().to_owned(), cut: None })
}

/// A request as it came.
pub(crate) struct Incoming<'r> {
    pub(crate) method: &'r str,
    /// Path and query.
    pub(crate) target: &'r str,
    pub(crate) body: &'r [u8],
}

/// Answers each request. A fault breaks the connection.
pub(crate) async fn serve<F>(listener: TcpListener, answer: F)
where
    F: Fn(&Incoming<'_>) -> anyhow::Result<Answer> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    // A broken connection is what a recorded fault asks for.
    let respond = move |request| respond(request, Arc::clone(&answer));
    HttpServer::new(listener, CONNECTIONS).serve(respond).await;
}

async fn respond<F>(request: Request<Body>, answer: Arc<F>) -> anyhow::Result<Response<Full<Bytes>>>
where
    F: Fn(&Incoming<'_>) -> anyhow::Result<Answer>,
{
    let (head, body) = request.into_parts();
    let read = timeout(BODY, Limited::new(body, LARGEST).collect()).await.context("the body did not arrive in time")?;
    let body = read.map_err(|error| anyhow::anyhow!("the body cannot be read: {error}"))?.to_bytes();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let incoming = Incoming { method: head.method.as_str(), target, body: &body };
    let recorded = answer(&incoming)?.map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
    let mut response = Response::builder().status(recorded.status);
    for (name, value) in &recorded.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(recorded.body))?)
}
