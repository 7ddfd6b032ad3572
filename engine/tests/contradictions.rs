//! Responses that contradict what earlier ones stated, or themselves: nothing is lost without a word.

use crate::simulation::{Example, input, now, plan, response, run, run_with, unset};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use stixmap_engine::run::{Input, OutcomeKind, Report, Response, Run, Step};

const EMPTY: &str = "answers:\n  - { status: 404, means: empty }\n  - { body: { at: $.none }, means: empty }\n";

fn row(number: usize) -> Value {
    json!({ "name": "example.com", "type": "A", "data": format!("192.0.2.{number}") })
}

/// Runs a lookup with these keys against responses with these bodies; `null` is a 404.
fn paged(lookup: &str, bodies: &[Value]) -> Report {
    let plan = plan(Example { blocks: EMPTY, lookup, ..Example::default() }.text());
    let mut sent = 0;
    run(&plan, |_| {
        sent += 1;
        match &bodies[(sent - 1).min(bodies.len() - 1)] {
            Value::Null => response(404, &[], "{}"),
            body => response(200, &[], body.to_string()),
        }
    })
}

#[test]
fn empty_answer_after_a_page_that_states_more_is_partial() {
    let first = |key: &str, value: Value| json!({ "rows": [row(1)], key: value });
    let again = "https://api.example.net/names/example.com?again";
    for (paging, first, kind) in [
        ("kind: page, parameter: p, total: $.x", first("x", 50.into()), OutcomeKind::Partial),
        ("kind: page, parameter: p, last: $.x", first("x", 5.into()), OutcomeKind::Partial),
        ("kind: page, parameter: p, more: $.x", first("x", true.into()), OutcomeKind::Partial),
        ("kind: page, parameter: p", first("x", 50.into()), OutcomeKind::Ok),
        ("kind: page, parameter: p, total: $.x", first("x", 1.into()), OutcomeKind::Ok),
        ("kind: offset, parameter: o, total: $.x", first("x", 50.into()), OutcomeKind::Partial),
        ("kind: offset, parameter: o, more: $.x", first("x", true.into()), OutcomeKind::Partial),
        ("kind: offset, parameter: o", first("x", 50.into()), OutcomeKind::Ok),
        ("kind: cursor, parameter: c, at: $.x", first("x", "abc".into()), OutcomeKind::Partial),
        ("kind: next-url, at: $.x", first("x", again.into()), OutcomeKind::Partial),
    ] {
        let lookup = format!("records: $.rows, paging: {{ {paging}, at_most: 9 }}");
        for end in [Value::Null, json!({ "none": "no more data" })] {
            let report = paged(&lookup, &[first.clone(), end]);
            assert_eq!((report.outcome.kind, report.counts.read), (kind, 1), "{paging}: {}", report.outcome);
        }
        // The first response may say so.
        assert_eq!(paged(&lookup, &[Value::Null]).outcome.kind, OutcomeKind::Empty, "{paging}");
    }
}

#[test]
fn greatest_figure_of_all_pages_decides() {
    for (key, paging) in
        [("total", "page, parameter: p"), ("total", "offset, parameter: o"), ("last", "page, parameter: p")]
    {
        let lookup = format!("records: $.rows, paging: {{ kind: {paging}, {key}: $.x, at_most: 9 }}");
        let page = |number: usize, figure: u64| json!({ "rows": [row(number)], "x": figure });
        let report = paged(&lookup, &[page(1, 5), page(2, 2), Value::Null]);
        assert_eq!(
            (report.outcome.kind, report.counts.read),
            (OutcomeKind::Partial, 2),
            "{paging}: {}",
            report.outcome
        );
    }
}

