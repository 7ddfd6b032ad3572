//! Errors of the platform: rejections are reported, transient errors are retried, and requests with a lost response are not
//! executed twice.

use super::entity::Entity;
use super::platform::{Fault, NEWEST, Platform};
use super::provider::{Answer, Provider, rows};
use super::rabbit::{Broker, Proxy};
use super::site::{ID, Site};
use super::soon;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Operations of one enrichment.
const OPERATIONS: [&str; 4] = ["toReceived", "stixCyberObservable", "addExpectations", "toProcessed"];

#[test]
fn transient_platform_error_is_retried() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    let transient = [
        Fault::Refused("INTERNAL_SERVER_ERROR", "Unexpected error."),
        Fault::Refused("DATABASE_ERROR", "Engine call fail"),
        Fault::Refused("LOCK_ERROR", "Execution timeout, too many concurrent call on the same entities"),
        Fault::Refused("AN_ERROR_OF_A_NEWER_PLATFORM", "Something went wrong."),
        Fault::GraphQl(503, "SERVICE_UNAVAILABLE"),
        Fault::GraphQl(500, "INTERNAL_SERVER_ERROR"),
        Fault::Status(429),
        Fault::Status(504),
    ];
    for (number, fault) in transient.into_iter().enumerate() {
        OPERATIONS.iter().for_each(|operation| site.platform.fail(operation, 1, fault.clone()));
        let work = site.complete(Entity::domain(&format!("host{number}.example.com")));
        assert_eq!((work.reports.len(), work.expected), (1, work.objects.len() as i64), "{fault:?}: {work:#?}");
    }
}

#[test]
fn persistent_platform_error_is_reported_at_deadline() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("CONNECTOR_DELIVERY_TIMEOUT", "10");
    let _connector = site.start();
    site.platform.fail("stixCyberObservable", 1000, Fault::Refused("INTERNAL_SERVER_ERROR", "Unexpected error."));
    let work = site.enrich(Entity::domain("example.com"));
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("Unexpected error.")), "{work:#?}");
    assert_eq!(site.provider.requests(), 0);
}

#[test]
fn forbidden_report_is_retried_without_new_lookup() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let connector = site.start();
    site.platform.fail("toProcessed", 1, Fault::Refused("FORBIDDEN_ACCESS", "You are not allowed to do this."));
    let work = site.complete(Entity::domain("example.com"));
    assert_eq!((work.reports.len(), work.expected), (1, work.objects.len() as i64), "{}", connector.said());
    assert_eq!(site.provider.asked("example.com"), 1, "only the report is repeated");
}

#[test]
fn announcement_with_lost_response_is_not_repeated() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    // If the work can be read, its counters show the announcement; otherwise it counts as made.
    for may_read in [true, false] {
        if !may_read {
            site.platform.fail("work", 1000, Fault::Refused("FORBIDDEN_ACCESS", "You are not allowed to do this."));
        }
        site.platform.fail("addExpectations", 1, Fault::Unanswered);
        let work = site.complete(Entity::domain(&format!("{may_read}.example.com")));
        assert_eq!(work.expected, work.objects.len() as i64, "{work:#?}");
    }
    assert_eq!(site.platform.asked("workEdit.addExpectations").len(), 2);
}

#[test]
fn announcement_that_outlasts_the_proxy_is_not_repeated() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    site.platform.fail("addExpectations", 1, Fault::Late(Duration::from_secs(3)));
    let work = site.complete(Entity::domain("example.com"));
    assert_eq!(work.expected, work.objects.len() as i64, "{work:#?}");
    assert_eq!(site.platform.asked("workEdit.addExpectations").len(), 1);
}

