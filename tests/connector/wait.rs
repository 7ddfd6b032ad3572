//! What the stand-ins run on, and how tests wait for them: never for a time, always for something.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What the stand-ins run on; tests themselves are plain threads.
pub(super) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
    })
}

/// A port that nothing uses now.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
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
