//! Hot entries, read without a lock and without an allocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwapOption, Guard};

use super::entry::Entry;

/// Ways of a set. Four tags and four pointers fill one cache line.
const WAYS: usize = 4;

/// 4 MiB, enough to hold 98 of 100 among 100,000 keys that are used evenly.
const MOST_SLOTS: usize = 1 << 18;

type Slot<K, V> = ArcSwapOption<Entry<K, V>>;
type Borrowed<K, V> = Guard<Option<Arc<Entry<K, V>>>>;

/// A set-associative array of entries: what does not fit displaces what was there.
///
/// It owns no truth: an entry found here is judged as if it came from anywhere else.
#[derive(Debug)]
pub(super) struct Front<K, V> {
    sets: Box<[Set<K, V>]>,
    turn: AtomicUsize,
}

#[derive(Debug)]
#[repr(align(64))]
struct Set<K, V>([Way<K, V>; WAYS]);

#[derive(Debug)]
struct Way<K, V> {
    /// The bits of the entry's key: spares a look at another key's memory. A hint, written after
    /// the entry; the entry's own key decides.
    tag: AtomicU64,
    entry: Slot<K, V>,
}

impl<K: Eq, V> Front<K, V> {
    pub(super) fn new(capacity: u64) -> Self {
        let wanted = usize::try_from(capacity.saturating_mul(2)).unwrap_or(MOST_SLOTS);
        let slots = wanted.clamp(WAYS, MOST_SLOTS).next_power_of_two();
        Self { sets: (0..slots / WAYS).map(|_| Set::new()).collect(), turn: AtomicUsize::new(0) }
    }

    pub(super) fn find(&self, key: &K, bits: u64) -> Option<Borrowed<K, V>> {
        let ways = self.set(bits)?.0.iter();
        ways.filter(|way| way.tag.load(Ordering::Relaxed) == bits)
            .map(|way| way.entry.load())
            .find(|found| found.as_ref().is_some_and(|entry| entry.key == *key))
    }

    pub(super) fn put(&self, bits: u64, entry: Arc<Entry<K, V>>) {
        let Some(Set(ways)) = self.set(bits) else { return };
        let tagged = |wanted: u64| ways.iter().find(|w| w.tag.load(Ordering::Relaxed) == wanted);
        let displaced = || ways.get(self.turn.fetch_add(1, Ordering::Relaxed) % WAYS);
        if let Some(way) = tagged(bits).or_else(|| tagged(0)).or_else(displaced) {
            way.entry.store(Some(entry));
            way.tag.store(bits, Ordering::Relaxed);
        }
    }

    pub(super) fn remove(&self, key: &K, bits: u64) {
        let Some(Set(ways)) = self.set(bits) else { return };
        for way in ways.iter().filter(|way| way.tag.load(Ordering::Relaxed) == bits) {
            if way.entry.load().as_ref().is_some_and(|entry| entry.key == *key) {
                way.entry.store(None);
                way.tag.store(0, Ordering::Relaxed);
            }
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    fn set(&self, bits: u64) -> Option<&Set<K, V>> {
        // A power of two.
        self.sets.get(bits as usize & (self.sets.len() - 1))
    }
}

impl<K, V> Set<K, V> {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Way { tag: AtomicU64::new(0), entry: Slot::empty() }))
    }
}
