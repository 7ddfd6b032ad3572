//! The stand-ins are proved by a peer that was not made here: a connector on pycti registers, enriches and takes part in a
//! playbook, and its works complete.

use super::entity::Entity;
use super::free_port;
use super::platform::{NEWEST, Platform, Status, TOKEN};
use super::program::{Program, python};
use super::provider::{Provider, rows};
use super::site::Site;
use crate::profiles::all_played;
use crate::stix::judged;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use stixmap_engine::stix::Tlp;

const ID: &str = "6f1a1c6e-2f7b-4b50-9d3e-000000000001";

fn peer(platform: &Platform, provider: &Provider) -> Program {
    Program::start(command(platform, provider))
}

fn command(platform: &Platform, provider: &Provider) -> Command {
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
    command
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

#[test]
fn what_a_connector_on_pycti_wants_looked_at_first_is_a_draft_or_a_file() {
    let (platform, provider) = (Platform::new(NEWEST), Provider::with(2));
    let _peer = peer(&platform, &provider);
    platform.await_consumer(ID);
    let entity = platform.add(Entity::domain("example.com"));
    let ask = |mode: &str| {
        let (work, mut message) = platform.message(ID, &entity);
        message["event"]["validation_mode"] = mode.into();
        message["event"]["force_validation"] = true.into();
        platform.publish(ID, &message);
        platform.await_complete(&work)
    };
    let work = ask("draft");
    let [draft] = &platform.drafts()[..] else { panic!("{:?}", platform.drafts()) };
    assert_eq!((&work.draft, &draft["entity_id"]), (&draft["id"].as_str().map(str::to_string), &Value::Null));
    assert!(platform.pushes().iter().all(|push| push.message["draft_id"] == draft["id"]));
    let pushed = platform.pushed();
    ask("workbench");
    assert_eq!((platform.uploads().len(), platform.pushed()), (1, pushed));
}

#[test]
fn a_connector_on_pycti_is_called_and_answers_over_http() {
    let (platform, provider) = (Platform::new(NEWEST), Provider::with(2));
    let port = free_port();
    let mut command = command(&platform, &provider);
    command
        .env("CONNECTOR_QUEUE_PROTOCOL", "api")
        .env("CONNECTOR_LISTEN_PROTOCOL", "API")
        .env("CONNECTOR_LISTEN_PROTOCOL_API_PORT", port.to_string())
        .env("CONNECTOR_LISTEN_PROTOCOL_API_URI", format!("http://127.0.0.1:{port}"));
    let _peer = Program::start(command);
    platform.await_consumer(ID);
    let entity = platform.add(Entity::domain("example.com"));
    let work = platform.await_complete(&platform.enrich(ID, &entity));
    assert_eq!((work.objects.len(), work.errors), (7, vec![]));
    assert_eq!((platform.asked("stixBundlePush").len(), platform.asked("workEdit.addExpectations").len()), (1, 0));
}

#[test]
fn what_is_made_of_every_case_is_split_without_loss() {
    let folder = tempfile::tempdir().expect("a folder");
    let played = all_played();
    let made = played.iter().filter(|(_, played)| !played.report.bundle.is_empty()).count();
    for (name, played) in &played {
        let bundle = serde_json::to_vec(&played.report.bundle).expect("JSON");
        std::fs::write(folder.path().join(format!("{name}.json")), bundle).expect("a bundle can be written");
    }
    let output = python("split.py").arg(folder.path()).output().expect("Python starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(made > 0 && text.contains(&format!("{made} bundles")), "{made}: {text}");
}

#[test]
fn what_is_pushed_is_imported_by_pycti_as_it_was_meant() {
    let answer = rows(&[
        ("A", "ip", "192.0.2.1"),
        ("AAAA", "ip", "2001:db8::1"),
        ("CNAME", "host", "www.example.org"),
        ("MX", "host", "mail.example.org"),
        ("NS", "host", "ns.example.org"),
        ("SOA", "email", "admin@example.org"),
    ]);
    let site = Site::new(move |_, _| answer.clone()).with("RISKIQ_MAX_TLP", "TLP:RED");
    let _connector = site.start();
    let organisation = "identity--11111111-1111-5111-8111-111111111111";
    site.complete(Entity::domain("example.com").marked("TLP:AMBER+STRICT").described().shared_with(organisation));
    site.complete(Entity::domain("plain.example"));
    for tlp in ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:RED"] {
        site.complete(Entity::domain(&format!("{}.example", tlp[4..].to_lowercase())).marked(tlp));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let pushes = site.platform.pushes();
    for (number, push) in pushes.iter().enumerate() {
        let path = folder.path().join(format!("{number:05}.json"));
        std::fs::write(path, push.bundle.to_string()).expect("a bundle can be written");
    }
    let output = python("import.py").arg(folder.path()).output().expect("Python starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains(&format!("{} objects", pushes.len())), "{text}");
    assert!(pushes.len() > 25, "{}", pushes.len());
    let ids: BTreeSet<&str> = pushes.iter().filter_map(|push| push.bundle["objects"][0]["id"].as_str()).collect();
    assert!(Tlp::ALL.iter().all(|tlp| ids.contains(&*tlp.marking_id().to_string())), "{ids:?}");
    // The platform's messages have properties that STIX's bundles have not; the objects in them are STIX.
    judged(
        pushes
            .iter()
            .map(|push| json!({ "type": "bundle", "id": push.bundle["id"], "objects": push.bundle["objects"] })),
    );
}
