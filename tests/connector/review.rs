//! Validation before import: results go to a draft or to the workbench, once, also when the connector is killed, and nowhere
//! else.

use super::entity::Entity;
use super::platform::{Fault, NEWEST, Platform, Work};
use super::provider::Provider;
use super::site::{ID, Site};
use super::soon;
use std::time::Duration;

#[test]
fn validation_creates_draft_or_workbench_file() {
    for (version, mode, is_draft) in [
        (NEWEST, None, true),
        (NEWEST, Some("workbench"), false),
        ("6.9.29", None, false),
        ("6.9.29", Some("draft"), true),
        ("6.0.10", None, false),
    ] {
        let site = Site::on(Platform::new(version), Provider::with(2)).with("CONNECTOR_VALIDATE_BEFORE_IMPORT", "true");
        let _connector = site.start();
        let entity = site.platform.add(Entity::domain("example.com"));
        let (id, mut message) = site.platform.message(ID, &entity);
        if let Some(mode) = mode {
            message["event"]["validation_mode"] = mode.into();
        }
        site.platform.publish(ID, &message);
        let work = site.platform.await_complete(&id);
        let seen = (site.platform.drafts().len(), site.platform.uploads().len());
        assert_eq!(seen, if is_draft { (1, 0) } else { (0, 1) }, "{version} {mode:?}");
        assert_eq!(work.objects.is_empty(), !is_draft, "{version} {mode:?}");
        assert_eq!(
            work.reports[0].0.contains("waiting for review"),
            !is_draft,
            "{version} {mode:?}: {:?}",
            work.reports
        );
        for push in site.platform.pushes() {
            assert_eq!(push.message["draft_id"], site.platform.drafts()[0]["id"], "{version} {mode:?}");
        }
    }
}

#[test]
fn message_can_force_validation() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(2));
    let _connector = site.start();
    let id = site.enrich_with(Entity::domain("example.com"), ("event", "force_validation"), true);
    assert!(site.platform.await_complete(&id).draft.is_some());
    site.complete(Entity::domain("after.example"));
    assert_eq!(site.platform.drafts().len(), 1, "the next message does not force it");
}

#[test]
fn queue_protocol_api_does_not_bypass_validation() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(2))
        .with("CONNECTOR_VALIDATE_BEFORE_IMPORT", "true")
        .with("CONNECTOR_QUEUE_PROTOCOL", "api");
    let _connector = site.start();
    let work = site.complete(Entity::domain("example.com"));
    assert!(work.objects.is_empty() && site.platform.asked("stixBundlePush").is_empty(), "{work:#?}");
    assert_eq!(site.platform.uploads().len(), 1);
}

/// Kills the connector during a slow operation of the platform, starts another, and waits until the work is complete.
fn killed_while(operation: &str, mode: &str) -> (Site, Work) {
    let site = Site::on(Platform::new(NEWEST), Provider::with(2)).with("CONNECTOR_VALIDATE_BEFORE_IMPORT", "true");
    site.platform.fail(operation, 1, Fault::Slow(Duration::from_secs(2)));
    let mut connector = site.start();
    let id = site.enrich_with(Entity::domain("example.com"), ("event", "validation_mode"), mode);
    soon(Duration::from_secs(10), operation, || site.platform.is_slow());
    connector.kill();
    site.platform.await_no_consumer(ID);
    let _again = site.start();
    let work = site.platform.await_complete(&id);
    assert!(matches!(&work.reports[..], [(_, false)]) && work.errors.is_empty(), "{operation}: {work:#?}");
    (site, work)
}

#[test]
fn killed_connector_uploads_to_workbench_once() {
    for operation in ["uploadPending", "addExpectations", "reportExpectation", "toProcessed"] {
        let (site, work) = killed_while(operation, "workbench");
        assert!(work.expected == 1 && work.objects.is_empty(), "{operation}: {work:#?}");
        let names: Vec<_> = site.platform.uploads().into_iter().map(|upload| upload["file"].clone()).collect();
        assert!(names.len() == 1 || operation == "uploadPending", "{operation}: {}", names.len());
    }
}

#[test]
fn killed_connector_creates_one_draft() {
    for operation in ["addDraftContext", "addExpectations", "toProcessed"] {
        let (site, work) = killed_while(operation, "draft");
        assert_eq!(site.platform.drafts().len(), 1, "{operation}");
        assert_eq!(work.draft.as_deref(), site.platform.drafts()[0]["id"].as_str(), "{operation}");
    }
}
