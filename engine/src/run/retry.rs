//! Decides after a failed attempt: send the request again after a wait, defer the run, or fail the lookup.

use super::provider_state::Cause;
use super::response_meaning::Reason;
use super::{Awaiting, Failure, Run};
use crate::plan::after;
use jiff::{SignedDuration, Timestamp};

impl Run<'_> {
    /// Schedules a retry; fails the lookup after the last attempt, and defers the run if the wait is too long.
    pub(super) fn retry(
        &mut self,
        reason: Reason,
        requested_wait: Option<SignedDuration>,
        awaiting: &Awaiting,
        now: Timestamp,
    ) {
        self.release_probe(awaiting);
        let retry = &self.plan.http.retry;
        let wait = requested_wait.unwrap_or_else(|| self.backoff());
        let until = after(now, wait);
        let is_too_late = until >= self.input.deadline;
        if wait > retry.longest || (requested_wait.is_some() && is_too_late) {
            let until = self.provider_state.exhaust(self.plan, until, (Cause::Throttled, reason.text()), now);
            self.defer(until, reason.text());
        } else if self.attempts >= retry.attempts || is_too_late {
            let text = reason.text_after(self.attempts);
            match reason.is_throttling() {
                true => {
                    self.defer(until, text);
                }
                false => self.fail(Failure::lookup(text)),
            }
        } else {
            self.not_before = until;
        }
    }

    /// Exponential backoff with jitter: doubles with each attempt, less up to half.
    fn backoff(&mut self) -> SignedDuration {
        let retry = &self.plan.http.retry;
        let full = retry
            .first
            .checked_mul(1 << self.attempts.saturating_sub(1).min(16))
            .unwrap_or(retry.longest)
            .min(retry.longest);
        // SplitMix64 is sufficient to desynchronize runs.
        self.input.seed = self.input.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.input.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let less = i64::try_from((mixed >> 33) % 1000).expect("below 1000");
        full - SignedDuration::from_millis(i64::try_from(full.as_millis()).unwrap_or(0) / 2 * less / 1000)
    }
}
