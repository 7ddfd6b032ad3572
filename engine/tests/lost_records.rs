//! Records that a provider withholds are reported, and its bad records are counted: each case is a sequence of
//! responses, the last of which repeats.

use crate::simulation::{Example, input, plan, response, run_with, unset};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::{Input, OutcomeKind, Report};

const NOW: i64 = 1_709_294_723;

/// Compiles a profile with one lookup with these keys.
fn lookup_plan(lookup: &str) -> Plan {
    let window = "query: { since: { from: window.start, format: epoch-seconds }, until: { from: window.end, format: epoch-seconds } }";
    let record = "    time_last: { at: $.last, as: timestamp, format: epoch-seconds }\n    count: { at: $.count, as: integer, optional: true }\n    sensor: { at: $.sensor, as: string, optional: true }\n";
    let lookup = format!("{window}, {lookup}");
    plan(Example { blocks: "window: { last: P30D }\n", lookup: &lookup, record, ..Example::default() }.text())
}

/// Runs a lookup with these keys against these response bodies.
fn run(lookup: &str, bodies: &[Value]) -> Report {
    let (plan, mut sent) = (lookup_plan(lookup), 0);
    let start = Timestamp::from_second(NOW).expect("a time");
    let input = Input { deadline: start + SignedDuration::from_hours(1), ..input(&plan, unset) };
    run_with(&plan, Arc::default(), input, start, |_| {
        sent += 1;
        response(200, &[], bodies[(sent - 1).min(bodies.len() - 1)].to_string())
    })
}

fn row(number: usize) -> Value {
    json!({ "name": "example.com", "type": "A", "data": format!("192.0.2.{number}"), "last": NOW - 999 })
}

fn rows(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(row).collect()
}

#[test]
fn figures_of_the_first_page_hold_for_later_pages() {
    let first = |figure: &str, value: u64| json!({ "rows": rows(0..2), figure: value });
    for kind in ["page, parameter: p", "offset, parameter: o"] {
        let lookup = |key: &str| format!("records: $.rows, paging: {{ kind: {kind}, {key}, at_most: 9 }}");
        let total = lookup("total: $.total");
        let ends_early = run(&total, &[first("total", 10), json!({ "rows": rows(2..3) }), json!({ "rows": [] })]);
        assert_eq!(ends_early.outcome.kind, OutcomeKind::Partial, "{kind}: {}", ends_early.outcome);
        let complete = run(&total, &[first("total", 4), json!({ "rows": rows(2..4) })]);
        assert_eq!((complete.outcome.kind, complete.requests), (OutcomeKind::Ok, 2), "{kind}: {}", complete.outcome);
    }
    let last = "records: $.rows, paging: { kind: page, parameter: p, last: $.last, at_most: 9 }";
    let pages = [first("last", 3), json!({ "rows": [] }), json!({ "rows": rows(4..6) })];
    assert_eq!(run(last, &pages).counts.read, 4);
}

#[test]
fn cap_counts_rows_of_nested_lists_at_both_levels() {
    let group = |numbers| json!({ "rows": rows(numbers) });
    let answer = |groups: Vec<Value>| [json!({ "groups": groups })];
    for paging in ["kind: none, cap: 4", "kind: window, cap: 4, at_most: 2"] {
        let lookup = format!("records: [{{ at: $.groups }}, {{ at: $.rows }}], paging: {{ {paging} }}");
        let kind = |groups| run(&lookup, &answer(groups)).outcome.kind;
        assert_eq!(kind(vec![group(0..2), group(2..4)]), OutcomeKind::Partial, "{paging}");
        let with_empty = vec![group(0..1), group(1..1), group(1..2), group(2..3)];
        assert_eq!(kind(with_empty), OutcomeKind::Partial, "{paging}");
        assert_eq!(kind(vec![group(0..2), group(2..3)]), OutcomeKind::Ok, "{paging}");
    }
}

/// Returns the responses to a full window and its two halves.
fn halves(whole: Vec<Value>, newer: Vec<Value>, older: Vec<Value>) -> [Value; 3] {
    let total = whole.len() as u64;
    [json!({ "rows": whole, "total": total }), json!({ "rows": newer }), json!({ "rows": older })]
}