#[test]
fn rows_of_a_response_that_is_called_empty_are_read() {
    let report = paged("records: $.rows", &[json!({ "rows": [row(1), row(2)], "none": "maintenance at noon" })]);
    assert_eq!((report.outcome.kind, report.counts.read), (OutcomeKind::Ok, 2), "{}", report.outcome);
    let report = paged("records: $.rows", &[json!({ "rows": [], "none": "no data" })]);
    assert_eq!(report.outcome.kind, OutcomeKind::Empty, "{}", report.outcome);
    let lines = |body: String| {
        let plan = plan(Example { blocks: EMPTY, lookup: "framing: ndjson", ..Example::default() }.text());
        run(&plan, |_| response(200, &[], body.as_str()))
    };
    let none = json!({ "none": "no data" }).to_string();
    assert_eq!(lines(none.clone()).outcome.kind, OutcomeKind::Empty);
    let report = lines(format!("{}\n{none}\n{}\n", row(1), row(2)));
    assert_eq!((report.counts.read, report.counts.bad()), (3, 1), "{}", report.outcome);
}

#[test]
fn job_that_vanishes_is_a_failure() {
    let lookup = "records: $.rows, job: { id: $.id, poll: \"/jobs/{job}\", result: \"/results/{job}\", state: $.state, pending: [queued], done: [done], every: PT1S, at_most: 3 }";
    let accepted = json!({ "id": 7 });
    let gone = paged(lookup, &[accepted.clone(), Value::Null]);
    assert_eq!(gone.outcome.kind, OutcomeKind::Failed, "{}", gone.outcome);
    let without_result = paged(lookup, &[accepted, json!({ "state": "done" }), Value::Null]);
    assert_eq!(without_result.outcome.kind, OutcomeKind::Failed, "{}", without_result.outcome);
    // What looks empty is judged by the state of the job.
    for polled in [
        json!({ "none": "not found" }),
        json!({ "none": "?", "state": "queued" }),
        json!({ "none": "?", "state": "bad" }),
    ] {
        let report = paged(lookup, &[json!({ "id": 7 }), polled.clone()]);
        assert_eq!(report.outcome.kind, OutcomeKind::Failed, "{polled}: {}", report.outcome);
    }
    assert_eq!(paged(lookup, &[Value::Null]).outcome.kind, OutcomeKind::Empty);
}

#[test]
fn last_line_that_ends_early_makes_the_result_incomplete() {
    let plan = plan(Example { lookup: "framing: ndjson", ..Example::default() }.text());
    let whole = format!("{}\n{}", row(1), row(2));
    for (body, kind) in [
        (whole.clone(), OutcomeKind::Ok),
        (format!("{whole}\n"), OutcomeKind::Ok),
        (whole[..whole.len() - 9].to_owned(), OutcomeKind::Partial),
        (format!("{whole}\n{{"), OutcomeKind::Partial),
        (format!("{whole}\n\"text"), OutcomeKind::Partial),
    ] {
        let report = run(&plan, |_| response(200, &[], body.as_str()));
        assert_eq!(report.outcome.kind, kind, "{body}: {}", report.outcome);
    }
}

#[test]
fn first_line_without_the_columns_of_required_fields_is_no_header() {
    let lookup = "framing: delimited, columns: { separator: \",\", header: true }";
    let plan = plan(Example { lookup, ..Example::default() }.text());
    for (body, kind) in [
        ("name,type,data\n", OutcomeKind::Empty),
        ("data,other,type,name\n192.0.2.1,x,A,example.com\n", OutcomeKind::Ok),
        ("API count exceeded - Increase Quota with Membership", OutcomeKind::Failed),
        ("<html><body>Log in</body></html>", OutcomeKind::Failed),
        ("{\"error\": \"quota\"}", OutcomeKind::Failed),
        ("name,type\n", OutcomeKind::Failed),
        ("example.com,A,192.0.2.1\n", OutcomeKind::Failed),
        ("name,type,data\rexample.com,A,192.0.2.1\r", OutcomeKind::Failed),
    ] {
        let report = run(&plan, |_| response(200, &[], body));
        assert_eq!(report.outcome.kind, kind, "{body}: {}", report.outcome);
    }
}

