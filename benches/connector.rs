//! Measures speed and memory of the connector, compared with a pycti connector that does the same work: `cargo bench`.
//! Both use the mock services of the tests on this machine; absolute figures depend on the machine. `cargo bench
//! --bench connector -- pycti` measures one of them.

#[path = "../tests/support.rs"]
#[allow(dead_code, reason = "other parts are used by the tests")]
mod support;

#[path = "../tests/connector/measured.rs"]
#[allow(dead_code, reason = "other parts are used by the tests")]
mod connector;

use connector::entity::Entity;
use connector::platform::{NEWEST, Platform, Status, TOKEN};
use connector::program::{Program, python};
use connector::provider::{Answer, Provider};
use std::process::Command;
use std::time::{Duration, Instant};

/// The program's own allocator: the mock services share the machine with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ID: &str = "6f1a1c6e-2f7b-4b50-9d3e-000000000003";
const RUNS: usize = 9;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!(
        "{:10} {:>10} {:>8} {:>10} {:>10} {:>12} {:>10} {:>8} {:>8}",
        "", "start", "idle", "10 records", "mocks", "5000 records", "mocks", "after", "peak"
    );
    for (name, command) in [("stixmap", stixmap as fn() -> Command), ("pycti", || python("peer.py"))] {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            measure(name, command);
        }
    }
}

fn stixmap() -> Command {
    support::stixmap(&["connector"])
}

fn measure(name: &str, command: fn() -> Command) {
    let platform = Platform::new(NEWEST);
    let count = |about: &str| if about.starts_with("many") { 5_000 } else { 10 };
    let provider = Provider::answering(move |about, _| Answer::Records(count(about)));
    // Work ids are equal in each run, so each needs its own journal.
    let journal = tempfile::tempdir().expect("a folder");
    let start = || {
        let mut command = command();
        command
            .env("STIXMAP_PROFILE", "riskiq")
            .env("OPENCTI_URL", platform.url())
            .env("OPENCTI_TOKEN", TOKEN)
            .env("CONNECTOR_ID", ID)
            .env("CONNECTOR_NAME", "Measured")
            .env("CONNECTOR_LOG_LEVEL", "error")
            .env("CONNECTOR_TYPE", "INTERNAL_ENRICHMENT")
            .env("CONNECTOR_SCOPE", "Domain-Name")
            .env("RISKIQ_USERNAME", "user")
            .env("RISKIQ_API_KEY", "key")
            .env("RISKIQ_API_BASE_URL", &provider.url)
            .env("CONNECTOR_JOURNAL_PATH", journal.path())
            .env("PEER_PROVIDER", &provider.url);
        let begun = Instant::now();
        let program = Program::start(command);
        platform.await_consumer(ID);
        (program, begun.elapsed())
    };
    let starts = (0..RUNS).map(|_| {
        let (mut program, took) = start();
        program.kill();
        platform.await_no_consumer(ID);
        took
    });
    let starts = median(starts.collect());
    let (program, _) = start();
    let idle = program.memory("VmRSS");
    let enriched = |about: &str| -> (Duration, Duration) {
        let runs = (0..RUNS).map(|n| enrichment(&platform, &provider, &format!("{about}{n}.example.com")));
        let (whole, theirs) = runs.unzip();
        (median(whole), median(theirs))
    };
    let ((few, few_theirs), (many, many_theirs)) = (enriched("few"), enriched("many"));
    let (after, peak) = (program.memory("VmRSS"), program.memory("VmHWM"));
    let figures = [idle, after, peak].map(|bytes| format!("{:.1} MB", bytes as f64 / 1e6));
    let [idle, after, peak] = figures;
    println!(
        "{name:10} {starts:>10.1?} {idle:>8} {few:>10.1?} {few_theirs:>10.1?} {many:>12.1?} {many_theirs:>10.1?} {after:>8} {peak:>8}"
    );
}

/// Time from the message in the queue to the completed work, including the import; and the share of the mock services:
/// the responses of both, and the same messages from the broker to the worker without a connector.
fn enrichment(platform: &Platform, provider: &Provider, name: &str) -> (Duration, Duration) {
    let entity = platform.add(Entity::domain(name));
    let (busy, begun) = (platform.busy() + provider.busy(), Instant::now());
    let id = platform.enrich(ID, &entity);
    let work = platform.await_complete(&id);
    assert!(work.status == Status::Complete && work.errors.is_empty(), "{:?}", work.errors);
    let whole = work.completed.expect("it is complete").duration_since(begun);
    let answers = platform.busy() + provider.busy() - busy;
    (whole, answers + platform.push_again(ID, &id))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
