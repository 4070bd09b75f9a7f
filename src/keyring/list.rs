use super::{KeyFilter, KeyUsage, Keyring, KeyringError};
use crate::KeyId;
use crate::store::{Cursor, KeyQuery, KeyRecord};

/// Some of the keys, newest first.
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
        query.after = filter.cursor;
        // One more than asked for tells whether there is another page.
        query.limit = filter.limit + 1;
        let mut records = self.read(self.store().list(query)).await?;
        let more = records.len() > filter.limit;
        records.truncate(filter.limit);
        let next = records.last().filter(|_| more).map(Cursor::of);
        Ok(KeyPage { records, next })
    }

    /// How a key has been used, as far as this node knows.
    #[must_use]
    pub fn usage(&self, id: &KeyId) -> KeyUsage {
        self.usage_book().read(id)
    }
}
