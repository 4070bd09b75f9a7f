use super::{KeyFilter, Keyring, KeyringError};
use crate::KeyId;
use crate::store::{Cursor, KeyQuery, KeyRecord, KeyUsage};

/// Some of the keys, newest first. See [`Keyring::list`] for an example.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KeyPage {
    /// The keys.
    pub records: Vec<KeyRecord>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

impl Keyring {
    /// The key with this id, revoked or not.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Store`] if the store fails or does not answer in time.
    pub async fn find(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyringError> {
        self.read(self.store().find_by_id(id)).await
    }

    /// The keys that the filter asks for, newest first. Revoked keys stay listed for ever.
    ///
    /// ```
    /// # use keygate::{KeyFilter, Keyring, KeyringError};
    /// # async fn all(keys: &Keyring) -> Result<(), KeyringError> {
    /// let mut filter = KeyFilter::default().limit(200);
    /// loop {
    ///     let page = keys.list(filter.clone()).await?;
    ///     // … page.records …
    ///     let Some(next) = page.next else { break };
    ///     filter = filter.cursor(next);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::find`].
    pub async fn list(&self, filter: KeyFilter) -> Result<KeyPage, KeyringError> {
        let mut query = KeyQuery::new(self.clock().wall());
        query.status = filter.status;
        query.mode = filter.mode;
        query.account = filter.account;
        query.search = filter.search;
        query.after = filter.cursor;
        // One more than asked for tells whether there is another page.
        query.limit = filter.limit + 1;
        let mut records = self.read(self.store().list(query)).await?;
        let more = records.len() > filter.limit;
        records.truncate(filter.limit);
        let next = records.last().filter(|_| more).map(Cursor::of);
        Ok(KeyPage { records, next })
    }

    /// How a key has been used, on all nodes together. A key that nobody knows has not.
    ///
    /// What this node counted is in it at once, what others counted once they
    /// have written it: within a second, or when their database takes writes again.
    ///
    /// # Errors
    ///
    /// As [`Self::find`].
    pub async fn usage(&self, id: &KeyId) -> Result<KeyUsage, KeyringError> {
        let usage = self.usage_of(std::slice::from_ref(id)).await?;
        Ok(usage.into_iter().next().unwrap_or_default())
    }

    /// As [`Self::usage`] for several keys, in their order and with one question to the store.
    ///
    /// ```
    /// # use keygate::{KeyFilter, Keyring, KeyringError};
    /// # async fn print(keys: &Keyring) -> Result<(), KeyringError> {
    /// let page = keys.list(KeyFilter::default()).await?;
    /// let ids: Vec<_> = page.records.iter().map(|record| record.id.clone()).collect();
    /// for (record, usage) in page.records.iter().zip(keys.usage_of(&ids).await?) {
    ///     println!("{}: {} requests", record.name, usage.requests);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::find`].
    pub async fn usage_of(&self, ids: &[KeyId]) -> Result<Vec<KeyUsage>, KeyringError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.read(self.inner().usage.total(ids)).await
    }

    /// As [`Self::usage`], or what this node counted and has not written if the store does not
    /// answer within a deadline: for answers that must not fail any more.
    #[cfg(feature = "dashboard")]
    pub(crate) async fn usage_if_known(&self, id: &KeyId) -> KeyUsage {
        let total = self.usage(id);
        if let Ok(Ok(usage)) = tokio::time::timeout(self.inner().deadline(), total).await {
            return usage;
        }
        let here = self.inner().usage.here(std::slice::from_ref(id));
        here.into_iter().next().unwrap_or_default()
    }
}
