//! The rules of [`IdempotencyStore`], one function each, for `idempotency_conformance!`.
#![allow(clippy::unwrap_used, reason = "these are tests: a failure is to be heard of at once")]
#![allow(clippy::missing_panics_doc, reason = "these are tests: they panic when a rule is broken")]

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{Begin, Begun, Fingerprint, Finish, IdempotencyStore, Lease, OperationId, Token};

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_mins(10);

/// A lease whose end is waited for. Time is real here: it is the store's.
const SHORT: Duration = Duration::from_millis(300);

/// An operation that no rule is about.
const WITNESS: u8 = 255;

/// By when something whose time is over must be felt to be, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tests a store of idempotency keys against every rule of its port, one named test each.
///
/// The argument makes an empty store; it may `.await`. Each test asks for its own. The tests need
/// `tokio` with the features `macros`, `rt` and `time`.
///
/// ```
/// # #[cfg(test)]
/// mod my_store {
///     keygate::idempotency_conformance!(keygate::idempotency::MemoryIdempotencyStore::new());
/// }
/// ```
#[macro_export]
macro_rules! idempotency_conformance {
    ($store:expr) => {
        $crate::idempotency_conformance!(@each $store;
            a_key_is_leased_to_one
            of_a_thousand_at_once_one_is_leased
            of_several_at_once_one_is_leased_again_and_again
            operations_are_independent
            another_fingerprint_is_reuse_at_any_time
            an_answer_comes_back_byte_for_byte
            a_first_answer_stays
            a_released_key_is_free
            a_lease_that_ended_is_taken_over_by_one
            an_old_lease_is_fenced
            a_renewed_lease_goes_on
            who_is_late_may_finish_if_nobody_took_over
            what_was_never_begun_is_nobodys
            an_answer_is_kept_for_its_time_and_no_longer
            what_is_never_finished_is_known_for_its_time
        );
    };
    (@each $store:expr; $($rule:ident)*) => {$(
        #[tokio::test]
        async fn $rule() {
            $crate::idempotency::conformance::$rule(&$store).await;
        }
    )*};
}

fn operation(number: u8) -> OperationId {
    OperationId::from_bytes([number; 32])
}

fn fingerprint(number: u8) -> Fingerprint {
    Fingerprint::from_bytes([number; 32])
}

/// Asks for a lease of its own each time.
fn begin(number: u8, lease_for: Duration) -> Begin {
    Begin::new(Lease::new(operation(number), Token::unique()), fingerprint(1), lease_for)
}

async fn leased(store: &impl IdempotencyStore, number: u8, lease_for: Duration) -> Lease {
    let begin = begin(number, lease_for);
    assert_eq!(store.begin(begin.clone()).await.unwrap(), Begun::Leased);
    begin.lease
}

async fn asked(store: &impl IdempotencyStore, number: u8) -> Begun {
    store.begin(begin(number, LONG)).await.unwrap()
}

async fn finished(store: &impl IdempotencyStore, lease: Lease, answer: &'static str) -> bool {
    store.finish(Finish::new(lease, answer, LONG)).await.unwrap()
}

