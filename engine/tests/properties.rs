//! Properties of every response: no panic, every record is accounted for, the order of records is irrelevant,
//! duplicates have no effect, ids derive from their objects.

use crate::simulation::{now, response, run_with};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::{Input, Report, map_stored};
use stixmap_engine::stix::{Layout, Object, Observable};

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let text = include_str!("../../profiles/riskiq/profile.yaml");
    Plan::read(&Source::new("profile.yaml", text)).unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"))
});

fn input(value: &str) -> Input {
    let given = |name: &str| matches!(name, "username" | "api_key").then(|| "given".to_owned());
    Input { observable: Observable::detect(value).expect("an observable"), ..crate::simulation::input(&PLAN, given) }
}

fn mapped(value: &str, rows: &[Value]) -> Report {
    let answer = json!({ "totalRecords": rows.len(), "results": rows }).to_string().into_bytes();
    map_stored(&PLAN, &PLAN.lookups[0], None, input(value), [("answer".into(), [answer])], now())
}

fn json_of(report: &Report) -> String {
    serde_json::to_string(&report.bundle).expect("a bundle is JSON")
}

/// A field value: mostly well-formed, sometimes unusual or hostile.
fn text() -> impl Strategy<Value = Value> {
    let names = select(vec![
        "192.0.2.1",
        "192.0.2.2",
        "2001:db8::1",
        "2001:DB8:0::1",
        "example.com",
        "EXAMPLE.com.",
        "mail.example.net",
        "*.example.com",
        ".",
        "",
        "a..b",
        "hostmaster@example.com",
        "first\\.last.example.com",
        "999.1.1.1",
        "192.0.2.0/24",
        "bücher.example",
        "\u{0}",
        "10 mail.example.net.",
        "None",
    ]);
    prop_oneof![8 => names.prop_map(Value::from), 1 => ".{0,300}".prop_map(Value::from), 1 => json_value()]
}

fn json_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)),
        Just(json!(["192.0.2.1"])),
        Just(json!({ "a": [] })),
    ]
}

fn time() -> impl Strategy<Value = Value> {
    let seconds = (1_300_000_000_i64..1_700_000_000).prop_map(|seconds| {
        let time = Timestamp::from_second(seconds).expect("in range");
        Value::from(time.to_string().replace('T', " ").trim_end_matches('Z'))
    });
    prop_oneof![8 => seconds, 1 => json_value(), 1 => ".{0,30}".prop_map(Value::from)]
}

fn row() -> impl Strategy<Value = Value> {
    let rrtypes = select(vec!["A", "AAAA", "MX", "NS", "SOA", "CNAME", "TXT (SPF1)", "TXT", "PTR", "65", "wat", ""]);
    let kinds = select(vec!["ip", "domain", "email", "host", "raw"]);
    let well_formed = (rrtypes, text(), kinds, time(), time()).prop_map(|(rrtype, resolve, kind, first, last)| {
        json!({ "recordType": rrtype, "resolve": resolve, "resolveType": kind, "firstSeen": first, "lastSeen": last })
    });
    prop_oneof![12 => well_formed, 1 => json_value()]
}

