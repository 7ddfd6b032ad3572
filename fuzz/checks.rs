//! Invariants for arbitrary bytes: checked on what libFuzzer generates (`targets/`), and on the inputs in `corpus/` by
//! a test that needs no fuzzer (`engine/tests/fuzz_corpus.rs`).
//!
//! `cargo +nightly fuzz run --sanitizer none profile fuzz/found/profile fuzz/corpus/profile -- -max_total_time=240`
//! writes new inputs to the first folder. The engine has no unsafe code, so that an address sanitizer is not worth its
//! time.

use jiff::{SignedDuration, Timestamp};
use std::fmt::{Debug, Display};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use stixmap_engine::diagnostic::{Diagnostic, MAX_REPORTED, Severity, Source, Span};
use stixmap_engine::dns::{Mailbox, Name, Rdata, RrType, expanded, parse_address};
use stixmap_engine::plan::{LookupPlan, Plan, Settings};
use stixmap_engine::profile::SettingType;
use stixmap_engine::run::{Input, Report, map_stored};
use stixmap_engine::stix::{Observable, ObservableType};

/// Any text as a profile: it compiles, or its diagnostics point into the text and their fixes resolve them.
pub fn profile(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (_, diagnostics) = Plan::check(&Source::new("profile.yaml", &*text));
    compiled(&text);
    diagnostics.iter().filter(|found| found.fix.is_some()).take(MAX_FIXES).for_each(|found| resolves(found, &text));
}

/// A text extended to the maximum file size: the part before the first NUL once, the part after it repeatedly. Its
/// validation finishes in time, with a bounded number of diagnostics.
pub fn complexity(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (start, unit) = text.split_once('\0').unwrap_or(("", &text));
    let times = LONGEST_FILE.saturating_sub(start.len()) / unit.len().max(1);
    let source = Source::new("profile.yaml", format!("{start}{}", unit.repeat(times)));
    let started = Instant::now();
    let (_, diagnostics) = Plan::check(&source);
    assert!(started.elapsed() < LONGEST_CHECK, "too slow: {:?}", started.elapsed());
    assert!(diagnostics.len() <= MAX_REPORTED + 1, "{} diagnostics", diagnostics.len());
}

/// Maximum size of a file in bytes.
const LONGEST_FILE: usize = 1 << 20;

/// Maximum duration of its validation; ten times longer without optimization.
const LONGEST_CHECK: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });

/// Maximum number of fixes tried per text: each needs a compilation.
const MAX_FIXES: usize = 3;

fn resolves(found: &Diagnostic, text: &str) {
    let Some(fix) = &found.fix else { return };
    let mut fixed = text.to_owned();
    fixed.replace_range(fix.span.clone(), &fix.replacement);
    let (_, diagnostics) = Plan::check(&Source::new("profile.yaml", fixed));
    let is_same = |other: &Diagnostic| {
        let starts = other.labels[0].span.start == found.labels[0].span.start;
        starts && other.code == found.code && other.message == found.message
    };
    assert!(!diagnostics.iter().any(is_same), "not resolved by its fix: {found:?}");
}

fn compiled(text: &str) -> Option<Plan> {
    let source = Source::new("profile.yaml", text);
    let (plan, diagnostics) = Plan::check(&source);
    let has_error = diagnostics.iter().any(|found| found.severity == Severity::Error);
    assert_ne!(plan.is_some(), has_error, "expected either a plan or an error: {diagnostics:?}");
    diagnostics.iter().for_each(|found| is_located_in(found, &source));
    plan
}

fn is_located_in(found: &Diagnostic, source: &Arc<Source>) {
    let is_in = |span: &Span| span.start <= span.end && source.text.get(span.clone()).is_some();
    assert!(!found.labels.is_empty(), "no location: {found:?}");
    for label in &found.labels {
        assert!(Arc::ptr_eq(&label.source, source) && is_in(&label.span), "location outside the text: {found:?}");
    }
    assert!(found.fix.iter().all(|fix| is_in(&fix.span)), "fix outside the text: {found:?}");
    assert!(!found.message.is_empty() && !found.message.contains('\n'), "message is not one line: {found:?}");
}

