//! Circuit breakers before the provider: one that denies access, or is out of order, is not asked again for each message. Each
//! lookup has its own, since a key may be good for some and not for others.
//!
//! After so many failures in a row it opens. From then on one request at a time tries whether the lookup works again, each time
//! after twice the wait; the first that is served closes it. What becomes of messages meanwhile depends on who can help: an
//! outage passes by itself, so a message waits as long as its own time limit allows, and no queue is emptied into errors by ten
//! minutes of downtime. Denied access needs a person, so each message is reported in error at once, with the reason; but only
//! after a trial has confirmed it, as what was denied may have been about the observables that happened to come in a row.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stixmap_engine::run::Health;
use stixmap_engine::stix::stix_time;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Denials in a row that open it: the first may be about one observable.
const DENIALS: u32 = 3;

/// Failures in a row that open it: more than the attempts of two requests that fail by chance.
const FAILURES: u32 = 10;

/// Time until the provider is tried again: the first, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(120));

/// The breakers of one provider, by lookup.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<BTreeMap<String, Arc<Breaker>>>);

impl Breakers {
    /// The breaker of a lookup.
    pub(super) fn of(&self, lookup: &str) -> Arc<Breaker> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(lookup.to_owned()).or_default())
    }
}

/// The breaker of one lookup.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    circuit: Mutex<Circuit>,
    changed: Notify,
}

/// Leave to send one request. Dropped without an answer, it leaves the next trial to another.
#[derive(Debug)]
pub(super) struct Permit<'b> {
    breaker: &'b Breaker,
    is_trial: bool,
}

/// What an answer changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Opened { reason: String, until: Timestamp },
    StaysOpen { reason: String, until: Timestamp },
    Closed,
}

impl Breaker {
    /// Returns leave to send a request, which may take until `last` to get; or why the provider is not asked.
    pub(super) async fn enter(&self, last: Instant) -> Result<Permit<'_>, String> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let shut = match self.circuit().admit(Instant::now()) {
                Admission::Go => return Ok(Permit { breaker: self, is_trial: false }),
                Admission::Try => return Ok(Permit { breaker: self, is_trial: true }),
                Admission::Shut(shut) => shut,
            };
            let now = Instant::now();
            if shut.needs_person || now >= last || shut.until.is_some_and(|until| until >= last) {
                return Err(shut.to_string_at(now));
            }
            // Whichever comes first: the state is looked at again.
            let _ = timeout_at(shut.until.unwrap_or(last), changed).await;
        }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Learns from the answer.
    pub(super) fn learn(mut self, health: Health) -> Option<Change> {
        let is_trial = self.is_trial && health != Health::Unknown;
        let change = self.breaker.circuit().learn(is_trial, health, Instant::now());
        if is_trial {
            self.is_trial = false;
        }
        if change.is_some() {
            self.breaker.changed.notify_waiters();
        }
        change
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_trial {
            self.breaker.circuit().give_back(Instant::now());
            self.breaker.changed.notify_waiters();
        }
    }
}

/// The state, by a clock that is passed in.
#[derive(Debug)]
struct Circuit {
    denials: u32,
    failures: u32,
    wait: Duration,
    open: Option<Open>,
}

#[derive(Debug, Clone)]
struct Open {
    reason: String,
    /// Access is denied, and was so when it was tried again.
    needs_person: bool,
    /// When the provider is tried again; none while it is.
    until: Option<Instant>,
}

#[derive(Debug)]
enum Admission {
    Go,
    /// As the one request that tries whether the provider works again.
    Try,
    Shut(Open),
}

impl Open {
    fn to_string_at(&self, now: Instant) -> String {
        match self.until {
            Some(until) => format!("not asked before {}: {}", stix_time(at(until, now)), self.reason),
            None => format!("not asked while it is tried again: {}", self.reason),
        }
    }
}

