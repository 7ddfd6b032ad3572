//! Prometheus metrics under pycti's names and our own, served at `/metrics`, with `/health` and `/ready`.

use crate::http_server::{HttpServer, not_allowed};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use stixmap_engine::run::Counts;
use tokio::net::TcpListener;

/// A gauge without a sample until its value is known: 0 would be misleading.
type OptionalGauge<N, A = AtomicI64> = Family<[(&'static str, &'static str); 0], Gauge<N, A>>;

const NO_LABELS: [(&str, &str); 0] = [];

/// Maximum number of concurrent connections.
const CONNECTIONS: usize = 64;

/// Labels of the metric `…build_info`.
pub(super) struct Build<'p> {
    pub(super) profile: &'p str,
    pub(super) profile_version: &'p str,
}

impl Build<'_> {
    fn info(&self) -> Info<Vec<(String, String)>> {
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("profile", self.profile),
            ("profile_version", self.profile_version),
        ];
        Info::new(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }
}

/// The label `kind` with its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Label {
    kind: String,
}

/// Metrics of one connector.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    pub(super) bundles_sent: Counter,
    pub(super) records_sent: Counter,
    pub(super) runs: Counter,
    pub(super) pings: Counter,
    pub(super) ping_errors: Counter,
    pub(super) errors: Counter,
    pub(super) client_errors: Counter,
    deliveries: Family<Label, Counter>,
    outcomes: Family<Label, Counter>,
    records: Family<Label, Counter>,
    requests: Family<Label, Counter>,
    circuit_open: Gauge,
    circuit_openings: Counter,
    under_way: Gauge,
    /// pycti's state metric: 1 for the current state, 0 for the others.
    state: Family<Vec<(String, String)>, Gauge>,
    state_label: Arc<OnceLock<String>>,
    quota_until: OptionalGauge<i64>,
    quota_left: OptionalGauge<i64>,
    queue_lag: OptionalGauge<f64, AtomicU64>,
    pub(super) seconds: Histogram,
    pub(super) ready: Arc<Readiness>,
}

/// Readiness of a connector: the platform is reachable, and messages can be received.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    platform: AtomicBool,
    listening: AtomicBool,
}

impl Readiness {
    /// Records whether the platform responded to the last request.
    pub(super) fn set_platform(&self, answers: bool) {
        self.platform.store(answers, Ordering::Relaxed);
    }

    /// Records whether the queue is consumed or the callback is served.
    pub(super) fn set_listening(&self, listens: bool) {
        self.listening.store(listens, Ordering::Relaxed);
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    fn has_platform(&self) -> bool {
        self.platform.load(Ordering::Relaxed)
    }

    fn is_ready(&self) -> bool {
        self.has_platform() && self.is_listening()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];
        Self {
            bundles_sent: Counter::default(),
            records_sent: Counter::default(),
            runs: Counter::default(),
            pings: Counter::default(),
            ping_errors: Counter::default(),
            errors: Counter::default(),
            client_errors: Counter::default(),
            deliveries: Family::default(),
            outcomes: Family::default(),
            records: Family::default(),
            requests: Family::default(),
            circuit_open: Gauge::default(),
            circuit_openings: Counter::default(),
            under_way: Gauge::default(),
            state: Family::default(),
            state_label: Arc::default(),
            quota_until: OptionalGauge::default(),
            quota_left: OptionalGauge::default(),
            queue_lag: OptionalGauge::default(),
            seconds: Histogram::new(seconds),
            ready: Arc::default(),
        }
    }
}

impl Metrics {
    /// Registers all metrics of a connector, with its name as a label.
    pub(super) fn register(&self, registry: &mut Registry, prefix: &str, connector: &str, build: Build) {
        let of_connector = registry.sub_registry_with_label(("connector".into(), connector.to_owned().into()));
        let registry = match prefix {
            "" => of_connector,
            prefix => of_connector.sub_registry_with_prefix(prefix.trim_end_matches('_')),
        };
        registry.register("build", "Version of the program and of the profile", build.info());
        registry.register("state", "Current state of the connector", self.state.clone());
        // Python's client names the label of a state set like the metric.
        let _ = self.state_label.set(format!("{prefix}state"));
        self.update_state();
        registry.register("bundles_sent", "Bundles sent to the platform", self.bundles_sent.clone());
        registry.register("records_sent", "Objects sent to the platform", self.records_sent.clone());
        registry.register("runs", "Enrichments started", self.runs.clone());
        registry.register("ping_api", "Pings that the platform answered", self.pings.clone());
        registry.register("ping_api_errors", "Pings that failed", self.ping_errors.clone());
        registry.register("errors", "Messages that ended in an error", self.errors.clone());
        registry.register("client_errors", "Enrichments that failed at the provider", self.client_errors.clone());
        registry.register("deliveries", "Messages by result", self.deliveries.clone());
        registry.register("outcomes", "Enrichments by outcome", self.outcomes.clone());
        registry.register("provider_records", "Provider records by result", self.records.clone());
        registry.register("provider_requests", "Provider requests by HTTP status", self.requests.clone());
        registry.register("provider_circuit_open", "Lookups whose circuit breaker is open", self.circuit_open.clone());
        registry.register(
            "provider_circuit_openings",
            "Number of times a circuit breaker opened",
            self.circuit_openings.clone(),
        );
        registry.register("deliveries_under_way", "Messages in progress", self.under_way.clone());
        registry.register(
            "quota_exhausted_until",
            "Unix time at which the provider quota is available again",
            self.quota_until.clone(),
        );
        registry.register("quota_left", "Remaining requests reported by the provider", self.quota_left.clone());
        registry.register(
            "queue_lag_seconds",
            "Time that the last message waited in the queue",
            self.queue_lag.clone(),
        );
        registry.register("delivery_seconds", "Processing time per message", self.seconds.clone());
    }

