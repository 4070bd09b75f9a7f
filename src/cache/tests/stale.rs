//! Answers given past their time, where a look-up fails.

use std::time::Duration;

use super::support::{Bed, Key, Mood};
use crate::cache::{Limits, LoadError};

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_mins(1);

fn bed() -> Bed {
    Bed::with(&Limits { capacity: 1_000, stale_on_outage: LIMIT, ..Limits::of("keys") })
}

/// As a request: what is known, else what the store says, else what was known.
async fn ask(bed: &Bed, key: u64) -> Result<u64, LoadError> {
    match bed.ask(key).await {
        Ok(value) => Ok(value),
        Err(error) => bed.cache.get_stale(&Key(key), |value, _| *value).ok_or(error),
    }
}

#[tokio::test(start_paused = true)]
async fn a_positive_answer_is_given_past_its_time_by_the_limit_and_no_longer() {
    for (mood, error) in [(Mood::Failing, LoadError::Failed), (Mood::Hung, LoadError::TimedOut)] {
        let bed = bed();
        bed.ask(7).await.unwrap();
        bed.mood(mood);
        bed.clock.advance(SECOND * 10);
        assert_eq!(ask(&bed, 7).await, Ok(1));
        bed.clock.advance(LIMIT.saturating_sub(Duration::from_millis(1)));
        assert_eq!(ask(&bed, 7).await, Ok(1));
        bed.clock.advance(Duration::from_millis(1));
        assert_eq!(ask(&bed, 7).await, Err(error));
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_an_outage() {
    let limits = Limits { lookups: 1, stale_on_outage: LIMIT, ..Limits::of("keys") };
    let bed = Bed::with(&limits);
    bed.ask(7).await.unwrap();
    bed.mood(Mood::Hung);
    bed.clock.advance(SECOND * 10);
    let mut key = 8;
    while ask(&bed, key).await != Err(LoadError::CircuitOpen) {
        key += 1;
    }
    let calls = bed.calls();
    assert_eq!((ask(&bed, 7).await, bed.calls()), (Ok(1), calls));
}

#[tokio::test]
async fn a_store_that_answers_is_believed() {
    let bed = bed();
    bed.ask(7).await.unwrap();
    bed.clock.advance(SECOND * 10);
    *bed.store.value.lock() = 2;
    assert_eq!(ask(&bed, 7).await, Ok(2));
}

#[tokio::test]
async fn what_changed_is_not_given() {
    let bed = bed();
    bed.ask(7).await.unwrap();
    bed.mood(Mood::Failing);
    bed.clock.advance(SECOND * 10);
    bed.change(7, 0);
    assert_eq!(ask(&bed, 7).await, Err(LoadError::Failed));
}

#[tokio::test]
async fn what_was_gone_stays_gone_whatever_is_left_of_it() {
    let bed = bed();
    bed.ask(7).await.unwrap();
    bed.clock.advance(SECOND * 10);
    *bed.store.value.lock() = 0;
    assert_eq!(ask(&bed, 7).await, Ok(0));
    bed.mood(Mood::Failing);
    bed.clock.advance(SECOND * 10);
    assert_eq!(ask(&bed, 7).await, Err(LoadError::Failed), "nor is a negative answer given");
}

#[tokio::test]
async fn nothing_is_given_unless_it_was_allowed() {
    let bed = Bed::new();
    bed.ask(7).await.unwrap();
    bed.mood(Mood::Failing);
    bed.clock.advance(SECOND * 10);
    assert_eq!(ask(&bed, 7).await, Err(LoadError::Failed));
}
