//! Validation time is bounded: nested, repetitive, self-referencing and entirely invalid files are compiled or rejected
//! in time, with a limited number of diagnostics.

use proptest::prelude::*;
use proptest::sample::select;
use std::time::{Duration, Instant};
use stixmap_engine::case::Case;
use stixmap_engine::diagnostic::{Code, MAX_REPORTED, Source};
use stixmap_engine::plan::Plan;

/// Maximum size of a file, in octets.
const LENGTH: usize = 1 << 20;

/// Time limit per file. Unoptimized code is about ten times slower, and shared machines double that.
const CLOCK: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 2 });

const PROFILE: &str = r#"
profile: stixmap/v1
id: example
version: 1.0.0
name: Example
summary: An example.
http: { base_url: https://api.example.net }
lookups:
  names: { accepts: [domain-name], path: "/names/{observable.value}", records: $.rows }
record:
  fields:
    rrname: { at: $.name, as: string }
    rrtype: { at: $.type, as: rrtype }
    rdata: { at: $.data, as: string }
tlp: { max: "TLP:GREEN", unmarked: allow, results: { at_least: "TLP:GREEN" } }
identity: { name: Example }
"#;

/// Start of a text, and the unit that is repeated up to the maximum size. `#` is a number, `>` the same number of
/// blanks.
const KINDS: [(&str, &str); 56] = [
    ("", "["),
    ("", "{"),
    ("", "{{ "),
    ("", "{{ %"),
    ("", "{{!x %{{ }} "),
    ("", "[{"),
    ("", "{a: "),
    ("", "- "),
    ("", "? "),
    ("", "- ? "),
    ("", ">a:\n"),
    ("", ">- a\n"),
    ("", "a: "),
    ("", "!x "),
    ("", "!x a#: 1\n"),
    ("", "&a#"),
    ("", "a#: &a 1\n"),
    ("", "a#: &a# 1\n"),
    ("", "a#: *b#\n"),
    ("", "\"a"),
    ("", "'"),
    ("", "|\n"),
    ("", "\n"),
    ("", "\t"),
    ("", "#: 1\n"),
    ("", "---\n"),
    ("", "a: {{ x }}\n"),
    ("", "k#: {{ x }}\n"),
    ("", "a: 1\n"),
    ("x: &x { a: 1 }\n", "<<: *x\n"),
    ("x: &x { a: 1 }\n", "y#: { <<: *x }\n"),
    ("x: &x [1, 2, 3]\n", "y#: *x\n"),
    ("x: &x0 [1]\n", "y#: &x# [*x0, *x0]\n"),
    ("x: &x { unknown: 1, other: 2 }\nlookups:\n", "  y#: *x\n"),
    (PROFILE, "k#: 1\n"),
    (PROFILE, "k#\u{202e}: 1\n"),
    (PROFILE, "rules:\n"),
    ("a: ", "x"),
    ("a: ", "x y "),
    ("a: \"", "\\u202e"),
    ("a: ", "1"),
    ("", "x"),
    ("", "\u{feff}"),
    ("", "é"),
    ("RULES", "  - { rrtype: A, source: domain-name, relationship: resolves-to, target: ipv4-addr }\n"),
    ("RULES", "  - { rrtype: \"*\", drop: of no interest }\n"),
    ("RULES", "  - { rrtype: A, when: \"unknown#\", drop: x }\n"),
    ("RULES", "  - { rrtype: A, when: \"rdata == 'a#'\", drop: x }\n"),
    ("RULES", "  - { rrtype: X#, sorce: domain-name }\n"),
    ("RULES", "  - *x\n"),
    ("RULES", "  - { rrtype: [A, AAAA, MX, NS, TXT, CNAME, SOA, PTR], drop: x }\n"),
    ("SETTINGS", "  s#: { type: string, description: unused }\n"),
    ("SETTINGS", "  s#: { type: string, description: \"{settings.t#}\", also: [s, t, u] }\n"),
    ("SETTINGS", "  s#: { tpye: string }\n"),
    ("FIELDS", "    f#: { at: $.f#, as: string }\n"),
    ("FIELDS", "    f#: { at: \"$[?((((((((f#\", as: strnig }\n"),
];

/// Returns the profile that precedes a long list or mapping.
fn start(start: &str) -> String {
    match start {
        "RULES" => format!("{PROFILE}rules:\n"),
        "SETTINGS" => format!("{PROFILE}settings:\n"),
        "FIELDS" => {
            let field = "    rdata: { at: $.data, as: string }\n";
            let (before, after) = PROFILE.split_once(field).expect("a field");
            format!("{}{before}{field}", after)
        }
        other => other.to_owned(),
    }
}

fn file(begin: &str, unit: &str, length: usize) -> String {
    let mut text = start(begin);
    for number in 0.. {
        let part = unit.replace('#', &number.to_string()).replace('>', &" ".repeat(number.min(2_000)));
        if text.len() + part.len() > length {
            return text;
        }
        text.push_str(&part);
    }
    text
}

/// Validates a text as a profile and as a case.
fn check(what: &str, text: &str) {
    let source = Source::new("profile.yaml", text);
    let start = Instant::now();
    let (plan, diagnostics) = Plan::check(&source);
    let as_profile = start.elapsed();
    let _ = Case::read(&source, |_| Err("none".to_owned()));
    let took = start.elapsed();
    if std::env::var_os("SHOW").is_some() {
        eprintln!(
            "{took:?} {as_profile:?} {} {what:?} {:?}",
            diagnostics.len(),
            diagnostics.last().map(|found| &found.message)
        );
    }
    assert!(plan.is_some() || !diagnostics.is_empty(), "{what}: no diagnostic");
    assert!(diagnostics.len() <= MAX_REPORTED + 1, "{what}: {} diagnostics", diagnostics.len());
    assert!(took < CLOCK, "{what} took {took:?}");
}

#[test]
fn one_mebibyte_of_any_kind_is_validated_in_time() {
    for (begin, unit) in KINDS {
        check(&format!("{begin:.9} {unit}"), &file(begin, unit, LENGTH));
    }
}

#[test]
fn diagnostics_beyond_the_limit_are_counted() {
    let text = format!("{PROFILE}rules: []\n{}", (0..237).map(|number| format!("k{number}: 1\n")).collect::<String>());
    let (plan, diagnostics) = Plan::check(&Source::new("profile.yaml", text));
    assert!(plan.is_none() && diagnostics.len() == MAX_REPORTED + 1);
    let last = diagnostics.last().expect("the rest");
    assert_eq!(
        (last.code, last.message.starts_with("diagnostics not shown: 13")),
        (Code::TooLarge, true),
        "{}",
        last.message
    );
    let text = format!("a: 1\n{}", "a: 2\n".repeat(2_012));
    let (_, diagnostics) = Plan::check(&Source::new("profile.yaml", text));
    assert_eq!(diagnostics.last().map(|found| found.message.as_str()), Some("diagnostics not shown: 1,912"));
}

/// Files of mixed units.
fn mixture() -> impl Strategy<Value = String> {
    let unit = || select(&KINDS[..]).prop_map(|(_, unit)| unit);
    let begin = select(&KINDS[..]).prop_map(|(begin, _)| begin);
    (begin, prop::collection::vec(unit(), 1..4), "[ -~\n]{0,12}", 1..LENGTH)
        .prop_map(|(begin, units, text, length)| file(begin, &(units.concat() + &text), length))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 0, ..ProptestConfig::default() })]
    #[test]
    fn any_mixture_is_validated_in_time(text in mixture()) {
        check(&text.chars().take(80).collect::<String>(), &text);
    }
}
