//! Processes concurrent deliveries of the same message once: after a broken connection, or when a worker times out, a message is
//! redelivered while it is still processed. The second delivery waits for the first, and is skipped if that one succeeded.

use super::journal::name;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Mutex as AsyncMutex;

/// The messages that are being processed, by name.
#[derive(Debug, Default)]
pub(super) struct SingleFlight(Mutex<HashMap<String, Arc<AsyncMutex<bool>>>>);

impl SingleFlight {
    /// Waits until no other task processes the message, then runs `work` unless another task succeeded meanwhile. Returns whether
    /// the message is done.
    pub(super) async fn once(&self, body: &[u8], work: impl Future<Output = bool>) -> bool {
        let name = name(body);
        let lock = Arc::clone(self.in_progress().entry(name.clone()).or_default());
        let _cleanup = Cleanup { flights: self, name };
        let mut is_done = lock.lock().await;
        if !*is_done {
            *is_done = work.await;
        }
        *is_done
    }

    /// Returns whether a message with this name is being processed.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.in_progress().contains_key(name)
    }

    fn in_progress(&self) -> MutexGuard<'_, HashMap<String, Arc<AsyncMutex<bool>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the message when its last task ends or is cancelled.
struct Cleanup<'t> {
    flights: &'t SingleFlight,
    name: String,
}

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        let mut in_progress = self.flights.in_progress();
        // One reference is this task's, the other the map's.
        if in_progress.get(&self.name).is_some_and(|lock| Arc::strong_count(lock) <= 2) {
            in_progress.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::task::yield_now;

    #[tokio::test]
    async fn concurrent_work_runs_once_and_is_removed() {
        let (flights, times) = (SingleFlight::default(), AtomicUsize::new(0));
        let work = |is_done: bool| {
            let times = &times;
            async move {
                yield_now().await;
                times.fetch_add(1, Ordering::Relaxed);
                is_done
            }
        };
        assert_eq!(join(flights.once(b"a", work(true)), flights.once(b"a", work(true))).await, (true, true));
        assert_eq!(times.swap(0, Ordering::Relaxed), 1);
        assert_eq!(join(flights.once(b"a", work(false)), flights.once(b"a", work(false))).await, (false, false));
        assert_eq!(times.swap(0, Ordering::Relaxed), 2, "the next task retries");
        assert_eq!(join(flights.once(b"a", work(true)), flights.once(b"b", work(true))).await, (true, true));
        assert_eq!(times.load(Ordering::Relaxed), 2);
        assert!(flights.in_progress().is_empty());
    }
}