    /// Counts a message as in progress.
    pub(super) fn begin(&self) {
        self.under_way.inc();
        self.update_state();
    }

    /// Counts a message as no longer in progress.
    pub(super) fn end(&self) {
        self.under_way.dec();
        self.update_state();
    }

    fn update_state(&self) {
        let Some(label) = self.state_label.get() else { return };
        let is_running = self.under_way.get() > 0;
        for (state, is_current) in [("idle", !is_running), ("running", is_running), ("stopped", false)] {
            self.state.get_or_create(&vec![(label.clone(), state.to_owned())]).set(i64::from(is_current));
        }
    }

    pub(super) fn delivered(&self, result: &str) {
        self.deliveries.get_or_create(&label(result)).inc();
    }

    pub(super) fn ended(&self, outcome: &str, counts: &Counts) {
        self.outcomes.get_or_create(&label(outcome)).inc();
        for (result, number) in [
            ("mapped", counts.mapped),
            ("dropped", counts.dropped()),
            ("bad", counts.bad()),
            ("outside", counts.outside_window),
        ] {
            self.records.get_or_create(&label(result)).inc_by(number);
        }
    }

    pub(super) fn quota(&self, left: Option<i64>, until: Option<Timestamp>) {
        left.map(|left| self.quota_left.get_or_create(&NO_LABELS).set(left));
        until.map(|until| self.quota_until.get_or_create(&NO_LABELS).set(until.as_second()));
    }

    pub(super) fn waited(&self, seconds: f64) {
        self.queue_lag.get_or_create(&NO_LABELS).set(seconds);
    }

    /// Records that a circuit breaker opened or closed.
    pub(super) fn circuit(&self, is_open: bool) {
        self.circuit_open.inc_by(if is_open { 1 } else { -1 });
        self.circuit_openings.inc_by(u64::from(is_open));
    }

    pub(super) fn asked(&self, status: &str) {
        self.requests.get_or_create(&label(status)).inc();
    }
}

fn label(kind: &str) -> Label {
    Label { kind: kind.to_owned() }
}

/// Metrics and readiness of all connectors of the process.
pub(super) struct Served {
    pub(super) registry: Registry,
    pub(super) ready: Vec<Arc<Readiness>>,
}

/// Serves metrics, health and readiness until the process ends.
pub(super) async fn serve(listener: TcpListener, served: Arc<Served>) {
    let answer = move |request: Request<Incoming>| {
        let response = answer(request.method(), request.uri().path(), &served);
        async move { Ok::<_, Infallible>(response) }
    };
    HttpServer::new(listener, CONNECTIONS).serve(answer).await;
}

fn answer(method: &Method, path: &str, served: &Served) -> Response<Full<Bytes>> {
    let is_ready = || served.ready.iter().all(|ready| ready.is_ready());
    let json = |status: u16, text: &str| (status, "application/json", text.to_owned());
    let (status, kind, text) = match path {
        "/metrics" | "/health" | "/ready" if !matches!(*method, Method::GET | Method::HEAD) => {
            return not_allowed(&[Method::GET, Method::HEAD]);
        }
        "/health" => json(200, r#"{"status":"ok"}"#),
        "/ready" if is_ready() => json(200, r#"{"status":"ready"}"#),
        "/ready" => json(503, &not_ready(&served.ready)),
        "/metrics" => {
            let mut text = String::new();
            encode(&mut text, &served.registry).expect("writing to a string does not fail");
            (200, "application/openmetrics-text; version=1.0.0; charset=utf-8", text)
        }
        _ => json(404, r#"{"error":"not found"}"#),
    };
    let response = Response::builder().status(status).header("content-type", kind).body(Full::from(text));
    response.expect("a valid response")
}

/// Returns which side is unavailable for at least one connector.
fn not_ready(ready: &[Arc<Readiness>]) -> String {
    let platform = ready.iter().all(|ready| ready.has_platform());
    let messages = ready.iter().all(|ready| ready.is_listening());
    format!(r#"{{"status":"not ready","platform":{platform},"messages":{messages}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_depends_on_method_path_and_readiness() {
        let ready = Arc::new(Readiness::default());
        let served = Served { registry: Registry::default(), ready: vec![Arc::clone(&ready)] };
        let status = |method, path| answer(&method, path, &served).status().as_u16();
        for (method, path, expected) in [
            (Method::GET, "/health", 200),
            (Method::HEAD, "/health", 200),
            (Method::GET, "/metrics", 200),
            (Method::GET, "/ready", 503),
            (Method::POST, "/metrics", 405),
            (Method::DELETE, "/ready", 405),
            (Method::GET, "/", 404),
            (Method::GET, "/metrics/", 404),
            (Method::POST, "/admin", 404),
        ] {
            assert_eq!(status(method, path), expected, "{path}");
        }
        for (platform, broker, expected) in [(true, false, 503), (false, true, 503), (true, true, 200)] {
            ready.set_platform(platform);
            ready.set_listening(broker);
            assert_eq!(status(Method::GET, "/ready"), expected);
        }
    }
}
