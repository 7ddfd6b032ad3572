//! An HTTP server on loopback that gives recorded answers. Which answer a request gets is for its caller to say.

use crate::http_server::HttpServer;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use std::sync::Arc;
use stixmap_engine::run::{Fault, Response as Recorded};
use tokio::net::TcpListener;

/// The number of connections that are open at once.
const CONNECTIONS: usize = 256;

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
    // A broken connection is what a recorded fault asks for.
    let respond = move |request| {
        let response = respond(&request, answer.as_ref());
        async move { response }
    };
    HttpServer::new(listener, CONNECTIONS).serve(respond).await;
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
