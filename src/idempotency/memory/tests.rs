use tokio::runtime::Builder;

use super::*;
use crate::ManualClock;

const LEASE: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_hours(24);
const INSTANT: Duration = Duration::from_nanos(1);

fn lease(operation: u8) -> Lease {
    Lease::new(OperationId::from_bytes([operation; 32]), Token::unique())
}

fn begin(operation: u8) -> Begin {
    Begin::new(lease(operation), Fingerprint::from_bytes([0; 32]), LEASE)
}

async fn leased(store: &MemoryIdempotencyStore, operation: u8) -> Lease {
    let begin = begin(operation);
    assert_eq!(store.begin(begin.clone()).await.unwrap(), Begun::Leased);
    begin.lease
}

async fn finished(store: &MemoryIdempotencyStore, operation: u8, bytes: usize) {
    let finish = Finish::new(leased(store, operation).await, vec![0; bytes], DAY);
    assert!(store.finish(finish).await.unwrap());
}

#[tokio::test]
async fn c11_an_answer_is_kept_for_a_day_from_its_end_on_and_no_longer() {
    let clock = ManualClock::new();
    let store = MemoryIdempotencyStore::new().with_clock(clock.clone());
    let lease = leased(&store, 1).await;
    clock.advance(Duration::from_secs(20));
    assert!(store.finish(Finish::new(lease, "a", DAY)).await.unwrap());
    clock.advance(DAY.checked_sub(INSTANT).unwrap());
    assert_eq!(store.begin(begin(1)).await.unwrap(), Begun::Kept("a".into()));
    clock.advance(INSTANT);
    assert_eq!(store.begin(begin(1)).await.unwrap(), Begun::Leased);
}

#[tokio::test]
async fn i2_a_lease_ends_when_it_was_not_renewed_and_not_before() {
    let clock = ManualClock::new();
    let store = MemoryIdempotencyStore::new().with_clock(clock.clone());
    let first = leased(&store, 1).await;
    for _ in 0..10 {
        clock.advance(LEASE.checked_sub(INSTANT).unwrap());
        assert_eq!(store.begin(begin(1)).await.unwrap(), Begun::Running);
        assert!(store.renew(first, LEASE).await.unwrap());
    }
    clock.advance(LEASE);
    leased(&store, 1).await;
    assert!(!store.renew(first, LEASE).await.unwrap());
    assert!(!store.finish(Finish::new(first, "late", DAY)).await.unwrap());
    store.release(first).await.unwrap();
    assert_eq!(store.begin(begin(1)).await.unwrap(), Begun::Running);
}

#[tokio::test]
async fn at_its_bounds_it_takes_nobody_new_and_lets_go_of_nothing() {
    let clock = ManualClock::new();
    let store = MemoryIdempotencyStore::new().with_clock(clock.clone()).max_operations(2);
    finished(&store, 1, 3).await;
    let running = leased(&store, 2).await;
    let refused = store.begin(begin(3)).await.unwrap_err();
    assert!(refused.is_transient());
    assert!(matches!(store.begin(begin(1)).await.unwrap(), Begun::Kept(_)));
    assert_eq!(store.begin(begin(2)).await.unwrap(), Begun::Running);
    // Whose lease ended is no newcomer.
    clock.advance(LEASE);
    let again = leased(&store, 2).await;
    assert_ne!(again, running);
    store.release(again).await.unwrap();
    leased(&store, 3).await;
    // What is over makes room.
    clock.advance(DAY);
    finished(&store, 4, 3).await;
    finished(&store, 5, 3).await;
    assert_eq!(store.state.lock().bytes, 6);
}

#[tokio::test]
async fn kept_bytes_are_bounded_and_what_runs_is_still_kept() {
    let clock = ManualClock::new();
    let store = MemoryIdempotencyStore::new().with_clock(clock.clone()).max_bytes(100);
    let running = leased(&store, 1).await;
    finished(&store, 2, 99).await;
    finished(&store, 3, 1).await;
    assert!(store.begin(begin(4)).await.is_err());
    assert!(store.finish(Finish::new(running, vec![0; 50], DAY)).await.unwrap());
    assert_eq!(store.state.lock().bytes, 150);
    clock.advance(DAY);
    leased(&store, 4).await;
    let state = store.state.lock();
    assert_eq!((state.bytes, state.entries.len(), state.ends.len()), (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_swept_while_nobody_calls() {
    let clock = ManualClock::new();
    let store = MemoryIdempotencyStore::new().with_clock(clock.clone());
    let left = || store.state.lock().entries.len();
    for round in 0..3 {
        finished(&store, round, 10).await;
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(left(), 1, "its time is not over");
        clock.advance(DAY);
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert_eq!(left(), 0);
        assert!(!store.state.lock().tended, "the task has ended");
    }
}

#[test]
fn a_runtime_that_ends_takes_its_sweeper_with_it_and_the_next_has_another() {
    let store = MemoryIdempotencyStore::new();
    for operation in 0..2 {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(leased(&store, operation));
        assert!(store.state.lock().tended);
        drop(runtime);
        assert!(!store.state.lock().tended);
    }
}
