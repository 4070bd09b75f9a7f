//! The checker finds what it is there to find: keyrings with the protection taken out.

use std::time::{Duration, SystemTime};

use keygate::store::{
    ChangeFeed, KeyQuery, KeyRecord, KeyStore, MemoryStore, Outcome, RecordUpdate, Rotation,
    StoreError,
};
use keygate::{IssuedKey, KeyFormat, KeyHash, KeyId, Keyring, NewKey};
use tokio::time::interval;

use crate::checker::{Attempt, Verdict, Violation, Withdrawal, violations};
use crate::load::Journal;

/// What other nodes have, in these tests, to hear of a change.
const SPREAD: Duration = Duration::from_millis(200);

/// So many times longer keys are tried afterwards.
const WATCHED: u32 = 3;

/// What tells a node of the changes that were made elsewhere.
#[derive(Clone, Copy, PartialEq)]
enum Protection {
    Feed,
    /// A feed that stands and says nothing.
    SilentFeed,
    None,
}

/// Who revokes.
#[derive(Clone, Copy, PartialEq)]
enum Revoker {
    /// The other keyring.
    Other,
    /// This keyring's own node, past the keyring: what a verb that forgets no entry would do.
    PastTheKeyring,
}

#[derive(Clone)]
struct Unheard {
    inner: MemoryStore,
    protection: Protection,
}

impl KeyStore for Unheard {
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
        at: SystemTime,
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
        match self.protection {
            Protection::Feed => self.inner.subscribe().await,
            Protection::SilentFeed => {
                let (sender, feed) = ChangeFeed::channel(1);
                // Open for ever.
                std::mem::forget(sender);
                Ok(Some(feed))
            }
            Protection::None => Ok(None),
        }
    }

    async fn prove(&self, token: u64) -> Result<(), StoreError> {
        self.inner.prove(token).await
    }
}

/// Uses a key on two nodes, has it revoked on the first and uses it for a while longer.
async fn log(
    protection: Protection,
    staleness: Duration,
    revoker: Revoker,
) -> (Vec<Attempt>, Withdrawal) {
    let store = Unheard { inner: MemoryStore::new(), protection };
    let node = || {
        let format = KeyFormat::base62("ck", 32).unwrap();
        Keyring::builder(store.clone(), format).max_staleness(staleness).build().unwrap()
    };
    let (nodes, journal) = ([node(), node()], Journal::new());
    let key = nodes[0].issue(NewKey::named("test")).await.unwrap();
    use_for(SPREAD, &nodes, &key, &journal).await;
    let called = journal.now();
    match revoker {
        Revoker::Other => drop(nodes[0].revoke(key.id()).await.unwrap()),
        Revoker::PastTheKeyring => {
            store.inner.revoke(key.id(), SystemTime::UNIX_EPOCH, None).await.unwrap();
        }
    }
    let withdrawal = Withdrawal::revoked(1, 0, called, journal.now());
    use_for(WATCHED * SPREAD, &nodes, &key, &journal).await;
    (journal.attempts(), withdrawal)
}

async fn use_for(time: Duration, nodes: &[Keyring], key: &IssuedKey, journal: &Journal) {
    let end = journal.now() + time;
    let mut ticks = interval(Duration::from_millis(2));
    while journal.now() < end {
        ticks.tick().await;
        for (node, keyring) in nodes.iter().enumerate() {
            let started = journal.now();
            let verdict = match keyring.verify(key.key().expose()).await {
                Ok(_) => Verdict::Accepted,
                Err(_) => Verdict::Refused,
            };
            journal.note(Attempt { node, key: 1, started, finished: journal.now(), verdict });
        }
    }
}

fn is_late_on(node: usize, violation: &Violation) -> bool {
    matches!(violation, Violation::Late { attempt, .. } if attempt.node == node)
}

#[tokio::test]
async fn the_checker_finds_nothing_where_the_protection_is_in() {
    // With a feed at once; without one, or with a dead one, by the bound.
    let bound = SPREAD.mul_f32(0.8);
    for (protection, staleness) in [
        (Protection::Feed, Duration::from_hours(1)),
        (Protection::SilentFeed, bound),
        (Protection::None, bound),
    ] {
        let (attempts, withdrawal) = log(protection, staleness, Revoker::Other).await;
        assert_eq!(violations(&attempts, &[withdrawal], SPREAD), []);
    }
}

#[tokio::test]
async fn the_checker_finds_a_node_that_never_hears_of_a_revocation() {
    for protection in [Protection::SilentFeed, Protection::None] {
        let (attempts, withdrawal) = log(protection, Duration::from_hours(1), Revoker::Other).await;
        let found = violations(&attempts, &[withdrawal], SPREAD);
        assert!(!found.is_empty());
        // The node that was told is right.
        assert!(found.iter().all(|violation| is_late_on(1, violation)), "{found:?}");
    }
}

#[tokio::test]
async fn the_checker_finds_a_node_that_forgets_to_forget() {
    let (attempts, withdrawal) =
        log(Protection::None, Duration::from_hours(1), Revoker::PastTheKeyring).await;
    let found = violations(&attempts, &[withdrawal], SPREAD);
    assert!(found.iter().any(|violation| is_late_on(0, violation)), "{found:?}");
}
