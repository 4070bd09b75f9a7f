//! Floods of made-up keys.

use super::support::{Bed, Mood, settle};
use crate::Clock;
use crate::cache::{Got, Limits};

/// The store knows the keys below this number.
const KNOWN: u64 = 1 << 20;

async fn ask(bed: &Bed, key: u64) {
    *bed.store.value.lock() = u64::from(key < KNOWN);
    bed.ask(key).await.unwrap();
}

#[tokio::test]
async fn v7_made_up_keys_displace_only_one_another() {
    let limits = Limits { capacity: 10_000, negative_capacity: 1_024, ..Limits::of("keys") };
    let bed = Bed::with(&limits);
    for key in 0..5_000 {
        ask(&bed, key).await;
    }
    for junk in 0..20_000 {
        ask(&bed, KNOWN + junk).await;
    }
    bed.cache.run_pending();
    let hits = (0..5_000).filter(|key| bed.get(*key) == Got::Fresh(1)).count();
    assert!(hits >= 4_950, "{hits} of 5,000");
    let (positive, negative) = bed.cache.kept();
    assert_eq!(positive, 5_000);
    assert!(negative <= 1_024, "{negative} negative answers kept");
}

#[tokio::test]
async fn v13_a_reconnect_under_a_flood_fails_no_known_key() {
    let bed = Bed::new();
    let proofs = bed.cache.proofs();
    let session = proofs.begin_session();
    for key in 0..1_000 {
        ask(&bed, key).await;
    }
    proofs.proven(session, bed.clock.monotonic());
    proofs.end_session();
    proofs.begin_session();
    let before = bed.calls();
    let mut served = 0;
    for key in 0..1_000 {
        ask(&bed, KNOWN + key).await;
        *bed.store.value.lock() = 1;
        match bed.get(key) {
            Got::Miss => {}
            Got::Fresh(_) => served += 1,
            Got::Refresh(_) => {
                served += 1;
                bed.refresh(key);
                // The look-up for later runs while this one's answer is out already.
                settle().await;
            }
        }
    }
    assert_eq!(served, 1_000);
    assert_eq!(bed.calls() - before, 2_000, "one look-up for each key, at its use, not in a wave");
}

/// After a reconnect all keys in use are refreshed: who waits for an answer must not wait for that.
#[tokio::test(start_paused = true)]
async fn refreshes_leave_half_of_the_look_ups_to_callers_who_wait() {
    let bed = Bed::with(&Limits { lookups: 4, capacity: 1_000, ..Limits::of("keys") });
    bed.mood(Mood::Busy);
    for key in 0..100 {
        bed.refresh(key);
    }
    settle().await;
    assert_eq!(bed.calls(), 2, "the others are not queued");
    let waiting = tokio::spawn(bed.load(1_000));
    settle().await;
    assert_eq!(bed.calls(), 3);
    bed.mood(Mood::Well);
    assert_eq!(waiting.await.unwrap(), Ok(1));
    settle().await;
    assert_eq!(bed.calls(), 3);
    bed.refresh(7);
    settle().await;
    assert_eq!(bed.calls(), 4, "and there is room again");
}

#[tokio::test]
async fn a_full_cache_keeps_what_is_new() {
    let bed = Bed::with(&Limits { capacity: 100, ..Limits::of("keys") });
    for key in 0..1_000 {
        ask(&bed, key).await;
    }
    bed.cache.run_pending();
    assert_eq!((900..1_000).filter(|key| bed.get(*key) == Got::Fresh(1)).count(), 100);
}
