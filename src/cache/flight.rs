//! Single flight: who asks for what is being looked up already waits for that answer.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;

use super::LoadError;
use super::epoch::{Epochs, Note, Slots};

const SHARDS: usize = 32;

type Outcome<V> = Option<Result<V, LoadError>>;
pub(super) type Landing<V> = watch::Receiver<Outcome<V>>;
type Shard<K, V> = HashMap<u64, Arc<Flight<K, V>>, BuildHasherDefault<BitsHasher>>;

/// A look-up on its way.
#[derive(Debug)]
pub(super) struct Flight<K, V> {
    pub(super) key: K,
    pub(super) note: Note,
    pub(super) bits: u64,
    started: Instant,
    outcome: watch::Sender<Outcome<V>>,
}

/// The look-ups that can be joined, by the bits of their keys.
#[derive(Debug)]
pub(super) struct Flights<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
}

/// One shard, locked: joining, starting and landing of a key's look-ups take turns.
pub(super) struct Runway<'f, K, V>(MutexGuard<'f, Shard<K, V>>);

/// Takes a flight out of the map when its look-up ends, in whatever way.
#[derive(Debug)]
pub(super) struct Crew<K: Eq, V> {
    pub(super) flight: Arc<Flight<K, V>>,
    flights: Arc<Flights<K, V>>,
}

/// For keys that are evenly spread bits already.
#[derive(Debug, Default)]
pub(super) struct BitsHasher(u64);

impl<K: Eq, V> Flight<K, V> {
    pub(super) fn new(key: K, bits: u64, note: Note) -> Arc<Self> {
        let outcome = watch::Sender::new(None);
        Arc::new(Self { key, note, bits, started: Instant::now(), outcome })
    }

    pub(super) fn landing(&self) -> Landing<V> {
        self.outcome.subscribe()
    }

    /// Tells everyone aboard. The first word counts.
    fn land(&self, outcome: Result<V, LoadError>) {
        self.outcome.send_if_modified(|told| {
            let first = told.is_none();
            if first {
                *told = Some(outcome);
            }
            first
        });
    }
}

impl<K: Eq, V> Flights<K, V> {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// `None` is never the case: there is a shard for all bits.
    #[allow(clippy::cast_possible_truncation, reason = "any bits do")]
    pub(super) fn runway(&self, bits: u64) -> Option<Runway<'_, K, V>> {
        // Not the lowest bits: those choose the place within the shard.
        let shard = self.shards.get((bits >> 40) as usize % SHARDS)?;
        Some(Runway(shard.lock()))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

impl<K: Eq, V> Runway<'_, K, V> {
    /// The look-up of `key` to wait for, if its answer will be new enough for this caller.
    ///
    /// One that is past the deadline is left to itself: it hangs, and the store may be well again.
    pub(super) fn joinable(
        &self,
        (key, bits): (&K, u64),
        slots: Slots,
        epochs: &Epochs,
        deadline: Duration,
    ) -> Option<Landing<V>> {
        let flight = self.0.get(&bits)?;
        let good = flight.key == *key
            && flight.note.slots == slots
            && epochs.is_current(&flight.note)
            && flight.started.elapsed() < deadline;
        good.then(|| flight.landing())
    }

    /// Puts a flight on the map; one that it replaces flies on for those aboard.
    pub(super) fn start(
        &mut self,
        flights: &Arc<Flights<K, V>>,
        flight: Arc<Flight<K, V>>,
    ) -> Crew<K, V> {
        self.0.insert(flight.bits, Arc::clone(&flight));
        Crew { flight, flights: Arc::clone(flights) }
    }

    fn leave(&mut self, flight: &Arc<Flight<K, V>>) -> bool {
        let listed = self.0.get(&flight.bits).is_some_and(|listed| Arc::ptr_eq(listed, flight));
        if listed {
            self.0.remove(&flight.bits);
        }
        listed
    }
}

impl<K: Eq, V> Crew<K, V> {
    /// Ends the flight. What was learnt is kept by `keep` only if no later look-up of this key has
    /// replaced this one, and before anyone can miss it and look again.
    pub(super) fn land(self, outcome: Result<V, LoadError>, keep: impl FnOnce()) {
        if let Some(mut runway) = self.flights.runway(self.flight.bits)
            && runway.leave(&self.flight)
        {
            keep();
        }
        self.flight.land(outcome);
    }
}

impl<K: Eq, V> Drop for Crew<K, V> {
    fn drop(&mut self) {
        if let Some(mut runway) = self.flights.runway(self.flight.bits) {
            runway.leave(&self.flight);
        }
        // Already told, unless the task was dropped, as a runtime does when it shuts down.
        self.flight.land(Err(LoadError::Failed));
    }
}

impl Hasher for BitsHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, bits: u64) {
        // One multiplication, in case the bits are not quite so even.
        let mixed = (self.0.rotate_left(5) ^ bits).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
