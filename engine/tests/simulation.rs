//! Runs against a simulated provider, as the tests of this binary need them.

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::{Input, ProviderState, Report, Request, Response, Run, Step};
use stixmap_engine::stix::Observable;

/// Returns the time at which simulated runs begin.
pub(crate) fn now() -> Timestamp {
    "2024-03-01T00:00:00Z".parse().expect("a time")
}

/// Compiles a valid profile.
pub(crate) fn plan(text: impl Into<String>) -> Plan {
    let (plan, diagnostics) = Plan::check(&Source::new("profile.yaml", text));
    plan.unwrap_or_else(|| {
        let messages: Vec<&str> = diagnostics.iter().map(|found| found.message.as_str()).collect();
        panic!("{messages:?}")
    })
}

/// Returns the input of a run about `example.com` with these settings, one hour before its deadline.
pub(crate) fn input(plan: &Plan, setting: impl Fn(&str) -> Option<String>) -> Input {
    Input {
        observable: Observable::detect("example.com").expect("an observable"),
        markings: vec![],
        settings: Settings::read(&plan.settings, |spec| setting(&spec.name)).expect("valid settings"),
        deadline: now() + SignedDuration::from_hours(1),
        seed: 7,
        trace: true,
    }
}

/// A setting's value where no setting is given.
pub(crate) fn unset(_: &str) -> Option<String> {
    None
}

/// Builds a response.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Response {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Response { status, headers, body: body.into(), cut: None }
}

/// Performs a run of a new process, without settings.
pub(crate) fn run(plan: &Plan, answer: impl FnMut(&Request) -> Response) -> Report {
    run_with(plan, Arc::default(), input(plan, unset), now(), answer)
}

/// Performs a run from this time on; waits take no time.
pub(crate) fn run_with(
    plan: &Plan,
    state: Arc<ProviderState>,
    input: Input,
    mut now: Timestamp,
    mut answer: impl FnMut(&Request) -> Response,
) -> Report {
    let mut run = Run::new(plan, state, input, now);
    loop {
        match run.next(now) {
            Step::Done => return run.finish(),
            Step::Wait(until) => now = until,
            Step::Send(request) => drop(run.accept(Ok(answer(&request)), now)),
        }
    }
}