#[test]
fn duplicate_message_is_processed_once_and_logged() {
    let answers = |_: &str, _| Answer::After(Duration::from_secs(1), Box::new(Answer::Records(3)));
    let site = Site::new(answers).with("CONNECTOR_LOG_LEVEL", "info");
    let connector = site.start();
    let logged = || connector.said().matches("Acknowledged duplicate message").count();
    let (id, message) = site.platform.message(ID, &site.platform.add(Entity::domain("example.com")));
    // While the first is processed, and after it.
    site.platform.publish(ID, &message);
    site.platform.publish(ID, &message);
    site.platform.await_complete(&id);
    soon(Duration::from_secs(10), "the second is logged", || logged() == 1);
    site.platform.publish(ID, &message);
    soon(Duration::from_secs(10), "so is the third", || logged() == 2);
    site.complete(Entity::domain("after.example"));
    assert_eq!((site.platform.work(&id).reports.len(), site.provider.asked("example.com"), logged()), (1, 1, 2));
}

#[test]
fn rejected_announcement_does_not_count() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    site.platform.fail("addExpectations", 1, Fault::Refused("FUNCTIONAL_ERROR", "Not now."));
    let work = site.enrich(Entity::domain("example.com"));
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("Not now.")), "{work:#?}");
    assert_eq!((work.expected, work.processed, site.platform.pushed()), (0, 0, 0));
}

#[test]
fn unsent_and_unreported_delivery_is_completed_on_redelivery() {
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let answers = |about: &str, _| Answer::Records(if about == "many.example" { 300 } else { 1 });
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), Provider::answering(answers));
    let site = site.with("CONNECTOR_DELIVERY_TIMEOUT", "10");
    let connector = site.start();
    site.complete(Entity::domain("few.example"));
    let entity = site.platform.add(Entity::domain("many.example"));
    site.platform.fail("addExpectations", 1, Fault::Slow(Duration::from_millis(500)));
    site.platform.fail("reportExpectation", 1, Fault::Refused("FORBIDDEN_ACCESS", "You are not allowed to do this."));
    site.platform.fail("toProcessed", 1, Fault::Refused("FORBIDDEN_ACCESS", "You are not allowed to do this."));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked("many.example") > 0);
    network.mute();
    soon(Duration::from_secs(30), "a report fails", || connector.said().contains("Cannot report expectation"));
    network.carry();
    let work = site.platform.await_complete(&id);
    assert!(matches!(&work.reports[..], [(_, false)]), "{:?}", work.reports);
}

#[test]
fn playbook_answer_without_response_is_not_repeated() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let connector = site.start();
    for fault in [Fault::Unanswered, Fault::GraphQl(504, "GATEWAY_TIMEOUT")] {
        site.platform.fail("playbookStepExecution", 1, fault);
    }
    let entity = site.platform.add(Entity::domain("example.com"));
    let execution = site.platform.playbook(ID, &entity, &[]);
    site.platform.await_step(&execution);
    site.platform.playbook(ID, &entity, &[]);
    soon(Duration::from_secs(10), "both are logged", || {
        connector.said().matches("Playbook answer may be lost").count() == 2
    });
    site.complete(Entity::domain("after.example"));
    soon(Duration::from_secs(10), "the queue is empty", || site.platform.waiting(ID) == 0);
    assert_eq!(site.platform.steps().len(), 1, "{}", connector.said());
}

/// Lets the first answer to a playbook step fail. Returns the objects of its result and the number of lookups.
fn step_after(fault: Fault) -> (Vec<Value>, usize) {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    site.platform.fail("playbookStepExecution", 1, fault);
    let entity = site.platform.add(Entity::domain("example.com"));
    let bundle = site.platform.await_step(&site.platform.playbook(ID, &entity, &[]));
    site.complete(Entity::domain("after.example"));
    soon(Duration::from_secs(10), "the queue is empty", || site.platform.waiting(ID) == 0);
    assert_eq!(site.platform.steps().len(), 1);
    (bundle["objects"].as_array().expect("objects").clone(), site.provider.asked("example.com"))
}

