//! Waits and quotas are limited: a provider is queried again after `longest_wait` at the latest, an exhausted quota is
//! probed again, and an unreadable one does not block requests.

use crate::simulation::{Example, input, now, response, run_with, unset};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;
use stixmap_engine::diagnostic::Severity;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::{Input, OutcomeKind, ProviderState, Report, Response};

const ANSWERS: &str = "answers:
  - { status: 402, means: quota, retry_after: { at: $.reset, as: epoch-seconds } }
  - { status: 403, means: throttled, retry_after: { at: $.wait, as: minutes } }
";

const HEADERS: &str = "headers: { remaining: x-left, reset: { header: x-reset, as: seconds } }";
const PROBE: &str = "probe: { path: /account, remaining: $.left, reset: { at: $.reset, as: timestamp, format: epoch-seconds }, every: PT5M }";

fn plan(quota: &[&str]) -> Plan {
    let keys: String = quota.iter().map(|key| format!("  {key}\n")).collect();
    let quota = if quota.is_empty() { String::new() } else { format!("quota:\n{keys}") };
    crate::simulation::plan(Example { blocks: &format!("{quota}{ANSWERS}"), ..Example::default() }.text())
}

fn after(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

/// A provider's response to each path, and the requests it received.
struct Provider<'a> {
    account: Arc<ProviderState>,
    answer: &'a dyn Fn(&str) -> Response,
}

impl<'a> Provider<'a> {
    fn new(answer: &'a dyn Fn(&str) -> Response) -> Self {
        Self { account: Arc::new(ProviderState::default()), answer }
    }

    /// Performs one run; returns the requested paths and the report.
    fn run(&self, plan: &Plan, start: Timestamp) -> (Vec<String>, Report) {
        let input = Input { deadline: start + SignedDuration::from_mins(1), ..input(plan, unset) };
        let mut asked = vec![];
        let report = run_with(plan, Arc::clone(&self.account), input, start, |request| {
            let path = request.url.expose().trim_start_matches("https://api.example.net").to_owned();
            let response = (self.answer)(&path);
            asked.push(path);
            response
        });
        (asked, report)
    }
}

const NOTHING: &str = r#"{"rows":[]}"#;
const NAMES: &str = "/names/example.com";

