//! `kill -9` at critical and random moments: every enrichment completes and is reported correctly.

use super::entity::Entity;
use super::platform::{Fault, NEWEST, Platform, Work};
use super::program::Program;
use super::provider::{Answer, Provider};
use super::site::{ID, Site};
use super::soon;
use crate::support::root;
use std::collections::BTreeSet;
use std::time::Duration;

/// Returns the number of distinct addresses and relationships that were imported.
fn distinct(work: &Work) -> usize {
    let found = work.objects.iter().filter(|object| object["type"] == "ipv4-addr" || object["type"] == "relationship");
    found.map(|object| object["id"].as_str().expect("an id")).collect::<BTreeSet<_>>().len()
}

/// Kills the connector when `holds` is true, starts another, and checks that the work completes.
fn killed_when(fault: Option<(&str, Fault)>, what: &str, holds: impl Fn(&Site) -> bool) {
    let site = Site::on(Platform::new(NEWEST), Provider::with(300));
    if let Some((operation, fault)) = fault {
        site.platform.fail(operation, 1, fault);
    }
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(20), what, || holds(&site));
    connector.kill();
    site.platform.await_no_consumer(ID);
    let _again = site.start();
    let work = site.platform.await_complete(&id);
    // Repeated objects count twice, so that the work may complete before the last objects are imported.
    soon(Duration::from_secs(20), what, || distinct(&site.platform.work(&id)) == 600);
    assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{what}: {:?}", work.reports);
}

#[test]
fn kill_before_publishing_loses_nothing() {
    killed_when(Some(("addExpectations", Fault::Slow(Duration::from_secs(5)))), "the provider is asked", |site| {
        site.provider.asked_in_all() > 0
    });
}

#[test]
fn kill_between_announcement_and_publishing_loses_nothing() {
    killed_when(Some(("addExpectations", Fault::Unanswered)), "it is announced", |site| {
        !site.platform.asked("workEdit.addExpectations").is_empty()
    });
}

#[test]
fn kill_while_publishing_loses_nothing() {
    killed_when(None, "some is published", |site| site.platform.pushed() > 20);
}

#[test]
fn other_process_completes_publishing_after_kill() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(300));
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(20), "some is published", || site.platform.pushed() > 20);
    connector.kill();
    site.platform.await_no_consumer(ID);
    let site = site.elsewhere();
    let _another = site.start();
    let work = site.platform.await_complete(&id);
    assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{:?}", work.reports);
    soon(Duration::from_secs(20), "all is there", || distinct(&site.platform.work(&id)) == 600);
}

#[test]
fn kill_between_publishing_and_report_loses_nothing() {
    killed_when(Some(("toProcessed", Fault::Slow(Duration::from_secs(20)))), "all is published", |site| {
        site.platform.works().values().any(|work| work.expected > 0 && work.processed == work.expected)
    });
}

/// Returns the next of a fixed sequence of pseudorandom numbers.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn fifty_random_kills_lose_nothing() {
    let delay = |before: usize| Duration::from_millis([0, 20, 60, 150][before % 4]);
    let answers = move |_: &str, before: usize| Answer::After(delay(before), Box::new(Answer::Records(20)));
    let site = Site::new(answers).with("CONNECTOR_CONCURRENCY", "8");
    let first = site.start();
    let ids: Vec<String> = (0..200)
        .map(|n| {
            let entity = site.platform.add(Entity::domain(&format!("host{n}.example.com")));
            site.platform.enrich(ID, &entity)
        })
        .collect();
    let mut seed = 2026;
    let mut connector: Program = first;
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(40 + next(&mut seed) % 360));
        connector.kill();
        connector = site.launch();
    }
    for id in &ids {
        let work = site.platform.await_complete(id);
        soon(Duration::from_secs(20), id, || distinct(&site.platform.work(id)) == 40);
        let is_success = work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error);
        assert!(is_success, "{id}: {:?} {:?}", work.reports, work.errors);
    }
}

#[test]
fn response_that_crashes_connector_is_reported_and_not_retried() {
    crashes_connector(|site| site);
}

#[test]
fn response_that_crashes_connector_is_reported_without_journal() {
    crashes_connector(|site| site.with("CONNECTOR_JOURNAL_PATH", "/proc/nowhere"));
}

#[test]
fn response_that_crashes_connector_is_reported_with_own_profile() {
    let shelf = tempfile::tempdir().expect("a folder");
    let folder = shelf.path().join("own");
    std::fs::create_dir(&folder).expect("a folder");
    let profile = std::fs::read_to_string(root().join("profiles/riskiq/profile.yaml")).expect("a profile");
    std::fs::write(folder.join("profile.yaml"), profile.replacen("id: riskiq", "id: own", 1))
        .expect("it can be written");
    let path = shelf.path().to_str().expect("a path that is text");
    crashes_connector(|site| {
        let provider = site.provider.url.clone();
        let site = site.with("STIXMAP_PROFILES", path).with("STIXMAP_PROFILE", "own");
        site.with("OWN_USERNAME", "user").with("OWN_API_KEY", "key").with("OWN_API_BASE_URL", &provider)
    });
}

/// Address space of a connector in KiB: about 510 MiB to start in, since each thread reserves some 100 MiB, and 250 MiB more.
const MEMORY: u32 = 780_000;

/// Returns a response within the limits of size and complexity whose values need about 320 MiB: more than the connector
/// has left, less than a process without other threads has.
fn dense_row() -> String {
    let values = vec!["[]"; 9_000_000].join(",");
    format!(
        r#"{{"totalRecords":1,"queryValue":"crash.example","queryType":"domain","results":[{{"resolve":[{values}]}}]}}"#
    )
}

/// Checks that the response kills the connector and then the sandbox, and is reported after that.
fn crashes_connector(made: impl Fn(Site) -> Site) {
    let answer = dense_row();
    let answers = move |about: &str, _| match about {
        "crash.example" => Answer::Text(200, answer.clone()),
        _ => Answer::Records(3),
    };
    let site = made(Site::new(answers).within(MEMORY));
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("crash.example"));
    let work = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(60), "it dies", || !connector.is_running());
    assert!(connector.said().contains("memory allocation"), "{}", connector.said());
    // Restarted, as by a supervisor.
    let mut connector = site.launch();
    let work = site.platform.await_report(&work);
    let is_reported = |text: &str| text.contains("the provider's response crashes the connector and is not read");
    assert!(matches!(&work.reports[..], [(text, true)] if is_reported(text)), "{work:?}");
    site.complete(Entity::domain("example.com"));
    assert!(connector.is_running(), "{}", connector.said());
    assert_eq!(site.provider.asked("crash.example"), 2, "once in the connector, once for the sandbox");
}

#[test]
fn dense_response_does_not_crash_connector() {
    // Within the size limit; as a tree, these values would take 800 MiB.
    let values = vec!["[]"; 9_000_000].join(",");
    let dense = format!(r#"{{"totalRecords":0,"queryValue":"x","queryType":"domain","results":[],"more":[{values}]}}"#);
    let answers = move |about: &str, _| match about {
        "dense.example" => Answer::Text(200, dense.clone()),
        _ => Answer::Records(3),
    };
    let site = Site::new(answers).within(MEMORY);
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("dense.example"));
    let work = site.platform.await_report(&site.platform.enrich(ID, &entity));
    assert!(matches!(&work.reports[..], [(_, false)]), "{work:?}");
    site.complete(Entity::domain("example.com"));
    assert!(connector.is_running(), "{}", connector.said());
}
