//! Validation of paging by parts of the window.

use crate::simulation::Example;
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::Plan;

const BOTH: &str = "query: { since: { from: window.start, format: epoch-seconds }, until: { from: window.end, format: epoch-seconds } }";

fn check(lookup: &str, expected: &[&str]) {
    let text = Example { blocks: "window: { last: P30D }\n", lookup, ..Example::default() }.text();
    let (_, diagnostics) = Plan::check(&Source::new("profile.yaml", text));
    let labels: Vec<&str> = diagnostics.iter().map(|found| found.labels[0].text.as_str()).collect();
    assert_eq!(labels, expected, "{lookup}");
}

#[test]
fn window_paging_requires_both_ends_and_a_limit() {
    let paging = |keys: &str| format!("records: $.rows, paging: {{ kind: window, at_most: 9, {keys} }}");
    let capped = paging("cap: 5");
    let ends = "no request contains both `window.start` and `window.end`";
    check(&format!("query: {{ since: {{ from: window.start, format: epoch-seconds }} }}, {capped}"), &[ends]);
    check(
        &format!("headers: {{ X-Until: \"{{window.end:%F}}\", X-Since: \"{{window.start:days-back}}\" }}, {capped}"),
        &[],
    );
    let distance = "use a time format for `window.end`, or `open_end: true`";
    for format in ["days-back", "seconds-back", "negative-seconds"] {
        let in_query = format!(
            "query: {{ since: {{ from: window.start, format: {format} }}, until: {{ from: window.end, format: {format} }} }}"
        );
        check(&format!("{in_query}, {capped}"), &[distance]);
        check(&format!("{in_query}, {}", paging("cap: 5, open_end: true")), &[]);
        let in_form = format!("method: POST, form: {{ a: \"{{window.start:%F}}\", b: \"{{window.end:{format}}}\" }}");
        check(&format!("{in_form}, {capped}"), &[distance]);
    }
    check(&format!("method: POST, form: {{ a: \"{{window.start:%F}}\", b: \"{{window.end:%F}}\" }}, {capped}"), &[]);
    check(&format!("method: POST, body: {{ a: [\"{{window.start:%F}}\", \"{{window.end:%F}}\"] }}, {capped}"), &[]);
    check(&format!("{BOTH}, {capped}"), &[]);
    check(&format!("{BOTH}, {}", paging("total: $.total")), &[]);
    check(&format!("{BOTH}, {}", paging("total_header: X-Total, open_end: true")), &[]);
    check(&format!("{BOTH}, {}", paging("")), &["missing `cap`, `total` or `total_header`"]);
    check(&format!("{BOTH}, truncated_when: {{ at: $.cut }}, {}", paging("")), &[]);
    check(&format!("{BOTH}, framing: saf, paging: {{ kind: window, at_most: 9 }}"), &[]);
    check(
        &format!("{BOTH}, {}", paging("total: $.total, total_header: X-Total")),
        &["requires either `total` or `total_header`"],
    );
    let open = paging("cap: 5, open_end: true");
    let in_body = "method: POST, body: { a: \"{window.start:%F}\", b: \"{window.end:%F}\" }";
    check(&format!("{in_body}, {open}"), &["`window.end` is part of a text, which cannot be omitted"]);
    let job = "job: { id: $.job, poll: \"/jobs/{job}\", pending_status: 202, every: PT1S, at_most: 9 }";
    check(&format!("{BOTH}, {job}, {capped}"), &["each part would need a job of its own"]);
}
