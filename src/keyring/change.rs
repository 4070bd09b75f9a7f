use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::time::{self, MissedTickBehavior};

use super::policy::{END_OF_CALENDAR, check_reason, on_calendar, to_micros};
use super::{Inner, IssuedKey, KeyUpdate, Keyring, KeyringError, NewKey};
use crate::store::{KeyRecord, Outcome, Rotation, StoreError};
use crate::{ApiKey, KeyHash, KeyId, KeyKind, Mode};

/// How often a rotation begins again because the key was changed under its hands.
const ROTATIONS: usize = 8;

/// The verbs that change keys.
///
/// Each runs in a task of its own, so that a caller who stops waiting leaves nothing half done:
/// what was polled once is carried out. It makes the cache forget the key on every way out.
impl Keyring {
    /// Issues a key.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Invalid`] names what is against the policy: an unknown scope or plan, a mode
    /// or kind without a format, a name that is empty, too long or not to be read, an expiry in the past or too far
    /// away. [`KeyringError::Store`] or [`KeyringError::OutcomeUnknown`] if the store fails.
    ///
    /// # Cancel safety
    ///
    /// A future that was polled and is dropped may leave a key in the list whose text nobody has.
    pub async fn issue(&self, new: NewKey) -> Result<IssuedKey, KeyringError> {
        let key = self.generate(new.kind, new.mode)?;
        let hash = self.stored_hash(key.expose().as_bytes());
        let record = self.policy().draft(new, (&key, hash), self.clock().wall())?;
        self.insert(record.clone()).await?;
        Ok(IssuedKey { key, record })
    }

