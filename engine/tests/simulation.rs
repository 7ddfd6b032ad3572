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

/// A profile of a provider whose rows have a name, a type and data; each part may be extended.
pub(crate) struct Example<'t> {
    /// Lines of further blocks.
    pub(crate) blocks: &'t str,
    /// Further keys of `http`.
    pub(crate) http: &'t str,
    /// Keys of the lookup, on one line or as indented lines.
    pub(crate) lookup: &'t str,
    /// Lines of further fields, and of further keys of `record`.
    pub(crate) record: &'t str,
    /// Lines of the rules.
    pub(crate) rules: &'t str,
}

impl Default for Example<'_> {
    fn default() -> Self {
        let rules = "  - { rrtype: A, source: domain-name, relationship: resolves-to, target: ipv4-addr }\n  - { rrtype: \"*\", drop: of no interest }\n";
        Example { blocks: "", http: "", lookup: "records: $.rows", record: "", rules }
    }
}

impl Example<'_> {
    pub(crate) fn text(&self) -> String {
        let Example { blocks, http, lookup, record, rules } = self;
        let (accepts, path) = ("accepts: [domain-name]", "path: \"/names/{observable.value}\"");
        let lookup = match lookup.starts_with(' ') {
            true => format!("\n    {accepts}\n    {path}\n{lookup}"),
            false => format!(" {{ {accepts}, {path}, {lookup} }}\n"),
        };
        [
            "profile: stixmap/v1\nid: example\nversion: 1.0.0\nname: Example\nsummary: An example.\n",
            &format!("http: {{ base_url: \"https://api.example.net\", {http} }}\n{blocks}"),
            &format!("lookups:\n  names:{lookup}record:\n  fields:\n"),
            "    rrname: { at: $.name, as: string }\n    rrtype: { at: $.type, as: rrtype }\n    rdata: { at: $.data, as: string }\n",
            &format!("{record}rules:\n{rules}relationship: {{ description: \"{{{{ rrtype }}}}\" }}\n"),
            "tlp: { max: \"TLP:GREEN\", unmarked: allow, results: { at_least: \"TLP:GREEN\" } }\nidentity: { name: Example }\n",
        ]
        .concat()
    }
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
