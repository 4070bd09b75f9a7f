//! More than is meant to come: callers, keys, junk, outages.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keygate::test_util::Fault;
use keygate::{KeyHash, Keyring, ManualClock, Mode, NewKey, Refusal};
use tokio::time::Instant;

use super::tap::Tap;
use super::{DEADLINE, builder, format, issued, pass, store, unknown};

#[tokio::test(start_paused = true)]
async fn v3_a_slow_store_serves_a_thousand_a_second_without_a_pile() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let mut texts = Vec::new();
    for _ in 0..1000 {
        texts.push(issued(&keys).await.key().expose().to_owned());
    }
    store.set(Fault::Late(DEADLINE / 2));
    let mut callers = Vec::new();
    for text in texts {
        let keys = keys.clone();
        callers.push(tokio::spawn(async move { keys.verify(&text).await }));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    // One a millisecond for 125 ms, and no more than are allowed.
    assert!(store.most_under_way() <= 130, "{}", store.most_under_way());
}

async fn verify_unknown(keys: Keyring) -> Refusal {
    keys.verify(&unknown()).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn v4_a_flapping_store_is_probed_and_found_again() {
    let store = store();
    let keys = builder(&store).max_lookups(4).build().unwrap();
    for round in 0..5 {
        let key = issued(&keys).await;
        store.set(Fault::Hang);
        let before = store.lookups();
        let down = Instant::now();
        while down.elapsed() < Duration::from_secs(1) {
            tokio::spawn(verify_unknown(keys.clone()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The permits, and then a probe each second.
        assert!(store.lookups() - before <= 4 + 2, "{round}: {}", store.lookups() - before);
        store.set(Fault::None);
        let up = Instant::now();
        while keys.verify(key.key().expose()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(up.elapsed() <= Duration::from_millis(1_010), "{round}: {:?}", up.elapsed());
        tokio::time::sleep(8 * DEADLINE).await;
    }
    assert_eq!(store.under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn v6_ten_thousand_callers_hang_up_and_the_last_gets_the_answer() {
    let store = store();
    let keys = builder(&store).max_lookups(1).build().unwrap();
    let key = issued(&keys).await;
    store.set(Fault::Hold);
    for _ in 0..10_000 {
        let mut caller = Box::pin(keys.verify(key.key().expose()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(caller.as_mut().poll(&mut context), Poll::Pending));
    }
    let (answer, ()) = tokio::join!(keys.verify(key.key().expose()), async {
        tokio::task::yield_now().await;
        store.set(Fault::None);
    });
    answer.unwrap();
    assert_eq!((store.lookups(), store.under_way()), (1, 0));
    // The one permit is back.
    assert_eq!(keys.verify(&unknown()).await.unwrap_err(), Refusal::UnknownKey);
    assert_eq!(keys.usage(key.id()).await.unwrap().requests, 1);
}

/// A well-formed text for each number.
fn junk(number: usize) -> String {
    format!("ck_test_{number:032}")
}

/// More made-up keys than either cache holds, negative or positive.
const JUNK: usize = 50_000;

#[tokio::test]
async fn v7_made_up_keys_cost_the_hot_ones_nothing() {
    let store = store();
    let keys = builder(&store).capacity(10_000).build().unwrap();
    let mut hot = Vec::new();
    for _ in 0..500 {
        let key = issued(&keys).await;
        keys.verify(key.key().expose()).await.unwrap();
        hot.push(key);
    }
    let before = store.lookups();
    for number in 0..JUNK {
        let refused = keys.verify(&junk(number)).await.unwrap_err();
        assert_eq!(refused, Refusal::UnknownKey);
        keys.verify(hot[number % hot.len()].key().expose()).await.unwrap();
    }
    let of_hot_keys = store.lookups() - before - JUNK;
    assert!(of_hot_keys * 100 <= JUNK, "{of_hot_keys} of {JUNK} missed");
}

#[tokio::test(start_paused = true)]
async fn v13_a_feed_that_reconnects_under_a_flood_refuses_no_good_key() {
    let (store, clock) = (Tap::new(), ManualClock::new());
    let keys = Keyring::builder(store.clone(), format()).with_clock(clock.clone()).build().unwrap();
    let mut good = Vec::new();
    for _ in 0..2_000 {
        let key = keys.issue(NewKey::named("good").mode(Mode::Live)).await.unwrap();
        keys.verify(key.key().expose()).await.unwrap();
        good.push(key);
    }
    for round in 0..30 {
        store.cut();
        for number in 0..100 {
            let number = round * 100 + number;
            assert_eq!(keys.verify(&junk(number)).await.unwrap_err(), Refusal::UnknownKey);
            store.tell_now(KeyHash::of(junk(number).as_bytes()));
            let key = &good[number % good.len()];
            keys.verify(key.key().expose()).await.unwrap();
        }
        pass(&clock, Duration::from_secs(1)).await;
    }
    assert!(store.subscriptions() > 10);
}
