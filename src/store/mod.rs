//! Where key records live: the port, its words and the store in memory.
//!
//! A store keeps [`KeyRecord`]s and answers a few questions about them. Everything that makes keys
//! fast and revocation exact (cache, deadlines, single flight) is the keyring's; a store stays
//! simple:
//!
//! 1. **It reads its own writes.** Once a mutation has returned, every later read sees it.
//! 2. **Mutations are atomic** and decide by what is stored at that moment: a revoked key is
//!    never extended, never rotated and keeps the time and reason of its first revocation.
//! 3. **Hashes and ids are unique.** A second insert of either is [`StoreError::duplicate`] and
//!    changes nothing.
//! 4. **A failure is a [`StoreError`]**, never `None`: that turns into 503, and `None` into 401.
//! 5. **Lists are newest first**, by creation and then by id, both descending.
//! 6. **Times are kept to the microsecond.** The keyring hands over none that is finer.
//! 7. **A feed misses nothing or ends.** It yields every change that was committed since it was
//!    subscribed to, and a proof after all changes that were committed before the proof was sent.
//!    A store that may have missed one ends the feed: a proof that overtakes a change, or comes
//!    after a lost one, keeps what was revoked in the cache for its whole time. It names what
//!    changed: [`Change::All`] costs a look-up of every key in use on every node.
//! 8. **Usage is no change of a key** and no feed tells of it. Where a store keeps it, requests add
//!    up, the last use never goes back, a batch counts once however often it is sent, and uses of
//!    keys that are not there are dropped. Figures are read with the number of the asking node's
//!    last batch that is in them. They are counted by the hour too, each by [`KeyUse::hour`], and
//!    an hour is kept for two days at the least, whatever a node says whose clock runs fast.
//!
//! The suite `store_conformance!` (feature `test-util`) tests these rules on any store.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use keygate::store::{KeyStore, MemoryStore};
//! use keygate::KeyHash;
//!
//! let store = MemoryStore::new();
//! let found = store.find_by_hash(KeyHash::of(b"nothing")).await;
//! assert!(found.unwrap().is_none());
//! # }
//! ```

mod changes;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod conformance;
mod erased;
mod error;
mod ledger;
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod query;
mod record;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod timed;
mod usage;

use std::future::Future;
use std::time::SystemTime;

pub use changes::{Change, ChangeFeed};
pub(crate) use erased::ErasedStore;
pub use error::StoreError;
pub(crate) use ledger::Ledger;
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use query::{Cursor, InvalidCursor, KeyQuery};
pub use record::{KeyRecord, KeyStatus, RecordUpdate};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::{Changed, Watch};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub(crate) use timed::timed;
pub(crate) use usage::hour_of;
pub use usage::{KeyUsage, KeyUse, StoredHours, StoredUsage, UsageBatch};

use crate::{KeyHash, KeyId};