/// The time of day of an instant to come.
fn at(until: Instant, now: Instant) -> Timestamp {
    let wait = until.saturating_duration_since(now);
    Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX)
}

impl Default for Circuit {
    fn default() -> Self {
        Self { denials: 0, failures: 0, wait: WAITS.0, open: None }
    }
}

impl Circuit {
    fn admit(&mut self, now: Instant) -> Admission {
        match &mut self.open {
            None => Admission::Go,
            Some(open) if open.until.is_some_and(|until| until <= now) => {
                open.until = None;
                Admission::Try
            }
            Some(open) => Admission::Shut(open.clone()),
        }
    }

    fn learn(&mut self, is_trial: bool, health: Health, now: Instant) -> Option<Change> {
        let (reason, is_denied) = match health {
            Health::Unknown => return None,
            Health::Serves => {
                let was_open = self.open.is_some();
                *self = Self::default();
                return was_open.then_some(Change::Closed);
            }
            Health::Denies(reason) => (reason, true),
            Health::Fails(reason) => (reason, false),
        };
        let was_open = self.open.is_some();
        if was_open && is_trial {
            self.wait = (self.wait * 2).min(WAITS.1);
        } else if was_open || !self.is_last_straw(is_denied) {
            return None;
        }
        let until = now + self.wait;
        self.open = Some(Open { reason: reason.clone(), needs_person: is_denied && was_open, until: Some(until) });
        let until = at(until, now);
        Some(if was_open { Change::StaysOpen { reason, until } } else { Change::Opened { reason, until } })
    }

    /// Counts a failure. Returns whether it was one too many.
    fn is_last_straw(&mut self, is_denied: bool) -> bool {
        let (count, limit) = match is_denied {
            true => (&mut self.denials, DENIALS),
            false => (&mut self.failures, FAILURES),
        };
        *count += 1;
        *count >= limit
    }

