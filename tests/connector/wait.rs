//! What the stand-ins run on, the time they take for themselves, and how tests wait for them: never for a time, always for
//! something.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What the stand-ins run on; tests themselves are plain threads.
pub(super) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
    })
}

/// A port that nothing uses now, nor soon: it is below those that systems give to whoever asks for any.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run beside this one begins elsewhere.
    let first = 12_000 + std::process::id() % 100 * 150;
    loop {
        let port = u16::try_from(first).expect("it is below 27,000") + NEXT.fetch_add(1, Ordering::Relaxed) % 5_000;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// How long a stand-in was at work: what is measured against it does not take that time.
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

/// A machine that does much else takes so many times as long. Waiting ends as soon as what is waited for holds.
const BUSY: u32 = 3;

/// Waits till something holds, and fails with its name if it does not in time.
#[track_caller]
pub(super) fn soon(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit * BUSY, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
