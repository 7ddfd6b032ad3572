//! Interpretation of responses: notations of waits, empty values, choice among several times, and equality of stored
//! and live responses.

use crate::simulation::{Example, input, now, plan, response, run, unset};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::{Input, OutcomeKind, ProviderState, Report, Run, Step, map_stored};

fn text(answers: &str, lookup: &str, record: &str) -> String {
    let http = "retry: { attempts: 3, first: PT1S, longest: PT2H }";
    Example { blocks: &format!("answers:\n{answers}"), http, lookup, record, ..Example::default() }.text()
}

const QUOTA: &str = "  - { status: 402, means: quota }\n";
const ROWS: &str = "    records: $.rows\n";

/// Performs a run with the same response to every request.
fn live(plan: &Plan, body: &str) -> Report {
    run(plan, |_| response(200, &[], body))
}

/// Maps a stored response.
fn stored(plan: &Plan, body: &str) -> Report {
    let answers = [("answer".to_owned(), vec![body.as_bytes().to_vec()])];
    map_stored(plan, &plan.lookups[0], None, input(plan, unset), answers, now())
}

#[test]
fn wait_is_read_with_its_unit_and_fraction() {
    let check = |unit: &str, wait: Value, expected: i64| {
        let row = format!("  - {{ status: 429, means: throttled, retry_after: {{ at: $.wait, as: {unit} }} }}\n");
        let plan = plan(text(&row, ROWS, ""));
        let mut run = Run::new(&plan, Arc::new(ProviderState::default()), input(&plan, unset), now());
        assert!(matches!(run.next(now()), Step::Send(_)));
        run.accept(Ok(response(429, &[], json!({ "wait": wait }).to_string())), now());
        let Step::Wait(until) = run.next(now()) else { panic!("{wait} {unit}: no wait") };
        assert_eq!(until.duration_since(now()), SignedDuration::from_millis(expected), "{wait} {unit}");
    };
    check("seconds", json!("850ms"), 850);
    check("seconds", json!("1m"), 60_000);
    check("seconds", json!("1m 30s"), 90_000);
    check("seconds", json!("PT1M"), 60_000);
    check("seconds", json!("1.5"), 1_500);
    check("seconds", json!(1.5), 1_500);
    check("seconds", json!(" 2 "), 2_000);
    check("milliseconds", json!(850), 850);
    check("milliseconds", json!("2s"), 2_000);
    check("minutes", json!("1.5"), 90_000);
    check("minutes", json!(2), 120_000);
    check("epoch-seconds", json!(1_709_251_200.5), 500);
    check("date", json!("2024-03-01 00:00:07"), 7_000);
}

#[test]
fn unreadable_wait_is_reported() {
    let row = "  - { status: 402, means: quota, retry_after: { at: $.wait, as: seconds } }\n";
    let plan = plan(text(row, ROWS, ""));
    let empty = json!({ "rows": [] }).to_string();
    for (status, headers, wait, expected) in [
        (402, &[][..], json!("1h30"), Some("`$.wait` is `1h30`")),
        (402, &[], json!("3,600"), Some("`$.wait` is `3,600`")),
        (402, &[], json!([60]), Some("`$.wait` is `[60]`")),
        (402, &[], json!(-5), Some("`$.wait` is `-5`")),
        (402, &[("retry-after", "60")], json!("soon"), Some("`$.wait` is `soon`")),
        (402, &[("retry-after", "soon")], json!(60), None),
        (402, &[], json!(60), None),
        (402, &[], json!(null), None),
        (429, &[("retry-after", "soon")], json!("soon"), Some("`Retry-After` is `soon`")),
        (429, &[("retry-after", "60")], json!("soon"), None),
        (503, &[("retry-after", "3,600")], json!(null), Some("`Retry-After` is `3,600`")),
        (404, &[("retry-after", "soon")], json!(null), None),
    ] {
        let mut is_first = true;
        let report = run(&plan, |_| match std::mem::replace(&mut is_first, false) {
            true => response(status, headers, json!({ "wait": wait }).to_string()),
            false => response(200, &[], empty.clone()),
        });
        let found: Vec<&str> = report.diagnostics.iter().map(|found| found.labels[0].text.as_str()).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{status} {headers:?} {wait}");
    }
}

