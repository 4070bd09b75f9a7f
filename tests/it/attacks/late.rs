//! Notifications that come late, twice, in the wrong order, or say that anything may have changed.

use std::time::Duration;

use keygate::store::{KeyStore, RecordUpdate};
use keygate::{Clock, IssuedKey, KeyHash, KeyUpdate, Keyring, ManualClock, NewKey, Refusal};

use super::tap::{Tap, Wire};
use super::{DEADLINE, MAX_STALENESS, format, pass, settle};

struct Bed {
    store: Tap,
    clock: ManualClock,
    here: Keyring,
    elsewhere: Keyring,
}

fn bed() -> Bed {
    let (store, clock) = (Tap::new(), ManualClock::new());
    let node = || Keyring::builder(store.clone(), format()).with_clock(clock.clone());
    let (here, elsewhere) = (node().build().unwrap(), node().build().unwrap());
    Bed { store, clock, here, elsewhere }
}

impl Bed {
    /// A key that `here` has cached, in a session of its feed.
    async fn key(&self) -> IssuedKey {
        let key = self.elsewhere.issue(NewKey::named("test")).await.unwrap();
        for _ in 0..2 {
            self.here.verify(key.key().expose()).await.unwrap();
            settle().await;
        }
        key
    }

    async fn verdict(&self, key: &IssuedKey) -> Result<(), Refusal> {
        self.here.verify(key.key().expose()).await.map(drop)
    }
}

fn hash(key: &IssuedKey) -> KeyHash {
    key.record().hash
}

#[tokio::test(start_paused = true)]
async fn d5_when_anything_may_have_changed_everything_is_asked_for_again() {
    let bed = bed();
    let (revoked, good) = (bed.key().await, bed.key().await);
    // Changed past every trigger, as by a table that is loaded anew.
    bed.store.records().revoke(revoked.id(), bed.clock.wall(), None).await.unwrap();
    assert_eq!(bed.verdict(&revoked).await, Ok(()), "nobody was told");
    let look_ups = bed.store.lookups();
    bed.store.tell_all_now();
    settle().await;
    assert_eq!(bed.verdict(&revoked).await, Err(Refusal::Revoked));
    assert_eq!(bed.verdict(&good).await, Ok(()));
    assert_eq!(bed.store.lookups() - look_ups, 2);
    // And what was asked for since is kept.
    assert_eq!(bed.verdict(&good).await, Ok(()));
    assert_eq!(bed.store.lookups() - look_ups, 2);
}

#[tokio::test(start_paused = true)]
async fn d5_no_order_of_notifications_revives_a_key() {
    let bed = bed();
    let (key, other) = (bed.key().await, bed.key().await);
    bed.store.wire(Wire::Dead);
    // The record is changed three times, and none of it is told yet.
    let update = RecordUpdate::default();
    bed.store.records().update(key.id(), update).await.unwrap();
    bed.elsewhere.revoke(key.id()).await.unwrap();
    bed.store.wire(Wire::Up);
    bed.store.tell_now(hash(&key));
    settle().await;
    assert_eq!(bed.verdict(&key).await, Err(Refusal::Revoked));
    // The older ones come after it, each twice, between some of another key and of everything.
    for _ in 0..3 {
        bed.store.tell_now(hash(&key));
        bed.store.tell_now(hash(&other));
        bed.store.tell_now(hash(&key));
        settle().await;
        assert_eq!(bed.verdict(&key).await, Err(Refusal::Revoked));
        bed.store.tell_all_now();
        settle().await;
        assert_eq!(bed.verdict(&key).await, Err(Refusal::Revoked));
        assert_eq!(bed.verdict(&other).await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn d5_a_notification_in_mid_look_up_is_not_overtaken_by_its_answer() {
    let bed = bed();
    let key = bed.key().await;
    bed.store.wire(Wire::Dead);
    bed.elsewhere.update(key.id(), KeyUpdate::default().name("x")).await.unwrap();
    bed.store.wire(Wire::Up);
    // An early one: the answer that it causes is of before the revocation …
    bed.store.tell_now(hash(&key));
    settle().await;
    let (early, ()) = tokio::join!(bed.verdict(&key), async {
        bed.store.wire(Wire::Dead);
        bed.elsewhere.revoke(key.id()).await.unwrap();
        bed.store.wire(Wire::Up);
        bed.store.tell_now(hash(&key));
    });
    // … which this caller may see, as it came before.
    assert!(matches!(early, Ok(()) | Err(Refusal::Revoked)), "{early:?}");
    settle().await;
    assert_eq!(bed.verdict(&key).await, Err(Refusal::Revoked));
}

#[tokio::test(start_paused = true)]
async fn d5_an_old_proof_that_comes_again_vouches_for_nothing() {
    let bed = bed();
    let key = bed.key().await;
    pass(&bed.clock, Duration::from_secs(3)).await;
    bed.store.wire(Wire::Dead);
    bed.store.records().revoke(key.id(), bed.clock.wall(), None).await.unwrap();
    let revoked = bed.clock.monotonic();
    let mut last = revoked;
    while bed.clock.monotonic() < revoked + 4 * MAX_STALENESS {
        if bed.verdict(&key).await.is_ok() {
            last = bed.clock.monotonic();
        }
        bed.store.repeat_proof();
        pass(&bed.clock, Duration::from_millis(50)).await;
    }
    let late = last.saturating_sub(revoked);
    assert!(late <= MAX_STALENESS + DEADLINE, "{late:?}");
}
