//! Protocols between connector and platform: all versions since 6.0, queue and HTTP in both directions, drafts, and shutdown.

use super::entity::Entity;
use super::platform::{CONNECTOR_USER, Event, NEWEST, Platform, Status, TOKEN, VERSIONS};
use super::provider::{Answer, Provider};
use super::site::{ID, Site};
use super::{free_port, runtime, soon};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn every_version_is_supported() {
    for version in VERSIONS {
        let site = Site::on(Platform::new(version), Provider::with(3));
        let _connector = site.start();
        let work = site.complete(Entity::domain("example.com").marked("TLP:GREEN"));
        assert_eq!(work.status, Status::Complete, "{version}");
        let names: Vec<String> = site.platform.operations().into_iter().map(|operation| operation.name).collect();
        let order = ["workEdit.toReceived", "workEdit.addExpectations", "workEdit.toProcessed"];
        assert!(names.iter().filter(|name| name.starts_with("workEdit")).eq(order.iter()), "{version}: {names:?}");
        let [announced] = &site.platform.asked("workEdit.addExpectations")[..] else {
            unreachable!("it is in the order")
        };
        assert_eq!(announced.arguments["expectations"], work.objects.len(), "{version}");
        let connector = site.platform.connector(ID).expect("it is registered");
        assert_eq!((connector.registrations, &connector.input["playbook_compatible"]), (1, &json!(true)), "{version}");
        soon(Duration::from_secs(10), "it pings", || site.platform.connector(ID).is_some_and(|known| known.pings > 0));
        let connector = site.platform.connector(ID).expect("it is registered");
        assert_eq!(connector.info.is_object(), version != "6.0.10", "{version}: {:?}", connector.info);
        assert!(connector.state.is_none_or(|state| state == "null"), "{version}");
        let applicants: Vec<_> =
            site.platform.operations().into_iter().filter_map(|operation| operation.applicant).collect();
        assert!(applicants.is_empty(), "{version}: {applicants:?}");
    }
}

#[test]
fn results_of_draft_stay_in_draft() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(2));
    let _connector = site.start();
    let work = site.enrich_with(Entity::domain("example.com"), ("internal", "draft_id"), "draft-7");
    site.platform.await_complete(&work);
    assert!(site.platform.pushes().iter().all(|push| push.message["draft_id"] == "draft-7"));
    let read = site.platform.asked("stixCyberObservable");
    assert!(read.iter().all(|operation| operation.draft.as_deref() == Some("draft-7")), "{read:?}");
    let count = site.platform.pushed();
    site.complete(Entity::domain("outside.example"));
    assert!(site.platform.pushes()[count..].iter().all(|push| push.message["draft_id"] != "draft-7"));
}

#[test]
fn results_have_applicant_of_request() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(2));
    let _connector = site.start();
    let work = site.enrich_with(Entity::domain("example.com"), ("internal", "applicant_id"), "applicant-7");
    site.platform.await_complete(&work);
    let count = site.platform.pushed();
    site.complete(Entity::domain("after.example"));
    let applicants: Vec<Value> =
        site.platform.pushes().into_iter().map(|mut push| push.message["applicant_id"].take()).collect();
    assert!(applicants[..count].iter().all(|applicant| applicant == "applicant-7"), "{applicants:?}");
    assert!(applicants[count..].iter().all(|applicant| applicant == CONNECTOR_USER), "{applicants:?}");
}

#[test]
fn unknown_fields_are_omitted_after_first_rejection() {
    // The platform reports a newer version than its schema.
    for version in ["6.4.11", "6.9.29"] {
        let site = Site::on(Platform::of(version, NEWEST), Provider::with(2));
        let connector = site.start();
        site.complete(Entity::domain("example.com"));
        let refused = site.platform.refused();
        assert!(refused > 0, "the first attempt is rejected");
        let input = site.platform.connector(ID).expect("it is registered").input;
        assert_eq!((&input["name"], input.get("slug")), (&json!("RiskIQ"), None), "{version}");
        let pings = || site.platform.connector(ID).map_or(0, |known| known.pings);
        soon(Duration::from_secs(10), "it pings", || pings() > 0);
        site.complete(Entity::domain("after.example"));
        assert_eq!(site.platform.refused(), refused, "{version}: {}", connector.said());
    }
}

#[test]
fn long_work_is_pinged() {
    let slow = || Answer::After(Duration::from_secs(12), Box::new(Answer::Records(1)));
    let site = Site::new(move |_, _| slow()).with("CONNECTOR_DELIVERY_TIMEOUT", "20");
    let _connector = site.start();
    let work = site.complete(Entity::domain("example.com"));
    assert_eq!(work.reports.len(), 1);
    assert_eq!(site.platform.asked("workEdit.ping").len(), 1);
}

