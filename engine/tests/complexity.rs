//! Any file of any size ends soon: texts that nest, repeat, refer to one another or are wrong in every part are refused, or
//! compiled, within a time that any user waits for. What is wrong with them is told up to a bound, and counted beyond.

use proptest::prelude::*;
use proptest::sample::select;
use std::time::{Duration, Instant};
use stixmap_engine::case::Case;
use stixmap_engine::diagnostic::{Code, MAX_REPORTED, Source};
use stixmap_engine::plan::Plan;

/// How long a file is at most.
const LENGTH: usize = 1 << 20;

/// How long a file may take. Without optimisation everything takes some ten times as long, and on a machine that is shared
/// twice that.
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

/// The start of a text, and what is repeated after it until it is as long as a file can be. `#` is a number, `>` as many blanks.
const KINDS: [(&str, &str); 54] = [
    ("", "["),
    ("", "{"),
    ("", "{{ "),
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

/// The text that a long list or block in a profile starts with.
fn start(start: &str) -> String {
    match start {
        "RULES" => format!("{PROFILE}rules:\n"),
        "SETTINGS" => format!("{PROFILE}settings:\n"),
        "FIELDS" => {
            let place = "    rdata: { at: $.data, as: string }\n";
            let (before, after) = PROFILE.split_once(place).expect("a field");
            format!("{}{before}{place}", after)
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

/// Checks a text as a profile and as a case.
fn checked(what: &str, text: &str) {
    let source = Source::new("profile.yaml", text);
    let start = Instant::now();
    let (plan, told) = Plan::check(&source);
    let as_profile = start.elapsed();
    let _ = Case::read(&source, |_| Err("none".to_owned()));
    let took = start.elapsed();
    if std::env::var_os("SHOW").is_some() {
        eprintln!("{took:?} {as_profile:?} {} {what:?} {:?}", told.len(), told.last().map(|found| &found.message));
    }
    assert!(plan.is_some() || !told.is_empty(), "{what}: nothing is told");
    assert!(told.len() <= MAX_REPORTED + 1, "{what}: {} are told", told.len());
    assert!(took < CLOCK, "{what} took {took:?}");
}

#[test]
fn file_of_a_mebibyte_of_any_kind_is_checked_in_time() {
    for (begin, unit) in KINDS {
        checked(&format!("{begin:.9} {unit}"), &file(begin, unit, LENGTH));
    }
}

#[test]
fn mistakes_beyond_the_bound_are_counted() {
    let text = format!("{PROFILE}rules: []\n{}", (0..237).map(|number| format!("k{number}: 1\n")).collect::<String>());
    let (plan, told) = Plan::check(&Source::new("profile.yaml", text));
    assert!(plan.is_none() && told.len() == MAX_REPORTED + 1);
    let last = told.last().expect("the rest");
    assert_eq!(
        (last.code, last.message.starts_with("diagnostics not shown: 13")),
        (Code::TooLarge, true),
        "{}",
        last.message
    );
    let text = format!("a: 1\n{}", "a: 2\n".repeat(2_012));
    let (_, told) = Plan::check(&Source::new("profile.yaml", text));
    assert_eq!(told.last().map(|found| found.message.as_str()), Some("diagnostics not shown: 1,912"));
}

/// Units that files are made of, in any order.
fn mixture() -> impl Strategy<Value = String> {
    let unit = || select(&KINDS[..]).prop_map(|(_, unit)| unit);
    let begin = select(&KINDS[..]).prop_map(|(begin, _)| begin);
    (begin, prop::collection::vec(unit(), 1..4), "[ -~\n]{0,12}", 1..LENGTH)
        .prop_map(|(begin, units, text, length)| file(begin, &(units.concat() + &text), length))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 0, ..ProptestConfig::default() })]
    #[test]
    fn mixture_of_any_kinds_is_checked_in_time(text in mixture()) {
        checked(&text.chars().take(80).collect::<String>(), &text);
    }
}
