//! Hot entries, read without a lock and without an allocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwapOption, Guard};

use super::entry::Entry;

/// Ways of a set. Four tags and four pointers fill one cache line.
const WAYS: usize = 4;

/// 4 MiB, enough to hold all of 100,000 keys but a few.
const MOST_SLOTS: usize = 1 << 18;

type Slot<K, V> = ArcSwapOption<Entry<K, V>>;
type Borrowed<K, V> = Guard<Option<Arc<Entry<K, V>>>>;

/// A set-associative array of entries: what does not fit displaces what was there.
///
/// A key has its place in either of two sets. Of one alone, a set in twenty would be too small at
/// half load, and its keys would displace one another at each use.
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
        self.tagged(bits, bits)
            .map(|way| way.entry.load())
            .find(|found| found.as_ref().is_some_and(|entry| entry.key == *key))
    }

    pub(super) fn put(&self, bits: u64, entry: Arc<Entry<K, V>>) {
        let displaced = || {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            self.ways(bits).nth(turn % (2 * WAYS))
        };
        let known = self.tagged(bits, bits).next();
        if let Some(way) = known.or_else(|| self.tagged(bits, 0).next()).or_else(displaced) {
            way.entry.store(Some(entry));
            way.tag.store(bits, Ordering::Relaxed);
        }
    }

    pub(super) fn remove(&self, key: &K, bits: u64) {
        for way in self.tagged(bits, bits) {
            if way.entry.load().as_ref().is_some_and(|entry| entry.key == *key) {
                way.entry.store(None);
                way.tag.store(0, Ordering::Relaxed);
            }
        }
    }

    /// The ways of a key's sets that have a tag.
    fn tagged(&self, bits: u64, tag: u64) -> impl Iterator<Item = &Way<K, V>> {
        self.ways(bits).filter(move |way| way.tag.load(Ordering::Relaxed) == tag)
    }

    /// The ways in which a key may lie.
    fn ways(&self, bits: u64) -> impl Iterator<Item = &Way<K, V>> {
        // Bits that are far apart: keys that share one set rarely share the other.
        [bits, bits.rotate_right(32)]
            .into_iter()
            .filter_map(|bits| self.set(bits))
            .flat_map(|set| &set.0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::entry::Kind;
    use crate::cache::epoch::{Epochs, Slots};
    use crate::cache::proof::Proofs;
    use std::time::Duration;

    /// Bits that are spread evenly, one for each number.
    fn bits(number: u64) -> u64 {
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }

    fn filled(keys: u64) -> Front<u64, ()> {
        let front = Front::new(keys);
        let (epochs, proofs): (Epochs, Proofs) = (Epochs::new(), Proofs::new(Duration::ZERO));
        for key in 1..=keys {
            let (note, asked) = (epochs.note(Slots::one(key)), proofs.asking_at(Duration::ZERO));
            front.put(bits(key), Arc::new(Entry::new((key, ()), Kind::Positive, note, asked)));
        }
        front
    }

    #[test]
    fn nearly_every_key_of_a_full_cache_has_its_place() {
        for (keys, displaced) in [(1_000, 0), (100_000, 100)] {
            let front = filled(keys);
            let missed = (1..=keys).filter(|key| front.find(key, bits(*key)).is_none()).count();
            assert!(missed <= displaced, "{missed} of {keys}");
        }
    }

    #[test]
    fn what_was_removed_is_not_found_and_its_neighbours_are() {
        let front = filled(100);
        for key in 1..=50 {
            front.remove(&key, bits(key));
        }
        for key in 1..=100 {
            assert_eq!(front.find(&key, bits(key)).is_some(), key > 50, "{key}");
        }
    }
}
