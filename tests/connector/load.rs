//! Load: all messages are reported, and memory stays within its budget.

use super::entity::Entity;
use super::platform::{NEWEST, Platform, Status};
use super::provider::{Answer, Provider, records};
use super::site::{ID, Site};
use std::collections::BTreeMap;

/// Returns the behavior of the provider for an observable: permanent error, transient error, no records, or records.
fn disposition(number: usize) -> usize {
    number.wrapping_mul(2_654_435_761) >> 7 & 7
}

#[test]
fn thousand_messages_with_failing_provider_are_all_reported() {
    let site = Site::new(|about, before| {
        let number = about.trim_start_matches("host").split('.').next().and_then(|text| text.parse().ok());
        match (number.map(disposition), before) {
            (Some(0), _) => Answer::Text(400, r#"{"error":{"message":"bad query"}}"#.into()),
            (Some(1), 0) => Answer::Text(503, String::new()),
            (Some(2), 0) => Answer::Cut,
            (Some(3), _) => Answer::Text(200, r#"{"totalRecords":0,"results":[]}"#.into()),
            _ => Answer::Records(3),
        }
    });
    let site = site.with("CONNECTOR_CONCURRENCY", "8").with("CONNECTOR_LOG_LEVEL", "error");
    let _connector = site.start();
    let entities = (0..1000).map(|n| site.platform.add(Entity::domain(&format!("host{n}.example.com"))));
    let ids: Vec<String> = entities.map(|entity| site.platform.enrich(ID, &entity)).collect();
    let mut ends: BTreeMap<(usize, bool, usize), usize> = BTreeMap::new();
    for (number, id) in ids.iter().enumerate() {
        let work = site.platform.await_complete(id);
        let [(_, in_error)] = work.reports[..] else { panic!("one report for {id}: {:?}", work.reports) };
        let relationships = work.objects.iter().filter(|object| object["type"] == "relationship").count();
        *ends.entry((disposition(number), in_error, relationships)).or_default() += 1;
    }
    let expected = |(disposition, in_error, relationships): &(usize, bool, usize)| match disposition {
        0 => *in_error && *relationships == 0,
        3 => !in_error && *relationships == 0,
        _ => !in_error && *relationships == 3,
    };
    assert!(ends.len() == 8 && ends.keys().all(expected), "{ends:?}");
    assert!(site.platform.works().values().all(|work| work.status == Status::Complete));
}

#[test]
fn five_thousand_records_fit_into_one_enrichment() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(5_000));
    let connector = site.start();
    let work = site.complete(Entity::domain("example.com"));
    assert_eq!(work.objects.iter().filter(|object| object["type"] == "relationship").count(), 5_000);
    assert_eq!(work.expected, work.objects.len() as i64);
    let numbers = site.platform.pushes().into_iter().map(|push| push.message["action_sequence"].as_i64());
    assert!(numbers.eq((1..=work.expected).map(Some)), "messages arrive in order");
    let peak = connector.memory("VmHWM");
    assert!(peak < 150 << 20, "{} MiB", peak >> 20);
}

#[test]
fn oversized_object_is_skipped() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3));
    let connector = site.start();
    let long: &str = "long ".repeat(12 << 20 >> 2).leak();
    let work = site.enrich(Entity { description: Some(long), ..Entity::domain("example.com") });
    assert!(matches!(&work.reports[..], [(text, true)] if text.contains("1 objects were not sent")), "{work:?}");
    let work = site.platform.await_complete(site.platform.works().keys().next().expect("a work"));
    assert_eq!(work.objects.iter().filter(|object| object["type"] == "ipv4-addr").count(), 3);
    assert!(connector.said().contains("Skipped object that exceeds the message size limit"), "it is named in the log");
    site.complete(Entity::domain("after.example"));
}

