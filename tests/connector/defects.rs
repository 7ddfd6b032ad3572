//! Defects of the Python connector for the same provider, one test each. The numbers are those of the list of its defects.

use super::entity::{EXTENSION, Entity, marking_id};
use super::platform::{Fault, NEWEST, Platform, Work};
use super::provider::{Answer, Provider, QUOTA, quota, rows};
use super::rabbit::{Broker, Proxy};
use super::site::{ID, Site};
use super::{runtime, soon};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ORGANISATION: &str = "identity--11111111-1111-5111-8111-111111111111";

fn one() -> Answer {
    rows(&[("A", "ip", "192.0.2.1")])
}

fn relationships(work: &Work) -> Vec<&Value> {
    work.objects.iter().filter(|object| object["type"] == "relationship").collect()
}

fn values(work: &Work, kind: &str) -> Vec<String> {
    let mut values: Vec<String> =
        work.objects.iter().filter(|object| object["type"] == kind).map(|object| text(&object["value"])).collect();
    values.sort();
    values
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

/// Returns the completed work for one response about example.com.
fn answered(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Work {
    let site = Site::new(move |_, _| answer());
    let _connector = site.start();
    site.complete(Entity::domain("example.com"))
}

/// Checks that the work is reported in error with this reason.
fn fails(answer: impl Fn() -> Answer + Send + Sync + 'static, reason: &str) {
    let site = Site::new(move |_, _| answer());
    let _connector = site.start();
    let work = site.enrich(Entity::domain("example.com"));
    let (message, in_error) = &work.reports[0];
    assert!(*in_error && message.contains(reason), "{reason}: {work:#?}");
    assert!(work.objects.is_empty(), "{work:#?}");
}

/// Checks that the connector exits with the code of a failed start, for this reason.
fn does_not_start(site: &Site, reason: &str) {
    let mut connector = site.launch();
    soon(Duration::from_secs(10), "the connector ends", || !connector.is_running());
    assert_eq!(connector.ended(), Some(2), "{}", connector.said());
    assert!(connector.said().contains(reason), "{reason}: {}", connector.said());
}

// Markings and sharing.

#[test]
fn defect_01_highest_of_several_markings_applies() {
    let site = Site::new(|_, _| one());
    let _connector = site.start();
    let work = site.enrich(Entity::domain("example.com").marked("TLP:RED").marked("TLP:GREEN"));
    assert_eq!(site.provider.requests(), 0, "not even the quota is requested");
    assert!(work.reports[0].0.contains("TLP:RED"), "{work:#?}");
}

#[test]
fn red_marking_of_message_is_refused_although_platform_has_a_lower_one() {
    let site = Site::new(|_, _| one());
    let _connector = site.start();
    let entity = Entity::domain("example.com").marked("TLP:GREEN");
    let stix = entity.clone().marked("TLP:RED").stix().to_string();
    let work = site.enrich_with(entity, ("event", "stix_entity"), stix);
    let work = site.platform.await_report(&work);
    assert_eq!(site.provider.requests(), 0);
    assert!(work.reports[0].0.contains("TLP:RED"), "{work:#?}");
}

#[test]
fn defect_02_marking_does_not_affect_next_message() {
    let site = Site::new(|_, _| one());
    let _connector = site.start();
    site.enrich(Entity::domain("red.example").marked("TLP:RED"));
    site.complete(Entity::domain("unmarked.example"));
    assert_eq!((site.provider.asked("red.example"), site.provider.asked("unmarked.example")), (0, 1));
}

#[test]
fn defect_03_maximum_tlp_is_validated() {
    let site = Site::new(|_, _| one());
    let _connector = site.start();
    site.enrich(Entity::domain("red.example").marked("TLP:RED"));
    assert_eq!(site.provider.asked_in_all(), 0);
    does_not_start(&Site::new(|_, _| one()).with("RISKIQ_MAX_TLP", "TLP:ORANGE"), "RISKIQ_MAX_TLP");
}

#[test]
fn defect_04_results_are_marked_like_the_observable() {
    let site = Site::new(|_, _| one());
    let _connector = site.start();
    let work = site.complete(Entity::domain("example.com").marked("TLP:AMBER"));
    assert_eq!(relationships(&work).len(), 1);
    for object in &work.objects {
        if ["relationship", "ipv4-addr", "domain-name"].contains(&object["type"].as_str().expect("a type")) {
            assert_eq!(object["object_marking_refs"], json!([marking_id("TLP:AMBER")]), "{object}");
        }
    }
}

#[test]
fn defect_05_record_does_not_replace_the_observable() {
    let site = Site::new(|_, _| {
        rows(&[("MX", "host", "example.com"), ("NS", "host", "EXAMPLE.com."), ("A", "ip", "192.0.2.1")])
    });
    let _connector = site.start();
    let entity = Entity::domain("example.com").marked("TLP:GREEN").described();
    let work = site.complete(entity.clone());
    let pushed: Vec<&Value> = work.objects.iter().filter(|object| object["id"] == entity.standard_id).collect();
    assert!(!pushed.is_empty());
    assert!(
        pushed.iter().all(|object| object["object_marking_refs"] == json!([marking_id("TLP:GREEN")])),
        "{pushed:#?}"
    );
    let scores =
        pushed.iter().map(|object| object.to_string().contains("\"score\":50") || object["x_opencti_score"] == 50);
    assert!(scores.into_iter().all(|has| has), "{pushed:#?}");
    let to_itself = relationships(&work).iter().any(|object| object["source_ref"] == object["target_ref"]);
    assert!(!to_itself && relationships(&work).len() == 1, "{work:#?}");
}

#[test]
fn defect_06_sharing_is_preserved() {
    let site = Site::new(|_, _| one());
    let _connector = site.start();
    let work = site.complete(Entity::domain("example.com").marked("TLP:GREEN").shared_with(ORGANISATION));
    for object in work.objects.iter().filter(|object| object["type"] != "marking-definition") {
        let granted = [&object["x_opencti_granted_refs"], &object["extensions"][EXTENSION]["granted_refs"]];
        assert!(granted.contains(&&json!([ORGANISATION])), "{object}");
        assert!(
            object["type"] == "identity"
                || object["object_marking_refs"].as_array().is_some_and(|refs| !refs.is_empty())
        );
    }
}

// Failures reported as success.

#[test]
fn defect_07_provider_failure_is_reported() {
    fails(|| Answer::Text(400, r#"{"error":{"message":"bad query"}}"#.into()), "bad query");
    fails(|| Answer::Text(401, r#"{"message":"bad credentials"}"#.into()), "credentials");
    fails(|| Answer::Text(403, r#"{"message":"not for you"}"#.into()), "not for you");
    fails(|| Answer::Text(200, "<!DOCTYPE html><p>Log in</p>".into()), "HTML");
    fails(|| Answer::Text(200, r#"{"results":[{"recordType":"A""#.into()), "");
    fails(|| Answer::Text(500, String::new()), "500");
    fails(|| Answer::Cut, "connection reset");
}

#[test]
fn defect_08_quota_is_compared_as_number() {
    let with = |used: &'static str, limit: &'static str| {
        let answers = move |about: &str, _| if about == QUOTA { Answer::Text(200, quota(used, limit)) } else { one() };
        let site = Site::new(answers);
        let _connector = site.start();
        (site.enrich(Entity::domain("example.com")).reports[0].1, site.provider.asked_in_all())
    };
    assert_eq!(with("1001", "1000"), (true, 0));
    assert_eq!(with("\"1000\"", "1000"), (true, 0));
    assert_eq!(with("999", "1000"), (false, 1));
    // A missing number gives a warning: the quota counts neither as exhausted nor as a reason to send no request.
    assert_eq!(with("null", "1000"), (false, 1));
}

#[test]
fn defect_09_scope_without_match_ends_connector() {
    does_not_start(&Site::new(|_, _| one()).with("CONNECTOR_SCOPE", "StixFile,Url"), "CONNECTOR_SCOPE");
    // The scope of the old compose file is accepted.
    let site = Site::new(|_, _| one()).with("CONNECTOR_SCOPE", "domain, ipv4-address, indicator");
    let connector = site.start();
    site.complete(Entity::domain("example.com"));
    assert!(connector.said().contains("`domain` is interpreted as Domain-Name"), "{}", connector.said());
}

#[test]
fn defect_10_undelivered_objects_are_not_reported_as_sent() {
    let site = Site::new(|_, _| one());
    let _connector = site.start();
    runtime().block_on(site.platform.queues().delete(&format!("push_{ID}")));
    let work = site.complete(Entity::domain("example.com"));
    assert!(work.expected > 0 && work.processed == work.expected, "{work:#?}");
}

// The provider's API. 16 is in `tls`.

#[test]
fn defect_11_silent_provider_does_not_block_other_messages() {
    let site =
        Site::new(|about, _| if about == "silent.example" { Answer::Silence(Duration::from_secs(60)) } else { one() });
    let site = site.with("CONNECTOR_DELIVERY_TIMEOUT", "10");
    let _connector = site.start();
    let silent = site.platform.add(Entity::domain("silent.example"));
    let silent = site.platform.enrich(ID, &silent);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked("silent.example") > 0);
    let start = Instant::now();
    site.complete(Entity::domain("example.com"));
    assert!(start.elapsed() < Duration::from_secs(10));
    // The silent lookup itself is reported as failed, long before the provider responds.
    let work = site.platform.await_report(&silent);
    assert!(work.reports[0].1 && start.elapsed() < Duration::from_secs(50), "{work:#?}");
}

#[test]
fn defect_12_long_retry_after_fails() {
    fails(|| Answer::Header(429, "Retry-After", "3600".into()), "until");
}

#[test]
fn defect_13_transient_error_is_retried() {
    let site = Site::new(|about, before| match (about, before) {
        ("a.example", 0) => Answer::Text(500, String::new()),
        ("b.example", 0) => Answer::Text(502, String::new()),
        (_, 0) => Answer::Text(503, String::new()),
        _ => one(),
    });
    let _connector = site.start();
    for name in ["a.example", "b.example", "c.example"] {
        site.complete(Entity::domain(name));
    }
}

#[test]
fn defect_14_response_size_is_limited() {
    let site = Site::new(|_, _| Answer::Text(200, format!("{{\"results\":[{}]}}", " ".repeat(64 << 20))));
    let connector = site.start();
    let work = site.enrich(Entity::domain("example.com"));
    assert!(work.reports[0].1 && work.reports[0].0.contains("MiB"), "{work:#?}");
    let peak = connector.memory("VmHWM");
    assert!(peak < 150 << 20, "{} MiB", peak >> 20);
}

#[test]
fn defect_15_redirect_to_other_origin_is_not_followed() {
    let trap = Provider::with(1);
    let location = format!("{}/pt/v2/dns/passive?query=example.com", trap.url);
    fails(move || Answer::Header(302, "Location", location.clone()), "redirect");
    assert_eq!(trap.asked_in_all(), 0);
}

#[test]
fn defect_17_truncated_result_is_reported() {
    let site = Site::new(|_, _| {
        let Answer::Text(_, text) = one() else { unreachable!("rows() gives a text") };
        Answer::Text(200, text.replace("\"totalRecords\":1", "\"totalRecords\":5000"))
    });
    let _connector = site.start();
    let work = site.enrich(Entity::domain("example.com"));
    assert!(work.reports[0].0.contains("partial") || work.reports[0].0.contains("5000"), "{work:#?}");
}

#[test]
fn defect_18_window_is_in_utc() {
    let start = |zone: &str| {
        let site = Site::new(|_, _| one()).with("TZ", zone).with("RISKIQ_IMPORT_LAST_SEEN", "P1D");
        let _connector = site.start();
        site.complete(Entity::domain("example.com"));
        let query = site.provider.queries().remove(0);
        let start = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "start").expect("a start").1;
        jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", start.as_ref()).expect("a time")
    };
    let apart = start("Pacific/Auckland").duration_until(start("America/Los_Angeles"));
    assert!(apart.abs() < jiff::SignedDuration::from_mins(2), "{apart}");
}

// Mapping.

#[test]
fn defect_19_bad_record_does_not_affect_others() {
    let work = answered(|| {
        let Answer::Text(_, text) = Answer::Text(200, super::provider::records(51)) else {
            unreachable!("it is a text")
        };
        Answer::Text(200, text.replacen("\"firstSeen\":\"2024-01-01 08:00:00\"", "\"firstSeen\":\"yesterday\"", 1))
    });
    assert_eq!(relationships(&work).len(), 50);
}

#[test]
fn defect_20_other_date_formats_are_accepted() {
    let work = answered(|| {
        let text = super::provider::records(3).replacen("2024-01-01 08:00:00", "2024-01-01T08:00:00+02:00", 1);
        Answer::Text(200, text.replacen("2024-01-02 08:00:00", "0001-01-01 00:00:00", 1))
    });
    assert!(!relationships(&work).is_empty());
    for time in relationships(&work).iter().filter_map(|object| object["start_time"].as_str()) {
        assert!(time.len() >= 20 && time.as_bytes()[4] == b'-', "{time}");
    }
}

#[test]
fn defect_21_invalid_address_yields_no_object() {
    let bad = ["999.1.1.1", "not-an-ip", "192.0.2.0/24", "2001:db8::1", "192.0.2.1\0", "", "['192.0.2.1']"];
    let mut all: Vec<(&str, &str, &str)> = bad.iter().map(|value| ("A", "ip", *value)).collect();
    all.extend([("A", "ip", "192.0.2.7"); 1]);
    let good = ["192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13"];
    all.extend(good.map(|value| ("A", "ip", value)));
    let work = answered(move || rows(&all));
    let expected = ["192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.7", "192.0.2.8", "192.0.2.9"];
    assert_eq!(values(&work, "ipv4-addr"), expected);
}

#[test]
fn defect_22_spellings_are_normalized() {
    let spellings = ["2001:db8::1", "2001:DB8::1", "2001:0db8:0:0:0:0:0:1", "2001:db8:0::1"];
    let mut all: Vec<(&str, &str, &str)> = spellings.iter().map(|value| ("AAAA", "ip", *value)).collect();
    all.extend([("CNAME", "host", "WWW.example.org."), ("CNAME", "host", "www.example.org")]);
    let work = answered(move || rows(&all));
    assert_eq!(values(&work, "ipv6-addr"), ["2001:db8::1"]);
    assert!(values(&work, "domain-name").iter().filter(|name| *name != "example.com").eq(["www.example.org"]));
}

#[test]
fn defect_23_both_record_types_are_described() {
    let work = answered(|| rows(&[("NS", "host", "host.example.org"), ("MX", "host", "host.example.org")]));
    let descriptions: String = relationships(&work).iter().map(|object| text(&object["description"])).collect();
    assert!(descriptions.contains("NS") && descriptions.contains("MX"), "{descriptions}");
}

#[test]
fn defect_24_names_are_related_to_names() {
    let hosts = [("NS", "n"), ("MX", "m"), ("CNAME", "c"), ("SOA", "s")]
        .map(|(rrtype, host)| (rrtype, format!("{host}.example.org")));
    let work = answered(move || rows(&hosts.each_ref().map(|(rrtype, host)| (*rrtype, "host", host.as_str()))));
    assert_eq!(relationships(&work).len(), 4);
    assert!(relationships(&work).iter().all(|object| object["relationship_type"] == "related-to"));
}

#[test]
fn defect_25_an_ipv6_address_resolves_from_a_name() {
    let site = Site::new(|_, _| rows(&[("AAAA", "domain", "www.example.org")]));
    let _connector = site.start();
    let address = Entity::ipv6("2001:db8::1");
    let work = site.complete(address.clone());
    let [relationship] = relationships(&work)[..] else { panic!("{work:#?}") };
    assert_eq!(relationship["relationship_type"], "resolves-to");
    assert_eq!(relationship["target_ref"], address.standard_id);
}

#[test]
fn defect_26_an_observable_without_a_value_is_out_of_scope() {
    let site = Site::new(|_, _| one());
    let _connector = site.start();
    let file = "file--2a8e3b0c-1111-5222-8333-000000000001".to_string();
    let work = site.enrich(Entity::new("StixFile", file, [("name", json!("a.exe"))]));
    assert_eq!(site.provider.asked_in_all(), 0);
    assert!(work.reports[0].0.contains("StixFile") || work.reports[0].0.contains("scope"), "{work:#?}");
}

// Messages and works. 27 is in `crash`, 30 in `playbook`.

#[test]
fn defect_28_and_29_malformed_message_does_not_block_queue() {
    let site = Site::new(|_, _| one());
    let connector = site.start();
    for poison in ["", "not JSON", "[]", "{}", r#"{"internal":{}}"#, r#"{"event":{"entity_id":"x"}}"#, "null", "\u{1}"]
    {
        site.platform.publish_bytes(ID, poison.as_bytes());
    }
    site.platform.publish_bytes(ID, &[0xff, 0xfe, 0x00]);
    let (work, mut message) = site.platform.message(ID, &Entity::domain("example.com"));
    message.as_object_mut().expect("an object").remove("event");
    site.platform.publish(ID, &message);
    let (text, in_error) = site.platform.await_report(&work).reports.remove(0);
    assert!(in_error && text.contains("`event`"), "{text}");
    site.complete(Entity::domain("example.com"));
    soon(Duration::from_secs(10), "the queue is empty", || {
        runtime()
            .block_on(site.platform.queues().depth(&format!("listen_{ID}")))
            .is_some_and(|(waiting, _)| waiting == 0)
    });
    assert!(connector.said().matches("\"ERROR\"").count() >= 9, "each is logged: {}", connector.said());
}

#[test]
fn defect_31_platform_failure_is_retried() {
    for operation in ["stixCyberObservable", "toReceived", "addExpectations", "toProcessed"] {
        for fault in [Fault::Status(503), Fault::Dropped] {
            let site = Site::on(Platform::new(NEWEST), Provider::with(3));
            let _connector = site.start();
            site.platform.fail(operation, 1, fault.clone());
            let work = site.complete(Entity::domain("example.com"));
            assert_eq!(work.expected, work.objects.len() as i64, "{operation}: {work:#?}");
        }
    }
}

#[test]
fn defect_31_deleted_work_receives_nothing() {
    let site = Site::new(|_, _| Answer::After(Duration::from_millis(300), Box::new(one())));
    let _connector = site.start();
    let entity = site.platform.add(Entity::domain("example.com"));
    let work = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked_in_all() > 0);
    site.platform.delete_work(&work);
    site.complete(Entity::domain("after.example"));
    let pushed = site.platform.pushes().into_iter().filter(|push| push.message["work_id"] == work.as_str()).count();
    assert_eq!(pushed, 0);
}

#[test]
fn defect_31_platform_rejection_is_reported() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let _connector = site.start();
    for operation in ["toReceived", "addExpectations"] {
        site.platform.fail(operation, 1, Fault::Refused("FORBIDDEN_ACCESS", "You are not allowed to do this."));
        let (text, in_error) = site.enrich(Entity::domain("example.com")).reports.remove(0);
        assert!(in_error && text.contains("You are not allowed to do this."), "{operation}: {text}");
    }
    assert_eq!(site.platform.pushed(), 0);
}

#[test]
fn defect_32_message_has_one_plain_stix_object() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(5));
    let _connector = site.start();
    let work = site.complete(Entity::domain("example.com").marked("TLP:GREEN"));
    for push in site.platform.pushes() {
        let [object] = &push.bundle["objects"].as_array().expect("objects")[..] else { panic!("{push:#?}") };
        assert!(object.get("nb_deps").is_none(), "{object}");
        assert!(push.is_persistent && push.encoding.as_deref() == Some("utf-8"), "{push:#?}");
        assert_eq!(push.message["bundle_type"], "QUEUE_BUNDLE");
        assert_eq!(push.message["work_id"], json!(site.platform.works().keys().next()));
    }
    assert_eq!(work.expected, site.platform.pushed() as i64);
}

#[test]
fn defect_33_publishing_is_pipelined() {
    let broker = Broker::shared();
    let network = Proxy::to(broker.amqp);
    let records = |about: &str, _| Answer::Records(if about == "many.example" { 300 } else { 1 });
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), Provider::answering(records));
    let _connector = site.start();
    // Opens the channel.
    site.complete(Entity::domain("few.example"));
    let before = site.platform.pushed();
    let entity = site.platform.add(Entity::domain("many.example"));
    site.platform.fail("addExpectations", 1, Fault::Slow(Duration::from_millis(500)));
    let id = site.platform.enrich(ID, &entity);
    soon(Duration::from_secs(10), "the provider is asked", || site.provider.asked("many.example") > 0);
    network.mute();
    soon(Duration::from_secs(10), "many are sent unconfirmed", || site.platform.pushed() > before + 100);
    network.carry();
    assert!(site.platform.await_complete(&id).errors.is_empty());
}

// Start.

#[test]
fn defect_34_missing_credentials_end_connector() {
    does_not_start(&Site::new(|_, _| one()).without("RISKIQ_USERNAME"), "RISKIQ_USERNAME");
    does_not_start(&Site::new(|_, _| one()).without("RISKIQ_API_KEY"), "RISKIQ_API_KEY");
}

#[test]
fn defect_35_days_are_accepted() {
    let site = Site::new(|_, _| one()).with("RISKIQ_IMPORT_LAST_SEEN", "30");
    let _connector = site.start();
    site.complete(Entity::domain("example.com"));
    let days_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(30 * 24);
    let day = days_ago.strftime("%Y-%m-%d").to_string();
    assert!(site.provider.queries()[0].contains(&day), "{day}: {:?}", site.provider.queries());
}
