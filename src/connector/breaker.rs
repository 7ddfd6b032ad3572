//! Circuit breakers for the provider, one per lookup, since credentials may be valid for some lookups only.
//!
//! A breaker opens after consecutive failures. It is then half-open for one probe at a time, with a wait that doubles after each
//! failed probe; the first successful request closes it. During an outage, messages wait until their own deadline, so that a
//! short downtime does not turn a whole queue into errors. Denied access needs an operator, so messages fail at once with the
//! reason; but only after a probe has confirmed it, since the denials may concern the observables that happened to be in a row.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stixmap_engine::run::Health;
use stixmap_engine::stix::stix_time;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Consecutive denials that open a breaker: the first may concern one observable only.
const MAX_DENIALS: u32 = 3;

/// Consecutive failures that open a breaker: more than all attempts of two requests that fail by chance.
const MAX_FAILURES: u32 = 10;

/// Initial and maximum wait before a probe.
const WAITS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(120));

/// Circuit breakers of one provider, by name of the lookup.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<BTreeMap<String, Arc<Breaker>>>);

impl Breakers {
    /// Returns the breaker of a lookup; creates it on first use.
    pub(super) fn of(&self, lookup: &str) -> Arc<Breaker> {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(breakers.entry(lookup.to_owned()).or_default())
    }
}

/// Circuit breaker of one lookup.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    circuit: Mutex<Circuit>,
    changed: Notify,
}

/// Permission to send one request. If the permit of a probe is dropped without a result, another request becomes the probe.
#[derive(Debug)]
pub(super) struct Permit<'b> {
    breaker: &'b Breaker,
    is_probe: bool,
}

/// Change of state by the result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Opened { reason: String, until: Timestamp },
    StaysOpen { reason: String, until: Timestamp },
    Closed,
}

impl Breaker {
    /// Waits for a permit to send a request, until `deadline`; the error says why no request is permitted.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<Permit<'_>, String> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let open = match self.circuit().admit(Instant::now()) {
                Admission::Permit => return Ok(Permit { breaker: self, is_probe: false }),
                Admission::Probe => return Ok(Permit { breaker: self, is_probe: true }),
                Admission::Deny(open) => open,
            };
            let now = Instant::now();
            if open.needs_operator || now >= deadline || open.until.is_some_and(|until| until >= deadline) {
                return Err(open.to_string_at(now));
            }
            // After the wait or a change, the state is checked again.
            let _ = timeout_at(open.until.unwrap_or(deadline), changed).await;
        }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Records the result of the request.
    pub(super) fn record(mut self, health: Health) -> Option<Change> {
        let is_probe = self.is_probe && health != Health::Unknown;
        let change = self.breaker.circuit().record(is_probe, health, Instant::now());
        if is_probe {
            self.is_probe = false;
        }
        if change.is_some() {
            self.breaker.changed.notify_waiters();
        }
        change
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.circuit().cancel_probe(Instant::now());
            self.breaker.changed.notify_waiters();
        }
    }
}

/// State of a breaker; the time is passed in.
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
    /// Access was denied, and a probe confirmed it.
    needs_operator: bool,
    /// Time of the next probe; none while one is pending.
    until: Option<Instant>,
}

#[derive(Debug)]
enum Admission {
    Permit,
    /// The request is the probe.
    Probe,
    Deny(Open),
}

impl Open {
    fn to_string_at(&self, now: Instant) -> String {
        match self.until {
            Some(until) => format!("requests are suspended until {}: {}", stix_time(at(until, now)), self.reason),
            None => format!("requests are suspended during a probe: {}", self.reason),
        }
    }
}

