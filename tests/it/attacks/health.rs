//! What a keyring tells of itself while things go wrong: its health, one line for each change of
//! it, and metrics.

use std::time::Duration;

use keygate::keyring::FeedHealth;
use keygate::test_util::Fault;
use keygate::{Keyring, ManualClock, Refusal};

use super::tap::{Call, Tap, Wire};
use super::{DEADLINE, MAX_STALENESS, builder, format, issued, pass, settle, store, unknown};
use crate::crypto_checkout;
use crate::support::{Kept, Lines, get};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn d5_the_feeds_state_is_told() {
    let (store, clock) = (Tap::new(), ManualClock::new());
    let keys = Keyring::builder(store.clone(), format()).with_clock(clock.clone()).build().unwrap();
    let feed = || keys.health().feed;
    assert_eq!(feed(), FeedHealth::NotStarted);
    store.proving(Call::Waits);
    let _key = issued(&keys).await;
    settle().await;
    assert_eq!(feed(), FeedHealth::Starting, "it stands, and nothing proves it");
    store.proving(Call::Works);
    settle().await;
    assert_eq!(feed(), FeedHealth::Standing { last_proof: Duration::ZERO });
    store.wire(Wire::Dead);
    pass(&clock, SECOND).await;
    assert_eq!(feed(), FeedHealth::Standing { last_proof: SECOND }, "silence is not noticed yet");
    store.subscribing(Call::Fails);
    pass(&clock, 2 * MAX_STALENESS).await;
    let FeedHealth::Lost { since } = feed() else { panic!("{:?}", feed()) };
    pass(&clock, SECOND).await;
    assert_eq!(feed(), FeedHealth::Lost { since: since + SECOND });
    store.subscribing(Call::Works);
    store.wire(Wire::Up);
    pass(&clock, 2 * SECOND).await;
    assert!(matches!(feed(), FeedHealth::Standing { .. }), "{:?}", feed());
    keys.shutdown().await;
    assert_eq!(feed(), FeedHealth::Stopped);
}

#[tokio::test(start_paused = true)]
async fn d6_the_circuit_and_the_look_ups_are_told() {
    let store = store();
    let keys = builder(&store).max_lookups(4).build().unwrap();
    assert_eq!((keys.health().lookups, keys.health().circuit_open), (0, false));
    store.set(Fault::Hang);
    while keys.verify(&unknown()).await.unwrap_err() != Refusal::CircuitOpen {}
    let health = keys.health();
    assert!(health.circuit_open && health.lookups >= 4, "{health:?}");
    store.set(Fault::None);
    tokio::time::sleep(10 * DEADLINE).await;
    assert_eq!((keys.health().lookups, keys.health().circuit_open), (0, false));
}

#[tokio::test(start_paused = true)]
async fn d18_the_writing_of_usage_is_told() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    let key = issued(&keys).await;
    assert_eq!(keys.health().usage.last_flush, None);
    pass(&clock, 2 * SECOND).await;
    assert!(keys.health().usage.last_flush <= Some(SECOND));
    store.set(Fault::ReadOnly);
    keys.verify(key.key().expose()).await.unwrap();
    assert_eq!(keys.health().usage.pending, 1);
    pass(&clock, 10 * SECOND).await;
    let usage = keys.health().usage;
    assert_eq!((usage.pending, usage.dropped), (1, 0));
    assert!(usage.failing >= Some(8 * SECOND) && usage.last_flush >= Some(8 * SECOND), "{usage:?}");
    store.set(Fault::None);
    pass(&clock, 2 * SECOND).await;
    let usage = keys.health().usage;
    assert_eq!((usage.pending, usage.failing), (0, None));
}

