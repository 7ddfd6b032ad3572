//! The stand-ins are proved by a peer that was not made here: a connector on pycti registers, enriches and takes part in a
//! playbook, and its works complete.

use super::entity::Entity;
use super::platform::{NEWEST, Platform, Status, TOKEN};
use super::program::{Program, python};
use super::provider::Provider;
use serde_json::Value;

const ID: &str = "6f1a1c6e-2f7b-4b50-9d3e-000000000001";

fn peer(platform: &Platform, provider: &Provider) -> Program {
    let mut command = python("peer.py");
    command
        .env("OPENCTI_URL", platform.url())
        .env("OPENCTI_TOKEN", TOKEN)
        .env("CONNECTOR_ID", ID)
        .env("CONNECTOR_NAME", "Peer")
        .env("CONNECTOR_TYPE", "INTERNAL_ENRICHMENT")
        .env("CONNECTOR_SCOPE", "Domain-Name")
        .env("CONNECTOR_LOG_LEVEL", "info")
        .env("PEER_PROVIDER", &provider.url);
    Program::start(command)
}

#[test]
fn a_connector_on_pycti_works_with_the_platform() {
    let (platform, provider) = (Platform::new(NEWEST), Provider::with(10));
    let _peer = peer(&platform, &provider);
    platform.await_consumer(ID);
    let entity = platform.add(Entity::domain("example.com").marked("TLP:GREEN").described());

    let work = platform.await_complete(&platform.enrich(ID, &entity));
    assert_eq!(work.reports, [("Sent 24 bundles".into(), false)]);
    assert_eq!((work.expected, work.processed, work.errors), (24, 24, vec![]));
    assert_eq!(work.objects.last().expect("24 objects")["type"], "relationship");
    let names: Vec<String> = platform.operations().into_iter().map(|operation| operation.name).collect();
    let expected = [
        "stixCyberObservable",
        "stixNestedRefRelationships",
        "workEdit.toReceived",
        "workEdit.addExpectations",
        "workEdit.toProcessed",
    ];
    assert_eq!(names, expected);

    let bundle = platform.await_step(&platform.playbook(ID, &entity, &[]));
    let ids: Vec<&Value> = bundle["objects"].as_array().expect("objects").iter().map(|object| &object["id"]).collect();
    assert!(ids.contains(&&Value::from(entity.standard_id)), "{ids:?}");
    assert_eq!(ids.len(), 23);
    assert!(platform.works().values().all(|work| work.status == Status::Complete));
}
