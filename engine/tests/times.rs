//! Extreme times: for any instant in a response, a run ends, and its results are within the range of STIX timestamps,
//! with each stop after its start.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use stixmap_engine::case::{Case, input};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{Plan, TimeFormat, after, before};
use stixmap_engine::run::{ProviderState, Report, Response, Run, Step};
use stixmap_engine::stix::{
    Bundle, Graph, Identity, LATEST, Observable, Policy, RelationshipReport as Found, RelationshipType, Repeats, Seen,
    Tlp, stix_time,
};

/// Every shipped profile with its non-empty cases.
static PROFILES: LazyLock<Vec<(Plan, Vec<Case>)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles");
    let mut folders = files(&root);
    folders.retain(|folder| folder.join("profile.yaml").exists());
    folders.iter().map(|folder| (plan(folder), cases(folder))).collect()
});

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn plan(folder: &Path) -> Plan {
    let text = fs::read_to_string(folder.join("profile.yaml")).expect("a profile");
    Plan::read(&Source::new("profile.yaml", text)).unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"))
}

fn cases(folder: &Path) -> Vec<Case> {
    let cases = folder.join("cases");
    let load = |name: &str| fs::read(cases.join(name)).map_err(|error| error.to_string());
    let yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(path).expect("a case");
        Case::read(&Source::new("case.yaml", text), load).expect("a shipped case")
    };
    files(&cases).into_iter().filter(yaml).map(read).collect()
}

/// Values near the limits of every range, in every format that a profile may declare.
fn extremes() -> Vec<Value> {
    let instants =
        [Timestamp::MIN, Timestamp::UNIX_EPOCH, LATEST, after(LATEST, SignedDuration::from_secs(1)), Timestamp::MAX];
    let formats = [
        "rfc3339",
        "epoch-seconds",
        "epoch-milliseconds",
        "epoch-microseconds",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d",
    ];
    let formats = formats.map(|format| TimeFormat::parse(format, Some("UTC")).expect("a format"));
    let written = instants.iter().flat_map(|time| formats.iter().map(|format| format.write(*time)));
    let numbers = written.clone().filter_map(|text| text.parse::<i64>().ok()).map(Value::from);
    let texts = [
        "9999-12-30T22:00:00.5Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.999999999+25:59",
        "9999-12-30T21:59:58.000000001Z",
        "9999-12-31T23:59:58+02:00",
        "0001-01-01T00:00:00-25:59",
        "0000-00-00 00:00:00",
        "10000-01-01T00:00:00Z",
        "1970-01-01T00:00:00+00:01",
        "253402207198.9",
        "1e18",
    ];
    let others = [
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(-1e300),
        json!(253_402_207_198.999_9),
        json!(null),
        json!([]),
        json!({}),
    ];
    written.map(Value::from).chain(numbers).chain(texts.map(Value::from)).chain(others).collect()
}

/// Replaces every value that parses as a time of the plan, or has the name of one.
fn replace_times(value: &mut Value, key: &str, is_time: &dyn Fn(&Value) -> bool, next: &mut dyn FnMut() -> Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace_times(item, key, is_time, next)),
        Value::Object(entries) => entries.iter_mut().for_each(|(key, item)| replace_times(item, key, is_time, next)),
        leaf if is_time(leaf)
            || ["first", "last", "reset", "seen", "expires"].iter().any(|name| key.to_lowercase().contains(name)) =>
        {
            *leaf = next();
        }
        _ => {}
    }
}

fn with_times(body: &[u8], is_time: &dyn Fn(&Value) -> bool, next: &mut dyn FnMut() -> Value) -> Vec<u8> {
    let mut change = |text: &[u8]| {
        let mut value: Value = serde_json::from_slice(text).ok()?;
        replace_times(&mut value, "", is_time, next);
        Some(value.to_string().into_bytes())
    };
    let lines = |change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>| {
        let line = |line: &[u8]| change(line).unwrap_or_else(|| line.to_vec());
        body.split(|byte| *byte == b'\n').map(line).collect::<Vec<_>>().join(&b'\n')
    };
    change(body).unwrap_or_else(|| lines(&mut change))
}

/// Plays a case with other times in its responses, in order.
fn play(plan: &Plan, case: &Case, times: &[Value]) -> Report {
    let formats: Vec<TimeFormat> = plan.record.fields.iter().flat_map(|field| field.formats.clone()).collect();
    let is_time = |value: &Value| formats.iter().any(|format| format.read(value).is_some());
    let mut times = times.iter().cycle().cloned();
    let mut next = || times.next().expect("a cycle has no end");
    let input = input(plan, case).expect("settings");
    let (mut now, mut exchanges) = (case.now, case.exchanges.iter());
    let mut run = Run::new(plan, Arc::new(ProviderState::default()), input, now);
    loop {
        match run.next(now) {
            Step::Done => return run.finish(),
            Step::Wait(until) => now = until,
            Step::Send(_) => {
                let answer = exchanges.next().map_or_else(|| Ok(Response::default()), |exchange| exchange.response());
                let answer = answer
                    .map(|response| Response { body: with_times(&response.body, &is_time, &mut next), ..response });
                run.accept(answer, now);
            }
        }
    }
}

