use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::time::{self, MissedTickBehavior};

use super::policy::{END_OF_CALENDAR, on_calendar, to_micros};
use super::{Inner, IssuedKey, KeyUpdate, Keyring, KeyringError, NewKey};
use crate::store::{ErasedStore, KeyRecord, Outcome, Rotation, StoreError};
use crate::{ApiKey, KeyHash, KeyId, KeyKind, Mode};

/// The verbs that change keys.
///
/// Each runs in a task of its own, so that a caller who stops waiting leaves nothing half done,
/// and makes the cache forget the key on every way out.
impl Keyring {
    /// Issues a key.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Invalid`] names what is against the policy: an unknown scope or plan, a
    /// mode or kind without a format, a name that is empty or too long, an expiry in the past or
    /// too far away. [`KeyringError::Store`] or [`KeyringError::OutcomeUnknown`] if the store fails.
    pub async fn issue(&self, new: NewKey) -> Result<IssuedKey, KeyringError> {
        let key = self.generate(new.kind, new.mode)?;
        let hash = self.stored_hash(key.expose().as_bytes());
        let record = self.policy().draft(new, (&key, hash), self.clock().wall())?;
        let stored = record.clone();
        self.change([hash, hash], move |store| async move { store.insert(stored).await }).await?;
        Ok(IssuedKey { key, record })
    }

    /// Takes over a key that another system issued, of which only the SHA-256 of its text is known.
    ///
    /// `hint` is what lists show: up to 64 visible ASCII characters. The key's text must be in
    /// one of the keyring's formats, and its mode and kind those of `new`, to be accepted later.
    ///
    /// # Errors
    ///
    /// As [`Self::issue`]. The store's error tells [`StoreError::is_duplicate`] where the key is
    /// there already.
    pub async fn import(
        &self,
        new: NewKey,
        hash: KeyHash,
        hint: &str,
    ) -> Result<KeyRecord, KeyringError> {
        if hint.is_empty() || hint.len() > 64 || !hint.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(KeyringError::invalid("hint", "must be 1 to 64 visible ASCII characters"));
        }
        let hash = self.stored_from_plain(&hash);
        let now = self.clock().wall();
        let record = self.policy().draft_with_hint(new, hint.to_owned(), hash, now)?;
        let stored = record.clone();
        self.change([hash, hash], move |store| async move { store.insert(stored).await }).await?;
        Ok(record)
    }

    /// Changes a key's name, scopes, plan, quota or expiry. It counts for the next request.
    ///
    /// # Errors
    ///
    /// [`KeyringError::UnknownKey`]; [`KeyringError::Revoked`]; else as [`Self::issue`].
    pub async fn update(&self, id: &KeyId, update: KeyUpdate) -> Result<KeyRecord, KeyringError> {
        let record = self.find(id).await?.ok_or(KeyringError::UnknownKey)?;
        let now = self.clock().wall();
        let update = self.policy().check_update(update.0, record.created_at, now)?;
        let id = id.clone();
        let change =
            move |store: Arc<dyn ErasedStore>| async move { store.update(&id, update).await };
        match self.change([record.hash, record.hash], change).await? {
            Outcome::Done(record) => Ok(*record),
            outcome => Err(refused(&outcome)),
        }
    }

    /// Revokes a key: the next request with it is refused, and it can never be reinstated.
    ///
    /// Revoking it a second time succeeds and changes nothing.
    ///
    /// # Errors
    ///
    /// [`KeyringError::UnknownKey`]; else as [`Self::issue`]. After
    /// [`KeyringError::OutcomeUnknown`] revoke it again.
    pub async fn revoke(&self, id: &KeyId) -> Result<KeyRecord, KeyringError> {
        self.revoke_with(id, None).await
    }

    /// Revokes a key as [`Self::revoke`] does, and notes why.
    ///
    /// # Errors
    ///
    /// As [`Self::revoke`].
    pub async fn revoke_because(
        &self,
        id: &KeyId,
        reason: impl Into<String>,
    ) -> Result<KeyRecord, KeyringError> {
        self.revoke_with(id, Some(reason.into())).await
    }

    /// Issues a successor that inherits everything but the text, and ends the predecessor after
    /// `overlap`.
    ///
    /// Both are valid until then and share one bucket. An overlap of zero revokes the predecessor.
    /// One that ends after the predecessor's own expiry does not extend it.
    ///
    /// # Errors
    ///
    /// [`KeyringError::UnknownKey`]; [`KeyringError::Revoked`], [`KeyringError::Expired`] and
    /// [`KeyringError::AlreadyRotated`]; else as [`Self::issue`].
    pub async fn rotate(&self, id: &KeyId, overlap: Duration) -> Result<IssuedKey, KeyringError> {
        let old = self.find(id).await?.ok_or(KeyringError::UnknownKey)?;
        let key = self.generate(old.kind, old.mode)?;
        let hash = self.stored_hash(key.expose().as_bytes());
        let at = to_micros(self.clock().wall());
        let end = at.checked_add(overlap).unwrap_or(at + END_OF_CALENDAR);
        let predecessor_until = on_calendar("overlap_seconds", end)?;
        let successor = successor(&old, &key, hash, at)?;
        let record = successor.clone();
        let id = id.clone();
        let rotation = Rotation { successor, at, predecessor_until };
        let change =
            move |store: Arc<dyn ErasedStore>| async move { store.rotate(&id, rotation).await };
        match self.change([old.hash, hash], change).await? {
            Outcome::Done(_) => Ok(IssuedKey { key, record }),
            outcome => Err(refused(&outcome)),
        }
    }

    async fn revoke_with(
        &self,
        id: &KeyId,
        reason: Option<String>,
    ) -> Result<KeyRecord, KeyringError> {
        let record = self.find(id).await?.ok_or(KeyringError::UnknownKey)?;
        let at = to_micros(self.clock().wall());
        let id = id.clone();
        let change =
            move |store: Arc<dyn ErasedStore>| async move { store.revoke(&id, at, reason).await };
        match self.change([record.hash, record.hash], change).await? {
            Outcome::Done(record) | Outcome::Revoked(record) => Ok(*record),
            outcome => Err(refused(&outcome)),
        }
    }

    fn generate(&self, kind: KeyKind, mode: Mode) -> Result<ApiKey, KeyringError> {
        let format = self.format(kind).ok_or_else(|| {
            KeyringError::invalid("kind", "this service has no format for keys of this kind")
        })?;
        format.generate(mode).map_err(|_| KeyringError::NoRandomness)
    }

    /// Runs a mutation in its own task. Both hashes are forgotten on every way out.
    async fn change<T, F, A>(&self, touched: [KeyHash; 2], mutation: F) -> Result<T, KeyringError>
    where
        F: FnOnce(Arc<dyn ErasedStore>) -> A,
        A: Future<Output = Result<T, StoreError>> + Send + 'static,
        T: Send + 'static,
    {
        let runtime = Handle::try_current().map_err(|_| KeyringError::NoRuntime)?;
        self.start_feed();
        let mutation = mutation(Arc::clone(self.store()));
        let task = runtime.spawn(carry_out(Arc::clone(self.inner()), touched, mutation));
        // A task that panicked may have committed before.
        task.await.unwrap_or(Err(KeyringError::OutcomeUnknown))
    }
}

