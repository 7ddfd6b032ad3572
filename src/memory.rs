//! How much memory answers may take, all of a process together. Large ones wait for their turn. A delivery waits once, before
//! it holds any of the budget, and for all that it may need: so none waits for another that waits too.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The least budget and the largest, in MiB.
pub(crate) const LEAST_BUDGET: u64 = 8;
pub(crate) const MOST_BUDGET: u64 = 1024 * 1024;

/// What an answer takes while it is read, mapped and sent: so many times its octets.
const FACTOR: u64 = 8;

/// The octets of answers that need no turn.
const SMALL: u64 = 256 * 1024;

/// How many deliveries there are at once, where the operator does not say.
pub(crate) const CONCURRENCY: u64 = 4;

/// The memory of a process without answers, with what the allocator keeps, in MiB.
const IDLE: u64 = 64;

/// Limits are multiples of this, in MiB.
const STEP: u64 = 32;

/// The budget of a process whose largest answer has so many octets, where the operator names none; in MiB.
pub(crate) fn default_budget(largest: u64) -> u64 {
    mib(largest * FACTOR)
}

/// The memory that a process needs, in MiB: with a budget in MiB, so many deliveries at once, and a largest answer of so many
/// octets. One that exceeds the budget is dealt with alone.
pub(crate) fn limit(budget: u64, concurrency: u64, largest: u64) -> u64 {
    let needed = IDLE + mib(concurrency * SMALL * FACTOR) + budget.max(default_budget(largest));
    needed.next_multiple_of(STEP)
}

fn mib(octets: u64) -> u64 {
    octets.div_ceil(1 << 20)
}

/// The budget that all deliveries of a process share.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    /// In KiB.
    free: Arc<Semaphore>,
    all: u32,
}

impl Budget {
    /// A budget in MiB.
    pub(crate) fn new(mib: u64) -> Budget {
        let all = u32::try_from(mib * 1024).unwrap_or(u32::MAX);
        Budget { free: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// The share of a delivery that holds so many octets already.
    pub(crate) fn share(&self, octets: usize) -> Share {
        Share { budget: Some(self.clone()), before: octets as u64, now: 0, is_last: false, held: None }
    }
}

/// What one delivery holds of the budget.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Option<Budget>,
    /// The octets of earlier answers, of which what they said may be held.
    before: u64,
    /// Those of this one.
    now: u64,
    /// Whether no answer follows this one.
    is_last: bool,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// The share of somebody who shares with nobody.
    pub(crate) fn unlimited() -> Share {
        Share { budget: None, before: 0, now: 0, is_last: false, held: None }
    }

    /// Another answer follows, after which none does if it `is_last`.
    pub(crate) fn begin(&mut self, is_last: bool) {
        self.before += self.now;
        (self.now, self.is_last) = (0, is_last);
    }

    /// The answer says how many octets it has. Gives how long that had to wait.
    pub(crate) async fn announce(&mut self, octets: u64) -> Duration {
        let known = self.is_last.then(|| self.before + octets);
        self.wait(octets, known).await
    }

    /// So many octets of the answer are about to be held. Gives how long that had to wait.
    pub(crate) async fn hold(&mut self, octets: usize) -> Duration {
        self.now = octets as u64;
        self.wait(self.now, None).await
    }

    /// Waits for the budget, unless some of it is held or the answer is small: for as much as is `known` to be needed, or for
    /// all of it. What was waited for and proves too little is not waited for again, as another may wait for this one then.
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

    /// Gives back what the answers turned out not to need, if no more follow.
    pub(crate) fn settle(&mut self) {
        let (Some(budget), Some(held)) = (&self.budget, &mut self.held) else { return };
        let needed = if self.is_last { budget.cost(self.before + self.now) } else { budget.all };
        drop(held.split(held.num_permits().saturating_sub(needed as usize)));
    }
}

impl Budget {
    /// What so many octets cost, in KiB: all of the budget at most.
    fn cost(&self, octets: u64) -> u32 {
        u32::try_from((octets * FACTOR).div_ceil(1024)).unwrap_or(u32::MAX).min(self.all)
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
    fn the_limit_holds_what_the_settings_allow() {
        for (budget, concurrency, largest, expected) in [
            (128, 4, 32 * MIB, 352),
            (128, 256, 32 * MIB, 832),
            // An answer that exceeds the budget is dealt with all the same.
            (16, 4, 32 * MIB, 352),
            (512, 4, 32 * MIB, 608),
            (4, 1, MIB, 96),
        ] {
            assert_eq!(limit(budget, concurrency, largest), expected);
        }
        assert_eq!(default_budget(32 * MIB), 256);
    }

    #[test]
    fn small_answers_never_wait_and_large_ones_do() {
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
    fn what_was_not_needed_is_given_back() {
        let budget = Budget::new(16);
        let mut unknown = budget.share(0);
        unknown.begin(true);
        assert!(unknown.hold(MIB as usize).now_or_never().is_some());
        assert_eq!(budget.free.available_permits(), 0, "it may become as long as any");
        unknown.settle();
        assert_eq!(budget.free.available_permits(), 8 * 1024);
        unknown.begin(false);
        unknown.settle();
        assert_eq!(budget.free.available_permits(), 8 * 1024);
        drop(unknown);
        assert_eq!(budget.free.available_permits(), 16 * 1024);
    }

    /// Takes answers in chunks, some of which say how long they are; notes the most that all hold at once.
    async fn delivery(budget: Budget, answers: Vec<(u64, bool)>, held: &AtomicU64, most: &AtomicU64) {
        let (mut share, mut mine) = (budget.share(0), 0);
        for (place, (octets, says)) in answers.iter().enumerate() {
            share.begin(place + 1 == answers.len());
            if *says {
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
        fn whatever_comes_all_get_their_turn_and_the_budget_holds(
            deliveries in prop::collection::vec(prop::collection::vec((0..3 * MIB, any::<bool>()), 1..4), 1..12),
        ) {
            let (budget, held, most) = (Budget::new(8), AtomicU64::new(0), AtomicU64::new(0));
            let count = deliveries.len() as u64;
            let largest = deliveries.iter().map(|answers| answers.iter().map(|(octets, _)| octets).sum::<u64>()).max();
            let all = join_all(deliveries.into_iter().map(|answers| delivery(budget.clone(), answers, &held, &most)));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            let ended = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), all).await });
            prop_assert!(ended.is_ok(), "one waits for ever");
            // What is small needs no turn, and one that exceeds the budget has it alone.
            let allowed = (8 * MIB / FACTOR).max(largest.unwrap_or(0)) + count * SMALL;
            prop_assert!(most.load(Ordering::Relaxed) <= allowed, "{most:?} of {allowed}");
        }
    }
}
