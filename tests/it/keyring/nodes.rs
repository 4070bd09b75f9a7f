//! Two keyrings on one store are two nodes on one database.

use std::time::Duration;

use keygate::store::{
    ChangeFeed, KeyQuery, KeyRecord, KeyStore, MemoryStore, Outcome, RecordUpdate, Rotation,
    StoreError,
};
use keygate::{KeyHash, KeyId, Keyring, ManualClock, Refusal};

use super::{builder, format, issued, store};

#[tokio::test]
async fn r2_a_revocation_on_one_node_is_felt_on_the_other() {
    let store = store();
    let (a, b) = (builder(&store).build().unwrap(), builder(&store).build().unwrap());
    let key = issued(&a).await;
    for _ in 0..100 {
        // The first look-up starts the feed; the feed is heard from the moment it stands.
        b.verify(key.key().expose()).await.unwrap();
        tokio::task::yield_now().await;
    }
    a.revoke(key.id()).await.unwrap();
    let mut refused = Ok(());
    for _ in 0..100 {
        refused = b.verify(key.key().expose()).await.map(drop);
        if refused.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(refused.unwrap_err(), Refusal::Revoked);
}

#[tokio::test(start_paused = true)]
async fn g3_entries_stay_good_while_proofs_come() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    let key = issued(&keys).await;
    keys.verify(key.key().expose()).await.unwrap();
    let first_look_ups = store.lookups();
    for _ in 0..60 {
        pass(&clock, Duration::from_secs(1)).await;
        keys.verify(key.key().expose()).await.unwrap();
    }
    // The entry of before the feed stood is asked for once more, and then no more.
    assert!(store.lookups() - first_look_ups <= 1, "{} look-ups", store.lookups());
}

/// A store whose feed says nothing and brings no proof back, as through a dead connection.
#[derive(Clone)]
struct Deaf {
    inner: MemoryStore,
    has_feed: bool,
}

impl KeyStore for Deaf {
    async fn find_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        self.inner.find_by_hash(hash).await
    }

    async fn find_by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.inner.find_by_id(id).await
    }

    async fn insert(&self, record: KeyRecord) -> Result<(), StoreError> {
        self.inner.insert(record).await
    }

    async fn update(&self, id: &KeyId, update: RecordUpdate) -> Result<Outcome, StoreError> {
        self.inner.update(id, update).await
    }

    async fn revoke(
        &self,
        id: &KeyId,
        at: std::time::SystemTime,
        reason: Option<String>,
    ) -> Result<Outcome, StoreError> {
        self.inner.revoke(id, at, reason).await
    }

    async fn rotate(&self, id: &KeyId, rotation: Rotation) -> Result<Outcome, StoreError> {
        self.inner.rotate(id, rotation).await
    }

    async fn list(&self, query: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
        self.inner.list(query).await
    }

    async fn subscribe(&self) -> Result<Option<ChangeFeed>, StoreError> {
        if !self.has_feed {
            return Ok(None);
        }
        let (sender, feed) = ChangeFeed::channel(1);
        // Open for ever and silent.
        std::mem::forget(sender);
        Ok(Some(feed))
    }
}

#[tokio::test(start_paused = true)]
async fn r3_without_proofs_a_revocation_elsewhere_is_felt_within_the_bound() {
    let bound = Duration::from_millis(10_250);
    for has_feed in [true, false] {
        let late = last_acceptance(Deaf { inner: MemoryStore::new(), has_feed }).await;
        assert!(late <= bound, "with a feed: {has_feed}, {late:?} after the revocation");
    }
}

/// How long after its revocation on one node a key was last accepted on another.
async fn last_acceptance(store: Deaf) -> Duration {
    let clock = ManualClock::new();
    let node = || Keyring::builder(store.clone(), format()).with_clock(clock.clone());
    let (a, b) = (node().build().unwrap(), node().build().unwrap());
    let key = a.issue(keygate::NewKey::named("test")).await.unwrap();
    // Both the entry of before the session and one asked for within it.
    for _ in 0..2 {
        b.verify(key.key().expose()).await.unwrap();
        pass(&clock, Duration::from_millis(10)).await;
    }
    a.revoke(key.id()).await.unwrap();
    let (mut since, mut late) = (Duration::ZERO, Duration::ZERO);
    while since < Duration::from_secs(30) {
        if b.verify(key.key().expose()).await.is_ok() {
            late = since;
        }
        pass(&clock, Duration::from_millis(100)).await;
        since += Duration::from_millis(100);
    }
    late
}

/// Lets time pass on both clocks: the feed's timers are tokio's.
async fn pass(clock: &ManualClock, time: Duration) {
    clock.advance(time);
    tokio::time::sleep(time).await;
}

/// One listens to the feed, one writes usage.
const TASKS: usize = 2;

#[tokio::test]
async fn the_tasks_end_with_the_last_keyring() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let _key = issued(&keys).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tasks(), TASKS);
    let clone = keys.clone();
    drop(keys);
    let _key = issued(&clone).await;
    assert_eq!(tasks(), TASKS);
    drop(clone);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tasks(), 0);
}

#[tokio::test]
async fn shutdown_joins_the_tasks_and_keys_go_on() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    keys.shutdown().await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
    keys.verify(key.key().expose()).await.unwrap();
    keys.revoke(key.id()).await.unwrap();
    assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::Revoked);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}
