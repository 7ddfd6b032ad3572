//! Outages of the broker, the network and the platform: all enrichments complete, without errors.

use super::entity::Entity;
use super::platform::{Fault, NEWEST, Platform, TOKEN, Work};
use super::provider::{Answer, Provider};
use super::rabbit::{Broker, Proxy};
use super::site::{ID, Site};
use super::{runtime, soon};
use std::time::Duration;

/// Starts many enrichments and an outage in the middle of them; all must complete.
fn during(site: &Site, outage: impl Fn()) {
    let _connector = site.start();
    let entities = (0..30).map(|n| site.platform.add(Entity::domain(&format!("host{n}.example.com"))));
    let ids: Vec<String> = entities.map(|entity| site.platform.enrich(ID, &entity)).collect();
    soon(Duration::from_secs(20), "some is published", || site.platform.pushed() > 100);
    outage();
    for id in &ids {
        let work = site.platform.await_complete(id);
        assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{id}: {work:?}");
    }
}

fn slow(records: usize) -> Provider {
    Provider::answering(move |_, _| Answer::After(Duration::from_millis(50), Box::new(Answer::Records(records))))
}

#[test]
fn enrichments_survive_broker_restart() {
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
fn enrichments_survive_network_failures() {
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), slow(50));
    during(&site, || {
        network.cut();
        let before = site.platform.pushed();
        soon(Duration::from_secs(30), "publishing continues", || site.platform.pushed() > before + 50);
        network.swallow();
        std::thread::sleep(Duration::from_secs(1));
        network.carry();
        network.refuse();
        std::thread::sleep(Duration::from_secs(1));
        network.carry();
    });
}

#[test]
fn connector_waits_for_platform_at_start() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    site.platform.stop();
    let mut connector = site.launch();
    soon(Duration::from_secs(10), "the connector logs", || connector.said().lines().count() > 0);
    site.platform.start();
    site.platform.await_consumer(ID);
    assert!(connector.is_running());
    site.complete(Entity::domain("example.com"));
}

#[test]
fn invalid_token_ends_connector() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("OPENCTI_TOKEN", &TOKEN.replace('d', "e"));
    let mut connector = site.launch();
    soon(Duration::from_secs(10), "the connector ends", || !connector.is_running());
    assert_eq!(connector.ended(), Some(2));
    assert!(connector.said().contains("rejected OPENCTI_TOKEN"), "{}", connector.said());
    assert!(!connector.said().contains(&TOKEN.replace('d', "e")), "{}", connector.said());
}

#[test]
fn invalid_broker_password_ends_connector() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("MQ_PASS", "not-this-one");
    let mut connector = site.launch();
    assert_eq!(connector.ended(), Some(2));
    assert!(connector.said().contains("MQ_PASS"), "{}", connector.said());
    assert!(!connector.said().contains("not-this-one"), "{}", connector.said());
}

#[test]
fn redirected_platform_url_ends_connector() {
    let elsewhere = Provider::answering(|_, _| Answer::Header(301, "Location", "https://platform.example".into()));
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("OPENCTI_URL", &elsewhere.url);
    let mut connector = site.launch();
    assert_eq!(connector.ended(), Some(2));
    assert!(connector.said().contains("OPENCTI_URL is not an OpenCTI platform"), "{}", connector.said());
}

#[test]
fn untrusted_platform_certificate_ends_connector() {
    let (url, authority) = crate::tls::provider();
    let mut site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("OPENCTI_URL", &url);
    for verify in ["", "true"] {
        site = site.with("OPENCTI_SSL_VERIFY", verify);
        let mut connector = site.launch();
        assert_eq!(connector.ended(), Some(2));
        assert!(connector.said().contains("untrusted certificate"), "{}", connector.said());
    }
    // Verification is off only if configured, and the warning is logged at every level.
    let site = site.with("OPENCTI_SSL_VERIFY", "false").with("CONNECTOR_LOG_LEVEL", "critical");
    let connector = site.launch();
    let warned = "OPENCTI_SSL_VERIFY is off: the platform's certificate is not verified";
    soon(Duration::from_secs(10), "it warns", || connector.said().contains(warned));
    drop(connector);
    let site = site.without("OPENCTI_SSL_VERIFY").with("CONNECTOR_LOG_LEVEL", "debug");
    // With the authority it is trusted; that the server is not a platform counts as an outage.
    let connector = site.with("HTTPS_CA_CERTIFICATES", &authority).launch();
    soon(Duration::from_secs(10), "it waits", || connector.said().contains("OpenCTI API is not reachable"));
}

