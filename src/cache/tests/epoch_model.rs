//! The rule of epochs under every interleaving and every reordering that memory allows.
//!
//! The store is one relaxed atomic: it promises nothing that the epochs do not bring about.

use std::sync::atomic::{AtomicBool as Verdict, Ordering as Std};

use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::cache::Slots;
use crate::cache::epoch::{Cell, Epochs, Note, Orderings, Sound};

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

struct RelaxedNote;
impl Orderings for RelaxedNote {
    const NOTE: Ordering = Ordering::Relaxed;
}

struct RelaxedBump;
impl Orderings for RelaxedBump {
    const BUMP: Ordering = Ordering::Relaxed;
}

#[derive(Clone, Copy, PartialEq)]
enum Bump {
    AfterCommit,
    BeforeCommit,
}

#[derive(Clone, Copy, PartialEq)]
enum Join {
    Current,
    Any,
}

#[derive(Clone, Copy)]
struct Entry {
    note: Note,
    good: bool,
}

/// Where an entry lies, as an `ArcSwap` or a locked map would publish it.
struct Shelf(AtomicU64, Slots);

struct World<O> {
    epochs: Epochs<AtomicU64, O>,
    revoked: AtomicBool,
    returned: AtomicBool,
    bounded: Shelf,
    front: Shelf,
    flight: Mutex<Option<(u32, Note)>>,
    slots: Slots,
}

impl Shelf {
    fn put(&self, entry: Entry) {
        let word = entry.note.epoch << 2 | u64::from(entry.good) << 1 | 1;
        self.0.store(word, Ordering::Release);
    }

    fn find(&self) -> Option<Entry> {
        let word = self.0.load(Ordering::Acquire);
        let note = Note { slots: self.1, epoch: word >> 2 };
        (word != 0).then_some(Entry { note, good: word & 2 != 0 })
    }
}

impl<O: Orderings + 'static> World<O> {
    fn new(slots: Slots) -> Arc<Self> {
        Arc::new(Self {
            epochs: Epochs::with_slots(if slots == one() { 1 } else { 2 }),
            revoked: AtomicBool::new(false),
            returned: AtomicBool::new(false),
            bounded: Shelf(AtomicU64::new(0), slots),
            front: Shelf(AtomicU64::new(0), slots),
            flight: Mutex::new(None),
            slots,
        })
    }

    fn revoke(&self, slot: u64, when: Bump) {
        if when == Bump::BeforeCommit {
            self.epochs.bump(slot);
        }
        self.revoked.store(true, Ordering::Relaxed);
        if when == Bump::AfterCommit {
            self.epochs.bump(slot);
        }
        self.returned.store(true, Ordering::Release);
    }

    /// What the store says, and what was noted before.
    fn look_up(&self) -> Entry {
        let note = self.epochs.note(self.slots);
        Entry { note, good: !self.revoked.load(Ordering::Relaxed) }
    }

    fn current(&self, entry: &Entry) -> bool {
        self.epochs.is_current(&entry.note)
    }

    /// Whether a caller who came after the change returned is let in by what `found` finds.
    fn lets_in_late(&self, found: impl FnOnce() -> Option<Entry>) -> bool {
        let late = self.returned.load(Ordering::Acquire);
        found().is_some_and(|entry| late && entry.good)
    }
}

/// Whether any execution lets a caller in who should not be. Each actor has a thread; who asks comes
/// last, for loom tries first what they do in this order.
fn ever<O: Orderings + 'static>(slots: Slots, actors: [fn(&World<O>) -> bool; 3]) -> bool {
    let seen = std::sync::Arc::new(Verdict::new(false));
    let told = std::sync::Arc::clone(&seen);
    let mut builder = loom::model::Builder::new();
    // Every flaw below needs fewer; the reorderings of memory come on top.
    builder.preemption_bound = Some(2);
    builder.check(move || {
        let world = World::new(slots);
        let [first, second, third] = actors;
        let act = |actor: fn(&World<O>) -> bool| {
            let world = Arc::clone(&world);
            thread::spawn(move || actor(&world))
        };
        let (second, third) = (act(second), act(third));
        let outcomes = [first(&world), second.join().unwrap(), third.join().unwrap()];
        if outcomes.contains(&true) {
            told.store(true, Std::SeqCst);
        }
    });
    seen.load(Std::SeqCst)
}

fn revoke<O: Orderings + 'static>(world: &World<O>) -> bool {
    world.revoke(0, Bump::AfterCommit);
    false
}

