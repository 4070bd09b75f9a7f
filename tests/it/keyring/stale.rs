//! Known keys through an outage, where that is allowed.

use std::time::Duration;

use keygate::store::KeyStore;
use keygate::test_util::Fault;
use keygate::{Clock, Keyring, ManualClock, NewKey, Refusal};

use super::{Store, builder, issued, store, unknown};

const LIMIT: Duration = Duration::from_mins(10);
const MINUTE: Duration = Duration::from_mins(1);

fn bed() -> (Store, ManualClock, Keyring) {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).allow_stale_on_outage(LIMIT);
    (store, clock, keys.build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn known_keys_are_accepted_through_every_kind_of_outage() {
    for fault in [Fault::Fail, Fault::Hang, Fault::Panic] {
        let (store, clock, keys) = bed();
        let (known, strange) = (issued(&keys).await, issued(&keys).await);
        keys.verify(known.key().expose()).await.unwrap();
        store.set(fault);
        clock.advance(MINUTE);
        keys.verify(known.key().expose()).await.unwrap();
        let refused = keys.verify(strange.key().expose()).await.unwrap_err();
        assert_eq!(refused, Refusal::LookupFailed, "never accepted here before");
        clock.advance(LIMIT);
        assert!(keys.verify(known.key().expose()).await.is_err());
        store.set(Fault::None);
        keys.verify(known.key().expose()).await.unwrap();
        assert_eq!(keys.usage(known.id()).await.unwrap().requests, 3, "those count as well");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_an_outage_and_no_wait() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).allow_stale_on_outage(LIMIT);
    let keys = keys.max_lookups(1).build().unwrap();
    let key = issued(&keys).await;
    keys.verify(key.key().expose()).await.unwrap();
    store.set(Fault::Hang);
    clock.advance(MINUTE);
    while keys.verify(&unknown()).await.unwrap_err() != Refusal::CircuitOpen {}
    let before = tokio::time::Instant::now();
    keys.verify(key.key().expose()).await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(keys.health().circuit_open);
}

#[tokio::test]
async fn a_revocation_here_ends_it() {
    let (store, clock, keys) = bed();
    let key = issued(&keys).await;
    keys.verify(key.key().expose()).await.unwrap();
    keys.revoke(key.id()).await.unwrap();
    store.set(Fault::Fail);
    clock.advance(MINUTE);
    assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::LookupFailed);
}

#[tokio::test]
async fn a_revocation_heard_through_the_feed_ends_it() {
    let (store, clock, keys) = bed();
    let key = issued(&keys).await;
    keys.verify(key.key().expose()).await.unwrap();
    store.set(Fault::Fail);
    clock.advance(MINUTE);
    keys.verify(key.key().expose()).await.unwrap();
    // Another node can still write, and the feed still tells.
    store.set(Fault::None);
    store.revoke(key.id(), clock.wall(), None).await.unwrap();
    store.set(Fault::Fail);
    let mut refused = Ok(());
    for _ in 0..100 {
        refused = keys.verify(key.key().expose()).await.map(drop);
        tokio::task::yield_now().await;
    }
    assert_eq!(refused.unwrap_err(), Refusal::LookupFailed);
}

#[tokio::test]
async fn expiry_ends_it() {
    let (store, clock, keys) = bed();
    let end = clock.wall() + 2 * MINUTE;
    let key = keys.issue(NewKey::named("short").expires_at(end)).await.unwrap();
    keys.verify(key.key().expose()).await.unwrap();
    store.set(Fault::Fail);
    clock.advance(MINUTE);
    keys.verify(key.key().expose()).await.unwrap();
    clock.advance(MINUTE);
    let refused = keys.verify(key.key().expose()).await.unwrap_err();
    assert_eq!(refused, Refusal::Expired { at: end });
}

#[tokio::test]
async fn it_is_off_unless_allowed() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    let key = issued(&keys).await;
    keys.verify(key.key().expose()).await.unwrap();
    store.set(Fault::Fail);
    clock.advance(MINUTE);
    assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::LookupFailed);
}