#[test]
fn different_bad_rows_of_parts_count_each() {
    let lookup = "records: $.rows, paging: { kind: window, cap: 4, at_most: 3 }";
    let renamed = json!({ "n": "example.com", "t": "A" });
    for bad in [json!("text"), json!(7), json!({}), renamed] {
        let with = |good: std::ops::Range<usize>, count: usize| {
            rows(good).into_iter().chain(vec![bad.clone(); count]).collect::<Vec<_>>()
        };
        // Bad rows of the whole window occur again in its halves, which have further ones.
        let report = run(lookup, &halves(with(0..3, 1), with(0..1, 1), with(1..3, 1)));
        assert_eq!(report.counts.bad(), 2, "{bad}: {}", report.outcome);
        let report = run(lookup, &halves(with(0..3, 1), with(0..1, 1), with(1..3, 0)));
        assert_eq!(report.counts.bad(), 1, "{bad}: {}", report.outcome);
    }
}

#[test]
fn changed_records_of_parts_count_once() {
    let lookup = "records: $.rows, paging: { kind: window, cap: 3, total: $.total, at_most: 9 }";
    for (field, value) in [("last", json!(NOW - 1)), ("count", json!(9)), ("sensor", json!("b"))] {
        let changed = |numbers| {
            let change = |mut row: Value| {
                row[field] = value.clone();
                row
            };
            rows(numbers).into_iter().map(change).collect::<Vec<_>>()
        };
        let mut bodies = halves(rows(0..3), changed(0..2), changed(2..3));
        let complete = run(lookup, &bodies);
        assert_eq!(complete.counts.read, 3, "{field}: {}", complete.outcome);
        bodies[0]["total"] = json!(6);
        let lost = run(lookup, &bodies);
        assert_eq!(lost.outcome.kind, OutcomeKind::Partial, "{field}: {}", lost.outcome);
    }
}

/// Polls a job of which the state is in the lists `running`, `failed` and `finished`.
fn job(result: &str, polled: Value, bodies: &[Value]) -> Report {
    let lookup = format!(
        "records: $.rows, job: {{ id: $.id, poll: \"/jobs/{{job}}\", state: $.state, pending: [running, 1], done: [finished, 3], failed: [failed, 2], {result}every: PT1S, at_most: 2 }}"
    );
    run(&lookup, &[&[json!({ "id": 7 }), polled], bodies].concat())
}

#[test]
fn job_is_done_only_in_a_declared_state() {
    let states = [
        (json!("finished"), Ok(())),
        (json!("FINISHED"), Ok(())),
        (json!(3), Ok(())),
        (json!("queued"), Err("unknown job state `queued`")),
        (json!(4), Err("unknown job state `4`")),
        (json!("3"), Ok(())),
        (json!(3.0), Ok(())),
        (json!(3.5), Err("unknown job state `3.5`")),
        (json!(["finished"]), Err("unknown job state `[\"finished\"]`")),
        (json!(null), Err("missing job state at `$.state`")),
        (json!("Failed"), Err("the job failed")),
        (json!(2), Err("the job failed")),
        (json!("Running"), Err("the job was not complete after 2 polls")),
    ];
    for (state, expected) in states {
        for rows in [rows(0..2), vec![]] {
            let body = json!({ "state": state, "rows": rows });
            let (alone, apart) = (
                job("", body.clone(), &[]),
                job(
                    "result: \"/jobs/{job}/rows\", ",
                    json!({ "state": state }),
                    &[match state.as_str() {
                        Some("Running") => body,
                        _ => json!({ "rows": rows }),
                    }],
                ),
            );
            for report in [alone, apart] {
                let outcome = report.outcome.to_string();
                match expected {
                    Ok(()) if rows.is_empty() => assert_eq!(report.outcome.kind, OutcomeKind::Empty, "{outcome}"),
                    Ok(()) => assert_eq!((report.outcome.kind, report.counts.read), (OutcomeKind::Ok, 2), "{outcome}"),
                    Err(reason) => {
                        assert_eq!(report.outcome.kind, OutcomeKind::Failed, "{state}: {outcome}");
                        assert!(outcome.contains(reason), "{state}: {outcome}");
                    }
                }
            }
        }
    }
    let absent = job("", json!({ "status": "finished", "rows": [] }), &[]);
    assert_eq!(absent.outcome.kind, OutcomeKind::Failed, "{}", absent.outcome);
}

