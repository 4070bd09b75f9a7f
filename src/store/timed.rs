use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::erased::Answer;
use super::{
    ChangeFeed, ErasedStore, KeyQuery, KeyRecord, Outcome, RecordUpdate, Rotation, StoredHours,
    StoredUsage, UsageBatch,
};
use crate::{Clock, KeyHash, KeyId, telemetry};

/// A store whose answers are timed. Only where somebody may want to know: see
/// [`telemetry::COUNTS`].
struct Timed {
    store: Arc<dyn ErasedStore>,
    clock: Arc<dyn Clock>,
}

/// The same store; with the feature `metrics` it tells how long its answers take.
pub(crate) fn timed(store: Arc<dyn ErasedStore>, clock: &Arc<dyn Clock>) -> Arc<dyn ErasedStore> {
    if telemetry::COUNTS { Arc::new(Timed { store, clock: Arc::clone(clock) }) } else { store }
}

/// A question under way. One that is dropped was given up.
struct Question {
    clock: Arc<dyn Clock>,
    operation: &'static str,
    began: Duration,
    outcome: &'static str,
}

impl Timed {
    fn ask<'a, T: 'a>(&self, operation: &'static str, answer: Answer<'a, T>) -> Answer<'a, T> {
        let clock = Arc::clone(&self.clock);
        Box::pin(async move {
            let began = clock.monotonic();
            let mut question = Question { clock, operation, began, outcome: "given_up" };
            let answer = answer.await;
            question.outcome = if answer.is_ok() { "ok" } else { "failed" };
            answer
        })
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let took = self.clock.monotonic().saturating_sub(self.began);
        telemetry::store_took(self.operation, self.outcome, took);
    }
}

impl ErasedStore for Timed {
    fn find_by_hash(&self, hash: KeyHash) -> Answer<'_, Option<KeyRecord>> {
        self.ask("find_by_hash", self.store.find_by_hash(hash))
    }

    fn find_by_id<'a>(&'a self, id: &'a KeyId) -> Answer<'a, Option<KeyRecord>> {
        self.ask("find_by_id", self.store.find_by_id(id))
    }

    fn insert(&self, record: KeyRecord) -> Answer<'_, ()> {
        self.ask("insert", self.store.insert(record))
    }

    fn update<'a>(&'a self, id: &'a KeyId, update: RecordUpdate) -> Answer<'a, Outcome> {
        self.ask("update", self.store.update(id, update))
    }

    fn revoke<'a>(
        &'a self,
        id: &'a KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Answer<'a, Outcome> {
        self.ask("revoke", self.store.revoke(id, at, reason))
    }

    fn rotate<'a>(&'a self, id: &'a KeyId, rotation: Rotation) -> Answer<'a, Outcome> {
        self.ask("rotate", self.store.rotate(id, rotation))
    }

    fn list(&self, query: KeyQuery) -> Answer<'_, Vec<KeyRecord>> {
        self.ask("list", self.store.list(query))
    }

    fn subscribe(&self) -> Answer<'_, Option<ChangeFeed>> {
        self.ask("subscribe", self.store.subscribe())
    }

    fn prove(&self, token: u64) -> Answer<'_, ()> {
        self.ask("prove", self.store.prove(token))
    }

    fn keeps_usage(&self) -> bool {
        self.store.keeps_usage()
    }

    fn add_usage(&self, batch: UsageBatch) -> Answer<'_, ()> {
        self.ask("add_usage", self.store.add_usage(batch))
    }

    fn usage(&self, node: u64, ids: Vec<KeyId>) -> Answer<'_, StoredUsage> {
        self.ask("usage", self.store.usage(node, ids))
    }

    fn hourly_usage(&self, node: u64, id: KeyId, since: SystemTime) -> Answer<'_, StoredHours> {
        self.ask("hourly_usage", self.store.hourly_usage(node, id, since))
    }
}
