use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use super::{
    ChangeFeed, KeyQuery, KeyRecord, KeyStore, Outcome, RecordUpdate, Rotation, StoreError,
    StoredHours, StoredUsage, UsageBatch,
};
use crate::unwind::caught;
use crate::{KeyHash, KeyId};

pub(super) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A [`KeyStore`] whose type is forgotten, so that no type parameter reaches the keyring.
///
/// A panic of a question is its error. That of a change is not caught here: whether the change was
/// made nobody knows then, and an error would say that it was not.
pub(crate) trait ErasedStore: Send + Sync + 'static {
    fn find_by_hash(&self, hash: KeyHash) -> Answer<'_, Option<KeyRecord>>;
    fn find_by_id<'a>(&'a self, id: &'a KeyId) -> Answer<'a, Option<KeyRecord>>;
    fn insert(&self, record: KeyRecord) -> Answer<'_, ()>;
    fn update<'a>(&'a self, id: &'a KeyId, update: RecordUpdate) -> Answer<'a, Outcome>;
    fn revoke<'a>(
        &'a self,
        id: &'a KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Answer<'a, Outcome>;
    fn rotate<'a>(&'a self, id: &'a KeyId, rotation: Rotation) -> Answer<'a, Outcome>;
    fn list(&self, query: KeyQuery) -> Answer<'_, Vec<KeyRecord>>;
    fn subscribe(&self) -> Answer<'_, Option<ChangeFeed>>;
    fn prove(&self, token: u64) -> Answer<'_, ()>;
    fn keeps_usage(&self) -> bool;
    fn add_usage(&self, batch: UsageBatch) -> Answer<'_, ()>;
    fn usage(&self, node: u64, ids: Vec<KeyId>) -> Answer<'_, StoredUsage>;
    fn hourly_usage(&self, node: u64, id: KeyId, since: SystemTime) -> Answer<'_, StoredHours>;
}

impl<S: KeyStore> ErasedStore for S {
    fn find_by_hash(&self, hash: KeyHash) -> Answer<'_, Option<KeyRecord>> {
        survived(async move { KeyStore::find_by_hash(self, hash).await })
    }

    fn find_by_id<'a>(&'a self, id: &'a KeyId) -> Answer<'a, Option<KeyRecord>> {
        survived(async move { KeyStore::find_by_id(self, id).await })
    }

    fn insert(&self, record: KeyRecord) -> Answer<'_, ()> {
        Box::pin(KeyStore::insert(self, record))
    }

    fn update<'a>(&'a self, id: &'a KeyId, update: RecordUpdate) -> Answer<'a, Outcome> {
        Box::pin(KeyStore::update(self, id, update))
    }

    fn revoke<'a>(
        &'a self,
        id: &'a KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Answer<'a, Outcome> {
        Box::pin(KeyStore::revoke(self, id, at, reason))
    }

    fn rotate<'a>(&'a self, id: &'a KeyId, rotation: Rotation) -> Answer<'a, Outcome> {
        Box::pin(KeyStore::rotate(self, id, rotation))
    }

    fn list(&self, query: KeyQuery) -> Answer<'_, Vec<KeyRecord>> {
        survived(async move { KeyStore::list(self, query).await })
    }

    fn subscribe(&self) -> Answer<'_, Option<ChangeFeed>> {
        survived(async move { KeyStore::subscribe(self).await })
    }

    fn prove(&self, token: u64) -> Answer<'_, ()> {
        survived(async move { KeyStore::prove(self, token).await })
    }

    fn keeps_usage(&self) -> bool {
        KeyStore::keeps_usage(self)
    }

    fn add_usage(&self, batch: UsageBatch) -> Answer<'_, ()> {
        // A batch that is sent again counts once, so an error may follow a panic here.
        survived(async move { KeyStore::add_usage(self, batch).await })
    }

    fn usage(&self, node: u64, ids: Vec<KeyId>) -> Answer<'_, StoredUsage> {
        survived(async move { KeyStore::usage(self, node, ids).await })
    }

    fn hourly_usage(&self, node: u64, id: KeyId, since: SystemTime) -> Answer<'_, StoredHours> {
        survived(async move { KeyStore::hourly_usage(self, node, id, since).await })
    }
}

fn survived<'a, T: 'a>(
    question: impl Future<Output = Result<T, StoreError>> + Send + 'a,
) -> Answer<'a, T> {
    Box::pin(async {
        let answer = caught(question).await;
        answer.unwrap_or_else(|_| Err(StoreError::permanent("it panicked")))
    })
}