#[test]
fn optional_level_is_empty_only_if_absent_or_null() {
    use OutcomeKind::{Empty, Failed, Ok};
    let rows = rows(0..2);
    let root = "[{ at: $.data.rows, optional: true }]";
    for (body, expected) in [
        (json!({ "data": { "rows": null } }), Empty),
        (json!({ "data": {} }), Empty),
        (json!({ "data": null }), Empty),
        (json!({}), Empty),
        (json!({ "data": { "rows": rows } }), Ok),
        (json!({ "data": { "rows": "none" } }), Failed),
        (json!({ "data": "none" }), Failed),
        (json!({ "data": [rows] }), Failed),
        (json!({ "data": false }), Failed),
        (json!("error: overloaded"), Failed),
        (json!([]), Failed),
        (json!(null), Failed),
    ] {
        assert_eq!(run(&format!("records: {root}"), std::slice::from_ref(&body)).outcome.kind, expected, "{body}");
    }
    let nested = "records: [{ at: $.groups }, { at: $.rows, optional: true }]";
    for (group, is_bad) in [
        (json!({}), false),
        (json!({ "rows": null }), false),
        (json!({ "rows": {} }), true),
        (json!([rows[0], rows[1]]), true),
        (json!("s"), true),
        (json!(null), true),
        (json!(3), true),
    ] {
        let groups = |more: Value| json!({ "groups": [more, group] });
        let report = run(nested, &[groups(json!({ "rows": rows }))]);
        assert_eq!((report.counts.bad(), report.counts.read), (u64::from(is_bad), 2 + u64::from(is_bad)), "{group}");
        let alone = run(nested, &[groups(group.clone())]);
        assert_eq!(alone.outcome.kind, if is_bad { Failed } else { Empty }, "{group}");
    }
}

/// Returns a lookup by pages with this total, which is read from `rows`.
fn paged(paging: &str) -> String {
    format!("records: $.rows, paging: {{ {paging} }}")
}

#[test]
fn declared_total_that_is_missing_makes_the_result_partial() {
    use OutcomeKind::{Empty, Ok, Partial};
    for (paging, body, expected) in [
        ("kind: none, total: $.total", json!({ "rows": rows(0..2) }), Partial),
        ("kind: none, total: $.total", json!({ "rows": rows(0..2), "total": null }), Partial),
        ("kind: none, total: $.total", json!({ "rows": rows(0..2), "total": 2 }), Ok),
        ("kind: none, total: $.total", json!({ "rows": rows(0..2), "total": 3 }), Partial),
        ("kind: none, total: $.total", json!({ "rows": [] }), Empty),
        ("kind: none, total_header: X-Total", json!({ "rows": rows(0..2) }), Partial),
        ("kind: none, total: $.total, cap: 10", json!({ "rows": rows(0..2) }), Ok),
        ("kind: window, total: $.total, at_most: 9", json!({ "rows": rows(0..2) }), Partial),
        ("kind: window, total: $.total, at_most: 9", json!({ "rows": rows(0..2), "total": 2 }), Ok),
        ("kind: window, total: $.total, at_most: 9", json!({ "rows": rows(0..2), "total": 3 }), Partial),
        ("kind: window, total: $.total, at_most: 9", json!({ "rows": [] }), Empty),
        ("kind: window, total: $.total, cap: 10, at_most: 9", json!({ "rows": rows(0..2) }), Ok),
    ] {
        let report = run(&paged(paging), std::slice::from_ref(&body));
        assert_eq!(report.outcome.kind, expected, "{paging} {body}: {}", report.outcome);
    }
}

#[test]
fn total_less_than_the_rows_does_not_end_paging() {
    for kind in ["page, parameter: p", "offset, parameter: o"] {
        for total in [json!(0), json!(1), json!("0"), json!(-1)] {
            let page = |numbers| json!({ "rows": rows(numbers), "total": total });
            let lookup = paged(&format!("kind: {kind}, total: $.total, at_most: 9"));
            let report = run(&lookup, &[page(0..5), page(5..10), page(10..10)]);
            assert_eq!((report.counts.read, report.requests), (10, 3), "{kind} {total}: {}", report.outcome);
        }
    }
}

#[test]
fn greatest_of_repeated_total_headers_decides() {
    for (values, expected) in [
        (&["1", "50"][..], OutcomeKind::Partial),
        (&["50", "1"], OutcomeKind::Partial),
        (&["1", "1"], OutcomeKind::Ok),
        (&["1", "many"], OutcomeKind::Partial),
        (&["-1"], OutcomeKind::Ok),
        (&[], OutcomeKind::Partial),
    ] {
        let headers: Vec<(&str, &str)> = values.iter().map(|value| ("x-total", *value)).collect();
        let plan = lookup_plan(&paged("kind: none, total_header: X-Total"));
        let report =
            crate::simulation::run(&plan, |_| response(200, &headers, json!({ "rows": rows(0..1) }).to_string()));
        assert_eq!(report.outcome.kind, expected, "{values:?}: {}", report.outcome);
    }
}