#[test]
fn bundles_pushed_by_api_respect_message_size_limit() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(16_000)).with("CONNECTOR_QUEUE_PROTOCOL", "api");
    let _connector = site.start();
    let work = site.complete(Entity::domain("example.com"));
    let bundles = site.platform.asked("stixBundlePush");
    let lengths: Vec<usize> =
        bundles.iter().map(|push| push.arguments["bundle"].as_str().expect("text").len()).collect();
    assert!(lengths.len() > 1 && lengths.iter().all(|length| length / 3 * 4 < 15 << 20), "{lengths:?}");
    assert_eq!(work.objects.iter().filter(|object| object["type"] == "relationship").count(), 16_000);
}

/// Number of records that make a response of 12 MiB.
const LARGE: usize = 60_000;

/// Returns records of minimum length, which yield the most objects for a response of this size.
fn short_records(count: usize) -> String {
    let address = |n: usize| format!("20.{}.{}.{}", n / 62_500, n / 250 % 250, n % 250 + 1);
    (0..count).map(|n| format!("{{\"rrname\":\"a.co\",\"rrtype\":\"A\",\"rdata\":\"{}\"}}\n", address(n))).collect()
}

/// Returns a site with large responses that writes its bundles to a folder, and the size of a response.
fn large(folder: &std::path::Path, answer: String) -> (Site, usize) {
    let length = answer.len();
    let site = Site::new(move |_, _| Answer::Text(200, answer.clone()))
        .with("CONNECTOR_SEND_TO_QUEUE", "false")
        .with("CONNECTOR_SEND_TO_DIRECTORY", "true")
        .with("CONNECTOR_SEND_TO_DIRECTORY_PATH", folder.to_str().expect("a path that is text"))
        .with("CONNECTOR_LOG_LEVEL", "error");
    (site, length)
}

/// Returns the number of complete bundles in a folder.
fn whole_bundles(folder: &std::path::Path, records: usize) -> usize {
    let files = std::fs::read_dir(folder).expect("a folder").flatten();
    let relationships = |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        text.matches(r#""type":"relationship""#).count()
    };
    files.filter(|file| relationships(file.path()) == records).count()
}

#[test]
fn memory_of_large_response_is_bounded() {
    // Short records have more objects per octet.
    for (profile, domain, answer, times) in
        [("riskiq", "example.com", records(LARGE), 4), ("cof", "a.co", short_records(2 * LARGE), 8)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let (site, length) = large(folder.path(), answer);
        let url = site.provider.url.clone();
        let site = site.with("STIXMAP_PROFILE", profile).with("COF_BASE_URL", &url).with("COF_MIN_TLP", "TLP:GREEN");
        let connector = site.start();
        let work = site.enrich(Entity::domain(domain));
        assert!(matches!(&work.reports[..], [(_, false)]), "{work:?}");
        let (peak, allowed) = (connector.memory("VmHWM"), times * length + (40 << 20));
        assert!(peak <= allowed, "{} MiB for an answer of {} MiB", peak >> 20, length >> 20);
        assert_eq!(whole_bundles(folder.path(), if profile == "cof" { 2 * LARGE } else { LARGE }), 1);
    }
}

#[test]
fn concurrent_large_responses_share_the_memory_budget() {
    let folder = tempfile::tempdir().expect("a folder");
    let (site, length) = large(folder.path(), records(LARGE));
    // The budget permits one response at a time. The allocator reserves more address space than memory.
    let site = site.with("CONNECTOR_MEMORY_BUDGET", "96").within(700_000);
    let connector = site.start();
    let entities = (0..4).map(|n| site.platform.add(Entity::domain(&format!("host{n}.example.com"))));
    let ids: Vec<String> = entities.map(|entity| site.platform.enrich(ID, &entity)).collect();
    for id in &ids {
        let work = site.platform.await_report(id);
        assert!(matches!(&work.reports[..], [(_, false)]), "{work:?}");
    }
    assert_eq!(site.provider.asked_in_all(), ids.len(), "one lookup each");
    // The budget, and the memory of an idle process.
    let peak = connector.memory("VmHWM");
    assert!(peak <= (96 + 64) << 20, "{} MiB for answers of {} MiB", peak >> 20, length >> 20);
    assert_eq!(whole_bundles(folder.path(), LARGE), ids.len());
}
