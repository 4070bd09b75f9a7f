//! Usage written behind: what a request is spared, and what a reader is told.

use std::time::Duration;

use keygate::store::{
    KeyQuery, KeyRecord, KeyStore, MemoryStore, Outcome, RecordUpdate, Rotation, StoreError,
};
use keygate::test_util::Fault;
use keygate::{IssuedKey, KeyHash, KeyId, Keyring, ManualClock, NewKey};

use super::{builder, format, issued, store};

const SECOND: Duration = Duration::from_secs(1);

async fn use_times(keys: &Keyring, key: &IssuedKey, times: usize) {
    for _ in 0..times {
        keys.verify(key.key().expose()).await.unwrap();
    }
}

async fn requests(keys: &Keyring, key: &IssuedKey) -> u64 {
    keys.usage(key.id()).await.unwrap().requests
}

#[tokio::test(start_paused = true)]
async fn c6_usage_is_told_at_once_and_written_within_a_second() {
    let store = store();
    let (a, b) = (builder(&store).build().unwrap(), builder(&store).build().unwrap());
    let key = issued(&a).await;
    use_times(&a, &key, 3).await;
    use_times(&b, &key, 4).await;
    assert_eq!((requests(&a, &key).await, requests(&b, &key).await), (3, 4));
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!((requests(&a, &key).await, requests(&b, &key).await), (7, 7));
    assert_eq!((a.health().usage.pending, a.health().usage.failing), (0, None));
}

#[tokio::test(start_paused = true)]
async fn g2_a_key_costs_one_write_in_a_second_and_an_idle_one_none() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    for second in 1..=10 {
        use_times(&keys, &key, 1_000).await;
        tokio::time::sleep(SECOND).await;
        assert!(store.usage_writes() <= second, "{} writes", store.usage_writes());
    }
    let written = store.usage_writes();
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!((store.usage_writes(), requests(&keys, &key).await), (written, 10_000));
}

#[tokio::test(start_paused = true)]
async fn g3_a_thousand_keys_in_use_on_three_nodes_cause_no_look_up() {
    let (store, clock) = (store(), ManualClock::new());
    let node = || builder(&store).with_clock(clock.clone()).build().unwrap();
    let nodes = [node(), node(), node()];
    let mut keys = Vec::new();
    for _ in 0..1_000 {
        keys.push(issued(&nodes[0]).await);
    }
    let everyone = async || {
        for node in &nodes {
            for key in &keys {
                node.verify(key.key().expose()).await.unwrap();
            }
        }
    };
    // Once before the feeds stand, once after.
    everyone().await;
    tokio::time::sleep(SECOND).await;
    everyone().await;
    tokio::time::sleep(SECOND).await;
    let look_ups = store.lookups();
    for _ in 0..60 {
        clock.advance(SECOND);
        tokio::time::sleep(SECOND).await;
        everyone().await;
    }
    assert_eq!(store.lookups() - look_ups, 0);
    assert!(store.usage_writes() >= 3 * 60);
}

#[tokio::test(start_paused = true)]
async fn g2_no_fault_of_the_writing_is_a_requests() {
    for fault in [Fault::ReadOnly, Fault::Fail, Fault::Hang, Fault::Panic, Fault::Swallow] {
        let store = store();
        let keys = builder(&store).build().unwrap();
        let key = issued(&keys).await;
        use_times(&keys, &key, 1).await;
        store.set(fault.clone());
        for _ in 0..5 {
            use_times(&keys, &key, 10).await;
            tokio::time::sleep(SECOND).await;
        }
        tokio::time::sleep(2 * SECOND).await;
        assert!(keys.health().usage.failing.is_some(), "{fault:?}");
        store.set(Fault::None);
        tokio::time::sleep(5 * SECOND).await;
        let health = keys.health().usage;
        assert_eq!((health.failing, health.dropped, health.pending), (None, 0, 0), "{fault:?}");
        assert_eq!(requests(&keys, &key).await, 51, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn g1_a_shutdown_writes_what_was_counted() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    use_times(&keys, &key, 5).await;
    keys.shutdown().await;
    let after = builder(&store).build().unwrap();
    assert_eq!(requests(&after, &key).await, 5);
    // What comes later is still told here, and written by the next shutdown.
    use_times(&keys, &key, 1).await;
    assert_eq!((requests(&keys, &key).await, requests(&after, &key).await), (6, 5));
    keys.shutdown().await;
    assert_eq!(requests(&after, &key).await, 6);
}

#[tokio::test(start_paused = true)]
async fn g1_a_shutdown_waits_for_a_store_that_hangs_no_longer_than_it_must() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    use_times(&keys, &key, 5).await;
    store.set(Fault::Hang);
    let before = tokio::time::Instant::now();
    keys.shutdown().await;
    assert!(before.elapsed() <= 2 * SECOND, "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn g4_a_keyring_that_is_dropped_loses_its_last_second_and_no_more() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    use_times(&keys, &key, 5).await;
    tokio::time::sleep(2 * SECOND).await;
    use_times(&keys, &key, 2).await;
    drop(keys);
    tokio::time::sleep(SECOND).await;
    let after = builder(&store).build().unwrap();
    assert_eq!(requests(&after, &key).await, 5);
}

/// A store that has no place for usage.
#[derive(Clone, Default)]
struct Forgetful(MemoryStore);

impl KeyStore for Forgetful {
    async fn find_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        self.0.find_by_hash(hash).await
    }

    async fn find_by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.0.find_by_id(id).await
    }

    async fn insert(&self, record: KeyRecord) -> Result<(), StoreError> {
        self.0.insert(record).await
    }

    async fn update(&self, id: &KeyId, update: RecordUpdate) -> Result<Outcome, StoreError> {
        self.0.update(id, update).await
    }

    async fn revoke(
        &self,
        id: &KeyId,
        at: std::time::SystemTime,
        reason: Option<String>,
    ) -> Result<Outcome, StoreError> {
        self.0.revoke(id, at, reason).await
    }

    async fn rotate(&self, id: &KeyId, rotation: Rotation) -> Result<Outcome, StoreError> {
        self.0.rotate(id, rotation).await
    }

    async fn list(&self, query: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
        self.0.list(query).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_keyring_counts_for_itself_where_its_store_keeps_no_usage() {
    let keys = Keyring::builder(Forgetful::default(), format()).build().unwrap();
    let key = keys.issue(NewKey::named("n")).await.unwrap();
    for seconds in 0..3 {
        use_times(&keys, &key, 2).await;
        assert_eq!(requests(&keys, &key).await, 2 * (seconds + 1));
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!((requests(&keys, &key).await, keys.health().usage.pending), (6, 0));
}
