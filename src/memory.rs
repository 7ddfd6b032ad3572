//! Memory budget for responses, shared by all deliveries of the process. Large responses wait until enough is free. A
//! delivery waits once, before it holds any of the budget, and for all that it may need: deliveries that wait never
//! block each other.

use std::sync::Arc;
use std::time::Duration;
use stixmap_engine::run::value_memory;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Minimum and maximum budget in MiB.
pub(crate) const MIN_BUDGET: u64 = 8;
pub(crate) const MAX_BUDGET: u64 = 1024 * 1024;

/// Maximum size in bytes of responses that never wait.
const SMALL: u64 = 256 * 1024;

/// Default number of concurrent deliveries.
pub(crate) const CONCURRENCY: u64 = 4;

/// Memory of an idle process including the reserve of the allocator, in MiB.
const IDLE: u64 = 64;

/// Granularity of container memory limits in MiB.
const STEP: u64 = 32;

/// Returns the default budget in MiB for a maximum response size in bytes.
pub(crate) fn default_budget(largest: u64) -> u64 {
    mib(needed(largest))
}

/// Memory for the objects of a response, as a multiple of its size: measured at a row with a list of short values.
const GRAPH: u64 = 5;

/// Returns the maximum memory in bytes for a response of this size while it is read, mapped and sent: its text, the values
/// that the engine permits, and the objects.
fn needed(octets: u64) -> u64 {
    let size = usize::try_from(octets).unwrap_or(usize::MAX);
    octets.saturating_mul(1 + GRAPH).saturating_add(value_memory(size) as u64)
}

/// Returns the memory limit in MiB of a process with this budget in MiB, number of concurrent deliveries, and maximum
/// response size in bytes. A response that exceeds the budget is processed alone.
pub(crate) fn limit(budget: u64, concurrency: u64, largest: u64) -> u64 {
    let needed = IDLE + mib(concurrency * needed(SMALL)) + budget.max(default_budget(largest));
    needed.next_multiple_of(STEP)
}

fn mib(octets: u64) -> u64 {
    octets.div_ceil(1 << 20)
}

/// The budget that all deliveries of the process share.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    /// Available permits, one per KiB.
    free: Arc<Semaphore>,
    all: u32,
}

