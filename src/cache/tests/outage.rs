//! Slow, hanging, failing and panicking stores, on tokio's paused clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::support::{Bed, DEADLINE, Mood, settle};
use crate::cache::{Got, Limits, LoadError};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn bed(lookups: usize) -> Arc<Bed> {
    Arc::new(Bed::with(&Limits { lookups, capacity: 1_000, ..Limits::of("keys") }))
}

/// Callers of keys nobody asked for before, one every 10 ms for as long as told; what became of
/// each, by when it came.
async fn traffic(bed: &Arc<Bed>, from: u64, lasting: Duration) -> Vec<Result<u64, LoadError>> {
    let mut callers = Vec::new();
    let until = Instant::now() + lasting;
    let mut key = from;
    while Instant::now() < until {
        let bed = Arc::clone(bed);
        callers.push(tokio::spawn(async move { bed.ask(key).await }));
        key += 1;
        sleep(MILLI * 10).await;
    }
    let mut outcomes = Vec::new();
    for caller in callers {
        outcomes.push(caller.await.unwrap());
    }
    outcomes
}

fn at_the_barrier(
    bed: &Arc<Bed>,
    start: &Arc<tokio::sync::Barrier>,
) -> tokio::task::JoinHandle<Result<u64, LoadError>> {
    let (bed, start) = (Arc::clone(bed), Arc::clone(start));
    tokio::spawn(async move {
        start.wait().await;
        bed.ask(7).await
    })
}

#[tokio::test(start_paused = true)]
async fn v2_a_hanging_store_fails_its_callers_at_the_deadline() {
    let bed = bed(8);
    bed.mood(Mood::Hung);
    let began = Instant::now();
    assert_eq!(bed.ask(7).await, Err(LoadError::TimedOut));
    assert!(began.elapsed() <= DEADLINE + MILLI * 20);
}

#[tokio::test(start_paused = true)]
async fn v2_whoever_waits_for_a_permit_waits_no_longer_than_the_deadline() {
    let bed = bed(1);
    bed.mood(Mood::Hung);
    let _first = tokio::spawn(bed.load(1));
    settle().await;
    let began = Instant::now();
    assert_eq!(bed.ask(2).await, Err(LoadError::TimedOut));
    assert!(began.elapsed() <= DEADLINE + MILLI * 20);
    assert_eq!(bed.calls(), 1, "the store has heard of the first only");
}

#[tokio::test(start_paused = true)]
async fn v3_a_slow_store_serves_everyone_with_no_more_look_ups_at_once_than_allowed() {
    let bed = bed(256);
    bed.mood(Mood::Slow(DEADLINE / 2));
    let callers: Vec<_> = (0..1_000).map(|key| (key, Arc::clone(&bed))).collect();
    let mut tasks = Vec::new();
    for (key, bed) in callers {
        tasks.push(tokio::spawn(async move { bed.ask(key).await }));
        sleep(MILLI).await;
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(1));
    }
    let most = bed.store.most_at_once.load(Ordering::SeqCst);
    assert!((2..=256).contains(&most), "{most} at once");
}

#[tokio::test(start_paused = true)]
async fn v3_a_burst_never_exceeds_the_permits() {
    let bed = bed(16);
    bed.mood(Mood::Slow(MILLI * 20));
    let tasks: Vec<_> = (0..100).map(|key| tokio::spawn(bed.load(key))).collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(1));
    }
    assert_eq!(bed.store.most_at_once.load(Ordering::SeqCst), 16);
}

#[tokio::test(start_paused = true)]
async fn v4_an_open_circuit_answers_at_once_and_probes_once_a_second() {
    let bed = bed(4);
    bed.mood(Mood::Hung);
    for key in 0..4 {
        tokio::spawn(bed.load(key));
    }
    sleep(DEADLINE + MILLI).await;
    let hanging = bed.calls();
    let began = Instant::now();
    let probe = tokio::spawn(bed.load(100));
    settle().await;
    assert_eq!(bed.ask(101).await, Err(LoadError::CircuitOpen));
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(bed.calls(), hanging + 1, "one probe");
    assert_eq!(probe.await.unwrap(), Err(LoadError::TimedOut));
    traffic(&bed, 200, MILLI * 749).await;
    assert_eq!(bed.calls(), hanging + 1, "no second one within the second");
    assert_eq!(bed.store.at_once.load(Ordering::SeqCst), 4, "a probe is dropped at the deadline");
}

#[tokio::test(start_paused = true)]
async fn v4_a_flapping_store_is_found_again_each_time() {
    let bed = bed(4);
    for round in 0..10 {
        bed.mood(Mood::Hung);
        let down = traffic(&bed, round * 10_000, SECOND).await;
        assert!(down.iter().all(Result::is_err));
        assert!(down.contains(&Err(LoadError::CircuitOpen)));
        let most = bed.store.most_at_once.load(Ordering::SeqCst);
        assert!(most <= 5, "the permits and one probe, not {most}");
        bed.mood(Mood::Well);
        let up = traffic(&bed, round * 10_000 + 5_000, SECOND + MILLI * 20).await;
        assert_eq!(up.last(), Some(&Ok(1)), "round {round}");
    }
}

