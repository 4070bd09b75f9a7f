//! Epochs: how a change makes what was learnt before it worthless, wherever that is kept.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many that one change costs one in 4,096 entries a look-up; 32 KiB.
const SLOTS: usize = 4096;

/// An index that names no slot and ends the list.
const UNUSED: u16 = u16::MAX;

/// An index outside the array: its epoch is read as "changed just now".
const ALWAYS_CHANGED: u16 = u16::MAX - 1;

/// The atomic that the protocols run on: std's, or loom's in their models.
pub(crate) trait Cell: Send + Sync {
    fn zero() -> Self;
    fn load(&self, order: Ordering) -> u64;
    fn store(&self, value: u64, order: Ordering);
    fn fetch_add(&self, value: u64, order: Ordering) -> u64;
}

/// The memory orderings that the protocols need; the models show what weaker ones break.
pub(crate) trait Orderings: Send + Sync {
    /// Reading an epoch: what the store says afterwards is at least as new as that epoch.
    const NOTE: Ordering = Ordering::Acquire;
    /// Raising an epoch: whoever sees it sees the commit before it.
    const BUMP: Ordering = Ordering::Release;
    /// Reading a proof: the epochs read afterwards have every change that it vouches for.
    const READ_PROOF: Ordering = Ordering::Acquire;
    /// Publishing a proof.
    const PROVE: Ordering = Ordering::Release;
}

/// The orderings in use.
#[derive(Debug)]
pub(crate) struct Sound;

impl Orderings for Sound {}

/// Which changes concern an entry: up to [`Slots::MOST`] slots of [`Epochs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slots([u16; Slots::MOST]);

/// The epoch of an entry's slots, read before the store was asked about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note {
    pub(super) slots: Slots,
    pub(super) epoch: u64,
}

/// An array of counters; see [the rules](super).
#[derive(Debug)]
pub(crate) struct Epochs<C = AtomicU64, O = Sound> {
    slots: Box<[C]>,
    orderings: PhantomData<O>,
}

impl Slots {
    /// What an answer can depend on, for instance a key under each pepper that is accepted.
    pub(crate) const MOST: usize = 4;

    /// The slot of one changeable thing, by bits that are spread evenly.
    pub(crate) fn one(bits: u64) -> Self {
        Self::each([bits])
    }

    /// The slots of all that an answer depends on.
    ///
    /// Of more than [`Slots::MOST`] none could be left out, so nothing is cached for them.
    pub(crate) fn each(bits: impl IntoIterator<Item = u64>) -> Self {
        let mut slots = [UNUSED; Self::MOST];
        let mut free = slots.iter_mut();
        for bits in bits {
            match free.next() {
                Some(slot) => *slot = index(bits),
                None => return Self([ALWAYS_CHANGED; Self::MOST]),
            }
        }
        Self(slots)
    }
}

impl<C: Cell, O: Orderings> Epochs<C, O> {
    pub(crate) fn new() -> Self {
        Self::with_slots(SLOTS)
    }

    /// A model checker wants few; slots beyond them are read as changed.
    pub(crate) fn with_slots(count: usize) -> Self {
        Self { slots: (0..count).map(|_| C::zero()).collect(), orderings: PhantomData }
    }

    /// To be taken before the store is asked, and kept with its answer.
    pub(crate) fn note(&self, slots: Slots) -> Note {
        Note { slots, epoch: self.epoch(slots) }
    }

    /// Whether nothing that concerns `note` has changed since.
    ///
    /// `note` must have been found (in a cache, in the map of flights) before this is called. Then
    /// each counter is at least what it was for the note, and the sum tells whether any has grown.
    pub(crate) fn is_current(&self, note: &Note) -> bool {
        let mine = self.epoch(note.slots);
        note.epoch >= mine && mine != u64::MAX
    }

    /// To be called after a change is committed and before its caller is told.
    pub(crate) fn bump(&self, bits: u64) {
        if let Some(slot) = self.slots.get(usize::from(index(bits))) {
            slot.fetch_add(1, O::BUMP);
        }
    }

    /// As [`Self::bump`] for everything.
    pub(crate) fn bump_all(&self) {
        for slot in &self.slots {
            slot.fetch_add(1, O::BUMP);
        }
    }

    fn epoch(&self, Slots(slots): Slots) -> u64 {
        slots
            .iter()
            .take_while(|slot| **slot != UNUSED)
            .map(|slot| self.slots.get(usize::from(*slot)).map_or(u64::MAX, |c| c.load(O::NOTE)))
            .fold(0, u64::saturating_add)
    }
}

impl Cell for AtomicU64 {
    fn zero() -> Self {
        Self::new(0)
    }

    fn load(&self, order: Ordering) -> u64 {
        self.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.store(value, order);
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.fetch_add(value, order)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "12 bits are left")]
fn index(bits: u64) -> u16 {
    (bits % SLOTS as u64) as u16
}
