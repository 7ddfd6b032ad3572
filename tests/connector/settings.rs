//! What an operator sets reaches what it is meant for: registration, prefetch, the gate, the broker; from variables, from secrets
//! in files and from `config.yml`.

use super::entity::Entity;
use super::platform::{NEWEST, Platform, TOKEN};
use super::provider::{Answer, Provider};
use super::rabbit::{PASSWORD, USER};
use super::site::{ID, Site};
use super::soon;
use serde_json::json;
use std::time::Duration;

#[test]
fn what_is_set_is_registered() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(1))
        .with("CONNECTOR_NAME", "Our Passive DNS")
        .with("CONNECTOR_SCOPE", "IPv4-Addr, domain-name")
        .with("CONNECTOR_AUTO", "yes")
        .with("CONNECTOR_AUTO_UPDATE", "true")
        .with("CONNECTOR_ONLY_CONTEXTUAL", "1")
        .with("CONNECTOR_ENRICHMENT_RESOLUTION", "stix_bundle")
        .with("CONNECTOR_XTM_ONE_INTENT", "an intent");
    let _connector = site.start();
    let input = site.platform.connector(ID).expect("it is registered").input;
    for (key, value) in [
        ("name", json!("Our Passive DNS")),
        ("scope", json!(["IPv4-Addr", "Domain-Name"])),
        ("auto", json!(true)),
        ("auto_update", json!(true)),
        ("only_contextual", json!(true)),
        ("enrichment_resolution", json!("stix_bundle")),
        ("xtm_one_intent", json!("an intent")),
        ("playbook_compatible", json!(true)),
    ] {
        assert_eq!(input[key], value, "{key}");
    }
    let site = Site::on(Platform::new(NEWEST), Provider::with(1));
    let _connector = site.start();
    let input = site.platform.connector(ID).expect("it is registered").input;
    let flags = ["auto", "auto_update", "only_contextual"].map(|key| input[key].clone());
    assert_eq!(flags, [json!(false), json!(false), json!(false)]);
    assert_eq!(input["enrichment_resolution"], "none");
}

#[test]
fn as_many_messages_are_taken_as_are_dealt_with_at_once() {
    let answer = || Answer::After(Duration::from_secs(3), Box::new(Answer::Records(1)));
    let site = Site::new(move |_, _| answer()).with("CONNECTOR_CONCURRENCY", "3");
    let _connector = site.start();
    let names = (0..10).map(|n| format!("host{n}.example.com"));
    let works: Vec<String> =
        names.map(|name| site.platform.enrich(ID, &site.platform.add(Entity::domain(&name)))).collect();
    soon(Duration::from_secs(10), "three are asked for", || site.provider.asked_in_all() == 3);
    assert_eq!(site.platform.waiting(ID), 7, "the others wait where any other connector may take them");
    works.iter().for_each(|work| drop(site.platform.await_complete(work)));
}

#[test]
fn a_file_beside_it_and_secrets_in_files_are_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.to_str().expect("a path that is text").to_owned()
    };
    let (key, token) = (write("key", "the key of the provider\n"), write("token", &format!("{TOKEN}\n")));
    let password = write("password", PASSWORD);
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let (url, provider) = (site.platform.url(), site.provider.url.clone());
    write(
        "config.yml",
        &format!(
            "opencti: {{ url: '{url}', token: not this one }}\n\
             connector: {{ id: {ID}, name: Of the file, scope: [Domain-Name], log_level: debug }}\n\
             mq:\n\
             riskiq: {{ username: user, api_key: not this one, api_base_url: '{provider}', max_tlp: TLP:GREEN }}\n"
        ),
    );
    let given = ["OPENCTI_URL", "OPENCTI_TOKEN", "CONNECTOR_ID", "CONNECTOR_NAME", "CONNECTOR_SCOPE"];
    let of_provider = ["RISKIQ_USERNAME", "RISKIQ_API_KEY", "RISKIQ_API_BASE_URL"];
    let site = given.into_iter().chain(of_provider).fold(site, Site::without);
    let site = site
        .in_folder(folder.path())
        .with("OPENCTI_TOKEN_FILE", &token)
        .with("RISKIQ_API_KEY_FILE", &key)
        .with("MQ_USER", USER)
        .with("MQ_PASS_FILE", &password);
    let connector = site.start();
    assert_eq!(site.platform.connector(ID).expect("it is registered").input["name"], "Of the file");
    site.complete(Entity::domain("example.com").marked("TLP:GREEN"));
    let work = site.enrich(Entity::domain("amber.example").marked("TLP:AMBER"));
    assert!(work.reports[0].1, "the file's maximum counts: {work:#?}");
    let said = connector.said();
    for secret in ["the key of the provider", TOKEN, PASSWORD, "not this one"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
    drop(connector);
    // An empty variable does not replace what the file says.
    let site = site.with("RISKIQ_MAX_TLP", "");
    site.platform.await_no_consumer(ID);
    let _connector = site.start();
    let work = site.enrich(Entity::domain("amber.example").marked("TLP:AMBER"));
    assert!(work.reports[0].1, "the file's maximum counts: {work:#?}");
}

/// From the lowest to the highest; what has the same rank is the same.
const LEVELS: [(&str, u8); 6] =
    [("TLP:CLEAR", 0), ("TLP:WHITE", 0), ("TLP:GREEN", 1), ("TLP:AMBER", 2), ("TLP:AMBER+STRICT", 3), ("TLP:RED", 4)];

#[test]
fn nothing_is_asked_above_the_maximum_and_all_below_it() {
    for (max, highest) in LEVELS {
        let site = Site::new(|_, _| Answer::Records(1)).with("RISKIQ_MAX_TLP", max);
        let _connector = site.start();
        let mut works = vec![];
        for (number, (marking, rank)) in LEVELS.into_iter().enumerate() {
            let name = format!("host{number}.example.com");
            let entity = site.platform.add(Entity::domain(&name).marked(marking));
            works.push((site.platform.enrich(ID, &entity), name, marking, rank <= highest));
        }
        for (number, marking) in ["TLP:ORANGE", "tlp:", "TLP:AMBER STRICT "].into_iter().enumerate() {
            let name = format!("odd{number}.example.com");
            let entity = site.platform.add(Entity::domain(&name).marked(marking));
            works.push((site.platform.enrich(ID, &entity), name, marking, false));
        }
        for (work, name, marking, is_asked) in works {
            let work = site.platform.await_report(&work);
            let [(_, in_error)] = work.reports[..] else { panic!("{marking} up to {max}: {work:#?}") };
            assert_eq!((site.provider.asked(&name), in_error), (usize::from(is_asked), !is_asked), "{marking}, {max}");
        }
        site.complete(Entity::domain("unmarked.example.com").marked("PAP:AMBER"));
        site.enrich(Entity::domain("secret.example.com").marked("PAP:RED"));
        assert_eq!(site.provider.asked("secret.example.com"), 0, "a third party may not be asked");
    }
}