    /// Takes over a key that another system issued.
    ///
    /// Only the SHA-256 of its text need be known. `hint` is what lists show: 1 to 64 visible ASCII
    /// characters. The key's text must be in one of the keyring's formats, and its mode and kind
    /// those of `new`, to be accepted later.
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
        if self.parse(hint.as_bytes()).is_some() {
            return Err(KeyringError::invalid("hint", "must not be the key's whole text"));
        }
        let hash = self.stored_from_plain(&hash);
        let now = self.clock().wall();
        let record = self.policy().draft_with_hint(new, hint.to_owned(), hash, now)?;
        self.insert(record.clone()).await?;
        Ok(record)
    }

    /// Changes a key's name, scopes, plan, quota or expiry. It counts for the next request.
    ///
    /// The expiry of a rotation's predecessor can be changed too: that prolongs the overlap.
    ///
    /// # Errors
    ///
    /// [`KeyringError::UnknownKey`]; [`KeyringError::Revoked`]; else as [`Self::issue`].
    pub async fn update(&self, id: &KeyId, update: KeyUpdate) -> Result<KeyRecord, KeyringError> {
        let (keyring, id) = (self.clone(), id.clone());
        let verb = async move {
            let record = keyring.known(&id).await?;
            let update =
                keyring.policy().check_update(update.0, &record, keyring.clock().wall())?;
            let change = keyring.store().update(&id, update);
            match keyring.commit([record.hash, record.hash], change).await? {
                Outcome::Done(record) => Ok(*record),
                outcome => Err(refused(&outcome)),
            }
        };
        self.carry_out(verb).await
    }

    /// Revokes a key: the next request with it is refused, and no verb reinstates it.
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

    /// Revokes a key as [`Self::revoke`] does, and notes why: a line of up to 500 characters.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Invalid`] for a reason that is longer or has control characters, or such as
    /// turn the direction of the text; else as [`Self::revoke`].
    pub async fn revoke_because(
        &self,
        id: &KeyId,
        reason: impl Into<String>,
    ) -> Result<KeyRecord, KeyringError> {
        let reason = reason.into();
        check_reason(&reason)?;
        self.revoke_with(id, Some(reason)).await
    }

    /// Issues a successor, and ends the predecessor after `overlap`.
    ///
    /// The successor inherits everything but the text. Both are valid until then and share one
    /// bucket. An overlap of zero revokes the predecessor. One that ends after the predecessor's
    /// own expiry does not extend it.
    ///
    /// # Errors
    ///
    /// [`KeyringError::UnknownKey`]; [`KeyringError::Revoked`], [`KeyringError::Expired`] and
    /// [`KeyringError::AlreadyRotated`]; else as [`Self::issue`].
    pub async fn rotate(&self, id: &KeyId, overlap: Duration) -> Result<IssuedKey, KeyringError> {
        let (keyring, id) = (self.clone(), id.clone());
        self.carry_out(async move { keyring.rotate_until_done(&id, overlap).await }).await
    }

    async fn rotate_until_done(
        &self,
        id: &KeyId,
        overlap: Duration,
    ) -> Result<IssuedKey, KeyringError> {
        for _ in 0..ROTATIONS {
            if let Some(issued) = self.rotate_once(id, overlap).await? {
                return Ok(issued);
            }
        }
        Err(StoreError::transient("the key was changed again and again meanwhile").into())
    }

    /// `None`: the key was changed between being read and being rotated.
    async fn rotate_once(
        &self,
        id: &KeyId,
        overlap: Duration,
    ) -> Result<Option<IssuedKey>, KeyringError> {
        let old = self.known(id).await?;
        let key = self.generate(old.kind, old.mode)?;
        let hash = self.stored_hash(key.expose().as_bytes());
        let at = to_micros(self.clock().wall());
        let end = at.checked_add(overlap).unwrap_or(at + END_OF_CALENDAR);
        let predecessor_until = on_calendar("overlap_seconds", end)?;
        let successor = successor(&old, &key, hash, at)?;
        let record = successor.clone();
        let rotation = Rotation { successor, at, predecessor_until };
        let change = self.store().rotate(id, rotation);
        match self.commit([old.hash, hash], change).await? {
            Outcome::Done(_) => Ok(Some(IssuedKey { key, record })),
            Outcome::Changed => Ok(None),
            outcome => Err(refused(&outcome)),
        }
    }

    async fn revoke_with(
        &self,
        id: &KeyId,
        reason: Option<String>,
    ) -> Result<KeyRecord, KeyringError> {
        let (keyring, id) = (self.clone(), id.clone());
        let verb = async move {
            let record = keyring.known(&id).await?;
            let at = to_micros(keyring.clock().wall());
            let change = keyring.store().revoke(&id, at, reason);
            match keyring.commit([record.hash, record.hash], change).await? {
                Outcome::Done(record) | Outcome::Revoked(record) => Ok(*record),
                outcome => Err(refused(&outcome)),
            }
        };
        self.carry_out(verb).await
    }

    async fn insert(&self, record: KeyRecord) -> Result<(), KeyringError> {
        let keyring = self.clone();
        let verb = async move {
            let hash = record.hash;
            keyring.commit([hash, hash], keyring.store().insert(record)).await
        };
        self.carry_out(verb).await
    }

    async fn known(&self, id: &KeyId) -> Result<KeyRecord, KeyringError> {
        self.read(self.store().find_by_id(id)).await?.ok_or(KeyringError::UnknownKey)
    }

    fn generate(&self, kind: KeyKind, mode: Mode) -> Result<ApiKey, KeyringError> {
        let format = self.format(kind).ok_or_else(|| {
            KeyringError::invalid("kind", "this service has no format for keys of this kind")
        })?;
        format.generate(mode).map_err(|_| KeyringError::NoRandomness)
    }

    /// Runs a verb in its own task, so that it is finished even if its caller goes away.
    async fn carry_out<T: Send + 'static>(
        &self,
        verb: impl Future<Output = Result<T, KeyringError>> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let runtime = Handle::try_current().map_err(|_| KeyringError::NoRuntime)?;
        self.start_tasks();
        // A task that panicked may have committed before.
        runtime.spawn(verb).await.unwrap_or(Err(KeyringError::OutcomeUnknown))
    }

    /// Waits for a mutation. Both hashes are forgotten on every way out.
    async fn commit<T>(
        &self,
        touched: [KeyHash; 2],
        mutation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, KeyringError> {
        let (deadline, limit) = (self.inner().deadline(), self.inner().patience());
        let forget = Forget { keyring: Arc::clone(self.inner()), touched };
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
        Outcome::Changed => StoreError::permanent("it answered a question not asked").into(),
        Outcome::Done(_) | Outcome::Revoked(_) => KeyringError::Revoked,
    }
}