/// Converts a future instant to a timestamp.
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
            None => Admission::Permit,
            Some(open) if open.until.is_some_and(|until| until <= now) => {
                open.until = None;
                Admission::Probe
            }
            Some(open) => Admission::Deny(open.clone()),
        }
    }

    fn record(&mut self, is_probe: bool, health: Health, now: Instant) -> Option<Change> {
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
        if was_open && is_probe {
            self.wait = (self.wait * 2).min(WAITS.1);
        } else if was_open || !self.exceeds_limit(is_denied) {
            return None;
        }
        let until = now + self.wait;
        self.open = Some(Open { reason: reason.clone(), needs_operator: is_denied && was_open, until: Some(until) });
        let until = at(until, now);
        Some(if was_open { Change::StaysOpen { reason, until } } else { Change::Opened { reason, until } })
    }

    /// Counts a failure. Returns whether it reaches the limit.
    fn exceeds_limit(&mut self, is_denied: bool) -> bool {
        let (count, limit) = match is_denied {
            true => (&mut self.denials, MAX_DENIALS),
            false => (&mut self.failures, MAX_FAILURES),
        };
        *count += 1;
        *count >= limit
    }

    /// Records that a probe ended without a result: the next may begin.
    fn cancel_probe(&mut self, now: Instant) {
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
        Health::Fails("provider error".to_owned())
    }

    fn denies() -> Health {
        Health::Denies("access denied".to_owned())
    }

    fn opened(health: fn() -> Health, now: Instant) -> Circuit {
        let mut circuit = Circuit::default();
        while circuit.open.is_none() {
            circuit.record(false, health(), now);
        }
        circuit
    }

    #[test]
    fn consecutive_failures_open_circuit_once() {
        for (health, limit) in [(fails as fn() -> Health, MAX_FAILURES), (denies, MAX_DENIALS)] {
            let (mut circuit, now) = (Circuit::default(), Instant::now());
            for _ in 0..3 {
                (1..limit).for_each(|_| assert_eq!(circuit.record(false, health(), now), None));
                assert_eq!(circuit.record(false, Health::Serves, now), None);
            }
            (1..limit).for_each(|_| assert_eq!(circuit.record(false, health(), now), None));
            assert_eq!(circuit.record(false, Health::Unknown, now), None);
            assert!(matches!(circuit.record(false, health(), now), Some(Change::Opened { .. })));
            assert_eq!(circuit.record(false, health(), now), None, "requests in progress change nothing");
        }
    }

    #[test]
    fn failed_probe_doubles_wait_up_to_maximum() {
        let mut now = Instant::now();
        let mut circuit = opened(fails, now);
        for wait in [10, 20, 40, 80, 120, 120] {
            assert!(matches!(circuit.admit(now + Duration::from_secs(wait - 1)), Admission::Deny(_)));
            now += Duration::from_secs(wait);
            assert!(matches!(circuit.admit(now), Admission::Probe));
            assert!(matches!(circuit.admit(now), Admission::Deny(_)), "one at a time");
            assert!(matches!(circuit.record(true, fails(), now), Some(Change::StaysOpen { .. })));
        }
        now += WAITS.1;
        assert!(matches!(circuit.admit(now), Admission::Probe));
        assert_eq!(circuit.record(true, Health::Serves, now), Some(Change::Closed));
        assert!(matches!(circuit.admit(now), Admission::Permit));
        assert_eq!(circuit.wait, WAITS.0);
    }

    #[tokio::test]
    async fn dropped_probe_permits_the_next_one() {
        let breaker = Breaker::default();
        *breaker.circuit() = opened(fails, Instant::now() - WAITS.1);
        let last = Instant::now() + Duration::from_secs(60);
        let permit = breaker.enter(last).await.expect("a probe");
        let waiting = breaker.enter(last);
        let dropped = async { drop(permit) };
        let (permit, ()) = tokio::join!(waiting, dropped);
        assert!(permit.as_ref().is_ok_and(|permit| permit.is_probe));
        // A probe without a result does not count.
        assert_eq!(permit.expect("a probe").record(Health::Unknown), None);
        assert!(breaker.enter(last).await.is_ok_and(|permit| permit.is_probe));
    }

    #[tokio::test]
    async fn requests_wait_for_outage_but_not_for_confirmed_denial() {
        let (now, breaker) = (Instant::now(), Breaker::default());
        *breaker.circuit() = opened(denies, now - WAITS.0);
        let probe = breaker.enter(now + WAITS.1).await.expect("a probe");
        assert!(matches!(probe.record(denies()), Some(Change::StaysOpen { .. })));
        let why = breaker.enter(now + WAITS.1).await.expect_err("confirmed denial");
        assert!(why.starts_with("requests are suspended until ") && why.ends_with(": access denied"), "{why}");
        *breaker.circuit() = opened(fails, now);
        assert!(breaker.enter(now + WAITS.0).await.is_err(), "the wait ends after the deadline");
        let waiting = breaker.enter(now + WAITS.1);
        let served = async { Permit { breaker: &breaker, is_probe: false }.record(Health::Serves) };
        let (permit, change) = tokio::join!(waiting, served);
        assert!(permit.is_ok() && change == Some(Change::Closed));
    }

    #[test]
    fn denied_lookup_does_not_affect_other_lookups() {
        let (breakers, now) = (Breakers::default(), Instant::now());
        *breakers.of("addresses").circuit() = opened(denies, now);
        assert!(matches!(breakers.of("addresses").circuit().admit(now), Admission::Deny(_)));
        assert!(matches!(breakers.of("names").circuit().admit(now), Admission::Permit));
    }

    proptest! {
        /// Whatever the results and their order: an open circuit permits one probe at a time, and the next probe is never later
        /// than the maximum wait.
        #[test]
        fn open_circuit_permits_one_probe_within_maximum_wait(steps in proptest::collection::vec((0..6_u8, 0..60_u64), 0..80)) {
            let (mut circuit, mut now, mut probes) = (Circuit::default(), Instant::now(), 0);
            for (what, seconds) in steps {
                now += Duration::from_secs(seconds);
                match what {
                    0 if probes == 1 => { circuit.record(true, Health::Serves, now); probes = 0; }
                    1 if probes == 1 => { circuit.record(true, fails(), now); probes = 0; }
                    2 if probes == 1 => { circuit.cancel_probe(now); probes = 0; }
                    3 => { circuit.record(false, denies(), now); }
                    4 => { circuit.record(false, fails(), now); }
                    _ => probes += u32::from(matches!(circuit.admit(now), Admission::Probe)),
                }
                prop_assert!(probes <= 1);
                if probes == 0 {
                    prop_assert!(circuit.open.as_ref().is_none_or(|open| open.until.is_some_and(|until| until <= now + WAITS.1)));
                }
            }
        }
    }
}