/// Waits of any duration, in all notations.
fn named_wait() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..200_000_i64).prop_map(|seconds| seconds.to_string()),
        select(&["99999999999", "9223372036854775807", "18446744073709551616", "1e300", "-1"][..])
            .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        select(&["Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59Z", "5195-01-01T00:00:00Z"][..])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn wait_of_any_length_ends_within_longest_wait(
        wait in named_wait(), place in 0..6_usize, longest in prop::option::of(1..2_000_i64),
    ) {
        let limit = longest.map(|minutes| format!("longest_wait: PT{minutes}M"));
        let keys: Vec<&str> = limit.as_deref().into_iter().chain((place == 4).then_some(HEADERS)).chain((place == 5).then_some(PROBE)).collect();
        let plan = plan(&keys);
        let answer = |path: &str| match place {
            0 => response(429, &[("retry-after", &wait)], ""),
            1 => response(503, &[("retry-after", &wait)], ""),
            2 => response(402, &[], format!(r#"{{"reset":"{wait}"}}"#)),
            3 => response(403, &[], format!(r#"{{"wait":"{wait}"}}"#)),
            4 => response(200, &[("x-left", "0"), ("x-reset", &wait)], NOTHING),
            _ if path == "/account" => response(200, &[], format!(r#"{{"left":0,"reset":"{wait}"}}"#)),
            _ => response(200, &[], NOTHING),
        };
        let provider = Provider::new(&answer);
        let longest = longest.unwrap_or(24 * 60);
        let (_, report) = provider.run(&plan, now());
        prop_assert!(report.outcome.until.is_none_or(|until| until <= after(longest + 1)), "{:?}", report.outcome);
        // The wait is over, and the provider is queried.
        let (asked, _) = provider.run(&plan, after(longest + 1));
        prop_assert!(!asked.is_empty());
    }

    #[test]
    fn unreadable_probe_does_not_block_requests(
        status in select(&[200_u16, 204, 302, 400, 404][..]),
        body in prop_oneof![r#"[\[\]{}":,a-z0-9]{0,12}"#, r#"\{"left":(null|"[a-z]{1,4}"|\[\]|\{\}|true|"")\}"#],
    ) {
        prop_assume!(!body.contains("none"));
        let answer = |path: &str| match path {
            "/account" => response(status, &[], body.as_str()),
            _ => response(200, &[], NOTHING),
        };
        let (plan, provider) = (plan(&[PROBE]), Provider::new(&answer));
        for (run, minutes, paths) in [(1, 0, &["/account", NAMES][..]), (2, 1, &[NAMES]), (3, 6, &["/account", NAMES])] {
            let (asked, report) = provider.run(&plan, after(minutes));
            prop_assert_eq!(&asked, paths, "run {}", run);
            prop_assert_eq!(report.outcome.kind, OutcomeKind::Empty);
            let diagnostics: Vec<_> = report.diagnostics.iter().map(|found| (found.severity, found.message.as_str())).collect();
            prop_assert_eq!(diagnostics, [(Severity::Warning, "remaining quota unknown; not enforced")], "run {}", run);
        }
    }
}

#[test]
fn exhausted_quota_is_probed_again_before_its_reset() {
    let left = std::cell::Cell::new(0);
    let answer = |path: &str| match path {
        "/account" => response(200, &[], format!(r#"{{"left":{},"reset":"1711929600"}}"#, left.get())),
        _ => response(200, &[], NOTHING),
    };
    let (plan, provider) = (plan(&[PROBE]), Provider::new(&answer));
    let (asked, report) = provider.run(&plan, now());
    assert_eq!((asked, report.outcome.kind), (vec!["/account".to_owned()], OutcomeKind::Deferred));
    assert_eq!(report.outcome.until, Some(after(24 * 60)));
    // The quota is known and not probed again.
    assert_eq!(provider.run(&plan, after(4)).0, Vec::<String>::new());
    assert_eq!(provider.run(&plan, after(5)).0, ["/account"]);
    left.set(100);
    let (asked, report) = provider.run(&plan, after(11));
    assert_eq!((asked, report.outcome.kind), (vec!["/account".to_owned(), NAMES.to_owned()], OutcomeKind::Empty));
}

#[test]
fn probe_does_not_end_a_requested_wait() {
    let answer = |path: &str| match path {
        "/account" => response(200, &[], r#"{"left":100}"#),
        _ => response(429, &[("retry-after", "3600")], ""),
    };
    let (plan, provider) = (plan(&[PROBE]), Provider::new(&answer));
    assert_eq!(provider.run(&plan, now()).0, ["/account", NAMES]);
    assert_eq!(provider.run(&plan, after(30)).0, Vec::<String>::new());
    assert_eq!(provider.run(&plan, after(61)).0, ["/account", NAMES]);
}

#[test]
fn readable_probe_is_enforced_again() {
    let body = std::cell::RefCell::new("<html>");
    let answer = |path: &str| match path {
        "/account" => response(200, &[], *body.borrow()),
        _ => response(200, &[], NOTHING),
    };
    let (plan, provider) = (plan(&[PROBE]), Provider::new(&answer));
    assert_eq!(provider.run(&plan, now()).1.diagnostics.len(), 1);
    body.replace(r#"{"left":0}"#);
    assert_eq!(provider.run(&plan, after(6)).1.outcome.kind, OutcomeKind::Deferred);
    body.replace(r#"{"left":1}"#);
    let (asked, report) = provider.run(&plan, after(12));
    assert_eq!((asked.len(), report.diagnostics.len()), (2, 0));
}

#[test]
fn least_of_several_quota_headers_decides() {
    const TWO: &str = "headers: [{ remaining: x-minute, reset: { header: x-minute-reset, as: seconds } }, { remaining: x-day, reset: { header: x-day-reset, as: seconds } }]";
    const RESETS: [(&str, &str); 2] = [("x-minute-reset", "60"), ("x-day-reset", "7200")];
    let minute = Some(after(1));
    let day = Some(after(120));
    // Values of two headers, the remaining quota, and the end of the wait.
    type Headers = &'static [(&'static str, &'static str)];
    let rows: [(Headers, Option<i64>, Option<Timestamp>); 11] = [
        (&[("x-minute", "3"), ("x-day", "900")], Some(3), None),
        (&[("x-minute", "30"), ("x-day", "2")], Some(2), None),
        (&[("x-minute", "0"), ("x-day", "900")], Some(0), minute),
        (&[("x-minute", "5"), ("x-day", "0")], Some(0), day),
        (&[("x-minute", "0"), ("x-day", "0")], Some(0), day),
        (&[("x-day", "0")], Some(0), day),
        (&[("x-minute", "0"), ("x-day", "no figure")], Some(0), minute),
        (&[("x-minute", "5, 0"), ("x-day", "900")], Some(0), minute),
        (&[("x-minute", "5"), ("x-minute", "1")], Some(1), None),
        (&[("x-minute", "0;w=60"), ("x-day", "900;w=86400")], Some(0), minute),
        (&[("x-minute", "5;w=60, 7 ; w=3600")], Some(5), None),
    ];
    let plan = plan(&[TWO]);
    for (figures, left, until) in rows {
        let headers: Vec<(&str, &str)> = figures.iter().copied().chain(RESETS).collect();
        let answer = |_: &str| response(200, &headers, NOTHING);
        let provider = Provider::new(&answer);
        assert_eq!(provider.run(&plan, now()).1.outcome.kind, OutcomeKind::Empty, "{figures:?}");
        assert_eq!(provider.account.remaining(), left, "{figures:?}");
        let (asked, report) = provider.run(&plan, now());
        assert_eq!((asked.is_empty(), report.outcome.until), (until.is_some(), until), "{figures:?}");
    }
}

#[test]
fn dense_quota_response_is_not_read() {
    let dense = format!(r#"{{"left":1,"x":[{}0]}}"#, "[],".repeat(200_000));
    let answer = |path: &str| match path {
        "/account" => response(200, &[], dense.as_str()),
        _ => response(200, &[], NOTHING),
    };
    let (plan, provider) = (plan(&[PROBE]), Provider::new(&answer));
    let (_, report) = provider.run(&plan, now());
    let messages: Vec<_> = report.diagnostics.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(messages, ["remaining quota unknown; not enforced"]);
}