#[tokio::test(start_paused = true)]
async fn each_change_of_state_leaves_one_line_however_long_it_lasts() {
    let (lines, _guards) = Lines::kept();
    let (store, clock) = (Tap::new(), ManualClock::new());
    let keys = Keyring::builder(store.clone(), format()).with_clock(clock.clone()).build().unwrap();
    let _key = issued(&keys).await;
    pass(&clock, SECOND).await;
    for round in 1..=2 {
        assert_eq!(lines.with("feed of the key store stands"), round);
        store.subscribing(Call::Fails);
        store.cut();
        pass(&clock, 30 * SECOND).await;
        assert_eq!(lines.with("feed of the key store was lost"), round);
        assert_eq!(lines.with("told to fail"), 0, "the cause was that the feed ended");
        store.subscribing(Call::Works);
        pass(&clock, 5 * SECOND).await;
    }
    let store = super::store();
    let keys = builder(&store).max_lookups(2).build().unwrap();
    let key = issued(&keys).await;
    keys.verify(key.key().expose()).await.unwrap();
    store.set(Fault::Hang);
    for _ in 0..2 {
        keys.verify(&unknown()).await.unwrap_err();
    }
    settle().await;
    for _ in 0..1_000 {
        keys.verify(&unknown()).await.unwrap_err();
    }
    assert_eq!(lines.with("the circuit is open"), 1);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(lines.with("the circuit is closed"), 1);
    assert_eq!(lines.with("usage could not be written"), 1);
    store.set(Fault::None);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(lines.with("usage is written again"), 1);
    keys.verify(key.key().expose()).await.unwrap();
    store.set(Fault::Fail);
    keys.shutdown().await;
    assert_eq!(lines.with("is lost"), 1);
}

#[tokio::test]
async fn d6_a_store_that_fails_is_told_of_once_in_ten_seconds() {
    let (lines, _guards) = Lines::kept();
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    store.set(Fault::Fail);
    for round in 1..=3 {
        for _ in 0..100 {
            assert_eq!(keys.verify(&unknown()).await.unwrap_err(), Refusal::LookupFailed);
        }
        assert_eq!(lines.with("a key look-up failed"), round);
        clock.advance(10 * SECOND);
    }
    assert_eq!(lines.with("failures=100"), 2, "those that were not told of are counted");
}

#[tokio::test(start_paused = true)]
async fn metrics_follow_the_feed_the_circuit_the_look_ups_and_the_writing() {
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let (tap, clock) = (Tap::new(), ManualClock::new());
    let keys = Keyring::builder(tap.clone(), format()).with_clock(clock.clone()).build().unwrap();
    let _key = issued(&keys).await;
    settle().await;
    assert_eq!(kept.gauge("keygate_feed_up"), Some(1.0));
    tap.cut();
    settle().await;
    assert_eq!(kept.gauge("keygate_feed_up"), Some(0.0));
    assert_eq!(kept.counter("keygate_feed_lost_total"), 1);
    pass(&clock, 2 * SECOND).await;
    assert_eq!(kept.gauge("keygate_feed_up"), Some(1.0));
    keys.shutdown().await;
    assert_eq!(kept.gauge("keygate_feed_up"), Some(0.0));

    let store = store();
    let keys = builder(&store).max_lookups(2).build().unwrap();
    let key = issued(&keys).await;
    for _ in 0..100 {
        keys.verify(key.key().expose()).await.unwrap();
    }
    keys.verify(&unknown()).await.unwrap_err();
    let lookups =
        |outcome: &str| kept.counter(&format!("keygate_lookups_total,of=keys,outcome={outcome}"));
    assert_eq!((lookups("found"), lookups("not_found")), (1, 1), "none for a cached key");
    store.set(Fault::Fail);
    keys.verify(&unknown()).await.unwrap_err();
    assert_eq!(lookups("failed"), 1);
    store.set(Fault::Hang);
    while keys.verify(&unknown()).await.unwrap_err() != Refusal::CircuitOpen {}
    let open = "keygate_circuit_open,of=keys";
    assert_eq!((lookups("circuit_open"), kept.gauge(open)), (1, Some(1.0)));
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(kept.gauge(open), Some(0.0));
    assert!(lookups("timed_out") >= 2);
    assert!(kept.counter("keygate_usage_flush_failures_total") >= 2);
    assert_eq!(kept.counter("keygate_usage_dropped_total"), 0);
}

#[tokio::test]
async fn metrics_tell_of_addresses_that_are_shut_out() {
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let server = crypto_checkout::server();
    let limited = |of: &str| kept.counter(&format!("keygate_attempts_limited_total,of={of}"));
    for _ in 0..102 {
        server.send(get("/api/v1/events").bearer("no key")).await;
    }
    assert_eq!((limited("keys"), limited("operator")), (2, 0));
    for _ in 0..13 {
        server.send(get("/dashboard/api/keys").basic("operator", "guess")).await;
    }
    assert_eq!((limited("keys"), limited("operator")), (2, 3));
}