impl Budget {
    /// Creates a budget of `mib` MiB.
    pub(crate) fn new(mib: u64) -> Budget {
        let all = u32::try_from(mib * 1024).unwrap_or(u32::MAX);
        Budget { free: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// Creates the share of a delivery that already holds this many bytes of responses.
    pub(crate) fn share(&self, octets: usize) -> Share {
        Share { budget: Some(self.clone()), before: octets as u64, now: 0, is_last: false, held: None }
    }
}

/// The part of the budget that one delivery holds.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Option<Budget>,
    /// Bytes of earlier responses, whose data may still be held.
    before: u64,
    /// Bytes of the current response.
    now: u64,
    /// Whether the current response is the last one.
    is_last: bool,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Creates a share without a limit.
    pub(crate) fn unlimited() -> Share {
        Share { budget: None, before: 0, now: 0, is_last: false, held: None }
    }

    /// Starts the next response.
    pub(crate) fn begin(&mut self, is_last: bool) {
        self.before += self.now;
        (self.now, self.is_last) = (0, is_last);
    }

    /// Reserves memory for a response of known size in bytes. Returns the waiting time.
    pub(crate) async fn announce(&mut self, octets: u64) -> Duration {
        let known = self.is_last.then(|| self.before + octets);
        self.wait(octets, known).await
    }

    /// Reserves memory for the bytes received so far. Returns the waiting time.
    pub(crate) async fn hold(&mut self, octets: usize) -> Duration {
        self.now = octets as u64;
        self.wait(self.now, None).await
    }

    /// Waits for memory, unless some is held already or the responses are small: for the `known` need, or for the whole
    /// budget. A reservation that proves too small is never increased, because another delivery may wait for this one
    /// then.
    async fn wait(&mut self, octets: u64, known: Option<u64>) -> Duration {
        let Some(budget) = self.budget.as_ref().filter(|_| self.held.is_none() && self.before + octets > SMALL) else {
            return Duration::ZERO;
        };
        let begun = Instant::now();
        let wanted = known.map_or(budget.all, |octets| budget.cost(octets));
        let held = Arc::clone(&budget.free).acquire_many_owned(wanted).await;
        self.held = Some(held.expect("the semaphore is never closed"));
        begun.elapsed()
    }

    /// Releases memory that the responses turned out not to need, if no more follow.
    pub(crate) fn settle(&mut self) {
        let (Some(budget), Some(held)) = (&self.budget, &mut self.held) else { return };
        let needed = if self.is_last { budget.cost(self.before + self.now) } else { budget.all };
        drop(held.split(held.num_permits().saturating_sub(needed as usize)));
    }
}

impl Budget {
    /// Returns the cost of this many bytes in KiB, at most the whole budget.
    fn cost(&self, octets: u64) -> u32 {
        u32::try_from(needed(octets).div_ceil(1024)).unwrap_or(u32::MAX).min(self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::task::yield_now;

    const MIB: u64 = 1 << 20;

    #[test]
    fn limit_covers_budget_and_concurrency() {
        for (budget, concurrency, largest, expected) in [
            (128, 4, 32 * MIB, 704),
            (128, 256, 32 * MIB, 2848),
            // A response that exceeds the budget is processed all the same.
            (16, 4, 32 * MIB, 704),
            (1024, 4, 32 * MIB, 1152),
            (4, 1, MIB, 96),
        ] {
            assert_eq!(limit(budget, concurrency, largest), expected);
        }
        assert_eq!(default_budget(32 * MIB), 580);
    }

    #[test]
    fn small_responses_never_wait_and_large_ones_do() {
        let budget = Budget::new(8);
        let (mut large, mut small, mut other) = (budget.share(0), budget.share(0), budget.share(0));
        large.begin(true);
        assert!(large.announce(2 * MIB).now_or_never().is_some());
        assert!(small.hold(SMALL as usize).now_or_never().is_some());
        other.begin(true);
        assert!(other.announce(MIB).now_or_never().is_none(), "there is no room for both");
        drop(large);
        assert!(other.announce(MIB).now_or_never().is_some());
    }

    #[test]
    fn unneeded_memory_is_released() {
        let budget = Budget::new(32);
        let mut unknown = budget.share(0);
        unknown.begin(true);
        assert!(unknown.hold(MIB as usize).now_or_never().is_some());
        assert_eq!(budget.free.available_permits(), 0, "a response of unknown size reserves everything");
        unknown.settle();
        assert_eq!(budget.free.available_permits(), (32 - 22) * 1024);
        unknown.begin(false);
        unknown.settle();
        assert_eq!(budget.free.available_permits(), (32 - 22) * 1024);
        drop(unknown);
        assert_eq!(budget.free.available_permits(), 32 * 1024);
    }

    /// Receives responses in chunks, some with a known size; records the maximum held by all at once.
    async fn delivery(budget: Budget, answers: Vec<(u64, bool)>, held: &AtomicU64, most: &AtomicU64) {
        let (mut share, mut mine) = (budget.share(0), 0);
        for (index, (octets, is_known)) in answers.iter().enumerate() {
            share.begin(index + 1 == answers.len());
            if *is_known {
                share.announce(*octets).await;
            }
            for end in (1..=4).map(|part| octets * part / 4) {
                share.hold(end as usize).await;
            }
            mine += octets;
            let all = held.fetch_add(*octets, Ordering::Relaxed) + octets;
            most.fetch_max(all, Ordering::Relaxed);
            yield_now().await;
        }
        held.fetch_sub(mine, Ordering::Relaxed);
    }

    proptest! {
        #[test]
        fn all_deliveries_complete_within_the_budget(
            deliveries in prop::collection::vec(prop::collection::vec((0..3 * MIB, any::<bool>()), 1..4), 1..12),
        ) {
            let (budget, held, most) = (Budget::new(8), AtomicU64::new(0), AtomicU64::new(0));
            let count = deliveries.len() as u64;
            let largest = deliveries.iter().map(|answers| answers.iter().map(|(octets, _)| octets).sum::<u64>()).max();
            let all = join_all(deliveries.into_iter().map(|answers| delivery(budget.clone(), answers, &held, &most)));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            let ended = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), all).await });
            prop_assert!(ended.is_ok(), "a delivery never completes");
            // Small responses never wait, and one that exceeds the budget has it alone.
            let allowed = MIB.max(largest.unwrap_or(0)) + count * SMALL;
            prop_assert!(most.load(Ordering::Relaxed) <= allowed, "{most:?} of {allowed}");
        }
    }
}
