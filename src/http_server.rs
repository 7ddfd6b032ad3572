//! HTTP/1.1 server for metrics, the callback and the mock provider. Request headers have a time limit and connections a
//! maximum number. A full server closes an idle connection of the peer with the most connections, so that half-open
//! requests block no other clients.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

/// Default time limit for a TLS handshake, and for the header section of a request.
pub(crate) const HEAD: Duration = Duration::from_secs(10);

/// Time limit for a client to read its response and to send its next request.
const IDLE: Duration = Duration::from_secs(60);

/// Delay after a connection was not accepted because the process has no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Maximum size of the header section of a request in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// A listener with its limits.
pub(crate) struct HttpServer {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    /// Maximum number of concurrent connections.
    pub(crate) connections: usize,
    /// Time limit for a TLS handshake, and for the header section of a request.
    pub(crate) head: Duration,
    /// Stops the server when it becomes true; without it, the server runs until the process ends.
    pub(crate) stopped: Option<watch::Receiver<bool>>,
    /// Time limit for requests in progress after a stop.
    pub(crate) grace: Duration,
}

impl HttpServer {
    /// Creates a server without TLS that runs until the process ends.
    pub(crate) fn new(listener: TcpListener, connections: usize) -> HttpServer {
        HttpServer { listener, tls: None, connections, head: HEAD, stopped: None, grace: Duration::ZERO }
    }

    /// Serves until it is stopped. Returns whether all requests in progress completed within the grace period.
    pub(crate) async fn serve<A, F, E>(self, answer: A) -> bool
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response<Full<Bytes>>, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
    {
        let (mut open, mut tasks) = (Open::default(), JoinSet::new());
        loop {
            let has_room = open.has_room(self.connections);
            let (stream, peer) = tokio::select! {
                () = stop(self.stopped.clone()) => break,
                Some(_) = tasks.join_next() => continue,
                accepted = self.listener.accept(), if has_room => match accepted {
                    Ok((stream, address)) => (stream, address.ip()),
                    Err(_) => {
                        sleep(PAUSE).await;
                        continue;
                    }
                },
                // All connections are busy: one may be idle after the delay.
                () = sleep(PAUSE), if !has_room => continue,
            };
            let connection = Arc::new(Connection::new(peer));
            open.0.push(Arc::clone(&connection));
            let limits = Limits { head: self.head, stopped: self.stopped.clone() };
            tasks.spawn(serve_one(stream, self.tls.clone(), connection, limits, answer.clone()));
        }
        let all = async { while tasks.join_next().await.is_some() {} };
        timeout(self.grace, all).await.is_ok()
    }
}

/// Completes when the server is stopped.
async fn stop(stopped: Option<watch::Receiver<bool>>) {
    match stopped {
        Some(mut stopped) => drop(stopped.wait_for(|stopped| *stopped).await),
        None => std::future::pending().await,
    }
}

/// An open connection.
struct Connection {
    peer: IpAddr,
    /// Start of the idle time; `None` while a request is in progress.
    idle: Mutex<Option<Instant>>,
    evicted: Notify,
}

impl Connection {
    fn new(peer: IpAddr) -> Connection {
        Connection { peer, idle: Mutex::new(Some(Instant::now())), evicted: Notify::new() }
    }

    fn idle_since(&self) -> Option<Instant> {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_idle(&self, since: Option<Instant>) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Completes when the connection must be closed: it was evicted, or idle for too long.
    async fn must_close(&self) {
        let overdue = async {
            loop {
                let last = self.idle_since().unwrap_or_else(Instant::now) + IDLE;
                if last <= Instant::now() {
                    return;
                }
                sleep_until(last).await;
            }
        };
        tokio::select! {
            () = overdue => {}
            () = self.evicted.notified() => {}
        }
    }
}

/// The open connections.
#[derive(Default)]
struct Open(Vec<Arc<Connection>>);

impl Open {
    /// Returns whether another connection fits, if necessary by evicting an idle one.
    fn has_room(&mut self, most: usize) -> bool {
        // Only the task of an open connection still holds a reference.
        self.0.retain(|connection| Arc::strong_count(connection) > 1);
        self.0.len() < most || self.evict()
    }