/// An error in a stream of lines may follow rows: the line with the value counts.
#[test]
fn message_and_wait_of_any_line_are_read() {
    let blocks = "answers:\n  - { body: { at: $.error }, means: throttled, message: $.error, retry_after: { at: $.wait, as: minutes } }\n";
    let example = Example { blocks, http: "retry: { attempts: 1 }", lookup: "framing: ndjson", ..Example::default() };
    let plan = plan(example.text());
    let row = r#"{"name":"example.com","type":"A","data":"192.0.2.1"}"#;
    let error = r#"{"error":"too many requests","wait":120}"#;
    for body in [
        error.to_owned(),
        format!("{row}\n{error}\n"),
        format!("{error}\n{row}"),
        format!("{row}\n{row}\n{error}\n{row}\n"),
    ] {
        let report = run(&plan, |_| response(200, &[], body.as_str()));
        assert_eq!(report.outcome.kind, OutcomeKind::Deferred, "{body}: {}", report.outcome);
        assert!(report.outcome.to_string().contains("too many requests"), "{body}: {}", report.outcome);
        assert_eq!(report.outcome.until, Some(now() + SignedDuration::from_mins(120)), "{body}");
    }
}

#[test]
fn empty_value_does_not_match_an_answer_row() {
    let plan = plan(text("  - { body: { at: $.error }, means: rejected }\n", ROWS, ""));
    for (error, is_match) in [
        (json!(null), false),
        (json!(false), false),
        (json!(0), false),
        (json!(0.0), false),
        (json!(""), false),
        (json!([]), false),
        (json!({}), false),
        (json!(true), true),
        (json!(3), true),
        (json!("no"), true),
        (json!([null]), true),
        (json!({ "code": null }), true),
    ] {
        let report = live(&plan, &json!({ "error": error, "rows": [] }).to_string());
        let expected = if is_match { OutcomeKind::Failed } else { OutcomeKind::Empty };
        assert_eq!(report.outcome.kind, expected, "{error}");
    }
}

