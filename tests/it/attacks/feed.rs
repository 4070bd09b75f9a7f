//! A feed that lies, stays silent, comes late, breaks or never begins.

use std::time::Duration;

use keygate::{Clock, IssuedKey, Keyring, KeyringBuilder, ManualClock, NewKey, Refusal};

use super::tap::{Call, Tap, Wire};
use super::{DEADLINE, MAX_STALENESS, TASKS, builder, format, issued, pass, settle, store, tasks};

fn node(store: &Tap, clock: &ManualClock) -> KeyringBuilder {
    Keyring::builder(store.clone(), format()).with_clock(clock.clone())
}

/// Two nodes on one store, and a key of the first that the second has cached.
async fn two_nodes(store: &Tap, clock: &ManualClock) -> (Keyring, Keyring, IssuedKey) {
    let (a, b) = (node(store, clock).build().unwrap(), node(store, clock).build().unwrap());
    let key = a.issue(NewKey::named("test")).await.unwrap();
    b.verify(key.key().expose()).await.unwrap();
    (a, b, key)
}

/// Uses the key for a while and says how long it was accepted.
async fn last_accepted(keys: &Keyring, clock: &ManualClock, key: &IssuedKey) -> Duration {
    let (began, mut last) = (clock.monotonic(), clock.monotonic());
    while clock.monotonic() < began + 4 * MAX_STALENESS {
        if keys.verify(key.key().expose()).await.is_ok() {
            last = clock.monotonic();
        }
        pass(clock, Duration::from_millis(50)).await;
    }
    last.saturating_sub(began)
}

#[tokio::test(start_paused = true)]
async fn r3_nothing_cached_before_the_feed_stood_is_vouched_for_by_it() {
    let (store, clock) = (Tap::new(), ManualClock::new());
    store.subscribing(Call::Waits);
    let (a, b, key) = two_nodes(&store, &clock).await;
    pass(&clock, Duration::from_secs(1)).await;
    // Told to nobody: no feed stands.
    a.revoke(key.id()).await.unwrap();
    pass(&clock, Duration::from_secs(1)).await;
    store.subscribing(Call::Works);
    let accepted = last_accepted(&b, &clock, &key).await;
    assert!(accepted <= MAX_STALENESS + DEADLINE, "{accepted:?}");
}

#[tokio::test(start_paused = true)]
async fn r3_a_late_proof_vouches_from_when_it_was_sent() {
    let (store, clock) = (Tap::new(), ManualClock::new());
    let (a, b, key) = two_nodes(&store, &clock).await;
    // The entry is one of the session now.
    settle().await;
    store.wire(Wire::ProofsOnly(Duration::from_secs(2)));
    // A proof is sent each 2.5 s: one at 2.5 s, which arrives at 4.5 s.
    pass(&clock, Duration::from_millis(2_600)).await;
    a.revoke(key.id()).await.unwrap();
    let revoked = clock.monotonic();
    pass(&clock, Duration::from_millis(100)).await;
    // Only what is under way still arrives.
    store.wire(Wire::Dead);
    let accepted = last_accepted(&b, &clock, &key).await;
    let accepted =
        clock.monotonic().saturating_sub(revoked).min(accepted + Duration::from_millis(100));
    assert!(accepted <= MAX_STALENESS + DEADLINE, "{accepted:?}");
}

#[tokio::test(start_paused = true)]
async fn r3_a_feed_that_lost_a_change_and_ends_is_bounded_and_asked_for_again() {
    let (store, clock) = (Tap::new(), ManualClock::new());
    let (a, b, key) = two_nodes(&store, &clock).await;
    let other = a.issue(NewKey::named("other")).await.unwrap();
    pass(&clock, Duration::from_secs(5)).await;
    store.wire(Wire::Dead);
    a.revoke(key.id()).await.unwrap();
    store.wire(Wire::Up);
    store.cut();
    let accepted = last_accepted(&b, &clock, &key).await;
    assert!(accepted <= MAX_STALENESS + DEADLINE, "{accepted:?}");
    // And the new one is heard.
    b.verify(other.key().expose()).await.unwrap();
    a.revoke(other.id()).await.unwrap();
    settle().await;
    assert_eq!(b.verify(other.key().expose()).await.unwrap_err(), Refusal::Revoked);
}

#[tokio::test(start_paused = true)]
async fn r3_a_silent_feed_is_given_up_and_a_new_one_is_heard() {
    let (store, clock) = (Tap::new(), ManualClock::new());
    let (a, b, key) = two_nodes(&store, &clock).await;
    pass(&clock, Duration::from_secs(1)).await;
    store.wire(Wire::Dead);
    pass(&clock, 2 * MAX_STALENESS).await;
    // The old connections stay dead; only a new subscription hears anything.
    store.cut();
    let dead = store.subscriptions();
    store.wire(Wire::Up);
    pass(&clock, 2 * MAX_STALENESS).await;
    assert!(store.subscriptions() > dead);
    b.verify(key.key().expose()).await.unwrap();
    a.revoke(key.id()).await.unwrap();
    settle().await;
    assert_eq!(b.verify(key.key().expose()).await.unwrap_err(), Refusal::Revoked);
}

#[tokio::test(start_paused = true)]
async fn r3_a_half_open_feed_is_replaced_without_anyone_ending_it() {
    let (store, clock) = (Tap::new(), ManualClock::new());
    let (_a, b, key) = two_nodes(&store, &clock).await;
    settle().await;
    assert_eq!(store.subscriptions(), 2);
    store.wire(Wire::Dead);
    pass(&clock, 3 * MAX_STALENESS).await;
    assert!(store.subscriptions() >= 4, "{}", store.subscriptions());
    store.wire(Wire::Up);
    pass(&clock, 2 * MAX_STALENESS).await;
    // Resynchronised: entries last longer than the bound again.
    let look_ups = look_ups_of_a_warm_key((&store, &clock), &b, &key).await;
    assert!(look_ups <= 1, "{look_ups} look-ups");
}