    /// Closes the longest idle connection of the peer with the most connections.
    fn evict(&mut self) -> bool {
        let mut held: HashMap<IpAddr, usize> = HashMap::new();
        self.0.iter().for_each(|connection| *held.entry(connection.peer).or_default() += 1);
        let idle =
            self.0.iter().enumerate().filter_map(|(index, open)| Some((open.idle_since()?, held[&open.peer], index)));
        let Some((_, _, index)) = idle.max_by(|one, other| one.1.cmp(&other.1).then(other.0.cmp(&one.0))) else {
            return false;
        };
        self.0.swap_remove(index).evicted.notify_one();
        true
    }
}

/// External limits of a connection.
struct Limits {
    head: Duration,
    stopped: Option<watch::Receiver<bool>>,
}

async fn serve_one<A, F, E>(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    connection: Arc<Connection>,
    limits: Limits,
    answer: A,
) where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<Full<Bytes>>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let serving = async {
        match tls {
            None => requests(stream, &connection, limits, answer).await,
            Some(tls) => {
                // TLS itself reports a failed handshake to the client.
                if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
                    requests(stream, &connection, limits, answer).await;
                }
            }
        }
    };
    tokio::select! {
        () = serving => {}
        () = connection.must_close() => {}
    }
}

/// Serves the requests of a connection; after a stop only the one in progress.
async fn requests<A, F, E>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: &Connection,
    limits: Limits,
    answer: A,
) where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<Full<Bytes>>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let service = service_fn(|request| {
        connection.set_idle(None);
        let answering = answer(request);
        async {
            let response = answering.await;
            connection.set_idle(Some(Instant::now()));
            response
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD);
    let mut serving = pin!(server.serve_connection(TokioIo::new(stream), service));
    // Serving fails if the client disconnects, or if a recorded fault breaks the connection.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = stop(limits.stopped) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}

/// Returns 405 (Method Not Allowed, RFC 9110 §15.5.6) with the allowed methods.
pub(crate) fn not_allowed(allowed: &[Method]) -> Response<Full<Bytes>> {
    let allow: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    let response = Response::builder().status(405).header("allow", allow.join(", "));
    response.body(Full::default()).expect("a valid response")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn served(connections: usize, head: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answer = |_| async { Ok::<_, Infallible>(Response::new(Full::from("ok"))) };
        tokio::spawn(HttpServer { head, ..HttpServer::new(listener, connections) }.serve(answer));
        address
    }

    async fn get(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("it is written");
        let mut text = String::new();
        let _ = timeout(Duration::from_secs(5), stream.read_to_string(&mut text)).await;
        text
    }

    #[tokio::test]
    async fn half_open_requests_above_the_maximum_do_not_block_others() {
        let address = served(16, HEAD).await;
        for begun in ["", "GET /health HT", "GET /health HTTP/1.1\r\nx: ", "\u{16}\u{3}\u{1}"] {
            let mut half_open = vec![];
            for _ in 0..100 {
                let mut stream = TcpStream::connect(address).await.expect("a connection");
                stream.write_all(begun.as_bytes()).await.expect("it is written");
                half_open.push(stream);
            }
            assert!(get(address).await.starts_with("HTTP/1.1 200"), "{begun:?}");
        }
    }

    #[tokio::test]
    async fn incomplete_request_header_closes_its_connection() {
        let address = served(16, Duration::from_millis(200)).await;
        for begun in ["", "GET / HTTP/1.1\r\nx: ", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(begun.as_bytes()).await.expect("it is written");
            let closed = timeout(Duration::from_secs(5), stream.read_to_end(&mut vec![])).await;
            assert!(closed.is_ok(), "{begun:?}");
        }
    }

    #[test]
    fn full_server_evicts_oldest_idle_connection_of_busiest_peer() {
        let (one, many): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let now = Instant::now();
        let at = |peer, age: Option<u64>| {
            let connection = Connection::new(peer);
            connection.set_idle(age.map(|age| now - Duration::from_secs(age)));
            Arc::new(connection)
        };
        let all = [at(one, Some(9)), at(many, Some(1)), at(many, Some(5)), at(many, None)];
        let mut open = Open(all.to_vec());
        assert!(open.has_room(5) && open.0.len() == 4, "there is room");
        assert!(open.has_room(4) && open.0.len() == 3);
        assert!(
            !open.0.iter().any(|left| Arc::ptr_eq(left, &all[2])),
            "the longest idle connection of the peer with three is closed"
        );
        let mut busy = Open(vec![Arc::clone(&all[3])]);
        assert!(!busy.has_room(1), "a request in progress is not interrupted");
    }
}
