//! Counting, writing and reading in every order, over all short histories.
//!
//! Two keys in batches of one, so that several numbers are on their way at once.

use std::collections::HashSet;
use std::time::UNIX_EPOCH;

use super::book::{Book, Bounds, Snapshot};
use crate::KeyId;
use crate::store::{KeyUsage, Ledger, StoredHours, StoredUsage, UsageBatch};

const NODE: u64 = 7;
const LONGEST: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Count(usize),
    /// The flush seals what is open, if it may, and sends the first batch.
    Send,
    /// The store has the batch that is on its way …
    Apply,
    /// … and says so.
    Answer,
    /// The flush waits no longer. What it sent may still be applied, at any time.
    GiveUp,
    /// Such a batch arrives.
    ApplyLate,
    /// A reader takes what is in the book …
    ReadBook,
    /// … and what is in the store.
    ReadStore,
}

const EVENTS: [Event; 9] = [
    Event::Count(0),
    Event::Count(1),
    Event::Send,
    Event::Apply,
    Event::Answer,
    Event::GiveUp,
    Event::ApplyLate,
    Event::ReadBook,
    Event::ReadStore,
];

/// What an implementation might do wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// The store is asked first, then the book.
    StoreFirst,
    /// Whatever is in the book is added, written or not.
    NumbersUnread,
}

#[derive(Debug, Clone)]
struct World {
    flaw: Flaw,
    book: Book,
    store: Ledger,
    counted: [u64; 2],
    /// Sent, and whether the store has it.
    sent: Option<(UsageBatch, bool)>,
    late: Option<UsageBatch>,
    /// What a reader has so far, and what had been counted when it began.
    reading: Option<(Half, [u64; 2])>,
    /// What the last reader was told.
    told: [u64; 2],
}

#[derive(Debug, Clone)]
enum Half {
    Book(Snapshot),
    /// The second of both keys together.
    Store(StoredUsage, StoredHours),
}

fn ids() -> [KeyId; 2] {
    ["key_a", "key_b"].map(|id| KeyId::parse(id).unwrap())
}

impl World {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            book: Book::new(NODE, Bounds { keys: 10, batch: 1 }),
            store: Ledger::default(),
            counted: [0; 2],
            sent: None,
            late: None,
            reading: None,
            told: [0; 2],
        }
    }

    /// Whether the event can happen here, and `Err` if a reader is told something wrong.
    fn step(&mut self, event: Event) -> Result<bool, ()> {
        match event {
            Event::Count(key) => {
                self.counted[key] += 1;
                assert!(self.book.add(&ids()[key], 1, UNIX_EPOCH));
            }
            Event::Send if self.sent.is_none() => {
                self.book.seal();
                self.sent = self.book.first().map(|batch| (batch, false));
            }
            Event::Apply => match &mut self.sent {
                Some((batch, has @ false)) => {
                    self.store.add(batch);
                    *has = true;
                }
                _ => return Ok(false),
            },
            Event::Answer => match self.sent.take() {
                Some((batch, true)) => self.book.written(batch.sequence),
                sent => {
                    self.sent = sent;
                    return Ok(false);
                }
            },
            Event::GiveUp => match self.sent.take() {
                Some((batch, has)) => self.late = (!has).then_some(batch),
                None => return Ok(false),
            },
            Event::ApplyLate => match self.late.take() {
                Some(batch) => drop(self.store.add(&batch)),
                None => return Ok(false),
            },
            Event::ReadBook if (self.flaw == Flaw::StoreFirst) == self.reading.is_some() => {
                return self.read(|world| Half::Book(world.book.of(&ids())));
            }
            Event::ReadStore if (self.flaw == Flaw::StoreFirst) == self.reading.is_none() => {
                return self.read(Self::stored);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn stored(&self) -> Half {
        let mut hours = StoredHours::default();
        for id in ids() {
            let stored = self.store.hours(NODE, &id, UNIX_EPOCH);
            hours.hours.extend(stored.hours);
            hours.written = stored.written;
        }
        Half::Store(self.store.read(NODE, &ids()), hours)
    }

    fn read(&mut self, half: fn(&Self) -> Half) -> Result<bool, ()> {
        let second = half(self);
        let (here, (mut stored, mut hours), began) = match (self.reading.take(), second) {
            (None, first) => {
                self.reading = Some((first, self.counted));
                return Ok(true);
            }
            (Some((Half::Book(here), began)), Half::Store(stored, hours))
            | (Some((Half::Store(stored, hours), began)), Half::Book(here)) => {
                (here, (stored, hours), began)
            }
            _ => return Ok(false),
        };
        if self.flaw == Flaw::NumbersUnread {
            (stored.written, hours.written) = (0, 0);
        }
        let by_hour = here.clone().hours_on_top_of(hours);
        let by_hour: u64 = by_hour.iter().map(|(_, requests)| requests).sum();
        let total = here.on_top_of(&stored);
        let total = [0, 1].map(|key: usize| total.get(key).map_or(0, |u: &KeyUsage| u.requests));
        let right = (0..2).all(|key| {
            (began[key]..=self.counted[key]).contains(&total[key]) && total[key] >= self.told[key]
        });
        self.told = total;
        let right = right && by_hour == total.iter().sum::<u64>();
        if right { Ok(true) } else { Err(()) }
    }
}

/// The shortest history after which a reader is told something wrong.
fn counterexample(flaw: Flaw) -> Option<Vec<Event>> {
    let mut worlds = vec![(World::new(flaw), Vec::new())];
    let mut seen = HashSet::new();
    for _ in 0..LONGEST {
        let mut next = Vec::new();
        let steps = worlds.iter().flat_map(|reached| EVENTS.map(|event| (reached, event)));
        for ((world, history), event) in steps {
            let (mut world, history) = (world.clone(), [history.as_slice(), &[event]].concat());
            match world.step(event) {
                Err(()) => return Some(history),
                Ok(true) if seen.insert(format!("{world:?}")) => next.push((world, history)),
                Ok(_) => {}
            }
        }
        worlds = next;
    }
    assert!(seen.len() > 10_000, "there is something to explore: {}", seen.len());
    None
}

#[test]
fn g2_no_order_of_events_tells_a_reader_too_much_or_too_little() {
    assert_eq!(counterexample(Flaw::None), None);
}

#[test]
fn asking_the_store_before_the_book_breaks_it() {
    assert!(counterexample(Flaw::StoreFirst).is_some());
}

#[test]
fn adding_what_is_written_already_breaks_it() {
    assert!(counterexample(Flaw::NumbersUnread).is_some());
}
