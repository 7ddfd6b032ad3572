//! Circuit breaker: number of requests to a failing provider, results of the messages, logs and metrics.

use super::entity::Entity;
use super::platform::{NEWEST, Platform};
use super::program::Program;
use super::provider::{Answer, Provider};
use super::site::{ID, Site};
use super::{free_port, runtime, soon};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const QUEUE: usize = 40;
/// A time limit, in seconds, that is too short to wait for a provider.
const TOO_SHORT: &str = "10";
const OPENED: &str = "Provider circuit opened";
const CLOSED: &str = "Provider circuit closed";

/// Starts `QUEUE` enrichments of different observables. Returns their works.
fn queue(site: &Site) -> Vec<String> {
    let entities = (0..QUEUE).map(|n| site.platform.add(Entity::domain(&format!("host{n}.example.com"))));
    entities.map(|entity| site.platform.enrich(ID, &entity)).collect()
}

/// Returns the number of lookups according to the log, which also counts requests without a response.
fn asked(connector: &Program) -> usize {
    let lines = connector.said();
    lines.lines().filter(|line| line.contains("\"Sent provider request\"") && line.contains("query=")).count()
}

fn figure(port: u16, name: &str) -> Option<f64> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let text = runtime().block_on(async {
        client.get(format!("http://127.0.0.1:{port}/metrics")).send().await.ok()?.text().await.ok()
    })?;
    text.lines().find_map(|line| line.strip_prefix(&format!("{name}{{connector=\"RiskIQ\"}}"))?.trim().parse().ok())
}

fn with_metrics(site: Site) -> (Site, u16) {
    let port = free_port();
    let site = site.with("CONNECTOR_EXPOSE_METRICS", "true").with("CONNECTOR_METRICS_PORT", &port.to_string());
    (site, port)
}

/// Checks that all messages are reported as failed with this reason, after `most` requests at most.
fn all_fail(site: Site, reason: &str, most: usize) {
    let (site, port) = with_metrics(site);
    let connector = site.start();
    let works = queue(&site);
    for id in &works {
        let work = site.platform.await_complete(id);
        let [(text, true)] = &work.reports[..] else { panic!("{reason}: {work:?}") };
        assert!(text.contains(reason), "{reason}: {text}");
        assert_eq!((work.expected, work.objects.len()), (0, 0));
    }
    let number = asked(&connector);
    assert!((1..=most).contains(&number), "{reason}: asked {number} times for a queue of {QUEUE}");
    assert_eq!(connector.said().matches(OPENED).count(), 1, "{reason}: one warning");
    assert_eq!(figure(port, "provider_circuit_open"), Some(1.0), "{reason}");
    assert_eq!(figure(port, "provider_circuit_openings_total"), Some(1.0), "{reason}");
    soon(Duration::from_secs(10), "the queue is empty", || site.platform.waiting(ID) == 0);
}

#[test]
fn provider_that_denies_access_is_not_asked_for_each_message() {
    for status in [401, 403] {
        let denied = |time: &str| {
            let site = Site::new(move |_, _| Answer::Text(status, r#"{"message":"not for you"}"#.into()));
            site.with("CONNECTOR_DELIVERY_TIMEOUT", time)
        };
        // Three denials, three requests in progress, and probes. If there is time, messages wait for the first probe only.
        all_fail(denied("600"), &format!("(HTTP {status}): not for you"), 3 + 3 + 2);
        all_fail(denied(TOO_SHORT), &format!("(HTTP {status}): not for you"), 3 + 3 + 2);
    }
}

#[test]
fn failing_provider_is_not_asked_for_each_message() {
    let site = |answer: Answer| Site::new(move |_, _| answer.clone()).with("CONNECTOR_DELIVERY_TIMEOUT", TOO_SHORT);
    all_fail(site(Answer::Text(503, String::new())), "provider error (HTTP 503)", 10 + 3 + 4);
    all_fail(site(Answer::Cut), "connection reset", 10 + 3 + 4);
}

#[test]
fn unreachable_provider_is_not_asked_for_each_message() {
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let site = Site::on(Platform::new(NEWEST), Provider::with(1)).with("RISKIQ_API_BASE_URL", &nowhere);
    let (site, port) = with_metrics(site.with("CONNECTOR_DELIVERY_TIMEOUT", TOO_SHORT));
    let connector = site.start();
    for id in queue(&site) {
        let work = site.platform.await_complete(&id);
        assert!(
            matches!(&work.reports[..], [(text, true)] if text.contains("failed to connect to the provider")),
            "{work:?}"
        );
    }
    // The quota request fails first.
    let number = connector.said().matches("\"Sent provider request\"").count();
    assert!((1..=17).contains(&number), "asked {number} times");
    assert_eq!((connector.said().matches(OPENED).count(), figure(port, "provider_circuit_open")), (1, Some(1.0)));
}

#[test]
fn messages_wait_for_failing_provider_until_it_recovers() {
    let recovered = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&recovered);
    let (site, port) = with_metrics(Site::new(move |_, _| match now.load(Ordering::Relaxed) {
        true => Answer::Records(3),
        false => Answer::Text(503, String::new()),
    }));
    let connector = site.start();
    let works = queue(&site);
    soon(Duration::from_secs(30), "it opens", || connector.said().contains(OPENED));
    recovered.store(true, Ordering::Relaxed);
    for id in &works {
        let work = site.platform.await_complete(id);
        assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{id}: {work:?}");
    }
    assert!(asked(&connector) <= QUEUE + 10 + 3, "{}", asked(&connector));
    assert_eq!((connector.said().matches(OPENED).count(), connector.said().matches(CLOSED).count()), (1, 1));
    assert_eq!(figure(port, "provider_circuit_open"), Some(0.0));
}

#[test]
fn denied_observable_does_not_block_others() {
    let site = Site::new(|about, _| match about.starts_with("bad") {
        true => Answer::Text(403, r#"{"message":"not this one"}"#.into()),
        false => Answer::Records(1),
    });
    let site = site.with("CONNECTOR_CONCURRENCY", "1");
    let connector = site.start();
    for n in 0..4 {
        let work = site.enrich(Entity::domain(&format!("bad{n}.example")));
        assert!(work.reports[0].1, "{work:?}");
        site.complete(Entity::domain(&format!("good{n}.example")));
    }
    assert!(!connector.said().contains(OPENED), "{}", connector.said());
}
