//! Cache of accepted callback requests. A request with the same token and body is a replay, or a retry by a worker that missed
//! the response; it gets the same response without being processed again. Tokens have no `jti` (RFC 7519 §4.1.7), so the pair of
//! token and body identifies a request.

use aws_lc_rs::digest::{Context, SHA256};
use std::collections::{HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Maximum age of a token: older ones fail the check of their claims.
const AGE: Duration = Duration::from_secs(3600);

/// Maximum number of cached requests. At more than two per second, the oldest are removed early.
const CAPACITY: usize = 8192;

/// SHA-256 digest of a token and a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn new(token: &str, body: &[u8]) -> Fingerprint {
        let mut context = Context::new(&SHA256);
        // The length separates token and body, so that no other pair gives the same input.
        context.update(&(token.len() as u64).to_be_bytes());
        context.update(token.as_bytes());
        context.update(body);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        Fingerprint(fingerprint)
    }
}

/// Accepted requests whose tokens are still valid.
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
    fn accepted_request_is_cached_until_its_token_expires() {
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
    fn cache_is_bounded() {
        let (now, mut cache) = (Instant::now(), ReplayCache::default());
        for number in 0..CAPACITY as u64 * 2 {
            cache.insert(Fingerprint::new("token", &number.to_be_bytes()), now);
        }
        assert_eq!((cache.known.len(), cache.oldest_first.len()), (CAPACITY, CAPACITY));
    }
}
