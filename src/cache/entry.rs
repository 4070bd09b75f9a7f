//! One cached answer with all that tells whether it is still good.

use std::sync::atomic::{AtomicU32, Ordering};

use super::epoch::Note;
use super::proof::Moment;

/// Between two attempts to look up again: about a second, in the ticks below.
const REFRESH_EVERY: u32 = 4;

/// Between two words to the bounded cache that an entry is in use: about a minute. Each costs as
/// much as not having been in front, so 100,000 keys must not ask for many a second.
const TOUCH_EVERY: u32 = 240;

/// What the store said of a key, and when it was asked.
///
/// In this order: with the 32 bytes of a hash for its key, what each request reads is not spread
/// over more lines of memory than it fills.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) asked: Moment,
    pub(super) note: Note,
    pub(super) value: V,
    pub(super) kind: Kind,
    refreshed: Paced,
    touched: Paced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Positive,
    Negative,
}

/// Lets one caller through every so often.
///
/// It holds the tick at which the next one goes: 256 ms each, so that four bytes last 34 years.
#[derive(Debug)]
struct Paced(AtomicU32);

impl<K, V> Entry<K, V> {
    pub(super) fn new((key, value): (K, V), kind: Kind, note: Note, asked: Moment) -> Self {
        let touched = Paced(AtomicU32::new(tick(asked.millis()).saturating_add(TOUCH_EVERY)));
        Self { key, value, note, asked, kind, refreshed: Paced(AtomicU32::new(0)), touched }
    }

    /// Whether this caller should have the entry asked for again.
    pub(super) fn claim_refresh(&self, now: u64) -> bool {
        self.refreshed.claim(now, REFRESH_EVERY)
    }

    /// Whether this caller should tell the bounded cache that the entry is in use.
    pub(super) fn claim_touch(&self, now: u64) -> bool {
        self.touched.claim(now, TOUCH_EVERY)
    }
}

impl Paced {
    fn claim(&self, now: u64, every: u32) -> bool {
        let now = tick(now);
        let next = now.saturating_add(every);
        let due = self.0.load(Ordering::Relaxed);
        now >= due
            && self.0.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn tick(millis: u64) -> u32 {
    u32::try_from(millis >> 8).unwrap_or(u32::MAX)
}
