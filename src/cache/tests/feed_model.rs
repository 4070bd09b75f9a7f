//! The feed's rule over all short histories: commits, proofs, silence, loss and reconnection.
//!
//! One millisecond passes with each event, and an answer is believed for [`STALENESS`].

use std::collections::VecDeque;
use std::time::Duration;

use crate::cache::proof::Session;
use crate::cache::proof::{Moment, Proofs};

const STALENESS: u64 = 3;
const LONGEST: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    /// The connection stands and the driver says so.
    Begin,
    /// The connection is gone; nobody notices.
    Break,
    /// The driver notices, or suspects.
    Notice,
    /// A look-up reads the clock and the session …
    Ask,
    /// … and then the store.
    Answer,
    Commit,
    SendProof,
    /// The oldest message arrives.
    Deliver,
}

const EVENTS: [Event; 8] = [
    Event::Begin,
    Event::Break,
    Event::Notice,
    Event::Ask,
    Event::Answer,
    Event::Commit,
    Event::SendProof,
    Event::Deliver,
];

/// What a driver or a reader might do wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// A proof counts from when it arrived.
    ProvenAtArrival,
    /// An answer of an ended session is judged by the proofs of the one that stands.
    NewProofsForOldAnswers,
    /// The store is asked first, then the session and the clock are read.
    StampedLate,
}

enum Message {
    Changed,
    Proof(u64),
}

struct World {
    proofs: Proofs,
    flaw: Flaw,
    now: u64,
    session: Option<Session>,
    /// What is on its way, while the connection stands.
    wire: Option<VecDeque<Message>>,
    committed: Option<u64>,
    /// When it is being asked, and whether the store was right then.
    asking: Option<(Moment, bool)>,
    /// When it was asked, and whether it was right then.
    entry: Option<(Moment, bool)>,
}

impl World {
    fn after(history: &[Event], flaw: Flaw) -> Option<Self> {
        let mut world = Self {
            proofs: Proofs::new(Duration::from_millis(STALENESS)),
            flaw,
            now: 1,
            session: None,
            wire: None,
            committed: None,
            asking: None,
            entry: None,
        };
        history.iter().all(|event| world.step(*event)).then_some(world)
    }

    /// Whether the event can happen here.
    fn step(&mut self, event: Event) -> bool {
        self.now += 1;
        match event {
            Event::Begin if self.session.is_none() => {
                self.wire = Some(VecDeque::new());
                self.session = Some(self.proofs.begin_session());
            }
            Event::Break => return self.wire.take().is_some(),
            Event::Notice if self.session.take().is_some() => {
                self.wire = None;
                self.proofs.end_session();
            }
            // A second answer is never worse than the first.
            Event::Ask if self.asking.is_none() && self.entry.is_none() => {
                self.asking = Some((self.proofs.asking_at(self.time()), self.committed.is_none()));
            }
            Event::Answer => return self.answer(),
            Event::Commit if self.committed.is_none() => {
                self.committed = Some(self.now);
                self.send(Message::Changed);
            }
            Event::SendProof if self.session.is_some() => self.send(Message::Proof(self.now)),
            Event::Deliver => return self.deliver(),
            _ => return false,
        }
        true
    }

    fn answer(&mut self) -> bool {
        let Some((asked, was_right)) = self.asking.take() else { return false };
        self.entry = Some(match self.flaw {
            Flaw::StampedLate => (self.proofs.asking_at(self.time()), was_right),
            _ => (asked, self.committed.is_none()),
        });
        true
    }

    fn deliver(&mut self) -> bool {
        match self.wire.as_mut().and_then(VecDeque::pop_front) {
            // The epoch is bumped: the entry, and a look-up under way, are worth nothing.
            Some(Message::Changed) => (self.entry, self.asking) = (None, None),
            Some(Message::Proof(sent)) => {
                let at = if self.flaw == Flaw::ProvenAtArrival { self.now } else { sent };
                if let Some(session) = self.session {
                    self.proofs.proven(session, Duration::from_millis(at));
                }
            }
            None => return false,
        }
        true
    }

    fn send(&mut self, message: Message) {
        if let Some(wire) = &mut self.wire {
            wire.push_back(message);
        }
    }

    fn time(&self) -> Duration {
        Duration::from_millis(self.now)
    }

    /// Whether, if nothing more happens, a wrong answer is served longer than promised.
    fn serves_too_long(&self) -> bool {
        let (Some((asked, true)), Some(committed)) = (self.entry, self.committed) else {
            return false;
        };
        let asked = match self.flaw {
            Flaw::NewProofsForOldAnswers => {
                self.proofs.asking_at(Duration::from_millis(asked.millis()))
            }
            _ => asked,
        };
        let until = self.proofs.freshness(asked).until;
        self.now < until && until > committed + STALENESS
    }
}

/// The shortest history that breaks the promise.
fn counterexample(flaw: Flaw) -> Option<Vec<Event>> {
    let mut histories = vec![Vec::new()];
    for _ in 0..LONGEST {
        let longer = histories.iter().flat_map(|history: &Vec<Event>| {
            EVENTS.into_iter().map(|event| [history.as_slice(), &[event]].concat())
        });
        let reached = longer.filter_map(|next| Some((World::after(&next, flaw)?, next)));
        let (broken, fine): (Vec<_>, Vec<_>) =
            reached.partition(|(world, _)| world.serves_too_long());
        if let Some((_, history)) = broken.into_iter().next() {
            return Some(history);
        }
        histories = fine.into_iter().map(|(_, history)| history).collect();
    }
    assert!(histories.len() > 10_000, "there is something to explore");
    None
}

#[test]
fn r3_no_history_serves_a_withdrawn_answer_longer_than_promised() {
    assert_eq!(counterexample(Flaw::None), None);
}

#[test]
fn a_proof_that_counts_from_its_arrival_breaks_it() {
    assert!(counterexample(Flaw::ProvenAtArrival).is_some());
}

#[test]
fn proofs_of_a_new_session_for_an_old_answer_break_it() {
    assert!(counterexample(Flaw::NewProofsForOldAnswers).is_some());
}

#[test]
fn a_session_read_after_the_store_was_asked_breaks_it() {
    assert!(counterexample(Flaw::StampedLate).is_some());
}
