//! The broker, the network and the platform go away and come back: what was begun ends, and ends as it would have.

use super::entity::Entity;
use super::platform::{NEWEST, Platform, TOKEN};
use super::provider::{Answer, Provider};
use super::rabbit::{Broker, Proxy};
use super::site::{ID, Site};
use super::soon;
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
    assert_ne!(connector.ended(), Some(0));
    assert!(!connector.said().contains(&TOKEN.replace('d', "e")), "{}", connector.said());
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