#[test]
fn rejected_playbook_answer_is_retried_without_new_lookup() {
    for fault in [
        Fault::Refused("INTERNAL_SERVER_ERROR", "Unexpected error."),
        Fault::Refused("FORBIDDEN_ACCESS", "You are not allowed to do this."),
    ] {
        let (objects, asked) = step_after(fault.clone());
        assert!(objects.len() > 7 && asked == 1, "{fault:?}: {}, {asked}", objects.len());
    }
}

#[test]
fn playbook_answer_that_is_too_long_falls_back_to_original_bundle() {
    for status in [413, 403] {
        let (objects, asked) = step_after(Fault::Status(status));
        assert_eq!((objects.len(), asked), (1, 1), "{status}: {objects:#?}");
    }
}

#[test]
fn request_that_a_proxy_rejects_is_reported() {
    for (protocol, operation) in [("amqp", "uploadPending"), ("api", "stixBundlePush")] {
        let site = Site::on(Platform::new("6.9.29"), Provider::with(3)).with("CONNECTOR_QUEUE_PROTOCOL", protocol);
        let site = if protocol == "amqp" { site.with("CONNECTOR_VALIDATE_BEFORE_IMPORT", "true") } else { site };
        let _connector = site.start();
        site.platform.fail(operation, 1, Fault::Status(413));
        let work = site.enrich(Entity::domain("example.com"));
        assert!(matches!(&work.reports[..], [(text, true)] if text.contains("413")), "{operation}: {work:#?}");
        assert_eq!(site.provider.asked("example.com"), 1);
    }
}

#[test]
fn malformed_message_is_reported_after_rejected_report() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    let (work, mut message) = site.platform.message(ID, &Entity::domain("example.com"));
    message.as_object_mut().expect("an object").remove("event");
    site.platform.fail("toProcessed", 1, Fault::Refused("FORBIDDEN_ACCESS", "You are not allowed to do this."));
    site.platform.publish(ID, &message);
    let work = site.platform.await_report(&work);
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("`event`")), "{work:#?}");
}

#[test]
fn fewer_results_after_restart_are_not_an_error() {
    let site = Site::new(|_, before| Answer::Records(if before == 0 { 30 } else { 10 }));
    site.platform.fail("addExpectations", 1, Fault::Unanswered);
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "it is announced", || !site.platform.asked("workEdit.addExpectations").is_empty());
    connector.kill();
    site.platform.await_no_consumer(ID);
    let _again = site.start();
    let work = site.platform.await_complete(&id);
    assert!(matches!(&work.reports[..], [(_, false)]) && work.errors.is_empty(), "{work:#?}");
}

#[test]
fn published_result_is_reported_after_restart_although_provider_fails() {
    published_result_survives_restart("amqp");
}

#[test]
fn bundle_pushed_by_api_is_reported_after_restart_although_provider_fails() {
    published_result_survives_restart("api");
}

fn published_result_survives_restart(protocol: &str) {
    let fails = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&fails);
    let site = Site::new(move |_, _| match now.load(Ordering::Relaxed) {
        true => Answer::Header(429, "Retry-After", "3600".into()),
        false => rows(&[("A", "ip", "192.0.2.1")]),
    });
    let site = site.with("CONNECTOR_QUEUE_PROTOCOL", protocol);
    let mut connector = site.start();
    site.platform.fail("toProcessed", 1, Fault::Slow(Duration::from_secs(20)));
    let entity = site.platform.add(Entity::domain("example.com"));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "all is sent", || {
        let work = site.platform.work(&id);
        work.expected > 0 && work.processed == work.expected
    });
    // The connector stores its progress before it reports.
    soon(Duration::from_secs(10), "it is being reported", || site.platform.is_slow());
    connector.kill();
    fails.store(true, Ordering::Relaxed);
    site.platform.await_no_consumer(ID);
    let _again = site.start();
    soon(Duration::from_secs(10), "it is reported", || !site.platform.work(&id).reports.is_empty());
    let work = site.platform.work(&id);
    assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{work:#?}");
    assert_eq!(site.provider.asked("example.com"), 1);
}
