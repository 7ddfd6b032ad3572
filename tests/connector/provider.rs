//! Mock provider on loopback with the API of PassiveTotal: a configurable number of records, and failures.

use super::runtime;
use super::wait::Busy;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Response to a lookup.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// This number of A records.
    Records(usize),
    /// A body with a status.
    Text(u16, String),
    /// An empty body with a status and a header.
    Header(u16, &'static str, String),
    /// No response for this time; then the connection closes.
    Silence(Duration),
    /// The connection closes immediately.
    Cut,
    /// Another response after a delay.
    After(Duration, Box<Answer>),
}

type Answers = dyn Fn(&str, usize) -> Answer + Send + Sync;

/// A mock provider that runs until it is dropped.
pub(crate) struct Provider {
    pub(crate) url: String,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    queries: Arc<Mutex<Vec<String>>>,
    requests: Arc<AtomicUsize>,
    busy: Arc<Busy>,
    task: tokio::task::JoinHandle<()>,
}

impl Provider {
    /// Starts a provider that always returns this number of records.
    pub(crate) fn with(records: usize) -> Provider {
        Provider::answering(move |_, _| Answer::Records(records))
    }

    /// Starts a provider with responses computed by `answers` from the value that is looked up and the number of
    /// earlier lookups.
    pub(crate) fn answering(answers: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Provider {
        let listener = runtime().block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let queries = Arc::new(Mutex::new(vec![]));
        let (requests, busy) = (Arc::default(), Arc::default());
        let shared = Shared {
            answers: Box::new(answers),
            asked: Arc::clone(&asked),
            queries: Arc::clone(&queries),
            requests: Arc::clone(&requests),
            busy: Arc::clone(&busy),
        };
        let task = runtime().spawn(serve(listener, Arc::new(shared)));
        Provider { url, asked, queries, requests, busy, task }
    }

    /// Returns the number of lookups of an observable.
    pub(crate) fn asked(&self, about: &str) -> usize {
        self.asked.lock().expect("no panic while it is held").get(about).copied().unwrap_or(0)
    }

    /// Returns the query string of each lookup.
    pub(crate) fn queries(&self) -> Vec<String> {
        self.queries.lock().expect("no panic while it is held").clone()
    }

    /// Returns the number of requests, including those for the quota.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the processing time of the mock itself.
    #[allow(dead_code, reason = "`benches/connector.rs` measures with it")]
    pub(crate) fn busy(&self) -> Duration {
        self.busy.time()
    }

    /// Returns the number of all lookups.
    pub(crate) fn asked_in_all(&self) -> usize {
        self.asked.lock().expect("no panic while it is held").values().sum()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// State shared with the server.
struct Shared {
    answers: Box<Answers>,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    queries: Arc<Mutex<Vec<String>>>,
    requests: Arc<AtomicUsize>,
    busy: Arc<Busy>,
}

async fn serve(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request: Request<Incoming>| {
            let (shared, begun) = (Arc::clone(&shared), Instant::now());
            async move {
                let response = respond(shared.answer(&request)).await;
                shared.busy.since(begun);
                response
            }
        });
        connections.spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Value that stands for the quota endpoint in `answers`.
pub(crate) const QUOTA: &str = "quota";

impl Shared {
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if request.uri().path().ends_with("/account/quota") {
            return match (self.answers)(QUOTA, 0) {
                Answer::Text(status, text) if text.contains("licenseCounts") => Answer::Text(status, text),
                _ => Answer::Text(200, quota("1", "100000")),
            };
        }
        let query = request.uri().query().unwrap_or_default();
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let about = pairs.into_iter().find(|(name, _)| name == "query").map(|(_, value)| value).unwrap_or_default();
        self.queries.lock().expect("no panic while it is held").push(query.to_string());
        let mut asked = self.asked.lock().expect("no panic while it is held");
        let before = asked.entry(about.clone()).or_insert(0);
        *before += 1;
        (self.answers)(&about, *before - 1)
    }
}

/// Returns a response about the quota: used requests and their maximum.
pub(crate) fn quota(used: &str, limit: &str) -> String {
    format!(r#"{{"user":{{"licenseCounts":{{"searchApi":{used}}},"licenseLimits":{{"searchApi":{limit}}}}}}}"#)
}

/// Returns a response with these rows: record type, kind of value, value.
pub(crate) fn rows(rows: &[(&str, &str, &str)]) -> Answer {
    let row = |(rrtype, kind, value): &(&str, &str, &str)| {
        serde_json::json!({
            "recordType": rrtype, "resolve": value, "resolveType": kind, "value": "example.com",
            "firstSeen": "2024-01-10 08:00:00", "lastSeen": "2024-03-10 09:30:00",
        })
    };
    let rows: Vec<serde_json::Value> = rows.iter().map(row).collect();
    Answer::Text(200, serde_json::json!({ "totalRecords": rows.len(), "results": rows }).to_string())
}

async fn respond(mut answer: Answer) -> Result<Response<Full<Bytes>>, std::io::Error> {
    while let Answer::After(time, then) = answer {
        tokio::time::sleep(time).await;
        answer = *then;
    }
    let mut response = Response::builder().header("content-type", "application/json");
    let (status, body) = match answer {
        Answer::Header(status, name, value) => {
            response = response.header(name, value);
            (status, String::new())
        }
        Answer::Records(count) => (200, records(count)),
        Answer::Text(status, text) => (status, text),
        Answer::Silence(time) => {
            tokio::time::sleep(time).await;
            return Err(std::io::Error::other("connection closed"));
        }
        Answer::Cut | Answer::After(..) => return Err(std::io::Error::other("connection closed")),
    };
    Ok(response.status(status).body(Full::new(body.into())).expect("a response"))
}

/// Returns a body with this number of A records, each with its own address.
pub(crate) fn records(count: usize) -> String {
    let record = |n: usize| {
        let (high, low) = (n / 250 % 250, n % 250 + 1);
        let day = n % 28 + 1;
        format!(
            r#"{{"recordType":"A","resolve":"11.{}.{high}.{low}","resolveType":"ip","value":"example.com","firstSeen":"2024-01-{day:02} 08:00:00","lastSeen":"2024-03-{day:02} 09:30:00","source":["riskiq"],"collected":"2024-03-30 00:00:00"}}"#,
            n / 62_500
        )
    };
    let rows: Vec<String> = (0..count).map(record).collect();
    format!(
        r#"{{"totalRecords":{count},"queryValue":"example.com","queryType":"domain","results":[{}]}}"#,
        rows.join(",")
    )
}