#[test]
fn redelivered_message_in_progress_is_not_processed_again() {
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
    // Processed after the redelivered message.
    site.complete(Entity::domain("after.example"));
    soon(Duration::from_secs(10), "the queue is empty", || site.platform.waiting(ID) == 0);
    assert_eq!((site.platform.steps().len(), site.provider.asked("example.com")), (1, 1));
}

#[test]
fn playbook_answered_before_kill_is_not_answered_again() {
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let provider = Provider::answering(|_, _| Answer::After(Duration::from_secs(1), Box::new(Answer::Records(3))));
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), provider);
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let execution = site.platform.playbook(ID, &entity, &[]);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() > 0);
    // The answer reaches the platform, the acknowledgement does not reach the broker.
    network.swallow();
    site.platform.await_step(&execution);
    soon(Duration::from_secs(10), "it is in the journal", || site.has_reported());
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
fn missing_publisher_confirms_are_reported_at_deadline() {
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
    // Announced messages that are not sent are reported, so that the work completes.
    let work = site.platform.await_complete(&id);
    let [(text, true)] = &work.reports[..] else { panic!("{:?}", work.reports) };
    assert!(text.contains("objects were not sent"), "{text}");
    assert!(!site.platform.asked("workEdit.reportExpectation").is_empty());
}

#[test]
fn connector_stops_in_time_without_broker() {
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
    soon(Duration::from_secs(10), "it ends within the grace period", || !connector.is_running());
    assert_eq!(connector.ended(), Some(0));
}

#[test]
fn enrichment_survives_platform_outage() {
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
fn report_waits_for_platform() {
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
fn deleted_connector_registers_again() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    site.platform.forget(ID);
    soon(Duration::from_secs(60), "it registers again", || site.platform.connector(ID).is_some());
    site.platform.await_consumer(ID);
    site.complete(Entity::domain("example.com"));
}

#[test]
fn replicas_share_queue_and_report_once() {
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
    // Unacknowledged messages may move from one replica to the other.
    network.cut();
    for id in &ids {
        let work = site.platform.await_complete(id);
        assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{id}: {work:?}");
    }
}

#[test]
fn deleted_queue_is_declared_again() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    runtime().block_on(site.platform.queues().delete(&format!("listen_{ID}")));
    let registrations = || site.platform.connector(ID).map_or(0, |known| known.registrations);
    soon(Duration::from_secs(20), "it registers again", || registrations() > 1);
    site.platform.await_consumer(ID);
    site.complete(Entity::domain("example.com"));
}

/// Deletes the queue while its message is processed. Returns the completed work.
fn reported_without_message(answer: Answer, is_killed: bool) -> Work {
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
fn result_is_reported_after_queue_was_deleted() {
    let work = reported_without_message(Answer::Records(3), false);
    assert!(work.errors.is_empty() && !work.reports[0].1 && work.objects.len() > 3, "{work:?}");
}

#[test]
fn failure_is_reported_after_queue_was_deleted() {
    let work = reported_without_message(Answer::Text(400, r#"{"error":{"message":"bad query"}}"#.into()), false);
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("bad query")), "{work:?}");
}

#[test]
fn unfinished_work_is_reported_after_restart_and_deleted_queue() {
    let work = reported_without_message(Answer::Records(3), true);
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("lost the message")), "{work:?}");
}

#[test]
fn published_work_is_reported_after_restart_and_broker_reset() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("CONNECTOR_DELIVERY_TIMEOUT", "10");
    let mut connector = site.start();
    site.platform.fail("toProcessed", 1, Fault::Slow(Duration::from_secs(20)));
    let entity = site.platform.add(Entity::domain("example.com"));
    let id = site.platform.enrich(ID, &entity);
    let is_sent = |work: &Work| work.expected > 0 && work.processed == work.expected;
    soon(Duration::from_secs(20), "all is sent", || is_sent(&site.platform.work(&id)));
    soon(Duration::from_secs(10), "it is being reported", || site.platform.is_slow());
    connector.kill();
    site.platform.forget(ID);
    let _again = site.start();
    let work = site.platform.await_complete(&id);
    assert!(matches!(&work.reports[..], [(_, false)]) && work.errors.is_empty(), "{work:?}");
    assert_eq!(site.provider.asked_in_all(), 1);
}

#[test]
fn busy_connector_sends_heartbeats() {
    // More than two heartbeat intervals: without heartbeats the broker would close the connection and redeliver the message.
    let slow = || Answer::After(Duration::from_secs(25), Box::new(Answer::Records(3)));
    let site = Site::new(move |_, _| slow());
    let connector = site.start();
    let work = site.complete(Entity::domain("example.com"));
    assert_eq!((work.reports.len(), site.provider.asked_in_all()), (1, 1));
    assert!(!connector.said().contains("Cannot consume from RabbitMQ"), "{}", connector.said());
}