/// Asks until the answer is another one. Gives the lease that was asked for, and that answer.
async fn until_not(
    store: &impl IdempotencyStore,
    before: Begun,
    ask: impl Fn() -> Begin,
) -> (Lease, Begun) {
    let began = Instant::now();
    loop {
        let asked = ask();
        let outcome = store.begin(asked.clone()).await.unwrap();
        if outcome != before {
            return (asked.lease, outcome);
        }
        assert!(began.elapsed() < PATIENCE, "still {outcome:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until short leases and answers of before have ended, without asking for them: one that
/// began later and lasts as long has.
async fn short_ones_end(store: &impl IdempotencyStore) {
    leased(store, WITNESS, SHORT).await;
    let (witness, _) = until_not(store, Begun::Running, || begin(WITNESS, LONG)).await;
    store.release(witness).await.unwrap();
}

/// Runs all of them side by side.
async fn at_once<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        let mut pending = false;
        for (future, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(cx) {
                Poll::Ready(ready) => *output = Some(ready),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

pub async fn a_key_is_leased_to_one(store: &impl IdempotencyStore) {
    leased(store, 1, LONG).await;
    for _ in 0..3 {
        assert_eq!(asked(store, 1).await, Begun::Running);
    }
}

pub async fn of_a_thousand_at_once_one_is_leased(store: &impl IdempotencyStore) {
    let outcomes = at_once((0..1_000).map(|_| patiently(store, begin(1, LONG)))).await;
    let count = |outcome| outcomes.iter().filter(|other| **other == outcome).count();
    assert_eq!((count(Begun::Leased), count(Begun::Running)), (1, 999));
}

pub async fn of_several_at_once_one_is_leased_again_and_again(store: &impl IdempotencyStore) {
    // The first round makes connections, and is no race.
    for round in 0..30 {
        let outcomes = at_once((0..20).map(|_| patiently(store, begin(round, LONG)))).await;
        let leased = outcomes.iter().filter(|outcome| **outcome == Begun::Leased).count();
        assert_eq!((leased, outcomes.len()), (1, 20), "round {round}");
    }
}

/// Comes again where so many at once are too many: an error says that nothing is known.
async fn patiently(store: &impl IdempotencyStore, wanted: Begin) -> Begun {
    let began = Instant::now();
    loop {
        match store.begin(wanted.clone()).await {
            Ok(outcome) => return outcome,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        assert!(began.elapsed() < PATIENCE, "never answered");
        sleep(Duration::from_millis(5)).await;
    }
}

pub async fn operations_are_independent(store: &impl IdempotencyStore) {
    let (zero, one) = (leased(store, 0, LONG).await, leased(store, 1, LONG).await);
    for number in 2..20 {
        leased(store, number, LONG).await;
    }
    assert!(finished(store, zero, "zero").await);
    store.release(one).await.unwrap();
    assert_eq!(asked(store, 0).await, Begun::Kept("zero".into()));
    assert_eq!(asked(store, 1).await, Begun::Leased);
    for number in 2..20 {
        assert_eq!(asked(store, number).await, Begun::Running);
    }
}

pub async fn another_fingerprint_is_reuse_at_any_time(store: &impl IdempotencyStore) {
    let other = |number| Begin { fingerprint: fingerprint(2), ..begin(number, LONG) };
    let running = leased(store, 1, LONG).await;
    assert_eq!(store.begin(other(1)).await.unwrap(), Begun::Reused);
    assert!(finished(store, running, "a").await);
    assert_eq!(store.begin(other(1)).await.unwrap(), Begun::Reused);
    assert_eq!(asked(store, 1).await, Begun::Kept("a".into()));
    // One whose lease has ended: somebody took it over, so that much is certain.
    leased(store, 2, SHORT).await;
    let (taken, _) = until_not(store, Begun::Running, || begin(2, SHORT)).await;
    short_ones_end(store).await;
    assert_eq!(store.begin(other(2)).await.unwrap(), Begun::Reused);
    store.release(taken).await.unwrap();
    assert_eq!(store.begin(other(2)).await.unwrap(), Begun::Leased);
}

pub async fn an_answer_comes_back_byte_for_byte(store: &impl IdempotencyStore) {
    let all: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0_u32..1 << 20).map(|at| (at % 251) as u8).collect();
    for (number, answer) in [Vec::new(), vec![0], all, large].into_iter().enumerate() {
        let number = u8::try_from(number).unwrap();
        let lease = leased(store, number, LONG).await;
        let finish = Finish::new(lease, answer.clone(), LONG);
        assert!(store.finish(finish).await.unwrap());
        for _ in 0..2 {
            assert!(asked(store, number).await == Begun::Kept(Bytes::from(answer.clone())));
        }
    }
}

pub async fn a_first_answer_stays(store: &impl IdempotencyStore) {
    let lease = leased(store, 1, LONG).await;
    assert!(finished(store, lease, "first").await);
    assert!(finished(store, lease, "second").await, "it is this lease's");
    store.release(lease).await.unwrap();
    assert!(!store.renew(lease, LONG).await.unwrap(), "there is nothing to renew");
    assert_eq!(asked(store, 1).await, Begun::Kept("first".into()));
}

pub async fn a_released_key_is_free(store: &impl IdempotencyStore) {
    let first = leased(store, 1, LONG).await;
    store.release(first).await.unwrap();
    let other = Begin { fingerprint: fingerprint(2), ..begin(1, LONG) };
    assert_eq!(store.begin(other.clone()).await.unwrap(), Begun::Leased);
    // The first is nobody now.
    assert!(!store.renew(first, LONG).await.unwrap());
    assert!(!finished(store, first, "late").await);
    store.release(first).await.unwrap();
    assert!(finished(store, other.lease, "a").await);
    assert_eq!(store.begin(other).await.unwrap(), Begun::Kept("a".into()));
}

pub async fn a_lease_that_ended_is_taken_over_by_one(store: &impl IdempotencyStore) {
    let began = Instant::now();
    leased(store, 1, SHORT).await;
    let (_, outcome) = until_not(store, Begun::Running, || begin(1, SHORT)).await;
    assert_eq!(outcome, Begun::Leased);
    assert!(began.elapsed() >= SHORT, "not before its end: {:?}", began.elapsed());
    short_ones_end(store).await;
    let outcomes = at_once((0..50).map(|_| patiently(store, begin(1, LONG)))).await;
    let taken = outcomes.iter().filter(|outcome| **outcome == Begun::Leased).count();
    assert_eq!((taken, outcomes.len()), (1, 50));
}

pub async fn an_old_lease_is_fenced(store: &impl IdempotencyStore) {
    let old = leased(store, 1, SHORT).await;
    let (new, outcome) = until_not(store, Begun::Running, || begin(1, LONG)).await;
    assert_eq!(outcome, Begun::Leased);
    assert!(!store.renew(old, LONG).await.unwrap());
    assert!(!finished(store, old, "old").await);
    store.release(old).await.unwrap();
    assert_eq!(asked(store, 1).await, Begun::Running);
    assert!(store.renew(new, LONG).await.unwrap());
    assert!(finished(store, new, "new").await);
    assert!(!finished(store, old, "old").await);
    assert_eq!(asked(store, 1).await, Begun::Kept("new".into()));
}

pub async fn a_renewed_lease_goes_on(store: &impl IdempotencyStore) {
    let lease = leased(store, 1, SHORT).await;
    assert!(store.renew(lease, LONG).await.unwrap());
    short_ones_end(store).await;
    assert_eq!(asked(store, 1).await, Begun::Running);
    // A renewal says how long from then on, also if that is less.
    assert!(store.renew(lease, SHORT).await.unwrap());
    let (_, outcome) = until_not(store, Begun::Running, || begin(1, LONG)).await;
    assert_eq!(outcome, Begun::Leased);
}

pub async fn who_is_late_may_finish_if_nobody_took_over(store: &impl IdempotencyStore) {
    let lease = leased(store, 1, SHORT).await;
    short_ones_end(store).await;
    assert!(finished(store, lease, "late").await);
    assert_eq!(asked(store, 1).await, Begun::Kept("late".into()));
}

pub async fn what_was_never_begun_is_nobodys(store: &impl IdempotencyStore) {
    let lease = begin(1, LONG).lease;
    assert!(!store.renew(lease, LONG).await.unwrap());
    assert!(!finished(store, lease, "a").await);
    store.release(lease).await.unwrap();
    assert_eq!(asked(store, 1).await, Begun::Leased);
}

pub async fn an_answer_is_kept_for_its_time_and_no_longer(store: &impl IdempotencyStore) {
    let lease = leased(store, 1, LONG).await;
    let began = Instant::now();
    assert!(store.finish(Finish::new(lease, "a", SHORT)).await.unwrap());
    let other = || Begin { fingerprint: fingerprint(2), ..begin(1, LONG) };
    let kept = Begun::Kept("a".into());
    let (_, outcome) = until_not(store, kept, || begin(1, LONG)).await;
    assert_eq!(outcome, Begun::Leased);
    assert!(began.elapsed() >= SHORT, "not before its end: {:?}", began.elapsed());
    // As if it had never been: nor is what tells its requests from others' known any more.
    let lease = leased(store, 2, LONG).await;
    assert!(store.finish(Finish::new(lease, "a", SHORT)).await.unwrap());
    short_ones_end(store).await;
    let lease = Lease::new(operation(2), Token::unique());
    let outcome = store.begin(Begin { lease, ..other() }).await.unwrap();
    assert_eq!(outcome, Begun::Leased);
}

pub async fn what_is_never_finished_is_known_for_its_time(store: &impl IdempotencyStore) {
    let short = Begin { keep_for: SHORT, ..begin(1, SHORT) };
    assert_eq!(store.begin(short).await.unwrap(), Begun::Leased);
    let other = || Begin { fingerprint: fingerprint(2), ..begin(1, LONG) };
    let (_, outcome) = until_not(store, Begun::Reused, other).await;
    assert_eq!(outcome, Begun::Leased);
}
