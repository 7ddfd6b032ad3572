//! What the platform refuses, what it cannot do now, and what it does without an answer: the first is told, the others are no
//! end of an enrichment, and nothing that counts is done twice.

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

/// What one enrichment asks the platform to do.
const ASKED: [&str; 4] = ["toReceived", "stixCyberObservable", "addExpectations", "toProcessed"];

#[test]
fn an_error_that_may_pass_ends_nothing() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    let passing = [
        Fault::Refused("INTERNAL_SERVER_ERROR", "Unexpected error."),
        Fault::Refused("DATABASE_ERROR", "Engine call fail"),
        Fault::Refused("LOCK_ERROR", "Execution timeout, too many concurrent call on the same entities"),
        Fault::Refused("AN_ERROR_OF_A_NEWER_PLATFORM", "Something went wrong."),
        Fault::Told(503, "SERVICE_UNAVAILABLE"),
        Fault::Told(500, "INTERNAL_SERVER_ERROR"),
        Fault::Status(429),
        Fault::Status(504),
    ];
    for (number, fault) in passing.into_iter().enumerate() {
        ASKED.iter().for_each(|operation| site.platform.fail(operation, 1, fault.clone()));
        let work = site.complete(Entity::domain(&format!("host{number}.example.com")));
        assert_eq!((work.reports.len(), work.expected), (1, work.objects.len() as i64), "{fault:?}: {work:#?}");
    }
}

#[test]
fn one_that_does_not_pass_is_told_when_time_is_up() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("CONNECTOR_DELIVERY_TIMEOUT", "10");
    let _connector = site.start();
    site.platform.fail("stixCyberObservable", 1000, Fault::Refused("INTERNAL_SERVER_ERROR", "Unexpected error."));
    let work = site.enrich(Entity::domain("example.com"));
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("Unexpected error.")), "{work:#?}");
    assert_eq!(site.provider.requests(), 0);
}

#[test]
fn a_right_that_is_missing_is_waited_for_where_nobody_can_be_told() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let connector = site.start();
    site.platform.fail("toProcessed", 1, Fault::Refused("FORBIDDEN_ACCESS", "You are not allowed to do this."));
    let work = site.complete(Entity::domain("example.com"));
    assert_eq!((work.reports.len(), work.expected), (1, work.objects.len() as i64), "{}", connector.said());
    assert_eq!(site.provider.asked("example.com"), 1, "what is done is told later, and not done again");
}

#[test]
fn an_announcement_whose_answer_is_lost_is_not_made_twice() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    // Where works may be read it is seen that it was made; where not, it is taken to have been.
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
fn an_announcement_that_takes_longer_than_what_stands_before_the_platform_is_not_made_twice() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    site.platform.fail("addExpectations", 1, Fault::Late(Duration::from_secs(3)));
    let work = site.complete(Entity::domain("example.com"));
    assert_eq!(work.expected, work.objects.len() as i64, "{work:#?}");
    assert_eq!(site.platform.asked("workEdit.addExpectations").len(), 1);
}

#[test]
fn a_message_that_comes_twice_is_done_once_and_the_second_is_logged_once() {
    let answers = |_: &str, _| Answer::After(Duration::from_secs(1), Box::new(Answer::Records(3)));
    let site = Site::new(answers).with("CONNECTOR_LOG_LEVEL", "info");
    let connector = site.start();
    let logged = || connector.said().matches("Acknowledged duplicate message").count();
    let (id, message) = site.platform.message(ID, &site.platform.add(Entity::domain("example.com")));
    // While the first is under way, and after it.
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
fn what_was_refused_is_not_taken_for_announced() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    site.platform.fail("addExpectations", 1, Fault::Refused("FUNCTIONAL_ERROR", "Not now."));
    let work = site.enrich(Entity::domain("example.com"));
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("Not now.")), "{work:#?}");
    assert_eq!((work.expected, work.processed, site.platform.pushed()), (0, 0, 0));
}

#[test]
fn what_could_not_be_sent_and_not_told_either_is_sent_when_it_comes_again() {
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
fn a_playbook_whose_answer_is_not_acknowledged_is_not_answered_again() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let connector = site.start();
    for fault in [Fault::Unanswered, Fault::Told(504, "GATEWAY_TIMEOUT")] {
        site.platform.fail("playbookStepExecution", 1, fault);
    }
    let entity = site.platform.add(Entity::domain("example.com"));
    let execution = site.platform.playbook(ID, &entity, &[]);
    site.platform.await_step(&execution);
    site.platform.playbook(ID, &entity, &[]);
    soon(Duration::from_secs(10), "both are told", || {
        connector.said().matches("Playbook answer may be lost").count() == 2
    });
    site.complete(Entity::domain("after.example"));
    soon(Duration::from_secs(10), "the queue is empty", || site.platform.waiting(ID) == 0);
    assert_eq!(site.platform.steps().len(), 1, "{}", connector.said());
}

/// What a playbook's step goes on with where the first answer to it goes wrong; how often the provider was asked.
fn stepped(fault: Fault) -> (Vec<Value>, usize) {
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
fn a_playbook_is_answered_when_it_can_be_and_nothing_is_asked_again() {
    for fault in [
        Fault::Refused("INTERNAL_SERVER_ERROR", "Unexpected error."),
        Fault::Refused("FORBIDDEN_ACCESS", "You are not allowed to do this."),
    ] {
        let (objects, asked) = stepped(fault.clone());
        assert!(objects.len() > 7 && asked == 1, "{fault:?}: {}, {asked}", objects.len());
    }
}

#[test]
fn a_playbook_whose_answer_is_too_long_goes_on_with_what_came() {
    for status in [413, 403] {
        let (objects, asked) = stepped(Fault::Status(status));
        assert_eq!((objects.len(), asked), (1, 1), "{status}: {objects:#?}");
    }
}

#[test]
fn what_the_platform_s_door_does_not_take_is_told() {
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
fn what_is_no_message_is_told_when_it_can_be() {
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
fn what_is_not_found_again_is_no_failure() {
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
fn what_was_sent_is_told_as_sent_though_the_connector_died_and_the_provider_fails_now() {
    sent_is_sent("amqp");
}

#[test]
fn so_is_what_was_handed_over_whole() {
    sent_is_sent("api");
}

fn sent_is_sent(protocol: &str) {
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
    // The connector notes what was sent before it reports it; until then it knows no more than the platform's silence.
    soon(Duration::from_secs(10), "it is being reported", || site.platform.is_slow());
    connector.kill();
    fails.store(true, Ordering::Relaxed);
    site.platform.await_no_consumer(ID);
    let _again = site.start();
    soon(Duration::from_secs(10), "it is told", || !site.platform.work(&id).reports.is_empty());
    let work = site.platform.work(&id);
    assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{work:#?}");
    assert_eq!(site.provider.asked("example.com"), 1);
}