#[tokio::test]
async fn v5_a_thousand_callers_make_one_call() {
    let bed = Arc::new(Bed::new());
    bed.mood(Mood::Busy);
    let callers: Vec<_> = (0..1_000).map(|_| tokio::spawn(bed.load(7))).collect();
    settle().await;
    bed.mood(Mood::Well);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Ok(1));
    }
    assert_eq!(bed.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn v5_a_thousand_callers_on_several_threads_make_one_call() {
    for _ in 0..50 {
        let bed = Arc::new(Bed::new());
        let start = Arc::new(tokio::sync::Barrier::new(100));
        let callers: Vec<_> = (0..100).map(|_| at_the_barrier(&bed, &start)).collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Ok(1));
        }
        assert_eq!(bed.calls(), 1, "no caller slips in between landing and keeping");
    }
}

#[tokio::test]
async fn v6_a_caller_who_hangs_up_takes_nothing_from_the_others() {
    let bed = bed(8);
    bed.mood(Mood::Busy);
    let first = tokio::spawn(bed.load(7));
    settle().await;
    let second = tokio::spawn(bed.load(7));
    settle().await;
    first.abort();
    settle().await;
    bed.mood(Mood::Well);
    assert_eq!(second.await.unwrap(), Ok(1));
    assert_eq!(bed.calls(), 1);
}

#[tokio::test]
async fn v6_ten_thousand_callers_who_hang_up_leave_no_permit_taken() {
    let bed = bed(8);
    bed.mood(Mood::Busy);
    for key in 0..10_000_u64 {
        let caller = tokio::spawn(bed.load(key));
        // At every point of the way: unpolled, waiting for a permit, waiting for the answer.
        for _ in 0..key % 3 {
            tokio::task::yield_now().await;
        }
        caller.abort();
    }
    bed.mood(Mood::Well);
    while bed.cache.under_way() > 0 {
        tokio::task::yield_now().await;
    }
    settle().await;
    assert_eq!(bed.cache.free_permits(), 8);
    assert_eq!(bed.ask(20_000).await, Ok(1));
}

#[tokio::test]
async fn v10_a_panicking_store_fails_that_look_up_only() {
    let bed = bed(1);
    bed.mood(Mood::Panicking);
    let outcome = bed.ask(7).await;
    assert_eq!(outcome, Err(LoadError::Panicked));
    assert_eq!(outcome.unwrap_err().to_string(), "the look-up panicked");
    bed.mood(Mood::Well);
    assert_eq!(bed.ask(7).await, Ok(1));
    assert_eq!(bed.cache.free_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn v14_a_store_that_hung_for_ten_seconds_is_used_again_within_one() {
    // Each phase of the probes against the recovery.
    for phase in 0..10 {
        let bed = bed(4);
        bed.mood(Mood::Hung);
        let down = traffic(&bed, 0, SECOND * 10 + MILLI * 100 * phase).await;
        assert!(down.iter().all(Result::is_err));
        bed.mood(Mood::Well);
        let up = traffic(&bed, 5_000, SECOND * 2).await;
        let first_good = up.iter().position(Result::is_ok).unwrap();
        assert!(first_good <= 100, "the first good answer came after {first_good} × 10 ms");
        let late = &up[101..];
        assert!(late.iter().all(|outcome| *outcome == Ok(1)), "phase {phase}: {late:?}");
        assert_eq!(bed.cache.free_permits(), 4);
        assert_eq!(bed.store.at_once.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn v14_the_same_key_works_again_too() {
    let bed = bed(256);
    bed.mood(Mood::Hung);
    assert_eq!(bed.ask(7).await, Err(LoadError::TimedOut));
    bed.mood(Mood::Well);
    assert_eq!(bed.ask(7).await, Ok(1), "nobody waits for a look-up that is past the deadline");
}

#[tokio::test(start_paused = true)]
async fn a_look_up_past_the_deadline_still_brings_its_answer() {
    let bed = bed(8);
    bed.mood(Mood::Slow(DEADLINE * 2));
    assert_eq!(bed.ask(7).await, Err(LoadError::TimedOut));
    sleep(DEADLINE + MILLI).await;
    assert_eq!(bed.get(7), Got::Fresh(1));
}

#[tokio::test(start_paused = true)]
async fn at_eight_deadlines_a_look_up_is_dropped_and_its_permit_returned() {
    let bed = bed(1);
    bed.mood(Mood::Hung);
    assert_eq!(bed.ask(7).await, Err(LoadError::TimedOut));
    sleep(MILLI * 1_749).await;
    assert_eq!((bed.cache.free_permits(), bed.cache.under_way()), (0, 1));
    sleep(MILLI * 3).await;
    assert_eq!((bed.cache.free_permits(), bed.cache.under_way()), (1, 0));
    assert_eq!(bed.store.at_once.load(Ordering::SeqCst), 0, "its future is gone");
}

#[test]
fn a_runtime_that_ends_takes_its_flights_off_the_map() {
    let bed = Bed::new();
    bed.mood(Mood::Hung);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let first = runtime();
    first.block_on(async {
        let _caller = tokio::spawn(bed.load(7));
        settle().await;
    });
    assert_eq!(bed.cache.under_way(), 1);
    drop(first);
    assert_eq!(bed.cache.under_way(), 0);
    bed.mood(Mood::Well);
    assert_eq!(runtime().block_on(bed.ask(7)), Ok(1));
}

#[tokio::test]
async fn v1_a_failing_store_does_not_touch_what_is_known() {
    let bed = Bed::new();
    bed.ask(7).await.unwrap();
    for mood in [Mood::Failing, Mood::Hung, Mood::Panicking] {
        bed.mood(mood);
        assert_eq!(bed.ask(7).await, Ok(1));
    }
}
