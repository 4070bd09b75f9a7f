use std::sync::atomic::{AtomicU64, Ordering};

use crate::telemetry;

/// Requests that were accepted and that metrics have not been told of.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    all: AtomicU64,
    /// Those that had to wait for the store. One may be here before it is among all.
    looked_up: AtomicU64,
}

impl Accepted {
    pub(super) fn add(&self, requests: u64) {
        if telemetry::COUNTS {
            self.all.fetch_add(requests, Ordering::Relaxed);
        }
    }

    pub(super) fn add_looked_up(&self) {
        if telemetry::COUNTS {
            self.looked_up.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn tell(&self) {
        let (all, hits) = self.take();
        if all > 0 {
            telemetry::decided("auth", "accepted", all);
            telemetry::cache_answered("hit", hits);
        }
    }

    /// How many there are, and how many of them the cache knew.
    fn take(&self) -> (u64, u64) {
        let all = self.all.swap(0, Ordering::Relaxed);
        let looked_up = self.looked_up.swap(0, Ordering::Relaxed);
        // The others are not among all yet: next time.
        self.looked_up.fetch_add(looked_up.saturating_sub(all), Ordering::Relaxed);
        (all, all.saturating_sub(looked_up))
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_told_once_as_known_or_looked_up() {
        let accepted = Accepted::default();
        accepted.add(5);
        accepted.add_looked_up();
        assert_eq!(accepted.take(), (5, 4));
        assert_eq!(accepted.take(), (0, 0));
        // Two are known to be looked up before they are taken.
        (0..3).for_each(|_| accepted.add_looked_up());
        accepted.add(1);
        assert_eq!(accepted.take(), (1, 0));
        accepted.add(10);
        assert_eq!(accepted.take(), (10, 8));
    }
}