/// Where key records live; see [the module](self) for the rules.
pub trait KeyStore: Send + Sync + 'static {
    /// The record with this hash.
    fn find_by_hash(
        &self,
        hash: KeyHash,
    ) -> impl Future<Output = Result<Option<KeyRecord>, StoreError>> + Send;

    /// The record with this id.
    fn find_by_id(
        &self,
        id: &KeyId,
    ) -> impl Future<Output = Result<Option<KeyRecord>, StoreError>> + Send;

    /// Adds a record.
    fn insert(&self, record: KeyRecord) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Changes what may change of a record that is not revoked.
    fn update(
        &self,
        id: &KeyId,
        update: RecordUpdate,
    ) -> impl Future<Output = Result<Outcome, StoreError>> + Send;

    /// Revokes a record at `at`. One that is revoked already stays as it is.
    fn revoke(
        &self,
        id: &KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> impl Future<Output = Result<Outcome, StoreError>> + Send;

    /// Puts a successor in a record's place, in one step; see [`Rotation`].
    fn rotate(
        &self,
        id: &KeyId,
        rotation: Rotation,
    ) -> impl Future<Output = Result<Outcome, StoreError>> + Send;

    /// The records that the query asks for, newest first, `query.limit` at the most.
    fn list(
        &self,
        query: KeyQuery,
    ) -> impl Future<Output = Result<Vec<KeyRecord>, StoreError>> + Send;

    /// Begins to listen to the changes that others make.
    ///
    /// `None`, as by default: there is no way to hear of them, and a change made elsewhere is
    /// felt within the keyring's `max_staleness`.
    fn subscribe(&self) -> impl Future<Output = Result<Option<ChangeFeed>, StoreError>> + Send {
        async { Ok(None) }
    }

    /// Sends a token that every feed of this store, this node's own too, yields as
    /// [`Change::Proof`]. A feed that does not bring it back is not believed.
    fn prove(&self, token: u64) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = token;
        async { Ok(()) }
    }

    /// Whether the store keeps usage.
    ///
    /// Where it does not, as by default, each keyring counts for itself in memory. One that does
    /// implements [`Self::add_usage`], [`Self::usage`] and [`Self::hourly_usage`] as well.
    fn keeps_usage(&self) -> bool {
        false
    }

    /// Adds to the usage of some keys, all or nothing; [`KeyUsage::add`] says how.
    ///
    /// A batch whose `sequence` is not above the last one written of its node is in already:
    /// nothing is done.
    ///
    /// Usage is no change of a key: feeds tell nothing of it. Uses of keys that are not there are
    /// dropped.
    fn add_usage(&self, batch: UsageBatch) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = batch;
        async { Ok(()) }
    }

    /// The usage of these keys, and how much of `node`'s own is in it, as of one moment.
    fn usage(
        &self,
        node: u64,
        ids: Vec<KeyId>,
    ) -> impl Future<Output = Result<StoredUsage, StoreError>> + Send {
        let _ = (node, ids);
        async { Ok(StoredUsage::default()) }
    }

    /// The requests of this key in each hour that begins at `since` or later, and how much of
    /// `node`'s own is in them, as of one moment.
    fn hourly_usage(
        &self,
        node: u64,
        id: KeyId,
        since: SystemTime,
    ) -> impl Future<Output = Result<StoredHours, StoreError>> + Send {
        let _ = (node, id, since);
        async { Ok(StoredHours::default()) }
    }
}

/// What became of a mutation.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use keygate::KeyId;
/// use keygate::store::{KeyStore, MemoryStore, Outcome};
/// use std::time::UNIX_EPOCH;
///
/// let outcome = MemoryStore::new().revoke(&KeyId::parse("key_1")?, UNIX_EPOCH, None).await?;
/// assert!(matches!(outcome, Outcome::Missing));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done; the record as it is now.
    Done(Box<KeyRecord>),
    /// The record is revoked: nothing was done. Revoking it again is no error.
    Revoked(Box<KeyRecord>),
    /// The record has expired: it was not rotated.
    Expired,
    /// The record has a successor already: it was not rotated.
    Rotated,
    /// The record is not what the successor was made from any more: it was not rotated.
    Changed,
    /// There is no such record.
    Missing,
}

/// A successor and what becomes of its predecessor, for [`KeyStore::rotate`].
///
/// The keyring makes it, and a store asks it what to do by [`Self::decide`]: the example
/// `custom_store` has one that does.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rotation {
    /// The record to add. Its `replaces` names the predecessor.
    pub successor: KeyRecord,
    /// The moment of the rotation: a predecessor that has expired by then is refused.
    pub at: SystemTime,
    /// When the predecessor expires, unless it does so earlier. Equal to `at`: it is revoked.
    pub predecessor_until: SystemTime,
}

impl Rotation {
    /// What the predecessor becomes, or why there is no rotation.
    ///
    /// The rule for every store.
    #[must_use]
    pub fn decide(&self, predecessor: &KeyRecord) -> Outcome {
        match predecessor.status(self.at) {
            KeyStatus::Revoked => return Outcome::Revoked(Box::new(predecessor.clone())),
            KeyStatus::Expired => return Outcome::Expired,
            KeyStatus::Active if predecessor.replaced_by.is_some() => return Outcome::Rotated,
            KeyStatus::Active if !self.successor.inherits(predecessor) => return Outcome::Changed,
            KeyStatus::Active => {}
        }
        let mut after = predecessor.clone();
        after.replaced_by = Some(self.successor.id.clone());
        if self.predecessor_until <= self.at {
            after.revoked_at = Some(self.at);
            after.revoked_reason = Some("rotated".into());
        } else {
            let until = self.predecessor_until;
            after.expires_at = Some(after.expires_at.map_or(until, |earlier| earlier.min(until)));
        }
        Outcome::Done(Box::new(after))
    }
}
