//! Async runtime of the mocks, free ports, and waiting for conditions: tests never wait for a fixed time.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Returns the runtime of the mocks; tests themselves are plain threads.
pub(super) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
    })
}

/// Returns an unused port below the ephemeral port range.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Concurrent test runs use different ranges.
    let first = 12_000 + std::process::id() % 100 * 150;
    loop {
        let port = u16::try_from(first).expect("it is below 27,000") + NEXT.fetch_add(1, Ordering::Relaxed) % 5_000;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// Processing time of a mock, which benchmarks subtract.
#[derive(Debug, Default)]
pub(super) struct Busy(AtomicU64);

impl Busy {
    pub(super) fn since(&self, begun: Instant) {
        let nanoseconds = u64::try_from(begun.elapsed().as_nanos()).expect("less than centuries");
        self.0.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    #[allow(dead_code, reason = "`benches/connector.rs` measures with it")]
    pub(super) fn time(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Factor on time limits for a loaded machine. Waiting ends as soon as the condition holds.
const LOAD_FACTOR: u32 = 3;

/// Waits until a condition holds; panics with its description after the limit.
#[track_caller]
pub(super) fn soon(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit * LOAD_FACTOR, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
