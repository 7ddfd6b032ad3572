//! Requests of the callback that were accepted: the same token with the same body is a replay, or a worker that missed the
//! answer, and is answered as before without being processed again. Tokens carry no `jti` (RFC 7519 §4.1.7), so the pair of
//! token and body stands for it.

use aws_lc_rs::digest::{Context, SHA256};
use std::collections::{HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Maximum age of an accepted token: no older one passes the check of its claims.
const AGE: Duration = Duration::from_secs(3600);

/// Maximum number of requests that are remembered. At more than two a second the oldest are forgotten early.
const CAPACITY: usize = 8192;

/// A token and a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn new(token: &str, body: &[u8]) -> Fingerprint {
        let mut context = Context::new(&SHA256);
        // The length parts the two: no other pair has the same octets.
        context.update(&(token.len() as u64).to_be_bytes());
        context.update(token.as_bytes());
        context.update(body);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        Fingerprint(fingerprint)
    }
}

/// The requests that were accepted while their tokens are good.
#[derive(Debug, Default)]
pub(super) struct ReplayCache {
    known: HashSet<Fingerprint>,
    oldest_first: VecDeque<(Instant, Fingerprint)>,
}

impl ReplayCache {
    pub(super) fn contains(&self, request: Fingerprint) -> bool {
        self.known.contains(&request)
    }

    pub(super) fn insert(&mut self, request: Fingerprint, now: Instant) {
        while let Some((since, oldest)) = self.oldest_first.front() {
            let is_due = now.saturating_duration_since(*since) > AGE || self.oldest_first.len() >= CAPACITY;
            if !is_due {
                break;
            }
            self.known.remove(oldest);
            self.oldest_first.pop_front();
        }
        if self.known.insert(request) {
            self.oldest_first.push_back((now, request));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_request_is_known_until_its_token_has_expired() {
        let (now, mut cache) = (Instant::now(), ReplayCache::default());
        let request = Fingerprint::new("token", b"body");
        assert!(!cache.contains(request));
        cache.insert(request, now);
        assert!(cache.contains(request));
        for other in [("token", &b"other"[..]), ("other", b"body"), ("tokenb", b"ody"), ("", b"tokenbody")] {
            assert!(!cache.contains(Fingerprint::new(other.0, other.1)), "{other:?}");
        }
        cache.insert(Fingerprint::new("token", b"later"), now + AGE);
        assert!(cache.contains(request));
        cache.insert(Fingerprint::new("token", b"latest"), now + AGE + Duration::from_secs(1));
        assert!(!cache.contains(request));
    }

    #[test]
    fn cache_has_a_bound() {
        let (now, mut cache) = (Instant::now(), ReplayCache::default());
        for number in 0..CAPACITY as u64 * 2 {
            cache.insert(Fingerprint::new("token", &number.to_be_bytes()), now);
        }
        assert_eq!((cache.known.len(), cache.oldest_first.len()), (CAPACITY, CAPACITY));
    }
}
