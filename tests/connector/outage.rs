//! The broker, the network and the platform go away and come back: what was begun ends, and ends as it would have.

use super::entity::Entity;
use super::platform::{Fault, NEWEST, Platform, TOKEN, Work};
use super::provider::{Answer, Provider};
use super::rabbit::{Broker, Proxy};
use super::site::{ID, Site};
use super::{runtime, soon};
use std::time::Duration;

/// Many enrichments, and what happens while some are done and others are not.
fn during(site: &Site, what: impl Fn()) {
    let _connector = site.start();
    let entities = (0..30).map(|n| site.platform.add(Entity::domain(&format!("host{n}.example.com"))));
    let ids: Vec<String> = entities.map(|entity| site.platform.enrich(ID, &entity)).collect();
    soon(Duration::from_secs(20), "some is published", || site.platform.pushed() > 100);
    what();
    for id in &ids {
        let work = site.platform.await_complete(id);
        assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{id}: {work:?}");
    }
}

fn slow(records: usize) -> Provider {
    Provider::answering(move |_, _| Answer::After(Duration::from_millis(50), Box::new(Answer::Records(records))))
}

#[test]
fn the_broker_restarts() {
    let broker = Broker::own();
    let site = Site::on(Platform::on(NEWEST, broker.clone(), None), slow(50));
    during(&site, || {
        broker.stop();
        broker.start();
    });
    let _connector = site.start();
    site.complete(Entity::domain("between.example"));
    broker.kill();
    broker.start();
    site.complete(Entity::domain("after.example"));
}

#[test]
fn the_network_is_cut_and_swallows() {
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), slow(50));
    during(&site, || {
        network.cut();
        let before = site.platform.pushed();
        soon(Duration::from_secs(30), "it goes on", || site.platform.pushed() > before + 50);
        network.swallow();
        std::thread::sleep(Duration::from_secs(1));
        network.carry();
        network.refuse();
        std::thread::sleep(Duration::from_secs(1));
        network.carry();
    });
}

#[test]
fn the_platform_is_down_at_the_start() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    site.platform.stop();
    let mut connector = site.launch();
    soon(Duration::from_secs(10), "it is tried", || connector.said().lines().count() > 0);
    site.platform.start();
    site.platform.await_consumer(ID);
    assert!(connector.is_running());
    site.complete(Entity::domain("example.com"));
}

#[test]
fn a_wrong_token_is_no_outage() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("OPENCTI_TOKEN", &TOKEN.replace('d', "e"));
    let mut connector = site.launch();
    soon(Duration::from_secs(10), "the connector ends", || !connector.is_running());
    assert_eq!(connector.ended(), Some(2));
    assert!(connector.said().contains("does not accept the token"), "{}", connector.said());
    assert!(!connector.said().contains(&TOKEN.replace('d', "e")), "{}", connector.said());
}

#[test]
fn a_wrong_password_of_the_broker_is_no_outage() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("MQ_PASS", "not-this-one");
    let mut connector = site.launch();
    assert_eq!(connector.ended(), Some(2));
    assert!(connector.said().contains("MQ_PASS"), "{}", connector.said());
    assert!(!connector.said().contains("not-this-one"), "{}", connector.said());
}

#[test]
fn a_url_that_leads_elsewhere_is_no_outage() {
    let elsewhere = Provider::answering(|_, _| Answer::Header(301, "Location", "https://platform.example".into()));
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("OPENCTI_URL", &elsewhere.url);
    let mut connector = site.launch();
    assert_eq!(connector.ended(), Some(2));
    assert!(connector.said().contains("OPENCTI_URL is not that of the platform"), "{}", connector.said());
}

#[test]
fn a_platform_that_is_not_trusted_is_no_outage() {
    let (url, authority) = crate::tls::provider();
    let mut site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("OPENCTI_URL", &url);
    for verify in ["", "true"] {
        site = site.with("OPENCTI_SSL_VERIFY", verify);
        let mut connector = site.launch();
        assert_eq!(connector.ended(), Some(2));
        assert!(connector.said().contains("certificate is not trusted"), "{}", connector.said());
    }
    // Only who says so does without, and is warned at the level that shows least.
    let site = site.with("OPENCTI_SSL_VERIFY", "false").with("CONNECTOR_LOG_LEVEL", "critical");
    let connector = site.launch();
    let warned = "OPENCTI_SSL_VERIFY is off: the platform's certificate is not verified";
    soon(Duration::from_secs(10), "it warns", || connector.said().contains(warned));
    drop(connector);
    let site = site.without("OPENCTI_SSL_VERIFY").with("CONNECTOR_LOG_LEVEL", "debug");
    // With its authority it is; that it is no platform is another matter, which may pass.
    let connector = site.with("HTTPS_CA_CERTIFICATES", &authority).launch();
    soon(Duration::from_secs(10), "it waits", || connector.said().contains("OpenCTI API is not reachable"));
}