#[test]
fn body_text_matches_only_at_its_path() {
    let row = "  - { body: { at: $.error, contains: [used up, query credits] }, means: quota }\n";
    let plan = plan(text(row, ROWS, ""));
    assert_eq!(live(&plan, r#"{"error":"Insufficient QUERY credits"}"#).outcome.kind, OutcomeKind::Deferred);
    for (error, is_match) in [
        (json!(["other", "Query credits are gone"]), true),
        (json!([["query credits"]]), false),
        (json!([{ "text": "query credits" }, 5]), false),
        (json!([]), false),
    ] {
        let kind = if is_match { OutcomeKind::Deferred } else { OutcomeKind::Empty };
        assert_eq!(live(&plan, &json!({ "error": error, "rows": [] }).to_string()).outcome.kind, kind, "{error}");
    }
    let data = r#"{"error":"","rows":[{"name":"example.com","type":"TXT","data":"query credits are used up"}]}"#;
    assert_eq!(live(&plan, data).outcome.kind, OutcomeKind::Ok);
    let lines = crate::simulation::plan(text(row, "    framing: ndjson\n", ""));
    let last = "{\"name\":\"example.com\",\"type\":\"A\",\"data\":\"192.0.2.1\"}\n{\"error\":\"used up\"}\n";
    assert_eq!(live(&lines, last).outcome.kind, OutcomeKind::Deferred);
}

#[test]
fn empty_text_in_an_answer_row_is_an_error() {
    for (test, is_valid) in [
        ("body: { contains: \"\" }", false),
        ("body: { contains: none }", true),
        ("body: { at: $.error, contains: \"\" }", false),
        ("body: { at: $.error, contains: [none, \"\"] }", false),
        ("body: { at: $.error, contains: [none, \" \"] }", true),
        ("status: 200, header: { name: X-Error, contains: \"\" }", false),
        ("header: { name: X-Error }", true),
        ("body: { text: \"\" }", true),
    ] {
        let row = format!("  - {{ {test}, means: rejected }}\n");
        let (_, diagnostics) = Plan::check(&Source::new("profile.yaml", text(&row, ROWS, "")));
        let codes: Vec<&str> = diagnostics.iter().map(|found| found.code.slug()).collect();
        assert_eq!(codes, if is_valid { vec![] } else { vec!["answer-matches-all"] }, "{test}");
    }
}

#[test]
fn take_selects_the_earliest_or_latest_time() {
    let fields = "    time_first: { at: [$.a, $.b, $.c], take: earliest, as: timestamp, format: epoch-seconds, none_when: [0], optional: true }\n    time_last: { at: [$.d, $.e], take: latest, as: timestamp, format: epoch-seconds, none_when: [0], optional: true }\n";
    let plan = plan(text(QUOTA, ROWS, fields));
    let check = |times: Value, expected: (Option<i64>, Option<i64>)| {
        let mut row = json!({ "name": "example.com", "type": "A", "data": "192.0.2.1" });
        times.as_object().expect("times").iter().for_each(|(key, time)| row[key] = time.clone());
        let report = live(&plan, &json!({ "rows": [row] }).to_string());
        let seen = report.trace[0].record.as_ref().map(|record| record.seen);
        let seconds = |time: Option<Timestamp>| time.map(Timestamp::as_second);
        let seen = seen.map(|seen| (seconds(seen.first), seconds(seen.last)));
        assert_eq!(seen, Some(expected), "{times}");
    };
    check(json!({ "a": 9, "b": 7, "c": 8, "d": 10, "e": 11 }), (Some(7), Some(11)));
    check(json!({ "a": 0, "b": null, "c": 8, "d": 11, "e": 0 }), (Some(8), Some(11)));
    check(json!({ "a": 0 }), (None, None));
    let report = live(&plan, r#"{"rows":[{"name":"example.com","type":"A","data":"192.0.2.1","a":5,"b":"never"}]}"#);
    assert_eq!(report.counts.bad(), 1, "an invalid time is not skipped");
}

#[test]
fn take_without_effect_is_an_error() {
    for (fields, code) in [
        ("    count: { at: [$.a, $.b], take: latest, as: integer, optional: true }\n", "field-type"),
        ("    time_last: { at: $.a, take: latest, as: timestamp, optional: true }\n", "field-place"),
    ] {
        let (_, diagnostics) = Plan::check(&Source::new("profile.yaml", text(QUOTA, ROWS, fields)));
        assert_eq!(diagnostics.iter().map(|found| found.code.slug()).collect::<Vec<_>>(), [code]);
    }
}

#[test]
fn excluded_rows_do_not_count_for_the_bad_limit() {
    let lookup = "    records: [{ at: $.types, is: map, keys: [a] }, { at: $ }]\n";
    let plan = plan(text(QUOTA, lookup, ""));
    let good = json!({ "name": "example.com", "type": "A", "data": "192.0.2.1" });
    let report = live(&plan, &json!({ "types": { "a": [good], "b": [good, good], "meta": 7 } }).to_string());
    assert_eq!((report.counts.read, report.counts.mapped, report.counts.dropped()), (4, 1, 3));
    // Two bad records of three exceed the limit, regardless of the number of excluded rows.
    let report = live(&plan, &json!({ "types": { "a": [good, 1, 2], "b": vec![good; 9] } }).to_string());
    assert_eq!(report.outcome.kind, OutcomeKind::Failed, "{}", report.outcome);
}

#[test]
fn malformed_response_has_the_same_outcome_live_and_stored() {
    let error = "  - { body: { at: $.error }, means: rejected }\n  - { body: { text: nothing here }, means: empty }\n";
    let lookups = [
        ROWS,
        "    records: [{ at: $.groups, optional: true }, { at: $.rows }]\n",
        "    framing: ndjson\n",
        "    framing: saf\n",
        "    framing: delimited\n    columns: { separator: \",\", header: true }\n",
    ];
    let bodies = [
        "",
        " \n",
        "{",
        "{}",
        "[]",
        "null",
        "7",
        "<html><body>502</body></html>",
        "nothing here",
        "{\"rows\":{}}",
        "{\"rows\":[1,2]}",
        "{\"rows\":[",
        "{\"rows\":[{\"name\":\"example.com\",\"type\":\"A\",\"data\":\"192.0.2.1\"}",
        "{\"groups\":[{\"rows\":7}]}",
        "{\"error\":\"no\"}",
        "{\"cond\":\"begin\"}\n",
        "{\"cond\":\"begin\"}\n{\"obj\":{\"name\":\"example.com\",\"type\":\"A\",\"data\":\"192.0.2.1\"}}\n",
        "{\"cond\":\"begin\"}\n{\"obj\":{\"name\":\"example.com\",\"type\":\"A\",\"data\":\"192.0.2.1\"}}\n{\"cond\":\"failed\",\"msg\":\"so\"}\n",
        "{\"cond\":\"begin\"}\n{\"cond\":\"failed\",\"msg\":\"so\"}\n",
        "name,type,data\n",
        "name,type\nexample.com,A\n",
        "name,type,data\nexample.com,A,192.0.2.1\nexample.com,A,\"192.0.2.2\n",
        "name,name,data\nexample.com,A,192.0.2.1\n",
    ];
    for lookup in lookups {
        let plan = plan(text(error, lookup, ""));
        for body in bodies {
            let (live, stored) = (live(&plan, body), stored(&plan, body));
            assert_eq!(
                live.outcome.kind, stored.outcome.kind,
                "{lookup}{body:?}\n{}\n{}",
                live.outcome, stored.outcome
            );
            assert_eq!(live.counts, stored.counts, "{lookup}{body:?}");
        }
    }
}

#[test]
fn surplus_column_makes_a_bad_record() {
    let plan = plan(text(QUOTA, "    framing: delimited\n    columns: { separator: \",\", header: true }\n", ""));
    let body = "name,type,data\nexample.com,A,192.0.2.1\nexample.com,TXT,one, two\nexample.com,TXT,\"one, two\"\nexample.com,TXT,\"first line\nsecond line\"\nexample.com,A\n";
    let report = live(&plan, body);
    let counts = &report.counts;
    assert_eq!((counts.read, counts.mapped, counts.dropped(), counts.bad()), (5, 1, 2, 2), "{counts:?}");
    assert_eq!(
        report.trace[3].record.as_ref().map(|record| record.rdata.to_string()).as_deref(),
        Some("\"first line\\010second line\"")
    );
}

#[test]
fn surplus_cell_of_a_line_without_names_makes_a_bad_record() {
    let text = |columns: &str| {
        let lookup = format!("    framing: delimited\n    columns: {{ separator: \",\"{columns} }}\n");
        let text = text(QUOTA, &lookup, "");
        text.replace("at: $.name", "at: \"$[0]\"")
            .replace("at: $.type", "at: \"$[1]\"")
            .replace("at: $.data", "at: \"$[2]\"")
    };
    let body = "example.com,TXT,v=spf1 a, include:x\nexample.com,TXT,\"v=spf1 a, include:x\"\nexample.com,TXT,none\n";
    for (columns, bad) in [("", 1), (", count: 3", 1), (", count: 4", 0), (", at_most: 3", 0)] {
        let report = live(&plan(text(columns)), body);
        assert_eq!((report.counts.read, report.counts.bad()), (3, bad), "{columns}: {}", report.outcome);
    }
}

#[test]
fn repeated_key_in_a_row_makes_a_bad_record() {
    let good = r#"{"name":"example.com","type":"A","data":"192.0.2.1","other":1,"other":2}"#;
    let rows = [
        r#"{"name":"example.com","type":"A","data":"192.0.2.1","data":"192.0.2.2"}"#,
        r#"{"name":"example.com","type":"A","data":"192.0.2.1","data":"192.0.2.1"}"#,
        r#"{"name":"example.com","type":"A","data":"192.0.2.1","d\u0061ta":null}"#,
        r#"{"data":[],"name":"example.com","type":"A","data":"192.0.2.1"}"#,
        r#"{"name":"example.com","type":"A","data":"192.0.2.1","in":{"count":1,"count":2}}"#,
        r#"{"name":"example.com","type":"A","data":"192.0.2.1","in":{"count":1},"in":{}}"#,
    ];
    let count = "    count: { at: $.in.count, as: integer, optional: true }\n";
    let from_answer = &format!("{count}{FROM_ANSWER}");
    for row in rows {
        for (lookup, fields) in [(ROWS, count), (ROWS, from_answer), ("    framing: ndjson\n", count)] {
            let report = match lookup == ROWS {
                true => live(&plan(text(QUOTA, lookup, fields)), &format!(r#"{{"rows":[{good},{row},{good}]}}"#)),
                false => live(&plan(text(QUOTA, lookup, fields)), &format!("{good}\n{row}\n{good}\n")),
            };
            assert_eq!((report.counts.read, report.counts.bad()), (3, 1), "{lookup}{fields}{row}: {}", report.outcome);
        }
    }
    let marked = r#"{"name":"example.com","type":"A","data":"192.0.2.1","\u0000repeated":1}"#;
    let report = live(&plan(text(QUOTA, ROWS, from_answer)), &format!(r#"{{"rows":[{marked}]}}"#));
    assert_eq!(report.counts.bad(), 0, "{}", report.outcome);
}

#[test]
fn first_final_line_of_a_stream_decides() {
    let plan = plan(text(QUOTA, "    framing: saf\n", ""));
    let begin = r#"{"cond":"begin"}"#;
    let [succeeded, failed, limited] = ["succeeded", "failed", "limited"].map(|cond| format!(r#"{{"cond":"{cond}"}}"#));
    let row = r#"{"obj":{"name":"example.com","type":"A","data":"192.0.2.1"}}"#;
    let unknown = r#"{"cond":"other"}"#;
    for (lines, kind, read) in [
        ([begin, &succeeded, ""], OutcomeKind::Empty, 0),
        ([begin, &limited, "\r"], OutcomeKind::Partial, 0),
        ([begin, &failed, &succeeded], OutcomeKind::Failed, 0),
        ([begin, &failed, row], OutcomeKind::Failed, 0),
        ([begin, unknown, &succeeded], OutcomeKind::Failed, 0),
        ([begin, &limited, &succeeded], OutcomeKind::Failed, 0),
        ([begin, &succeeded, row], OutcomeKind::Failed, 0),
        ([begin, &succeeded, "junk"], OutcomeKind::Failed, 0),
        ([begin, &succeeded, &succeeded], OutcomeKind::Failed, 0),
        ([row, &succeeded, row], OutcomeKind::Partial, 1),
        ([row, &failed, &succeeded], OutcomeKind::Partial, 1),
    ] {
        let body = lines.join("\n");
        let chunks: Vec<_> = lines.iter().map(|line| format!("{line}\n").into_bytes()).collect();
        let whole = stored(&plan, &body);
        let answers = [("answer".to_owned(), chunks)];
        let in_chunks = map_stored(&plan, &plan.lookups[0], None, input(&plan, unset), answers, now());
        for report in [live(&plan, &body), whole, in_chunks] {
            assert_eq!((report.outcome.kind, report.counts.read), (kind, read), "{body}\n{}", report.outcome);
        }
    }
}

const FROM_ANSWER: &str = "    sensor_id: { from: answer, at: $.sensor, as: string, optional: true }\n";

#[test]
fn memory_for_values_of_a_response_is_limited() {
    let (plain, tree) = (plan(text(QUOTA, ROWS, "")), plan(text(QUOTA, ROWS, FROM_ANSWER)));
    let lines = plan(text(QUOTA, "    framing: ndjson\n", ""));
    let many = |value: &str| vec![value; 4_000_000 / value.len()].join(",");
    let unread = format!(r#"{{"rows":[],"junk":[{}]}}"#, many(r#"{"a":0}"#));
    // Larger responses are parsed on another thread, whose allocations are not counted.
    let small = format!(r#"{{"rows":[],"junk":[{}]}}"#, vec![r#"{"a":0}"#; 110_000].join(","));
    assert!(small.len() < 1024 * 1024);
    let row = |data: &str| format!(r#"{{"name":"example.com","type":"A","data":[{}]}}"#, many(data));
    let ordinary = r#"{"name":"example.com","type":"A","data":"192.0.2.1","first":1700000000}"#;
    for (plan, body, kind) in [
        (&plain, small, OutcomeKind::Empty),
        (&plain, unread.clone(), OutcomeKind::Empty),
        (&tree, unread, OutcomeKind::Empty),
        (&tree, format!(r#"{{"rows":[{}]}}"#, many(r#"{"a":0}"#)), OutcomeKind::Failed),
        (&tree, format!(r#"{{"rows":[{}]}}"#, many(r#"{"name":0}"#)), OutcomeKind::Failed),
        (&tree, format!(r#"{{"rows":[],"sensor":[{}]}}"#, many("0")), OutcomeKind::Failed),
        (&plain, format!(r#"{{"rows":[{}]}}"#, row("[]")), OutcomeKind::Failed),
        (&plain, format!(r#"{{"rows":[{}]}}"#, row(r#""""#)), OutcomeKind::Failed),
        (&lines, row("{}"), OutcomeKind::Failed),
        (&tree, format!(r#"{{"rows":[{}]}}"#, many(ordinary)), OutcomeKind::Ok),
    ] {
        let length = body.len() as u64;
        let answers = [("answer".to_owned(), vec![body.into_bytes()])];
        let mut report = None;
        let input = Input { trace: false, ..input(plan, unset) };
        let cost = allocation_counter::measure(|| {
            report = Some(map_stored(plan, &plan.lookups[0], None, input, answers, now()));
        });
        let outcome = report.expect("a report").outcome;
        assert_eq!(outcome.kind, kind, "{outcome}");
        assert!(cost.bytes_max <= 13 * length + (32 << 20), "{} octets for {length}: {outcome}", cost.bytes_max);
    }
}

#[test]
fn repeated_key_on_the_way_to_the_rows_is_invalid() {
    let row = r#"{"name":"example.com","type":"A","data":"192.0.2.1"}"#;
    let records = |at: &str| format!("    records: {at}\n");
    let map = "[{ at: $.rows, is: map }]";
    for (at, body, is_valid) in [
        ("$.rows", r#"{"rows":[ROW],"x":1}"#, true),
        ("$.rows", r#"{"rows":[ROW],"x":1,"x":2}"#, true),
        ("$.rows", r#"{"rows":[ROW],"x":1,"rows":[]}"#, false),
        ("$.rows", r#"{"rows":[],"rows":[ROW]}"#, false),
        ("$.rows", r#"{"rows":null,"rows":[ROW]}"#, false),
        ("$.rows", r#"{"rows":[ROW],"r\u006fws":null}"#, false),
        ("$.a.rows", r#"{"a":{"rows":[ROW]},"rows":1,"rows":2}"#, true),
        ("$.a.rows", r#"{"a":{"rows":[ROW]},"a":{}}"#, false),
        ("$.a.rows", r#"{"a":{"rows":[ROW],"rows":[]}}"#, false),
        (map, r#"{"rows":{"k":ROW,"l":ROW}}"#, true),
        (map, r#"{"rows":{"k":ROW,"k":{}}}"#, false),
        ("[{ at: $.groups }, { at: $.rows }]", r#"{"groups":[{"rows":[ROW],"x":1,"x":1}]}"#, true),
        ("[{ at: $.groups }, { at: $.rows }]", r#"{"groups":[{"rows":[ROW],"rows":[]}]}"#, false),
        ("[{ at: $.groups, is: one-or-many }]", r#"{"groups":ROW,"groups":[]}"#, false),
    ] {
        for fields in ["", FROM_ANSWER] {
            let report = live(&plan(text(QUOTA, &records(at), fields)), &body.replace("ROW", row));
            let outcome = report.outcome.to_string();
            assert_eq!(report.outcome.kind == OutcomeKind::Ok, is_valid, "{at} {body}\n{outcome}");
            assert_eq!(outcome.contains("duplicate key"), !is_valid, "{at} {body}\n{outcome}");
        }
    }
    for (body, is_valid) in [(r#"{"rows":[ROW],"total":1}"#, true), (r#"{"rows":[ROW],"total":1,"total":9}"#, false)] {
        let lookup = format!("{ROWS}    paging: {{ kind: none, total: $.total }}\n");
        let report = live(&plan(text(QUOTA, &lookup, "")), &body.replace("ROW", row));
        assert_eq!(report.outcome.kind == OutcomeKind::Ok, is_valid, "{body}\n{}", report.outcome);
    }
}

#[test]
fn stored_responses_that_say_more_exists_are_partial_until_all_are_given() {
    let body = |rows: std::ops::Range<u32>, rest: Value| {
        let row = |number| json!({ "name": "example.com", "type": "A", "data": format!("192.0.2.{number}") });
        let mut body = rest;
        body["rows"] = rows.map(row).collect();
        body.to_string()
    };
    let fewer = "partial: the provider returned 1 of 3 records";
    let more = "partial: the provider has more records than it returned";
    let follow = "partial: more pages follow";
    let (one, two, none) = (0..1, 1..3, 0..0);
    let check = |lookup: &str, bodies: &[String], expected: &str| {
        let plan =
            plan(text("  - { body: { text: nothing here }, means: empty }\n", &format!("{ROWS}    {lookup}\n"), ""));
        let answers = bodies.iter().map(|body| ("answer".to_owned(), vec![body.as_bytes().to_vec()]));
        let outcome = map_stored(&plan, &plan.lookups[0], None, input(&plan, unset), answers, now()).outcome;
        assert_eq!(outcome.to_string(), expected, "{lookup} {bodies:?}");
        if let ([body], true) = (bodies, lookup.contains("none") || lookup.starts_with("trunc")) {
            assert_eq!(live(&plan, body).outcome.kind, outcome.kind, "{lookup} {body}");
        }
    };
    for (lookup, first, last, expected) in [
        ("truncated_when: { at: $.cut }", json!({ "cut": true }), None, more),
        ("paging: { kind: none, total: $.total }", json!({ "total": 3 }), Some(json!({ "total": 3 })), fewer),
        (
            "paging: { kind: page, parameter: p, total: $.total, at_most: 9 }",
            json!({ "total": 3 }),
            Some(json!({ "total": "3" })),
            fewer,
        ),
        (
            "paging: { kind: page, parameter: p, more: $.more, at_most: 9 }",
            json!({ "more": 1 }),
            Some(json!({ "more": false })),
            follow,
        ),
        (
            "paging: { kind: page, parameter: p, last: $.last, at_most: 9 }",
            json!({ "last": 2 }),
            Some(json!({ "last": 2 })),
            follow,
        ),
        (
            "paging: { kind: page, parameter: p, first: 0, last: $.last, at_most: 9 }",
            json!({ "last": 1 }),
            Some(json!({ "last": 1 })),
            follow,
        ),
        (
            "paging: { kind: offset, parameter: p, total: $.total, at_most: 9 }",
            json!({ "total": 3 }),
            Some(json!({})),
            fewer,
        ),
        (
            "paging: { kind: offset, parameter: p, more: $.more, at_most: 9 }",
            json!({ "more": "yes" }),
            Some(json!({})),
            follow,
        ),
        (
            "paging: { kind: next-url, at: $.next, at_most: 9 }",
            json!({ "next": "/names?page=2" }),
            Some(json!({ "next": null })),
            follow,
        ),
        (
            "paging: { kind: cursor, at: $.next, parameter: c, at_most: 9 }",
            json!({ "next": "abc" }),
            Some(json!({ "next": "" })),
            follow,
        ),
    ] {
        let start = body(one.clone(), first.clone());
        check(lookup, std::slice::from_ref(&start), expected);
        // The same response twice is one.
        check(lookup, &[start.clone(), start.clone()], expected);
        if let Some(last) = last {
            let end = body(two.clone(), last);
            check(lookup, &[start.clone(), end.clone()], "ok");
            check(lookup, &[end, start.clone()], "ok");
        }
        if expected == follow {
            check(lookup, &[start.clone(), "nothing here".to_owned()], "ok");
            check(lookup, &[start, body(two.clone(), first)], if lookup.contains("last") { "ok" } else { follow });
        }
    }
    let cap = "paging: { kind: none, cap: 2 }";
    check(cap, &[body(one.clone(), json!({}))], "ok");
    check(cap, &[body(two.clone(), json!({}))], "partial: the provider returned 2 records, its maximum");
    let total = "paging: { kind: none, total: $.total }";
    check(total, &[body(none.clone(), json!({ "total": 3 }))], "empty");
    check(total, &[body(one.clone(), json!({ "total": 1 }))], "ok");
    check(total, &[body(one.clone(), json!({ "total": -1 }))], "ok");
    check(total, &[body(one.clone(), json!({}))], "partial: missing total at `$.total`");
    let invalid = "partial: answer: invalid `$.total`: expected an integer, found `many`";
    check(total, &[body(one, json!({ "total": "many" }))], invalid);
    let page = "paging: { kind: page, parameter: p, total: $.total, at_most: 9 }";
    check(page, &[body(none, json!({ "total": 3 }))], "partial: the provider returned 0 of 3 records");
}

#[test]
fn partial_content_is_not_a_complete_response() {
    let plan = plan(text(QUOTA, ROWS, ""));
    let report = run(&plan, |_| response(206, &[("content-range", "bytes 0-11/9000")], r#"{"rows":[]}"#));
    assert_eq!(report.outcome.kind, OutcomeKind::Failed, "{}", report.outcome);
    assert!(
        report.outcome.to_string().contains("incomplete response (HTTP 206) after 3 attempts"),
        "{}",
        report.outcome
    );
}