fn callback_of_version(version: &str) {
    let port = free_port();
    let site = Site::on(Platform::new(version), Provider::with(3))
        .with("CONNECTOR_LISTEN_PROTOCOL", "API")
        .with("CONNECTOR_LISTEN_PROTOCOL_API_PORT", &port.to_string())
        .with("CONNECTOR_LISTEN_PROTOCOL_API_URI", &format!("http://127.0.0.1:{port}"));
    let _connector = site.start();
    let callback = format!("http://127.0.0.1:{port}/api/callback");
    assert_eq!(site.platform.connector(ID).expect("it is registered").input["listen_callback_uri"], callback);
    site.complete(Entity::domain("example.com"));
    // The work may complete before the platform has read the response to its request.
    soon(Duration::from_secs(10), "the message is accepted", || {
        site.platform.events().iter().any(|event| matches!(event, Event::Answered(202)))
    });
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let status = |token: Option<&str>, body: &'static str| {
        let mut request = client.post(&callback).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        runtime().block_on(request.send()).expect("an answer").status().as_u16()
    };
    assert_eq!((status(None, "{}"), status(Some("wrong"), "{}")), (401, 401), "{version}");
    let by_token = if version == NEWEST { 401 } else { 400 };
    assert_eq!(status(Some(TOKEN), "not JSON"), by_token, "{version}");
    if version != NEWEST {
        assert_eq!(status(Some(TOKEN), r#"{"internal":{}}"#), 202, "the worker would retry forever");
    }
}

#[test]
fn callback_accepts_connector_token() {
    callback_of_version("6.9.29");
}

#[test]
fn callback_accepts_signed_token() {
    callback_of_version(NEWEST);
}

/// Returns a site with a callback on an older platform, and the URL of the callback.
fn callback_site(answers: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> (Site, String) {
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let site = Site::on(Platform::new("6.9.29"), Provider::answering(answers))
        .with("CONNECTOR_LISTEN_PROTOCOL", "API")
        .with("CONNECTOR_LISTEN_PROTOCOL_API_PORT", &port.to_string())
        .with("CONNECTOR_LISTEN_PROTOCOL_API_URI", &base);
    (site, format!("{base}/api/callback"))
}

/// Posts a message as a worker does. Returns the HTTP status.
fn post(url: &str, token: &str, message: &Value) -> impl Future<Output = u16> + use<> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(url).bearer_auth(token).body(message.to_string());
    async { request.send().await.map_or(0, |answer| answer.status().as_u16()) }
}

#[test]
fn concurrent_duplicate_requests_are_processed_once() {
    let (site, url) = callback_site(|_, _| Answer::After(Duration::from_secs(1), Box::new(Answer::Records(3))));
    let _connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let (work, message) = site.platform.message(ID, &entity);
    let requests = futures_util::future::join(post(&url, TOKEN, &message), post(&url, TOKEN, &message));
    assert_eq!(runtime().block_on(requests), (202, 202));
    assert_eq!((site.platform.await_complete(&work).reports.len(), site.provider.asked_in_all()), (1, 1));
}

#[test]
fn replayed_request_is_answered_and_not_processed_again() {
    let (site, url) = callback_site(|_, _| Answer::Records(3));
    let _connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let (work, message) = site.platform.message(ID, &entity);
    assert_eq!(runtime().block_on(post(&url, TOKEN, &message)), 202);
    site.platform.await_complete(&work);
    assert_eq!(runtime().block_on(post(&url, TOKEN, &message)), 202);
    assert_eq!(runtime().block_on(post(&url, TOKEN, &message)), 202);
    assert_eq!((site.platform.await_complete(&work).reports.len(), site.provider.asked_in_all()), (1, 1));
}

#[test]
fn callback_request_before_stop_is_answered() {
    let (site, url) = callback_site(|_, _| Answer::After(Duration::from_secs(2), Box::new(Answer::Records(3))));
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let (work, message) = site.platform.message(ID, &entity);
    let answer = runtime().spawn(post(&url, TOKEN, &message));
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() > 0);
    connector.terminate();
    assert_eq!(runtime().block_on(answer).expect("no panic"), 202);
    assert_eq!(connector.ended(), Some(0));
    assert_eq!(site.platform.await_complete(&work).reports.len(), 1);
}

#[test]
fn unknown_token_triggers_new_registration() {
    let (site, url) = callback_site(|_, _| Answer::Records(3));
    let _connector = site.start();
    assert_eq!(runtime().block_on(post(&url, "of.another.key", &json!({}))), 401);
    let registrations = || site.platform.connector(ID).map(|known| known.registrations);
    soon(Duration::from_secs(10), "it registers again", || registrations() > Some(1));
}

#[test]
fn unsupported_protocol_ends_connector() {
    for (name, value, version) in
        [("CONNECTOR_LISTEN_PROTOCOL", "API", "6.4.11"), ("CONNECTOR_QUEUE_PROTOCOL", "api", "6.0.10")]
    {
        let site = Site::on(Platform::new(version), Provider::with(3)).with(name, value);
        let mut connector = site.launch();
        assert_eq!(connector.ended(), Some(2));
        let expected = format!("{name}={value} requires OpenCTI");
        assert!(connector.said().contains(&expected), "{}", connector.said());
    }
}