#[test]
fn what_the_broker_brings_again_is_not_done_again() {
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let provider = Provider::answering(|_, _| Answer::After(Duration::from_secs(2), Box::new(Answer::Records(3))));
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), provider);
    let _connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let execution = site.platform.playbook(ID, &entity, &[]);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() > 0);
    network.cut();
    site.platform.await_step(&execution);
    // The next is done after what was brought again.
    site.complete(Entity::domain("after.example"));
    soon(Duration::from_secs(10), "the queue is empty", || site.platform.waiting(ID) == 0);
    assert_eq!((site.platform.steps().len(), site.provider.asked("example.com")), (1, 1));
}

#[test]
fn what_was_answered_before_it_was_killed_is_not_answered_again() {
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let provider = Provider::answering(|_, _| Answer::After(Duration::from_secs(1), Box::new(Answer::Records(3))));
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), provider);
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let execution = site.platform.playbook(ID, &entity, &[]);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() > 0);
    // The answer reaches the platform; the broker does not hear of it.
    network.swallow();
    site.platform.await_step(&execution);
    soon(Duration::from_secs(10), "that is remembered", || site.has_reported());
    connector.kill();
    network.refuse();
    site.platform.await_no_consumer(ID);
    network.carry();
    let _again = site.start();
    site.complete(Entity::domain("after.example"));
    soon(Duration::from_secs(10), "the queue is empty", || site.platform.waiting(ID) == 0);
    assert_eq!((site.platform.steps().len(), site.provider.asked("example.com")), (1, 1));
}

#[test]
fn a_broker_that_confirms_nothing_is_not_waited_for_beyond_the_deadline() {
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let answers = |about: &str, _| Answer::Records(if about == "many.example" { 300 } else { 1 });
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), Provider::answering(answers));
    let site = site.with("CONNECTOR_DELIVERY_TIMEOUT", "10");
    let _connector = site.start();
    site.complete(Entity::domain("few.example"));
    let entity = site.platform.add(Entity::domain("many.example"));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked("many.example") > 0);
    network.mute();
    // What was announced and is not sent is reported, so that the work ends.
    let work = site.platform.await_complete(&id);
    let [(text, true)] = &work.reports[..] else { panic!("{:?}", work.reports) };
    assert!(text.contains("objects were not sent"), "{text}");
    assert!(!site.platform.asked("workEdit.reportExpectation").is_empty());
}

#[test]
fn it_ends_in_time_where_the_broker_is_away() {
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let provider = Provider::answering(|_, _| Answer::Silence(Duration::from_secs(60)));
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), provider);
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() > 0);
    network.refuse();
    soon(Duration::from_secs(10), "it notices", || connector.said().contains("Cannot consume from RabbitMQ"));
    connector.terminate();
    soon(Duration::from_secs(10), "it ends before it would be killed", || !connector.is_running());
    assert_eq!(connector.ended(), Some(0));
}

#[test]
fn the_platform_goes_in_the_middle() {
    let site = Site::on(Platform::new(NEWEST), slow(20));
    let _connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() > 0);
    site.platform.stop();
    std::thread::sleep(Duration::from_secs(1));
    site.platform.start();
    let work = site.platform.await_complete(&id);
    assert!(work.errors.is_empty(), "{work:?}");
}

#[test]
fn the_platform_goes_before_the_last_report() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(200));
    let _connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "some is published", || site.platform.pushed() > 0);
    site.platform.stop();
    soon(Duration::from_secs(10), "all is published", || site.platform.pushed() > 400);
    site.platform.start();
    let work = site.platform.await_complete(&id);
    assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{work:?}");
}

#[test]
fn a_connector_that_was_forgotten_registers_again() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    site.platform.forget(ID);
    soon(Duration::from_secs(60), "it registers again", || site.platform.connector(ID).is_some());
    site.platform.await_consumer(ID);
    site.complete(Entity::domain("example.com"));
}