/// Uses the key each second for half a minute and says how often the store was asked.
async fn look_ups_of_a_warm_key(
    (store, clock): (&Tap, &ManualClock),
    keys: &Keyring,
    key: &IssuedKey,
) -> usize {
    keys.verify(key.key().expose()).await.unwrap();
    let before = store.lookups();
    for _ in 0..30 {
        pass(clock, Duration::from_secs(1)).await;
        keys.verify(key.key().expose()).await.unwrap();
    }
    store.lookups() - before
}

/// A feed that cannot be had, or cannot be proven, for a while.
async fn recovers_from(call: Call, set: fn(&Tap, Call)) {
    let (store, clock) = (Tap::new(), ManualClock::new());
    set(&store, call);
    let (a, b, key) = two_nodes(&store, &clock).await;
    pass(&clock, 2 * MAX_STALENESS).await;
    // Keys are verified meanwhile.
    b.verify(key.key().expose()).await.unwrap();
    set(&store, Call::Works);
    pass(&clock, 2 * MAX_STALENESS).await;
    let look_ups = look_ups_of_a_warm_key((&store, &clock), &b, &key).await;
    assert!(look_ups <= 1, "{call:?}: {look_ups} look-ups");
    a.revoke(key.id()).await.unwrap();
    settle().await;
    let refused = b.verify(key.key().expose()).await.unwrap_err();
    assert_eq!(refused, Refusal::Revoked, "{call:?}");
}

#[tokio::test(start_paused = true)]
async fn r3_a_subscription_that_fails_hangs_or_panics_is_tried_again() {
    for call in [Call::Fails, Call::Hangs, Call::Panics] {
        recovers_from(call, Tap::subscribing).await;
    }
}

#[tokio::test(start_paused = true)]
async fn r3_a_proof_that_fails_hangs_or_panics_is_tried_again() {
    for call in [Call::Fails, Call::Hangs, Call::Panics] {
        recovers_from(call, Tap::proving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn r3_a_node_that_was_stopped_for_a_minute_hears_what_it_missed() {
    let (store, clock) = (Tap::new(), ManualClock::new());
    let (a, b, key) = two_nodes(&store, &clock).await;
    pass(&clock, Duration::from_secs(3)).await;
    b.verify(key.key().expose()).await.unwrap();
    // SIGSTOP: time passes and nobody polls. The other node's change fills the buffer meanwhile.
    clock.advance(Duration::from_mins(1));
    a.revoke(key.id()).await.unwrap();
    // The very first request after it, before the feed's task has run again.
    let refused = b.verify(key.key().expose()).await.unwrap_err();
    assert_eq!(refused, Refusal::Revoked);
}

#[tokio::test(start_paused = true)]
async fn r3_a_feed_that_is_overrun_ends_and_what_it_missed_is_bounded() {
    let (store, clock) = (Tap::new(), ManualClock::new());
    let (a, b, key) = two_nodes(&store, &clock).await;
    pass(&clock, Duration::from_secs(3)).await;
    // 64 fit; the revocation is past them. No await lets B's feed run in between but the verbs'
    // own, which its task may use as well: so many that it cannot keep up with all.
    let subscriptions = store.subscriptions();
    let others = keygate::KeyHash::of(b"other");
    for _ in 0..64 {
        store.tell_now(others);
    }
    store.tell_now(others);
    a.revoke(key.id()).await.unwrap();
    let accepted = last_accepted(&b, &clock, &key).await;
    assert!(accepted <= MAX_STALENESS + DEADLINE, "{accepted:?}");
    assert!(store.subscriptions() > subscriptions);
}

#[tokio::test(start_paused = true)]
async fn the_feeds_task_ends_with_the_keyring_whatever_hangs() {
    for (subscribe, prove) in [(Call::Hangs, Call::Works), (Call::Works, Call::Hangs)] {
        let store = Tap::new();
        store.subscribing(subscribe);
        store.proving(prove);
        let keys = Keyring::builder(store.clone(), format()).build().unwrap();
        let _key = issued(&keys).await;
        settle().await;
        assert_eq!(tasks(), TASKS);
        drop(keys);
        settle().await;
        assert_eq!(tasks(), 0, "{subscribe:?} {prove:?}");

        let keys = Keyring::builder(store.clone(), format()).build().unwrap();
        let _key = issued(&keys).await;
        settle().await;
        keys.shutdown().await;
        assert_eq!(tasks(), 0, "{subscribe:?} {prove:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_hangs_outlives_the_last_keyring_by_eight_deadlines_at_the_most() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    store.set(keygate::test_util::Fault::Hang);
    assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::LookupFailed);
    drop(keys);
    tokio::time::sleep(8 * DEADLINE).await;
    settle().await;
    assert_eq!((tasks(), store.under_way()), (0, 0));
}

#[test]
fn the_feed_lives_on_in_another_runtime() {
    let store = Tap::new();
    let keys = Keyring::builder(store.clone(), format()).build().unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let key = runtime().block_on(async {
        let key = issued(&keys).await;
        settle().await;
        key
    });
    assert_eq!(store.subscriptions(), 1);
    // The first runtime is gone, and the feed's task with it.
    runtime().block_on(async {
        keys.revoke(key.id()).await.unwrap();
        settle().await;
        assert_eq!(tasks(), TASKS);
        keys.shutdown().await;
        assert_eq!(tasks(), 0);
    });
    assert_eq!(store.subscriptions(), 2);
}