#[test]
fn state_of_other_connector_is_kept() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let mut connector = site.start();
    connector.kill();
    site.platform.await_no_consumer(ID);
    site.platform.keep_state(ID, r#"{"last_run":1}"#);
    let _again = site.start();
    let state = || site.platform.asked("pingConnector").last().map(|ping| ping.arguments["state"].clone());
    soon(Duration::from_secs(10), "it pings", || state() == Some(json!(r#"{"last_run":1}"#)));
    assert_eq!(site.platform.connector(ID).expect("it is registered").input["slug"], "riskiq");
}

#[test]
fn custom_headers_take_precedence() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3))
        .with("OPENCTI_TOKEN", "of-the-proxy")
        .with("OPENCTI_CUSTOM_HEADERS", &format!("X-Via: a proxy; authorization: Bearer {TOKEN}"));
    let _connector = site.start();
    site.complete(Entity::domain("example.com"));
}

#[test]
fn queue_protocol_api_pushes_bundle() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("CONNECTOR_QUEUE_PROTOCOL", "api");
    let _connector = site.start();
    let work = site.complete(Entity::domain("example.com"));
    assert_eq!(site.platform.asked("stixBundlePush").len(), 1);
    assert_eq!(site.platform.asked("workEdit.addExpectations").len(), 0, "the worker announces the objects");
    assert_eq!(work.objects.iter().filter(|object| object["type"] == "relationship").count(), 3);
}

#[test]
fn queue_protocol_api_publishes_drafts_to_queue() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(2)).with("CONNECTOR_QUEUE_PROTOCOL", "api");
    let _connector = site.start();
    let work = site.enrich_with(Entity::domain("example.com"), ("internal", "draft_id"), "draft-7");
    let work = site.platform.await_complete(&work);
    assert!(work.expected > 0 && site.platform.asked("stixBundlePush").is_empty(), "{work:#?}");
    assert!(site.platform.pushes().iter().all(|push| push.message["draft_id"] == "draft-7"));
}

#[test]
fn result_is_reported_without_sending_to_queue() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3)).with("CONNECTOR_SEND_TO_QUEUE", "false");
    let _connector = site.start();
    let work = site.complete(Entity::domain("example.com"));
    assert!(matches!(&work.reports[..], [(_, false)]), "{work:?}");
    assert_eq!((site.platform.pushed(), work.expected), (0, 0));
}

#[test]
fn messages_longer_than_a_frame_are_exchanged() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    let long: &str = "long ".repeat(100_000).leak();
    let entity = site.platform.add(Entity { description: Some(long), ..Entity::domain("example.com") });
    let (work, mut message) = site.platform.message(ID, &entity);
    message["event"]["stix_entity"] =
        json!(json!({ "type": "domain-name", "x_opencti_description": long }).to_string());
    site.platform.publish(ID, &message);
    let work = site.platform.await_complete(&work);
    assert!(work.errors.is_empty(), "{:?}", work.errors);
    let sent = work
        .objects
        .iter()
        .find(|object| object["id"] == entity.standard_id.as_str())
        .expect("the entity is published");
    assert!(sent.to_string().len() > long.len(), "the whole description");
}

#[test]
fn idle_connector_stops_and_stays_registered() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let mut connector = site.start();
    connector.terminate();
    soon(Duration::from_secs(10), "it ends", || !connector.is_running());
    assert_eq!(connector.ended(), Some(0));
    assert!(site.platform.connector(ID).is_some() && site.platform.asked("deleteConnector").is_empty());
}

#[test]
fn deliveries_in_progress_are_finished_at_stop() {
    let slow = || Answer::After(Duration::from_secs(2), Box::new(Answer::Records(3)));
    let site = Site::new(move |_, _| slow()).with("CONNECTOR_CONCURRENCY", "2");
    let mut connector = site.start();
    let names = ["one.example", "two.example", "waits.example"];
    let works = names.map(|name| site.platform.enrich(ID, &site.platform.add(Entity::domain(name))));
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() == 2);
    connector.terminate();
    assert_eq!(connector.ended(), Some(0));
    for work in &works[..2] {
        let work = site.platform.await_complete(work);
        assert!(matches!(&work.reports[..], [(_, false)]) && work.errors.is_empty(), "{work:#?}");
    }
    site.platform.await_no_consumer(ID);
    assert_eq!((site.platform.waiting(ID), site.provider.asked("waits.example")), (1, 0), "it stays in the queue");
}

#[test]
fn unfinished_delivery_is_completed_by_next_process() {
    let site =
        Site::new(|_, before| if before == 0 { Answer::Silence(Duration::from_secs(60)) } else { Answer::Records(3) });
    let mut connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let work = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() > 0);
    connector.terminate();
    soon(Duration::from_secs(10), "it ends within the grace period", || !connector.is_running());
    assert_eq!(connector.ended(), Some(0));
    let left = site.platform.work(&work);
    // The work is reported as interrupted, or the message is requeued.
    if left.reports.is_empty() {
        let _next = site.start();
        assert!(site.platform.await_complete(&work).errors.is_empty());
    } else {
        assert!(left.reports.iter().all(|(_, in_error)| *in_error), "{left:?}");
    }
}