fn check(bundle: &Bundle) {
    for relationship in bundle.relationships() {
        if let (Some(start), Some(stop)) = (relationship.start_time, relationship.stop_time) {
            assert!(start < stop, "{start} {stop}");
        }
        for time in relationship.start_time.iter().chain(&relationship.stop_time) {
            assert!(*time >= Timestamp::UNIX_EPOCH);
            assert_eq!(&stix_time(*time)[4..5], "-", "a year of four digits: {}", stix_time(*time));
        }
    }
    serde_json::to_string(bundle).expect("a bundle is JSON");
}

#[test]
fn extreme_times_in_every_profile_stay_in_range() {
    let mut created = 0;
    for (plan, cases) in PROFILES.iter() {
        for case in cases {
            for extreme in extremes() {
                let report = play(plan, case, &[extreme]);
                created += report.bundle.relationships().filter(|found| found.start_time.is_some()).count();
                check(&report.bundle);
            }
        }
    }
    assert!(created > 500, "too few relationships: {created}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_times_in_any_profile_stay_in_range(
        profile in 0..PROFILES.len(),
        case in any::<prop::sample::Index>(),
        times in prop::collection::vec(prop_oneof![
            3 => select(extremes()),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
            1 => (LATEST.as_second() - 5..=Timestamp::MAX.as_second(), 0..1_000_000_000).prop_map(|(second, nanos)| Value::from(Timestamp::new(second, nanos).expect("in range").to_string())),
            1 => ".{0,30}".prop_map(Value::from),
        ], 1..6),
    ) {
        let (plan, cases) = &PROFILES[profile];
        check(&play(plan, &cases[case.index(cases.len())], &times).bundle);
    }

    #[test]
    fn graph_accepts_any_times(first in any_instant(), last in any_instant(), other in any_instant()) {
        let created = Timestamp::UNIX_EPOCH;
        let found = |name: &str, first: Option<Timestamp>, last: Option<Timestamp>| {
            let observable = |text: &str| Observable::detect(text).expect("an observable");
            let mut graph = Graph::new(observable("example.com"), Policy { repeats: Repeats::Widen, start_in_id: false });
            let report = Found { seen: Seen { first, last }, tlp: Tlp::Clear, rrtype: None, description: Arc::default() };
            graph.relate(&observable("example.com"), RelationshipType::ResolvesTo, &observable("192.0.2.1"), report);
            graph.into_bundle(&Identity::new(name, "system", created), None, created)
        };
        // The start of one report and the stop of another form a period.
        let merged = Bundle::merged([found("One", first, None), found("Other", None, last), found("Third", other, other)]);
        for relationship in merged.relationships() {
            prop_assert!(relationship.stop_time.is_none_or(|stop| relationship.start_time.is_none_or(|start| start < stop)));
        }
        serde_json::to_string(&merged).expect("a bundle is JSON");
    }

    #[test]
    fn window_of_any_length_starts_in_1970_or_later(now in 0..=LATEST.as_second(), years in 0_i64..=19_998, days in 0_i64..=7_000_000) {
        let now = Timestamp::from_second(now).expect("in range");
        for span in [jiff::Span::new().years(years), jiff::Span::new().days(days), jiff::Span::new().years(years).days(days)] {
            let start = before(now, span);
            prop_assert!((Timestamp::UNIX_EPOCH..=now).contains(&start));
            for format in ["rfc3339", "epoch-seconds", "epoch-milliseconds", "epoch-microseconds", "%Y-%m-%d", "%d/%b/%Y %z"] {
                let format = TimeFormat::parse(format, Some("Pacific/Kiritimati")).expect("a format");
                prop_assert!(!format.write(start).contains("-7") && !format.write(now).is_empty());
            }
        }
    }
}

fn any_instant() -> impl Strategy<Value = Option<Timestamp>> {
    let near = |at: Timestamp| {
        (at.as_second() - 3..=at.as_second() + 3)
            .prop_filter_map("in range", |second| Timestamp::from_second(second).ok())
    };
    let last = (Timestamp::MAX.as_second() - 3..=Timestamp::MAX.as_second(), 0..1_000_000_000)
        .prop_filter_map("in range", |(second, nanos)| Timestamp::new(second, nanos).ok());
    prop::option::of(prop_oneof![near(Timestamp::UNIX_EPOCH), near(LATEST), last, Just(Timestamp::MAX)])
}

#[test]
fn bundles_of_many_providers_keep_each_author() {
    let created = Timestamp::UNIX_EPOCH;
    let observable = |text: &str| Observable::detect(text).expect("an observable");
    let found = |number: usize| {
        let asked = observable("example.com");
        let mut graph = Graph::new(asked.clone(), Policy { repeats: Repeats::Widen, start_in_id: false });
        let report = Found { seen: Seen::default(), tlp: Tlp::Clear, rrtype: None, description: Arc::default() };
        let other = observable(&format!("192.0.{}.{}", number / 250, number % 250 + 1));
        graph.relate(&asked, RelationshipType::ResolvesTo, &other, report);
        graph.into_bundle(&Identity::new(&format!("Provider {number}"), "system", created), None, created)
    };
    let merged = Bundle::merged((0..700).map(found));
    let written: Value = serde_json::to_value(&merged).expect("JSON");
    let objects = written["objects"].as_array().expect("a list");
    let authors: std::collections::BTreeSet<&str> = objects
        .iter()
        .filter(|object| object["type"] == "ipv4-addr")
        .map(|object| object["x_opencti_created_by_ref"].as_str().expect("an author"))
        .collect();
    assert_eq!(authors.len(), 700);
}
