use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::{Clock, KeyId};

/// How a key has been used, as far as this node knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// When a request with the key was last accepted.
    pub last_used_at: Option<SystemTime>,
    /// How many requests with it were accepted.
    pub requests: u64,
}

/// The counters of every key that was ever accepted on this node.
///
/// One entry per stored key at the most: only a key that the store knows gets one.
#[derive(Debug, Default)]
pub(super) struct UsageBook {
    counters: Mutex<HashMap<KeyId, Arc<Counter>>>,
}

#[derive(Debug, Default)]
struct Counter {
    requests: AtomicU64,
    /// Microseconds since 1970; 0 is never.
    last_used: AtomicU64,
}

/// Counts the requests of one key without reading the wall clock for each.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    counter: Arc<Counter>,
    /// What to add to a monotonic time to get microseconds since 1970.
    wall_offset: u64,
}

impl UsageBook {
    pub(super) fn tally(&self, key: &KeyId, clock: &dyn Clock) -> Tally {
        let counter = Arc::clone(self.counters.lock().entry(key.clone()).or_default());
        let wall = clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_offset = micros(wall).saturating_sub(micros(clock.monotonic()));
        Tally { counter, wall_offset }
    }

    pub(super) fn read(&self, key: &KeyId) -> KeyUsage {
        self.counters.lock().get(key).map(|counter| counter.read()).unwrap_or_default()
    }
}

impl Tally {
    pub(super) fn count(&self, now: Duration) {
        let at = self.wall_offset.saturating_add(micros(now));
        // The time first: whoever sees the request counted also sees when it came.
        self.counter.last_used.fetch_max(at, Ordering::Relaxed);
        self.counter.requests.fetch_add(1, Ordering::Release);
    }
}

impl Counter {
    fn read(&self) -> KeyUsage {
        let requests = self.requests.load(Ordering::Acquire);
        let last_used = self.last_used.load(Ordering::Relaxed);
        let last_used_at = (requests > 0).then(|| UNIX_EPOCH + Duration::from_micros(last_used));
        KeyUsage { last_used_at, requests }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;

    #[test]
    fn a_request_is_counted_with_its_time() {
        let (book, clock) = (UsageBook::default(), ManualClock::new());
        let key = KeyId::parse("key_1").unwrap();
        let tally = book.tally(&key, &clock);
        assert_eq!(book.read(&key), KeyUsage::default());
        clock.advance(Duration::from_secs(7));
        tally.count(clock.monotonic());
        let seen = book.read(&key);
        assert_eq!((seen.requests, seen.last_used_at), (1, Some(clock.wall())));
    }

    #[test]
    fn the_last_use_never_goes_back() {
        let (book, clock) = (UsageBook::default(), ManualClock::new());
        let key = KeyId::parse("key_1").unwrap();
        let tally = book.tally(&key, &clock);
        let late = clock.monotonic() + Duration::from_secs(60);
        tally.count(late);
        tally.count(clock.monotonic());
        assert_eq!(book.read(&key).last_used_at, Some(clock.wall() + Duration::from_secs(60)));
    }
}
