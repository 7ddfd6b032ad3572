//! A stand-in for PassiveTotal, on loopback: as many records as a test wants, told in the provider's own shape, and failures.

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

/// What the provider answers when it is asked about an observable.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// So many A records.
    Records(usize),
    /// This text, with a status.
    Text(u16, String),
    /// No text, with a status and a header.
    Header(u16, &'static str, String),
    /// Nothing, for so long; then the connection ends.
    Silence(Duration),
    /// The connection ends at once.
    Cut,
    /// After a time, another answer.
    After(Duration, Box<Answer>),
}

type Answers = dyn Fn(&str, usize) -> Answer + Send + Sync;

/// A provider that lives as long as this value.
pub(crate) struct Provider {
    pub(crate) url: String,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    queries: Arc<Mutex<Vec<String>>>,
    requests: Arc<AtomicUsize>,
    busy: Arc<Busy>,
    task: tokio::task::JoinHandle<()>,
}

impl Provider {
    /// One that always answers with so many records.
    pub(crate) fn with(records: usize) -> Provider {
        Provider::answering(move |_, _| Answer::Records(records))
    }

    /// One that answers as told: `answers` is given what is asked about, and how often that was asked before.
    pub(crate) fn answering(answers: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Provider {
        let listener = runtime().block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let queries = Arc::new(Mutex::new(vec![]));
        let (requests, busy) = (Arc::default(), Arc::default());
        let desk = Desk {
            answers: Box::new(answers),
            asked: Arc::clone(&asked),
            queries: Arc::clone(&queries),
            requests: Arc::clone(&requests),
            busy: Arc::clone(&busy),
        };
        let task = runtime().spawn(serve(listener, Arc::new(desk)));
        Provider { url, asked, queries, requests, busy, task }
    }

    /// How often it was asked about an observable.
    pub(crate) fn asked(&self, about: &str) -> usize {
        self.asked.lock().expect("no panic while it is held").get(about).copied().unwrap_or(0)
    }

    /// The query of each request for records, as it came.
    pub(crate) fn queries(&self) -> Vec<String> {
        self.queries.lock().expect("no panic while it is held").clone()
    }

    /// How many requests came, those about the quota too.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// How long it was at work itself.
    #[allow(dead_code, reason = "`benches/connector.rs` measures with it")]
    pub(crate) fn busy(&self) -> Duration {
        self.busy.time()
    }

    /// How often it was asked about anything.
    pub(crate) fn asked_in_all(&self) -> usize {
        self.asked.lock().expect("no panic while it is held").values().sum()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where questions come in.
struct Desk {
    answers: Box<Answers>,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    queries: Arc<Mutex<Vec<String>>>,
    requests: Arc<AtomicUsize>,
    busy: Arc<Busy>,
}

async fn serve(listener: tokio::net::TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        let service = service_fn(move |request: Request<Incoming>| {
            let (desk, begun) = (Arc::clone(&desk), Instant::now());
            async move {
                let given = given(desk.answer(&request)).await;
                desk.busy.since(begun);
                given
            }
        });
        connections.spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// What a test answers where the provider is asked for its quota.
pub(crate) const QUOTA: &str = "quota";

impl Desk {
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

/// An answer about the quota: what was used of what there is.
pub(crate) fn quota(used: &str, limit: &str) -> String {
    format!(r#"{{"user":{{"licenseCounts":{{"searchApi":{used}}},"licenseLimits":{{"searchApi":{limit}}}}}}}"#)
}

/// An answer with these rows: record type, kind of value, value.
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

async fn given(mut answer: Answer) -> Result<Response<Full<Bytes>>, std::io::Error> {
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
            return Err(std::io::Error::other("the connection ends"));
        }
        Answer::Cut | Answer::After(..) => return Err(std::io::Error::other("the connection ends")),
    };
    Ok(response.status(status).body(Full::new(body.into())).expect("a response"))
}

/// An answer with so many A records, each of its own address.
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