    /// The trial ended without an answer: the next may begin.
    fn give_back(&mut self, now: Instant) {
        if let Some(open) = self.open.as_mut().filter(|open| open.until.is_none()) {
            open.until = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fails() -> Health {
        Health::Fails("it is out of order".to_owned())
    }

    fn denies() -> Health {
        Health::Denies("access denied".to_owned())
    }

    fn opened(health: fn() -> Health, now: Instant) -> Circuit {
        let mut circuit = Circuit::default();
        while circuit.open.is_none() {
            circuit.learn(false, health(), now);
        }
        circuit
    }

    #[test]
    fn failures_in_a_row_open_it_once_and_one_that_is_served_between_them_does_not_count() {
        for (health, limit) in [(fails as fn() -> Health, FAILURES), (denies, DENIALS)] {
            let (mut circuit, now) = (Circuit::default(), Instant::now());
            for _ in 0..3 {
                (1..limit).for_each(|_| assert_eq!(circuit.learn(false, health(), now), None));
                assert_eq!(circuit.learn(false, Health::Serves, now), None);
            }
            (1..limit).for_each(|_| assert_eq!(circuit.learn(false, health(), now), None));
            assert_eq!(circuit.learn(false, Health::Unknown, now), None);
            assert!(matches!(circuit.learn(false, health(), now), Some(Change::Opened { .. })));
            assert_eq!(circuit.learn(false, health(), now), None, "what was under way changes nothing");
        }
    }

    #[test]
    fn each_trial_that_fails_doubles_the_wait_up_to_the_longest() {
        let mut now = Instant::now();
        let mut circuit = opened(fails, now);
        for wait in [10, 20, 40, 80, 120, 120] {
            assert!(matches!(circuit.admit(now + Duration::from_secs(wait - 1)), Admission::Shut(_)));
            now += Duration::from_secs(wait);
            assert!(matches!(circuit.admit(now), Admission::Try));
            assert!(matches!(circuit.admit(now), Admission::Shut(_)), "one at a time");
            assert!(matches!(circuit.learn(true, fails(), now), Some(Change::StaysOpen { .. })));
        }
        now += WAITS.1;
        assert!(matches!(circuit.admit(now), Admission::Try));
        assert_eq!(circuit.learn(true, Health::Serves, now), Some(Change::Closed));
        assert!(matches!(circuit.admit(now), Admission::Go));
        assert_eq!(circuit.wait, WAITS.0);
    }

    #[tokio::test]
    async fn a_trial_that_is_dropped_leaves_the_next_to_another() {
        let breaker = Breaker::default();
        *breaker.circuit() = opened(fails, Instant::now() - WAITS.1);
        let last = Instant::now() + Duration::from_secs(60);
        let permit = breaker.enter(last).await.expect("it is tried");
        let waiting = breaker.enter(last);
        let dropped = async { drop(permit) };
        let (permit, ()) = tokio::join!(waiting, dropped);
        assert!(permit.as_ref().is_ok_and(|permit| permit.is_trial));
        // One that says nothing is none.
        assert_eq!(permit.expect("it is").learn(Health::Unknown), None);
        assert!(breaker.enter(last).await.is_ok_and(|permit| permit.is_trial));
    }

    #[tokio::test]
    async fn an_outage_is_waited_for_and_denied_access_is_not_once_it_is_confirmed() {
        let (now, breaker) = (Instant::now(), Breaker::default());
        *breaker.circuit() = opened(denies, now - WAITS.0);
        let trial = breaker.enter(now + WAITS.1).await.expect("it may have been about the observables");
        assert!(matches!(trial.learn(denies()), Some(Change::StaysOpen { .. })));
        let why = breaker.enter(now + WAITS.1).await.expect_err("a person is needed");
        assert!(why.starts_with("not asked before ") && why.ends_with(": access denied"), "{why}");
        *breaker.circuit() = opened(fails, now);
        assert!(breaker.enter(now + WAITS.0).await.is_err(), "there is no time for it");
        let waiting = breaker.enter(now + WAITS.1);
        let served = async { Permit { breaker: &breaker, is_trial: false }.learn(Health::Serves) };
        let (permit, change) = tokio::join!(waiting, served);
        assert!(permit.is_ok() && change == Some(Change::Closed));
    }

    #[test]
    fn a_lookup_that_is_denied_does_not_keep_others_from_being_made() {
        let (breakers, now) = (Breakers::default(), Instant::now());
        *breakers.of("addresses").circuit() = opened(denies, now);
        assert!(matches!(breakers.of("addresses").circuit().admit(now), Admission::Shut(_)));
        assert!(matches!(breakers.of("names").circuit().admit(now), Admission::Go));
    }

    proptest! {
        /// Whatever is answered in whatever order: while it is open one request at most is under way that was let through
        /// since, and a provider that works again is asked again within the longest wait.
        #[test]
        fn it_never_stays_shut_and_never_lets_two_through(steps in proptest::collection::vec((0..6_u8, 0..60_u64), 0..80)) {
            let (mut circuit, mut now, mut trials) = (Circuit::default(), Instant::now(), 0);
            for (what, seconds) in steps {
                now += Duration::from_secs(seconds);
                match what {
                    0 if trials == 1 => { circuit.learn(true, Health::Serves, now); trials = 0; }
                    1 if trials == 1 => { circuit.learn(true, fails(), now); trials = 0; }
                    2 if trials == 1 => { circuit.give_back(now); trials = 0; }
                    3 => { circuit.learn(false, denies(), now); }
                    4 => { circuit.learn(false, fails(), now); }
                    _ => trials += u32::from(matches!(circuit.admit(now), Admission::Try)),
                }
                prop_assert!(trials <= 1);
                if trials == 0 {
                    prop_assert!(circuit.open.as_ref().is_none_or(|open| open.until.is_some_and(|until| until <= now + WAITS.1)));
                }
            }
        }
    }
}
