use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{
    Change, ChangeFeed, Cursor, KeyQuery, KeyRecord, KeyStore, Ledger, Outcome, RecordUpdate,
    Rotation, StoreError, StoredHours, StoredUsage, UsageBatch,
};
use crate::{KeyHash, KeyId};

/// How many changes a listener may be behind before its feed ends.
const FEED_CAPACITY: usize = 1024;

/// A store in memory, for tests and for keys that need not outlive the process.
///
/// Clones share one set of records: two keyrings on clones of one store are two nodes on one
/// database, in one process. See [the module](super) for an example.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<Cursor, KeyRecord>,
    by_id: HashMap<KeyId, Cursor>,
    by_hash: HashMap<KeyHash, Cursor>,
    usage: Ledger,
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
        let Some(stored) = state.find(id) else { return Ok(Outcome::Missing) };
        let outcome = update.decide(stored);
        Ok(state.carry_out(outcome))
    }

    async fn revoke(
        &self,
        id: &KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Result<Outcome, StoreError> {
        let mut state = self.state.lock();
        let Some(stored) = state.find(id) else { return Ok(Outcome::Missing) };
        let outcome = stored.revoked(at, reason);
        Ok(state.carry_out(outcome))
    }

    async fn rotate(&self, id: &KeyId, rotation: Rotation) -> Result<Outcome, StoreError> {
        let mut state = self.state.lock();
        let Some(predecessor) = state.find(id) else { return Ok(Outcome::Missing) };
        let outcome = rotation.decide(predecessor);
        if matches!(outcome, Outcome::Done(_)) {
            state.insert(rotation.successor)?;
        }
        Ok(state.carry_out(outcome))
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

    fn keeps_usage(&self) -> bool {
        true
    }

    async fn add_usage(&self, mut batch: UsageBatch) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        batch.keys.retain(|used| state.by_id.contains_key(&used.id));
        state.usage.add(&batch);
        Ok(())
    }

    async fn usage(&self, node: u64, ids: Vec<KeyId>) -> Result<StoredUsage, StoreError> {
        Ok(self.state.lock().usage.read(node, &ids))
    }

    async fn hourly_usage(
        &self,
        node: u64,
        id: KeyId,
        since: SystemTime,
    ) -> Result<StoredHours, StoreError> {
        Ok(self.state.lock().usage.hours(node, &id, since))
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
        self.put(record);
        Ok(())
    }

    /// Keeps what the record becomes, if anything was decided but to leave it.
    fn carry_out(&mut self, decided: Outcome) -> Outcome {
        if let Outcome::Done(record) = &decided {
            self.put(KeyRecord::clone(record));
        }
        decided
    }

    fn put(&mut self, record: KeyRecord) {
        let change = Change::Key(record.hash);
        self.records.insert(Cursor::of(&record), record);
        self.tell(change);
    }

    fn tell(&mut self, change: Change) {
        // A listener that is full or gone loses its feed: it must not go on as if it had heard all.
        self.listeners.retain(|listener| listener.try_send(change).is_ok());
    }
}
