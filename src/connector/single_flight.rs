//! The same message twice at once: a connection that broke off brings again what is still being dealt with, and a worker that
//! waited too long does. The second waits for the first to end, and has nothing left to do if that one did it.

use super::journal::name;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Mutex as Turn;

/// The messages that are being dealt with, by name.
#[derive(Debug, Default)]
pub(super) struct SingleFlight(Mutex<HashMap<String, Arc<Turn<bool>>>>);

impl SingleFlight {
    /// Waits till nobody else deals with the message. Does `work` unless somebody else has done it meanwhile; gives whether it
    /// is done.
    pub(super) async fn once(&self, body: &[u8], work: impl Future<Output = bool>) -> bool {
        let name = name(body);
        let turn = Arc::clone(self.known().entry(name.clone()).or_default());
        let _left = Left { turns: self, name };
        let mut is_done = turn.lock().await;
        if !*is_done {
            *is_done = work.await;
        }
        *is_done
    }

    /// Whether a message of this name is being dealt with.
    pub(super) fn has(&self, name: &str) -> bool {
        self.known().contains_key(name)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Turn<bool>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a message whose last turn ends, however it ends.
struct Left<'t> {
    turns: &'t SingleFlight,
    name: String,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        let mut known = self.turns.known();
        // This one's own, and that of the table.
        if known.get(&self.name).is_some_and(|turn| Arc::strong_count(turn) <= 2) {
            known.remove(&self.name);
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
    async fn what_is_done_is_done_once_and_then_forgotten() {
        let (turns, times) = (SingleFlight::default(), AtomicUsize::new(0));
        let work = |is_done: bool| {
            let times = &times;
            async move {
                yield_now().await;
                times.fetch_add(1, Ordering::Relaxed);
                is_done
            }
        };
        assert_eq!(join(turns.once(b"a", work(true)), turns.once(b"a", work(true))).await, (true, true));
        assert_eq!(times.swap(0, Ordering::Relaxed), 1);
        assert_eq!(join(turns.once(b"a", work(false)), turns.once(b"a", work(false))).await, (false, false));
        assert_eq!(times.swap(0, Ordering::Relaxed), 2, "what was not done is tried by the next");
        assert_eq!(join(turns.once(b"a", work(true)), turns.once(b"b", work(true))).await, (true, true));
        assert_eq!(times.load(Ordering::Relaxed), 2);
        assert!(turns.known().is_empty());
    }
}
