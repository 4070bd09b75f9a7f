use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{
    Change, ChangeFeed, Cursor, KeyQuery, KeyRecord, KeyStatus, KeyStore, Outcome, RecordUpdate,
    Rotation, StoreError,
};
use crate::{KeyHash, KeyId};

/// How many changes a listener may be behind before its feed ends.
const FEED_CAPACITY: usize = 1024;

/// A store in memory, for tests and for services whose keys need not outlive the process.
///
/// Clones share one set of records: two keyrings on clones of one store are two nodes on one
/// database, in one process.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<Cursor, KeyRecord>,
    by_id: HashMap<KeyId, Cursor>,
    by_hash: HashMap<KeyHash, Cursor>,
    listeners: Vec<mpsc::Sender<Change>>,
}

impl MemoryStore {
    /// A store with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl KeyStore for MemoryStore {
    async fn find_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        let state = self.state.lock();
        let place = state.by_hash.get(&hash);
        Ok(place.and_then(|place| state.records.get(place)).cloned())
    }

    async fn find_by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        Ok(self.state.lock().find(id).cloned())
    }

    async fn insert(&self, record: KeyRecord) -> Result<(), StoreError> {
        self.state.lock().insert(record)
    }

    async fn update(&self, id: &KeyId, update: RecordUpdate) -> Result<Outcome, StoreError> {
        let mut state = self.state.lock();
        let Some(record) = state.find(id) else { return Ok(Outcome::Missing) };
        let mut record = record.clone();
        if record.revoked_at.is_some() {
            return Ok(Outcome::Revoked(Box::new(record)));
        }
        update.apply(&mut record);
        Ok(state.replace(record))
    }

    async fn revoke(
        &self,
        id: &KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Result<Outcome, StoreError> {
        let mut state = self.state.lock();
        let Some(record) = state.find(id) else { return Ok(Outcome::Missing) };
        let mut record = record.clone();
        if record.status(at) == KeyStatus::Revoked {
            return Ok(Outcome::Revoked(Box::new(record)));
        }
        record.revoked_at = Some(at);
        record.revoked_reason = reason;
        Ok(state.replace(record))
    }

    async fn rotate(&self, id: &KeyId, rotation: Rotation) -> Result<Outcome, StoreError> {
        let mut state = self.state.lock();
        let Some(predecessor) = state.find(id) else { return Ok(Outcome::Missing) };
        let outcome = rotation.decide(predecessor);
        let Outcome::Done(after) = outcome else { return Ok(outcome) };
        state.insert(rotation.successor)?;
        Ok(state.replace(*after))
    }

    async fn list(&self, query: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
        let state = self.state.lock();
        let take = |records: &mut dyn Iterator<Item = &KeyRecord>| {
            records.filter(|record| query.matches(record)).take(query.limit).cloned().collect()
        };
        Ok(match &query.after {
            Some(place) => take(&mut state.records.range(..place).rev().map(|(_, record)| record)),
            None => take(&mut state.records.values().rev()),
        })
    }

    async fn subscribe(&self) -> Result<Option<ChangeFeed>, StoreError> {
        let (sender, feed) = ChangeFeed::channel(FEED_CAPACITY);
        self.state.lock().listeners.push(sender);
        Ok(Some(feed))
    }

    async fn prove(&self, token: u64) -> Result<(), StoreError> {
        self.state.lock().tell(Change::Proof(token));
        Ok(())
    }
}

impl State {
    fn find(&self, id: &KeyId) -> Option<&KeyRecord> {
        self.records.get(self.by_id.get(id)?)
    }

    fn insert(&mut self, record: KeyRecord) -> Result<(), StoreError> {
        if self.by_id.contains_key(&record.id) || self.by_hash.contains_key(&record.hash) {
            return Err(StoreError::duplicate());
        }
        let place = Cursor::of(&record);
        self.by_id.insert(record.id.clone(), place.clone());
        self.by_hash.insert(record.hash, place);
        self.replace(record);
        Ok(())
    }

    fn replace(&mut self, record: KeyRecord) -> Outcome {
        let change = Change::Key(record.hash);
        self.records.insert(Cursor::of(&record), record.clone());
        self.tell(change);
        Outcome::Done(Box::new(record))
    }

    fn tell(&mut self, change: Change) {
        // A listener that is full or gone loses its feed: it must not go on as if it had heard all.
        self.listeners.retain(|listener| listener.try_send(change).is_ok());
    }
}