fn asked() -> impl Strategy<Value = &'static str> {
    select(vec!["example.com", "192.0.2.1", "2001:db8::1"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_accounted_for(value in asked(), rows in prop::collection::vec(row(), 0..20)) {
        let report = mapped(value, &rows);
        prop_assert_eq!(report.counts.read, rows.len() as u64);
        prop_assert!(report.counts.add_up());
        prop_assert_eq!(report.trace.len(), rows.len());
    }

    #[test]
    fn order_of_records_is_irrelevant(value in asked(), rows in prop::collection::vec(row(), 1..20), swaps in prop::collection::vec(any::<(Index, Index)>(), 1..20)) {
        let mut shuffled = rows.clone();
        for (one, other) in swaps {
            shuffled.swap(one.index(rows.len()), other.index(rows.len()));
        }
        prop_assert_eq!(json_of(&mapped(value, &rows)), json_of(&mapped(value, &shuffled)));
    }

    #[test]
    fn duplicate_records_have_no_effect(value in asked(), rows in prop::collection::vec(row(), 0..10)) {
        let twice: Vec<Value> = rows.iter().chain(&rows).cloned().collect();
        prop_assert_eq!(json_of(&mapped(value, &rows)), json_of(&mapped(value, &twice)));
    }

    #[test]
    fn relationships_join_different_observables_of_the_bundle(value in asked(), rows in prop::collection::vec(row(), 0..20)) {
        let report = mapped(value, &rows);
        for relationship in report.bundle.relationships() {
            prop_assert!(relationship.source != relationship.target);
            prop_assert!(report.bundle.observable(relationship.source).is_some());
            prop_assert!(report.bundle.observable(relationship.target).is_some());
            if let (Some(start), Some(stop)) = (relationship.start_time, relationship.stop_time) {
                prop_assert!(stop > start);
            }
        }
    }

    #[test]
    fn bundle_serialization_equals_serde_json(value in asked(), rows in prop::collection::vec(row(), 0..20)) {
        let bundle = mapped(value, &rows).bundle;
        let written = |layout: Layout| {
            let mut text = vec![];
            let _ = bundle.write(layout, |piece| {
                text.extend_from_slice(piece);
                Ok::<(), ()>(())
            });
            String::from_utf8(text).expect("JSON is text")
        };
        prop_assert_eq!(written(Layout::Compact), serde_json::to_string(&bundle).expect("JSON"));
        prop_assert_eq!(written(Layout::Pretty), serde_json::to_string_pretty(&bundle).expect("JSON"));
    }

    #[test]
    fn observables_have_their_declared_type(value in asked(), rows in prop::collection::vec(row(), 0..20)) {
        for object in mapped(value, &rows).bundle.objects() {
            if let Object::Observable { observable, .. } = object {
                prop_assert_eq!(&Observable::parse(observable.kind(), observable.value()), &Ok(observable.clone()));
            }
        }
    }

    /// For any body, status and headers a run ends within its limit of requests.
    #[test]
    fn every_run_ends(
        answers in prop::collection::vec((select(vec![200_u16, 200, 200, 204, 302, 401, 402, 404, 418, 429, 500, 503]), prop::collection::vec(any::<u8>(), 0..40), select(vec!["", "3", "9999999", "Fri, 01 Mar 2024 00:00:05 GMT", "-1", "soon"])), 1..8),
        rows in prop::collection::vec(row(), 0..4),
    ) {
        let (mut sent, mut next) = (0, answers.iter().cycle());
        let report = run_with(&PLAN, Arc::default(), input("example.com"), now(), |_| {
            sent += 1;
            assert!(sent <= 40, "the number of requests is limited");
            let (status, bytes, wait) = next.next().expect("a cycle has no end");
            let body = match bytes.len() % 3 {
                0 => json!({ "results": rows }).to_string().into_bytes(),
                1 => br#"{"user":{"licenseCounts":{"searchApi":1},"licenseLimits":{"searchApi":2}}}"#.to_vec(),
                _ => bytes.clone(),
            };
            response(*status, &[("retry-after", wait), ("location", "/elsewhere")], body)
        });
        prop_assert!(report.counts.add_up());
    }
}

#[test]
fn lines_give_the_same_result_in_any_chunks() {
    let plan = Plan::read(&Source::new("profile.yaml", include_str!("../../profiles/dnsdb/profile.yaml")));
    let plan = plan.expect("a shipped profile");
    let settings = Settings::read(&plan.settings, |spec| spec.required.then(|| "given".to_owned())).expect("settings");
    let row = |data: &str| json!({ "obj": { "rrname": "example.com.", "rrtype": "A", "rdata": [data] } }).to_string();
    let begin = json!({ "cond": "begin" }).to_string();
    let last = json!({ "cond": "succeeded" }).to_string();
    let lines = [begin, row("8.8.8.8"), row("NXDOMAIN"), "not JSON".to_owned(), row("8.8.4.4"), last, String::new()];
    let lines = lines.map(|line| line + "\n");
    let mapped_in = |chunks: Vec<Vec<u8>>| {
        let input = Input { settings: settings.clone(), ..input("example.com") };
        let report = map_stored(&plan, &plan.lookups[0], None, input, [("answer".to_owned(), chunks)], now());
        (json_of(&report), report.outcome, report.counts, report.trace)
    };
    let whole = mapped_in(vec![lines.concat().into_bytes()]);
    for cut in 0..=lines.len() {
        let (one, other) = lines.split_at(cut);
        assert_eq!(
            mapped_in(vec![one.concat().into_bytes(), other.concat().into_bytes()]),
            whole,
            "split after line {cut}"
        );
    }
}
