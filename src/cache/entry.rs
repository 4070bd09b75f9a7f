//! One cached answer with all that tells whether it is still good.

use std::sync::atomic::{AtomicU32, Ordering};

use super::epoch::Note;
use super::proof::Moment;

/// About a second, in the ticks below.
const EVERY: u32 = 4;

/// What the store said of a key, and when it was asked.
#[derive(Debug)]
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
    pub(super) note: Note,
    pub(super) asked: Moment,
    pub(super) kind: Kind,
    refreshed: Paced,
    touched: Paced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Positive,
    Negative,
}

/// Lets one caller through about once a second.
///
/// It holds the tick at which the next one goes: 256 ms each, so that four bytes last 34 years.
#[derive(Debug)]
struct Paced(AtomicU32);

impl<K, V> Entry<K, V> {
    pub(super) fn new((key, value): (K, V), kind: Kind, note: Note, asked: Moment) -> Self {
        let touched = Paced(AtomicU32::new(tick(asked.millis()).wrapping_add(EVERY)));
        Self { key, value, note, asked, kind, refreshed: Paced(AtomicU32::new(0)), touched }
    }

    /// Whether this caller should have the entry asked for again.
    pub(super) fn claim_refresh(&self, now: u64) -> bool {
        self.refreshed.claim(now)
    }

    /// Whether this caller should tell the bounded cache that the entry is in use.
    pub(super) fn claim_touch(&self, now: u64) -> bool {
        self.touched.claim(now)
    }
}

impl Paced {
    fn claim(&self, now: u64) -> bool {
        let now = tick(now);
        let due = self.0.load(Ordering::Relaxed);
        now >= due
            && self
                .0
                .compare_exchange(
                    due,
                    now.saturating_add(EVERY),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }
}

fn tick(millis: u64) -> u32 {
    u32::try_from(millis >> 8).unwrap_or(u32::MAX)
}
