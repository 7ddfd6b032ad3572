//! An HTTP server on loopback that gives recorded answers. Which answer a request gets is for its caller to say.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use stixmap_engine::run::{Fault, Response as Recorded};
use tokio::net::TcpListener;

/// What a request gets: an answer, or what goes wrong on the way.
pub(crate) type Answer = Result<Recorded, Fault>;

/// An answer of our own, as text.
pub(crate) fn text(status: u16, text: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Ok(Recorded { status, headers, body: text.as_bytes().to_owned(), cut: None })
}

/// Answers each request, given its method and target. A fault breaks the connection.
pub(crate) async fn serve<F>(listener: TcpListener, answer: F)
where
    F: Fn(&str, &str) -> anyhow::Result<Answer> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    // The listener fails only when the process runs out of sockets: then the client is told by its own.
    while let Ok((stream, _)) = listener.accept().await {
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = respond(&request, answer.as_ref());
                async move { response }
            });
            // A broken connection is what a recorded fault asks for, and the client tells it.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn respond(
    request: &Request<Incoming>,
    answer: impl Fn(&str, &str) -> anyhow::Result<Answer>,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let recorded = answer(request.method().as_str(), target)?.map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
    let mut response = Response::builder().status(recorded.status);
    for (name, value) in &recorded.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(recorded.body))?)
}