/// Header fields and cells are always text, and providers mix the types of JSON.
#[test]
fn declared_values_are_compared_in_any_type() {
    let report = |signal: &str, headers: &[(&str, &str)], flag: Value| {
        let lookup = format!("records: $.rows, truncated_when: {{ {signal} }}");
        let plan = plan(Example { lookup: &lookup, ..Example::default() }.text());
        let body = json!({ "rows": [row(1)], "flag": flag }).to_string();
        run(&plan, |_| response(200, headers, body.as_str()))
    };
    let yes = |is: &str, flag: Value| report(&format!("at: $.flag, is: [{is}]"), &[], flag).outcome.kind;
    for (is, flag, kind) in [
        ("true", json!(true), OutcomeKind::Partial),
        ("true", json!("true"), OutcomeKind::Partial),
        ("true", json!("True"), OutcomeKind::Partial),
        ("\"true\"", json!(true), OutcomeKind::Partial),
        ("1", json!(1), OutcomeKind::Partial),
        ("1", json!(1.0), OutcomeKind::Partial),
        ("1", json!("1"), OutcomeKind::Partial),
        ("\"1\"", json!(1), OutcomeKind::Partial),
        ("1", json!(true), OutcomeKind::Ok),
        ("1", json!(10), OutcomeKind::Ok),
        ("1", json!(1.5), OutcomeKind::Ok),
        ("true", json!("yes"), OutcomeKind::Ok),
        ("true", json!([true]), OutcomeKind::Ok),
        ("\"\"", json!(null), OutcomeKind::Ok),
    ] {
        assert_eq!(yes(is, flag.clone()), kind, "{is} {flag}");
    }
    for (is, header) in [("true", "true"), ("1", "1"), ("yes", "yes")] {
        let signal = format!("header: X-More, is: [{is}]");
        for headers in [&[("x-more", header)][..], &[("x-more", "no"), ("x-more", header)]] {
            assert_eq!(report(&signal, headers, Value::Null).outcome.kind, OutcomeKind::Partial, "{signal}");
        }
    }
}

#[test]
fn none_and_aliases_apply_to_any_type() {
    let record = "    count: { at: $.count, as: integer, none_when: [0, \"-1\"], optional: true }\n";
    let text =
        Example { record, ..Example::default() }.text().replace("as: rrtype }", "as: rrtype, aliases: { \"5\": A } }");
    let plan = plan(text);
    for (kind, count) in
        [(json!(5), json!("0")), (json!("5"), json!(0)), (json!(5), json!(-1)), (json!("A"), json!(0.0))]
    {
        let body = json!({ "rows": [{ "name": "example.com", "type": kind, "data": "192.0.2.1", "count": count }] });
        let input = Input { trace: true, ..input(&plan, unset) };
        let report = run_with(&plan, Arc::default(), input, now(), |_| response(200, &[], body.to_string()));
        assert_eq!(report.counts.bad(), 0, "{body}: {:?}", report.diagnostics);
        let values = format!("{:?}", report.trace);
        assert!(values.contains("(\"count\", \"None\")"), "{body}: {values}");
    }
}

/// The engine has no clock: the driver ends the mapping of a response that takes too long.
#[test]
fn interrupted_mapping_states_how_much_was_not_read() {
    let plan = plan(
        Example::default().text().replace("rdata: { at: $.data, as: string }", "rdata: { at: $.data, as: rdata }"),
    );
    let lists = [
        (0..1_000).map(row).collect::<Vec<_>>(),
        vec![json!({
            "name": "example.com", "type": "A", "data": (0..1_000).map(|_| "192.0.2.1").collect::<Vec<_>>()
        })],
    ];
    for rows in lists {
        let tests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&tests);
        let run = Run::new(&plan, Arc::default(), input(&plan, unset), now());
        let mut run = run.interrupted_by(move || counter.fetch_add(1, Ordering::Relaxed) >= 3);
        let body = json!({ "rows": rows }).to_string().into_bytes();
        loop {
            match run.next(now()) {
                Step::Send(_) => {
                    drop(run.accept(Ok(Response { status: 200, body: body.clone(), ..Response::default() }), now()))
                }
                Step::Wait(_) => unreachable!("no wait is due"),
                Step::Done => break,
            }
        }
        let report = run.finish();
        assert_eq!(report.outcome.kind, OutcomeKind::Partial, "{}", report.outcome);
        assert!(report.counts.read < 300, "{}", report.counts.read);
        assert!(tests.load(Ordering::Relaxed) >= 4);
    }
}