/// Any text as one value of an otherwise valid profile; the first byte selects which. A profile that compiles can run.
pub fn path_and_template(bytes: &[u8]) {
    let Some((value, text)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let value = VALUES[usize::from(*value) % VALUES.len()];
    let quoted = serde_json::Value::from(&*text).to_string();
    let profile = SMALL.replace(&format!("<{value}>"), &quoted);
    assert_ne!(profile, SMALL, "unknown value `{value}`");
    let filled =
        EXAMPLES.iter().fold(profile, |profile, (value, example)| profile.replace(&format!("<{value}>"), example));
    let Some(plan) = compiled(&filled) else { return };
    for lookup in &plan.lookups {
        accounted(&mapped(&plan, lookup, lookup.accepts[0], ROWS.as_bytes()));
    }
}

/// The values that are replaced.
const VALUES: [&str; 14] = [
    "path",
    "name",
    "template",
    "parameter",
    "header",
    "token",
    "condition",
    "rule",
    "prose",
    "own prose",
    "format",
    "duration",
    "level",
    "base",
];

/// The other values.
const EXAMPLES: [(&str, &str); 14] = [
    ("path", "$.rows"),
    ("name", "$.name"),
    ("template", "/names/{observable.value}"),
    ("parameter", "'{settings.size}'"),
    ("header", "'{observable.type}'"),
    ("token", "'{settings.key}'"),
    ("condition", "count is not none and count > 1"),
    ("rule", "rrtype in ['A', 'AAAA']"),
    ("prose", "'{{ rrtype }} of {{ rrname | upper }}'"),
    ("own prose", "'{{ count | or(0) }}'"),
    ("format", "'%Y-%m-%d %H:%M:%S'"),
    ("duration", "P30D"),
    ("level", "TLP:GREEN"),
    ("base", "https://api.example.net/v1"),
];

const SMALL: &str = "\
profile: stixmap/v1
id: small
version: 1.0.0
name: Small
summary: Names.
settings:
  key: { type: secret, required: true, description: Key }
  size: { type: integer, default: \"100\", description: Size }
http:
  base_url: <base>
  auth: { kind: bearer, token: <token> }
  headers: { X-ObservableType: text }
window: { last: <duration>, filter: time_last }
lookups:
  names:
    accepts: [domain-name]
    path: <template>
    query: { q: \"{observable.value}\", size: <parameter>, after: { from: window.start, format: <format> } }
    headers: { X-Type: <header> }
    records: <path>
record:
  fields:
    name: { at: <name>, as: string }
    rrtype: { at: $.type, as: rrtype }
    rdata: { at: $.data, as: rdata }
    count: { at: $.count, as: integer, optional: true }
    time_first: { at: $.first, as: timestamp, format: <format>, zone: UTC, optional: true }
    time_last: { at: $.last, as: timestamp, format: epoch-seconds, optional: true }
  orientation:
    - { when: <condition>, rrname: observable, rdata: rdata }
    - { rrname: name, rdata: rdata }
rules:
  - { rrtype: A, when: <rule>, source: domain-name, relationship: resolves-to, target: ipv4-addr, description: <own prose> }
  - { rrtype: MX, source: domain-name, relationship: related-to, target: domain-name }
  - { rrtype: \"*\", drop: of no interest }
relationship: { description: <prose>, start_time: time_first, stop_time: time_last }
tlp: { max: <level>, unmarked: allow, results: { at_least: \"TLP:CLEAR\" } }
identity: { name: Small }
";

const ROWS: &str = r#"{ "rows": [
    { "name": "example.com", "type": "A", "data": "192.0.2.1", "count": 3, "first": "2024-02-01 00:00:00", "last": 1706745600 },
    { "name": "example.com", "type": "A", "data": "192.0.2.2", "count": null },
    { "name": "example.com.", "type": "MX", "data": ["10 mail.example.com.", "0 ."], "count": "7", "first": "soon" },
    { "name": "www.example.com", "type": "A", "data": "192.0.2.3", "count": 1, "first": "2024-02-02 00:00:00" },
    { "name": "example.com", "type": "TXT", "data": "\"a\"", "count": 0 },
    { "name": null }, 7
] }"#;

/// Any bytes as a response to a lookup of a built-in profile, selected by the first byte: every record is counted.
pub fn answer(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    let (profile, lookup, kind) = ASKED[usize::from(*which) % ASKED.len()];
    let (plan, lookup) = (&PLANS[profile], &PLANS[profile].lookups[lookup]);
    let report = mapped(plan, lookup, kind, body);
    accounted(&report);
    let again = mapped(plan, lookup, kind, body);
    assert_eq!(json(&report), json(&again), "equal responses yield equal bundles");
}

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let shipped = [
        include_str!("../profiles/circl/profile.yaml"),
        include_str!("../profiles/cof/profile.yaml"),
        include_str!("../profiles/dnsdb/profile.yaml"),
        include_str!("../profiles/domaintools/profile.yaml"),
        include_str!("../profiles/microsoft-defender-ti/profile.yaml"),
        include_str!("../profiles/mnemonic/profile.yaml"),
        include_str!("../profiles/onyphe/profile.yaml"),
        include_str!("../profiles/otx/profile.yaml"),
        include_str!("../profiles/riskiq/profile.yaml"),
        include_str!("../profiles/robtex/profile.yaml"),
        include_str!("../profiles/securitytrails/profile.yaml"),
        include_str!("../profiles/shodan/profile.yaml"),
        include_str!("../profiles/virustotal/profile.yaml"),
        include_str!("../tests/providers/by-cursor/profile.yaml"),
        include_str!("../tests/providers/by-offset/profile.yaml"),
        include_str!("../tests/providers/by-page/profile.yaml"),
        include_str!("../tests/providers/by-url/profile.yaml"),
        include_str!("../tests/providers/columns/profile.yaml"),
        include_str!("../tests/providers/lines/profile.yaml"),
        include_str!("../tests/providers/orders/profile.yaml"),
        include_str!("../tests/providers/posted/profile.yaml"),
        include_str!("../tests/providers/signed/profile.yaml"),
    ];
    shipped.iter().map(|text| compiled(text).expect("a built-in profile compiles")).collect()
});

/// Every observable type accepted by a lookup of a built-in profile: profile, lookup, type.
static ASKED: LazyLock<Vec<(usize, usize, ObservableType)>> = LazyLock::new(|| {
    let lookups = PLANS.iter().enumerate().flat_map(|(profile, plan)| {
        plan.lookups.iter().enumerate().map(move |(number, lookup)| (profile, number, lookup))
    });
    lookups
        .flat_map(|(profile, number, lookup)| lookup.accepts.iter().map(move |kind| (profile, number, *kind)))
        .collect()
});

fn mapped(plan: &Plan, lookup: &LookupPlan, kind: ObservableType, body: &[u8]) -> Report {
    let now: Timestamp = "2024-03-01T00:00:00Z".parse().expect("a time");
    let value = match kind {
        ObservableType::DomainName => "example.com",
        ObservableType::Ipv4Addr => "192.0.2.1",
        ObservableType::Ipv6Addr => "2001:db8::1",
        ObservableType::EmailAddr => "hostmaster@example.com",
        ObservableType::Hostname => "www.example.com",
        ObservableType::Url => "https://www.example.com/",
        ObservableType::Text => "v=spf1 -all",
        ObservableType::MacAddr => "00:00:5e:00:53:01",
        ObservableType::AutonomousSystem => "64500",
    };
    let input = Input {
        observable: Observable::parse(kind, value).expect("an observable"),
        markings: vec![],
        settings: Settings::read(&plan.settings, |spec| spec.required.then(|| given(spec.kind))).expect("settings"),
        deadline: now + SignedDuration::from_hours(1),
        seed: 7,
        trace: true,
    };
    map_stored(
        plan,
        lookup,
        lookup.for_each.first().map(String::as_str),
        input,
        [("answer".into(), [body.to_vec()])],
        now,
    )
}

/// Returns a value for a setting.
fn given(kind: SettingType) -> String {
    let text = match kind {
        SettingType::String | SettingType::Secret => "given",
        SettingType::Tlp => "TLP:GREEN",
        SettingType::Pap => "PAP:GREEN",
        SettingType::Duration => "P30D",
        SettingType::Integer => "3",
        SettingType::Boolean => "true",
        SettingType::Url => "https://api.example.net/v1",
    };
    text.to_owned()
}

fn accounted(report: &Report) {
    assert!(report.counts.add_up(), "{}", report.counts);
    assert_eq!(report.trace.len() as u64, report.counts.read, "each record has a trace");
    for relationship in report.bundle.relationships() {
        assert_ne!(relationship.source, relationship.target, "nothing relates to itself");
        for end in [relationship.source, relationship.target] {
            assert!(report.bundle.observable(end).is_some(), "both ends are in the bundle");
        }
        if let (Some(start), Some(stop)) = (relationship.start_time, relationship.stop_time) {
            assert!(stop > start, "a relationship ends after it starts");
        }
    }
}

fn json(report: &Report) -> String {
    serde_json::to_string(&report.bundle).expect("a bundle is JSON")
}

/// Any text as DNS data; the first byte is the number of its type, except that 0 and 255 mean CAA and URI. What is
/// parsed is formatted and parsed again with the same result.
pub fn dns(bytes: &[u8]) {
    let Some((which, text)) = bytes.split_first() else { return };
    let text = &*String::from_utf8_lossy(text);
    let number = match which {
        0 => RrType::CAA.number(),
        255 => RrType::URI.number(),
        number => u16::from(*number),
    };
    let rrtype = RrType::parse(&number.to_string()).expect("a number is a type");
    returns(Rdata::parse(rrtype, text), |text| Rdata::parse(rrtype, text));
    returns(RrType::parse(text), RrType::parse);
    returns(Name::parse(text), Name::parse).iter().for_each(name);
    if let Some(mailbox) = returns(Mailbox::parse(text), Mailbox::parse) {
        assert_eq!(Mailbox::from_rname(&mailbox.to_rname()).as_ref(), Ok(&mailbox), "{mailbox}");
    }
    returns(Mailbox::from_rname(text), Mailbox::from_rname);
    if let Some(std::net::IpAddr::V6(address)) = returns(parse_address(text), parse_address) {
        assert_eq!(parse_address(&expanded(address)), Ok(address.into()), "{address}");
    }
    if let Ok(observable) = Observable::detect(text) {
        assert_eq!(Observable::parse(observable.kind(), observable.value()).as_ref(), Ok(&observable));
    }
}

/// Checks that a value is formatted and parsed again with the same result.
fn returns<T, E>(read: Result<T, E>, again: impl Fn(&str) -> Result<T, E>) -> Option<T>
where
    T: Display + Debug + PartialEq,
    E: Display + Debug,
{
    match read {
        Ok(value) => {
            let written = value.to_string();
            assert!(again(&written).is_ok_and(|other| other == value), "{value:?} is written `{written}`");
            Some(value)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty(), "error without message");
            None
        }
    }
}

fn name(name: &Name) {
    let labels: Vec<&str> = name.labels().collect();
    assert!(name.is_root() || labels.join(".") == name.as_str(), "{name} differs from its labels: {labels:?}");
    if let Ok(other) = Name::parse(&name.to_unicode()) {
        assert_eq!(other, *name, "differs when displayed and parsed again");
    }
    if let Some(address) = name.reverse_address() {
        assert_eq!(parse_address(&address.to_string()), Ok(address), "{name}");
    }
    assert_eq!(name.join("@").as_ref(), Ok(name));
    if let Ok(below) = name.join("www") {
        assert_eq!(Name::parse(below.as_str()).as_ref(), Ok(&below), "below {name}");
    }
}
