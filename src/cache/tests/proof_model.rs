//! A proof vouches for changes whose bumps its reader then sees: under every reordering.

use std::sync::atomic::{AtomicBool as Verdict, Ordering as Std};
use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::cache::Slots;
use crate::cache::epoch::{Epochs, Orderings, Sound};
use crate::cache::proof::Proofs;
use crate::cache::proof::Session;

struct RelaxedProof;
impl Orderings for RelaxedProof {
    const PROVE: Ordering = Ordering::Relaxed;
}

struct RelaxedReader;
impl Orderings for RelaxedReader {
    const READ_PROOF: Ordering = Ordering::Relaxed;
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// The driver bumps, then proves; the reader reads the proof, then the epoch.
    AsRuled,
    DriverProvesFirst,
    ReaderReadsEpochFirst,
}

/// All in milliseconds: asked 1, changed 5, proof sent 20, read 25, believed for 10.
const ASKED: Duration = Duration::from_millis(1);
const SENT: Duration = Duration::from_millis(20);
const NOW: u64 = 25;
const STALENESS: Duration = Duration::from_millis(10);

/// Whether an entry is ever served at [`NOW`], 20 ms after it became wrong.
fn served_too_long<O: Orderings + 'static>(order: Order) -> bool {
    let seen = std::sync::Arc::new(Verdict::new(false));
    let told = std::sync::Arc::clone(&seen);
    loom::model(move || {
        let epochs = Arc::new(Epochs::<AtomicU64, O>::with_slots(1));
        let proofs = Arc::new(Proofs::<AtomicU64, O>::new(STALENESS));
        let session = proofs.begin_session();
        let (note, asked) = (epochs.note(Slots::one(0)), proofs.asking_at(ASKED));
        let driver = {
            let (epochs, proofs) = (Arc::clone(&epochs), Arc::clone(&proofs));
            thread::spawn(move || drive(&epochs, &proofs, session, order))
        };
        let reader = {
            let (epochs, proofs) = (Arc::clone(&epochs), Arc::clone(&proofs));
            thread::spawn(move || {
                let early =
                    (order == Order::ReaderReadsEpochFirst).then(|| epochs.is_current(&note));
                let fresh = proofs.freshness(asked).until > NOW;
                let current = early.unwrap_or_else(|| epochs.is_current(&note));
                fresh && current
            })
        };
        driver.join().unwrap();
        let served = reader.join().unwrap();
        told.store(told.load(Std::SeqCst) | served, Std::SeqCst);
    });
    seen.load(Std::SeqCst)
}

fn drive<O: Orderings>(
    epochs: &Epochs<AtomicU64, O>,
    proofs: &Proofs<AtomicU64, O>,
    session: Session,
    order: Order,
) {
    if order == Order::DriverProvesFirst {
        proofs.proven(session, SENT);
    }
    epochs.bump(0);
    proofs.proven(session, SENT);
}

#[test]
fn r3_a_proof_never_revives_what_it_vouches_to_have_changed() {
    assert!(!served_too_long::<Sound>(Order::AsRuled));
}

#[test]
fn a_relaxed_proof_breaks_it() {
    assert!(served_too_long::<RelaxedProof>(Order::AsRuled));
}

#[test]
fn a_relaxed_reader_breaks_it() {
    assert!(served_too_long::<RelaxedReader>(Order::AsRuled));
}

#[test]
fn a_proof_before_the_bump_breaks_it() {
    assert!(served_too_long::<Sound>(Order::DriverProvesFirst));
}

#[test]
fn an_epoch_read_before_the_proof_breaks_it() {
    assert!(served_too_long::<Sound>(Order::ReaderReadsEpochFirst));
}
