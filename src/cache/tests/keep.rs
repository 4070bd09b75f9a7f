//! What is kept, for how long, and what ends it.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::support::{Bed, Mood, settle};
use crate::cache::{Got, Limits, LoadError};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_answer_is_looked_up_once() {
    let bed = Bed::new();
    assert_eq!(bed.get(7), Got::Miss);
    assert_eq!(bed.ask(7).await, Ok(1));
    assert_eq!(bed.get(7), Got::Fresh(1));
    assert_eq!(bed.ask(7).await, Ok(1));
    assert_eq!(bed.calls(), 1);
}

#[tokio::test]
async fn a_change_is_seen_by_whoever_asks_after_it_returned() {
    let bed = Bed::new();
    assert_eq!(bed.ask(7).await, Ok(1));
    bed.change(7, 0);
    assert_eq!(bed.get(7), Got::Miss);
    assert_eq!(bed.ask(7).await, Ok(0));
    assert_eq!(bed.get(7), Got::Fresh(0));
}

#[tokio::test]
async fn v9_what_is_created_after_a_negative_answer_is_found_at_once() {
    let bed = Bed::new();
    bed.change(7, 0);
    assert_eq!(bed.ask(7).await, Ok(0));
    bed.change(7, 2);
    assert_eq!(bed.ask(7).await, Ok(2));
}

#[tokio::test]
async fn what_is_loaded_while_it_changes_is_not_believed_by_later_callers() {
    let bed = Bed::new();
    bed.mood(Mood::Busy);
    let early = tokio::spawn(bed.load(7));
    settle().await;
    bed.change(7, 0);
    let late = tokio::spawn(bed.load(7));
    settle().await;
    assert_eq!(bed.calls(), 2, "the look-up under way is too old to be joined");
    bed.mood(Mood::Well);
    assert_eq!(late.await.unwrap(), Ok(0));
    assert_eq!(early.await.unwrap(), Ok(1), "it asked before the change returned");
    assert_eq!(bed.get(7), Got::Fresh(0), "and its answer replaces nothing");
}

#[tokio::test]
async fn without_a_feed_answers_are_good_for_the_allowed_staleness() {
    let bed = Bed::new();
    bed.ask(7).await.unwrap();
    bed.clock.advance(Duration::from_millis(9_999));
    assert_eq!(bed.get(7), Got::Fresh(1));
    bed.clock.advance(Duration::from_millis(1));
    assert_eq!(bed.get(7), Got::Miss);
}

#[tokio::test]
async fn proofs_carry_a_positive_answer_to_its_ttl_and_no_further() {
    let bed = Bed::new();
    let session = bed.cache.proofs().begin_session();
    bed.ask(7).await.unwrap();
    for _ in 0..299 {
        bed.clock.advance(SECOND);
        bed.cache.proofs().proven(session, crate::Clock::monotonic(&bed.clock));
        assert_eq!(bed.get(7), Got::Fresh(1));
    }
    bed.clock.advance(SECOND);
    assert_eq!(bed.get(7), Got::Miss);
}

#[tokio::test]
async fn v9_a_negative_answer_ends_after_five_seconds_whatever_is_set() {
    let bed = Bed::with(&Limits { negative_ttl: SECOND * 60, ..Limits::of("keys") });
    bed.change(7, 0);
    bed.ask(7).await.unwrap();
    bed.clock.advance(Duration::from_millis(4_999));
    assert_eq!(bed.get(7), Got::Fresh(0));
    bed.clock.advance(Duration::from_millis(1));
    assert_eq!(bed.get(7), Got::Miss);
}

#[tokio::test]
async fn an_answer_of_an_ended_session_is_served_and_looked_up_once_for_later() {
    let bed = Bed::new();
    let session = bed.cache.proofs().begin_session();
    bed.ask(7).await.unwrap();
    bed.cache.proofs().proven(session, crate::Clock::monotonic(&bed.clock));
    bed.cache.proofs().end_session();
    bed.cache.proofs().begin_session();
    assert_eq!(bed.get(7), Got::Refresh(1));
    assert_eq!(bed.get(7), Got::Fresh(1), "one caller is asked to refresh");
    bed.clock.advance(SECOND * 2);
    assert_eq!(bed.get(7), Got::Refresh(1), "and another one if nothing came of it");
    bed.refresh(7);
    settle().await;
    assert_eq!((bed.get(7), bed.calls()), (Got::Fresh(1), 2));
    bed.clock.advance(SECOND * 2);
    assert_eq!(bed.get(7), Got::Fresh(1), "it is of this session now");
}

#[tokio::test]
async fn a_refresh_that_finds_it_gone_ends_it() {
    let bed = Bed::new();
    bed.ask(7).await.unwrap();
    bed.cache.proofs().begin_session();
    *bed.store.value.lock() = 0;
    assert_eq!(bed.ask(7).await, Ok(1));
    settle().await;
    assert_eq!(bed.get(7), Got::Fresh(0));
}

#[tokio::test]
async fn errors_are_not_kept() {
    let bed = Bed::new();
    bed.mood(Mood::Failing);
    assert_eq!(bed.ask(7).await, Err(LoadError::Failed));
    bed.mood(Mood::Well);
    assert_eq!(bed.ask(7).await, Ok(1));
}

#[test]
fn without_a_runtime_a_look_up_fails_and_nothing_panics() {
    let bed = Bed::new();
    let mut load = bed.load(7);
    let outcome = load.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(outcome, Poll::Ready(Err(LoadError::NoRuntime)));
}
