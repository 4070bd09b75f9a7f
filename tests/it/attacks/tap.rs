//! A store whose feed does what a test says.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use keygate::store::{
    Change, ChangeFeed, KeyQuery, KeyRecord, KeyStore, MemoryStore, Outcome, RecordUpdate,
    Rotation, StoreError,
};
use keygate::{KeyHash, KeyId};
use tokio::sync::{mpsc, watch};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Works,
    Fails,
    Hangs,
    Panics,
    /// Waits until this is another one.
    Waits,
}

/// What becomes of what the store tells its feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Up,
    /// Nothing comes through and nobody notices, as on a half-open connection.
    Dead,
    /// Changes are lost, proofs come through, so late.
    ProofsOnly(Duration),
}

/// A [`MemoryStore`] under tap. Clones share everything.
#[derive(Clone)]
pub(super) struct Tap(Arc<State>);

struct State {
    inner: MemoryStore,
    subscribe: watch::Sender<Call>,
    prove: watch::Sender<Call>,
    wire: watch::Sender<Wire>,
    feeds: parking::Feeds,
    subscriptions: AtomicUsize,
    lookups: AtomicUsize,
    /// The last proof that came through.
    token: AtomicU64,
}

/// The senders, behind a lock that is never held across an await.
mod parking {
    use super::{Change, mpsc};
    use std::sync::Mutex;

    #[derive(Default)]
    pub(super) struct Feeds(Mutex<Vec<mpsc::Sender<Change>>>);

    impl Feeds {
        pub(super) fn add(&self, feed: mpsc::Sender<Change>) {
            self.0.lock().unwrap().push(feed);
        }

        pub(super) fn tell(&self, change: Change) {
            self.0.lock().unwrap().retain(|feed| feed.try_send(change).is_ok());
        }

        pub(super) fn all(&self) -> Vec<mpsc::Sender<Change>> {
            self.0.lock().unwrap().clone()
        }

        pub(super) fn cut(&self) {
            self.0.lock().unwrap().clear();
        }
    }
}

impl Tap {
    pub(super) fn new() -> Self {
        Self(Arc::new(State {
            inner: MemoryStore::new(),
            subscribe: watch::Sender::new(Call::Works),
            prove: watch::Sender::new(Call::Works),
            wire: watch::Sender::new(Wire::Up),
            feeds: parking::Feeds::default(),
            subscriptions: AtomicUsize::new(0),
            lookups: AtomicUsize::new(0),
            token: AtomicU64::new(0),
        }))
    }

    pub(super) fn subscribing(&self, call: Call) {
        self.0.subscribe.send_replace(call);
    }

    pub(super) fn proving(&self, call: Call) {
        self.0.prove.send_replace(call);
    }

    pub(super) fn wire(&self, wire: Wire) {
        self.0.wire.send_replace(wire);
    }

    /// Ends every feed, as a lost connection that is noticed does.
    pub(super) fn cut(&self) {
        self.0.feeds.cut();
    }

    /// How often a feed was asked for.
    pub(super) fn subscriptions(&self) -> usize {
        self.0.subscriptions.load(Ordering::SeqCst)
    }

    pub(super) fn lookups(&self) -> usize {
        self.0.lookups.load(Ordering::SeqCst)
    }

    /// Tells of a change that somebody made past this store.
    pub(super) fn tell_now(&self, hash: KeyHash) {
        self.0.feeds.tell(Change::Key(hash));
    }

    /// Says that anything may have changed.
    pub(super) fn tell_all_now(&self) {
        self.0.feeds.tell(Change::All);
    }

    /// Brings the last token that a node sent to every feed, again.
    pub(super) fn repeat_proof(&self) {
        self.0.feeds.tell(Change::Proof(self.0.token.load(Ordering::SeqCst)));
    }

    /// The records themselves: what is changed here is told to nobody.
    pub(super) fn records(&self) -> &MemoryStore {
        &self.0.inner
    }

    fn tell(&self, change: Change) {
        match (*self.0.wire.borrow(), change) {
            (Wire::Up, change) => {
                if let Change::Proof(token) = change {
                    self.0.token.store(token, Ordering::SeqCst);
                }
                self.0.feeds.tell(change);
            }
            (Wire::ProofsOnly(late), Change::Proof(_)) => {
                for feed in self.0.feeds.all() {
                    tokio::spawn(deliver(feed, change, late));
                }
            }
            _ => {}
        }
    }

    fn told(&self, outcome: Outcome) -> Outcome {
        if let Outcome::Done(record) = &outcome {
            self.tell(Change::Key(record.hash));
        }
        outcome
    }
}

async fn deliver(feed: mpsc::Sender<Change>, change: Change, late: Duration) {
    tokio::time::sleep(late).await;
    let _ = feed.try_send(change);
}

async fn suffer(call: &watch::Sender<Call>) -> Result<(), StoreError> {
    let mut call = call.subscribe();
    let now = *call.borrow();
    match now {
        Call::Works => Ok(()),
        Call::Fails => Err(StoreError::transient("told to fail")),
        Call::Hangs => pending().await,
        Call::Panics => panic!("told to panic"),
        Call::Waits => {
            let _ = call.wait_for(|call| *call != Call::Waits).await;
            Ok(())
        }
    }
}

impl KeyStore for Tap {
    async fn find_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        self.0.lookups.fetch_add(1, Ordering::SeqCst);
        self.0.inner.find_by_hash(hash).await
    }

    async fn find_by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.0.inner.find_by_id(id).await
    }

    async fn insert(&self, record: KeyRecord) -> Result<(), StoreError> {
        let hash = record.hash;
        self.0.inner.insert(record).await?;
        self.tell(Change::Key(hash));
        Ok(())
    }

    async fn update(&self, id: &KeyId, update: RecordUpdate) -> Result<Outcome, StoreError> {
        Ok(self.told(self.0.inner.update(id, update).await?))
    }

    async fn revoke(
        &self,
        id: &KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Result<Outcome, StoreError> {
        Ok(self.told(self.0.inner.revoke(id, at, reason).await?))
    }

    async fn rotate(&self, id: &KeyId, rotation: Rotation) -> Result<Outcome, StoreError> {
        let successor = rotation.successor.hash;
        let outcome = self.told(self.0.inner.rotate(id, rotation).await?);
        self.tell(Change::Key(successor));
        Ok(outcome)
    }

    async fn list(&self, query: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
        self.0.inner.list(query).await
    }

    async fn subscribe(&self) -> Result<Option<ChangeFeed>, StoreError> {
        self.0.subscriptions.fetch_add(1, Ordering::SeqCst);
        suffer(&self.0.subscribe).await?;
        let (sender, feed) = ChangeFeed::channel(64);
        self.0.feeds.add(sender);
        Ok(Some(feed))
    }

    async fn prove(&self, token: u64) -> Result<(), StoreError> {
        suffer(&self.0.prove).await?;
        self.tell(Change::Proof(token));
        Ok(())
    }
}