/// Makes the cache forget the keys when it goes out of scope, whatever the reason.
struct Forget {
    keyring: Arc<Inner>,
    touched: [KeyHash; 2],
}

impl Forget {
    fn now(&self) {
        let [first, second] = self.touched;
        self.keyring.forget(first);
        if second != first {
            self.keyring.forget(second);
        }
    }
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.now();
    }
}

async fn carry_out<T>(
    keyring: Arc<Inner>,
    touched: [KeyHash; 2],
    mutation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, KeyringError> {
    let (deadline, limit) = (keyring.deadline(), keyring.patience());
    let forget = Forget { keyring, touched };
    let mut unanswered = time::interval_at(time::Instant::now() + deadline, deadline);
    unanswered.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let limit = time::sleep(limit);
    tokio::pin!(mutation, limit);
    loop {
        tokio::select! {
            biased;
            answer = &mut mutation => return Ok(answer?),
            () = &mut limit => return Err(KeyringError::OutcomeUnknown),
            // It may have been committed with its answer still on the way: what was cached
            // meanwhile must not outlive the commit by more than one deadline.
            _ = unanswered.tick() => forget.now(),
        }
    }
}

fn successor(
    old: &KeyRecord,
    key: &ApiKey,
    hash: KeyHash,
    at: SystemTime,
) -> Result<KeyRecord, KeyringError> {
    let mut new = old.clone();
    new.id = KeyId::generate().map_err(|_| KeyringError::NoRandomness)?;
    key.hint().clone_into(&mut new.hint);
    new.hash = hash;
    new.created_at = at;
    new.replaces = Some(old.id.clone());
    new.replaced_by = None;
    Ok(new)
}

fn refused(outcome: &Outcome) -> KeyringError {
    match outcome {
        Outcome::Missing => KeyringError::UnknownKey,
        Outcome::Expired => KeyringError::Expired,
        Outcome::Rotated => KeyringError::AlreadyRotated,
        Outcome::Done(_) | Outcome::Revoked(_) => KeyringError::Revoked,
    }
}