#[test]
fn replicas_share_a_queue_and_each_message_is_told_once() {
    let other = tempfile::tempdir().expect("a folder");
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), slow(20));
    let _one = site.start();
    let site = site.with("CONNECTOR_JOURNAL_PATH", other.path().to_str().expect("a path that is text"));
    let _another = site.launch();
    let entities = (0..60).map(|n| site.platform.add(Entity::domain(&format!("host{n}.example.com"))));
    let ids: Vec<String> = entities.map(|entity| site.platform.enrich(ID, &entity)).collect();
    soon(Duration::from_secs(20), "some is published", || site.platform.pushed() > 200);
    // What was with one may be with the other afterwards.
    network.cut();
    for id in &ids {
        let work = site.platform.await_complete(id);
        assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{id}: {work:?}");
    }
}

#[test]
fn a_queue_that_is_gone_alone_is_declared_again() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    runtime().block_on(site.platform.queues().delete(&format!("listen_{ID}")));
    let registrations = || site.platform.connector(ID).map_or(0, |known| known.registrations);
    soon(Duration::from_secs(20), "it registers again", || registrations() > 1);
    site.platform.await_consumer(ID);
    site.complete(Entity::domain("example.com"));
}

/// A message is under way when its queue is deleted, and with it the message: what its work is told in the end.
fn reported_without_its_message(answer: Answer, is_killed: bool) -> Work {
    let site = Site::new(move |_, _| Answer::After(Duration::from_secs(2), Box::new(answer.clone())));
    let site = site.with("CONNECTOR_DELIVERY_TIMEOUT", "10");
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() > 0);
    if is_killed {
        connector.kill();
    }
    runtime().block_on(site.platform.queues().delete(&format!("listen_{ID}")));
    let _again = is_killed.then(|| site.start());
    let work = site.platform.await_complete(&id);
    assert_eq!((work.reports.len(), site.provider.asked_in_all()), (1, 1), "{work:?}");
    work
}

#[test]
fn what_was_delivered_is_reported_though_its_message_is_gone_with_the_queue() {
    let work = reported_without_its_message(Answer::Records(3), false);
    assert!(work.errors.is_empty() && !work.reports[0].1 && work.objects.len() > 3, "{work:?}");
}

#[test]
fn what_failed_is_reported_though_its_message_is_gone_with_the_queue() {
    let work = reported_without_its_message(Answer::Text(400, r#"{"error":{"message":"bad query"}}"#.into()), false);
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("bad query")), "{work:?}");
}

#[test]
fn what_was_under_way_is_reported_by_the_next_process_though_its_message_is_gone_with_the_queue() {
    let work = reported_without_its_message(Answer::Records(3), true);
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("lost the message")), "{work:?}");
}

#[test]
fn what_was_sent_is_reported_by_the_next_process_though_the_broker_was_made_anew() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("CONNECTOR_DELIVERY_TIMEOUT", "10");
    let mut connector = site.start();
    site.platform.fail("toProcessed", 1, Fault::Slow(Duration::from_secs(20)));
    let entity = site.platform.add(Entity::domain("example.com"));
    let id = site.platform.enrich(ID, &entity);
    let is_sent = |work: &Work| work.expected > 0 && work.processed == work.expected;
    soon(Duration::from_secs(20), "all is sent", || is_sent(&site.platform.work(&id)));
    soon(Duration::from_secs(10), "it is being told", || site.platform.is_slow());
    connector.kill();
    site.platform.forget(ID);
    let _again = site.start();
    let work = site.platform.await_complete(&id);
    assert!(matches!(&work.reports[..], [(_, false)]) && work.errors.is_empty(), "{work:?}");
    assert_eq!(site.provider.asked_in_all(), 1);
}

#[test]
fn the_broker_hears_of_a_connector_that_is_busy() {
    // More than two heartbeats: a broker that hears nothing meanwhile ends the connection, and brings the message again.
    let slow = || Answer::After(Duration::from_secs(25), Box::new(Answer::Records(3)));
    let site = Site::new(move |_, _| slow());
    let connector = site.start();
    let work = site.complete(Entity::domain("example.com"));
    assert_eq!((work.reports.len(), site.provider.asked_in_all()), (1, 1));
    assert!(!connector.said().contains("Cannot consume from RabbitMQ"), "{}", connector.said());
}