fn revoke_wrongly<O: Orderings + 'static>(world: &World<O>) -> bool {
    world.revoke(0, Bump::BeforeCommit);
    false
}

fn load<O: Orderings + 'static>(world: &World<O>) -> bool {
    let entry = world.look_up();
    world.bounded.put(entry);
    world.front.put(entry);
    false
}

/// Finds an entry in front or behind, and brings the latter forward.
fn ask<O: Orderings + 'static>(world: &World<O>) -> bool {
    world.lets_in_late(|| {
        let front = world.front.find().filter(|entry| world.current(entry));
        front.or_else(|| {
            let behind = world.bounded.find().filter(|entry| world.current(entry))?;
            world.front.put(behind);
            Some(behind)
        })
    })
}

/// A look-up under way is joined or replaced; the caches are asked once more in between.
fn board(world: &World<Sound>, join: Join) -> bool {
    world.lets_in_late(|| {
        let under_way = {
            let flight = world.flight.lock().unwrap();
            flight.filter(|(_, note)| join == Join::Any || world.epochs.is_current(note))
        };
        match under_way {
            // What its store said, or will say, is known to a model only by its note: at worst it
            // is what was true then.
            Some((_, note)) => Some(Entry { note, good: note.epoch == 0 }),
            None => Some(
                world.bounded.find().filter(|e| world.current(e)).unwrap_or_else(|| fly(world, 2)),
            ),
        }
    })
}

/// A look-up from its start on the map to its landing, by identity.
fn fly(world: &World<Sound>, id: u32) -> Entry {
    let note = {
        let mut flight = world.flight.lock().unwrap();
        let note = world.epochs.note(world.slots);
        *flight = Some((id, note));
        note
    };
    let entry = Entry { note, good: !world.revoked.load(Ordering::Relaxed) };
    let mut flight = world.flight.lock().unwrap();
    if flight.is_some_and(|(listed, _)| listed == id) {
        *flight = None;
        world.bounded.put(entry);
    }
    entry
}

fn one() -> Slots {
    Slots::one(0)
}

/// An answer that depends on two things, one changing while the other is looked up again.
fn two_slots(judge: fn(&World<Sound>) -> bool) -> bool {
    let reload = |world: &World<Sound>| {
        world.epochs.bump(1);
        world.bounded.put(world.look_up());
        false
    };
    ever(Slots::each([0, 1]), [reload, revoke, judge])
}

#[test]
fn r1_nothing_kept_in_front_or_behind_is_served_after_the_change_returned() {
    assert!(!ever::<Sound>(one(), [load, revoke, ask]));
}

#[test]
fn r1_nor_if_another_caller_brings_it_forward_meanwhile() {
    let load_behind = |world: &World<Sound>| {
        world.bounded.put(world.look_up());
        ask(world)
    };
    assert!(!ever::<Sound>(one(), [load_behind, revoke, ask]));
}

#[test]
fn r1_no_flight_is_joined_by_who_comes_after_the_change_returned() {
    let fly = |world: &World<Sound>| {
        fly(world, 1);
        false
    };
    assert!(!ever(one(), [fly, revoke, |world| board(world, Join::Current)]));
}

#[test]
fn r1_an_answer_that_depends_on_two_slots_follows_both() {
    assert!(!two_slots(|world| {
        world.lets_in_late(|| world.bounded.find().filter(|entry| world.current(entry)))
    }));
}

#[test]
fn a_relaxed_note_breaks_it() {
    assert!(ever::<RelaxedNote>(one(), [load, revoke, ask]));
}

#[test]
fn a_relaxed_bump_breaks_it() {
    assert!(ever::<RelaxedBump>(one(), [load, revoke, ask]));
}

#[test]
fn a_bump_before_the_commit_breaks_it() {
    assert!(ever::<Sound>(one(), [load, revoke_wrongly, ask]));
}

#[test]
fn joining_any_flight_breaks_it() {
    let fly = |world: &World<Sound>| {
        fly(world, 1);
        false
    };
    assert!(ever(one(), [fly, revoke, |world| board(world, Join::Any)]));
}

#[test]
fn reading_several_slots_before_the_entry_is_found_breaks_it() {
    assert!(two_slots(|world| {
        world.lets_in_late(|| {
            let before = world.epochs.note(world.slots);
            world.bounded.find().filter(|entry| entry.note.epoch >= before.epoch)
        })
    }));
}
