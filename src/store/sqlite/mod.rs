//! Keys in a SQLite file: no server, and several processes may share it.
//!
//! 1. **What returned is on the disk.** A commit waits for `fsync` (`synchronous = FULL`): a key
//!    whose revocation was confirmed stays revoked after a loss of power.
//! 2. **Readers and the writer do not wait for each other** (WAL). One transaction writes at a
//!    time; those of this process queue in order, others' locks are waited for up to 1 s, and then
//!    the error is transient.
//! 3. **A transaction that was not ended is not put back.** A future that is dropped anywhere
//!    within closes its connection; what was not committed by then is gone.
//! 4. **Whoever changes a key is heard**: triggers write each change of `keygate_keys` to a log in
//!    the same transaction, so that an `UPDATE` typed into the `sqlite3` shell counts. One task for
//!    each store looks every 20 ms whether anything was committed, and after a commit of its own
//!    process at once. A log that has a gap ends the feeds.
//! 5. **A file that is replaced is noticed** within the time between two proofs of the keyring, a
//!    quarter of its `max_staleness`: from then on everything that the store does is an error, and
//!    cached keys end with their `max_staleness`. Others write to a file that this process does not
//!    have open. (Where the system lets an open file be replaced.) To restore a copy, stop the
//!    service, or write into the file: `sqlite3 keys.db '.restore copy.db'`.
//! 6. **A row that cannot be read opens nothing**: it is an error for that key.
//! 7. **A file that can only be read serves**: look-ups, lists and the feed go on; verbs that
//!    change a key are errors.
//! 8. **Lists do not keep look-ups waiting**: they and the usage of keys are read through two
//!    connections of their own. Who has to wait too long for one of those gets a transient error.
//! 9. **Idempotency keys** (feature `idempotency`) are kept in the same file. Each operation commits
//!    twice, at its begin and at its end; leases are measured by the machine's wall clock.
//!
//! ```
//! use keygate::store::{KeyStore, SqliteStore};
//! use keygate::{KeyFormat, Keyring, NewKey};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SqliteStore::open("sqlite::memory:").await?; // or "sqlite://.data/keys.db"
//! let keys = Keyring::builder(store.clone(), KeyFormat::base62("ck", 32)?).build()?;
//! let issued = keys.issue(NewKey::named("WooCommerce plugin")).await?;
//!
//! sqlx::query("UPDATE keygate_keys SET revoked_at = unixepoch() * 1000000 WHERE id = ?")
//!     .bind(issued.id().to_string())
//!     .execute(store.pool())
//!     .await?;
//! let record = store.find_by_id(issued.id()).await?.ok_or("it was stored")?;
//! assert!(record.revoked_at.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # The schema
//!
//! `migrations/sqlite` has the tables, all named `keygate_…`, with their own bookkeeping in
//! `keygate_schema`: they never collide with the application's migrations. A store brings the
//! schema up to date when it opens, in one transaction, and writes nothing where it is so already.
//! Who runs the files by hand uses [`SqliteStore::with_migrated_pool`], which never migrates.

mod access;
mod feed;
mod file;
mod keys;
mod list;
mod log;
#[cfg(feature = "idempotency")]
mod operations;
mod schema;
mod target;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::Arc;
use std::time::SystemTime;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqlitePool};
use tokio::sync::mpsc;

use super::sql::{Told, Topics, Watch, store_error};
use super::{
    ChangeFeed, KeyQuery, KeyRecord, KeyStore, Outcome, RecordUpdate, Rotation, StoreError,
    StoredHours, StoredUsage, UsageBatch,
};
use crate::{KeyHash, KeyId};
use access::{Access, tuned};
use feed::Feed;
use log::Log;
use target::Target;

/// Keys in a SQLite file; see [the module](self) for its rules and an example.
///
/// Clones share their connections and their feed.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    access: Arc<Access>,
}

impl SqliteStore {
    /// Opens a file, and makes it and its folders where they are missing.
    ///
    /// `sqlite://path`, `sqlite:path` and a plain path are relative to the working directory unless
    /// the path begins with `/`. A URL may have `?mode=ro`, to read only. `sqlite::memory:` is a
    /// new database that lives as long as the store.
    ///
    /// A file in WAL mode that lies in a folder without write permission can be read only while
    /// its `-wal` and `-shm` files are there. On a medium that nobody writes to, add
    /// `?immutable=1`: SQLite then takes no locks and notices no change.
    ///
    /// # Errors
    ///
    /// Transient where another process kept the file locked. Permanent for a file that is no
    /// database, one with a newer schema that this version cannot read, and a file or folder that
    /// cannot be opened or made.
    pub async fn open(url_or_path: &str) -> Result<Self, StoreError> {
        let target = Target::parse(url_or_path)?;
        target.create_folders()?;
        let options = tuned(target.options);
        let mut connection = options.connect().await.map_err(store_error)?;
        schema::use_wal(&mut connection).await?;
        schema::migrate(&mut connection).await?;
        let feed = Feed::new(Log::new(options.clone(), connection), options.get_filename());
        Ok(Self { access: Arc::new(Access::new(&options, feed)) })
    }

    /// Keeps keys in a database that the application has open already, and migrates it.
    ///
    /// The connections are the application's, and so is how they are set up: WAL and
    /// `synchronous = FULL`, which is SQLite's own default, are what rules 1 and 2 rest on, and
    /// their `busy_timeout` is how long another's lock is waited for. One further connection is
    /// opened for the feed, and up to two for lists.
    ///
    /// # Errors
    ///
    /// As [`Self::open`]. Permanent too for a database in memory that only the pool's own
    /// connection sees.
    pub async fn with_pool(pool: SqlitePool) -> Result<Self, StoreError> {
        let mut connection = pool.acquire().await.map_err(store_error)?;
        schema::migrate(&mut connection).await?;
        // A pool of one has no other for what comes next.
        drop(connection);
        Self::with_migrated_pool(pool).await
    }

    /// As [`Self::with_pool`], for those who run the files of `migrations/sqlite` by hand: it
    /// writes nothing.
    ///
    /// # Errors
    ///
    /// Permanent where the schema is missing or older than this version needs; else as
    /// [`Self::with_pool`].
    pub async fn with_migrated_pool(pool: SqlitePool) -> Result<Self, StoreError> {
        let options: SqliteConnectOptions = (*pool.connect_options()).clone();
        let options = options.disable_statement_logging();
        let mut connection = options.connect().await.map_err(store_error)?;
        schema::verify(&mut connection).await?;
        let path = options.get_filename().to_owned();
        let feed = Feed::new(Log::new(options.clone(), connection), &path);
        Ok(Self { access: Arc::new(Access::of_pool(pool, &options, feed)) })
    }

    /// The connections that the store reads with, for the application's own tables.
    ///
    /// They may write too: SQLite then waits for its lock as the store does. They are sqlx 0.9's,
    /// and they are not guarded: where the file was replaced, they go on with the old one.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        self.access.pool()
    }

    /// Watches a topic of the application's own: what its triggers add to `keygate_changes`.
    ///
    /// A table has three, for `INSERT`, `UPDATE` and `DELETE`; one whose key changes is two items.
    ///
    /// ```
    /// use keygate::store::{Changed, SqliteStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = SqliteStore::open("sqlite::memory:").await?;
    /// sqlx::raw_sql(
    ///     "CREATE TABLE accounts (id TEXT PRIMARY KEY, state TEXT NOT NULL);
    ///      CREATE TRIGGER account_added AFTER INSERT ON accounts BEGIN
    ///          INSERT INTO keygate_changes (topic, item) VALUES ('accounts', NEW.id);
    ///      END;
    ///      CREATE TRIGGER account_changed AFTER UPDATE ON accounts BEGIN
    ///          INSERT INTO keygate_changes (topic, item)
    ///              VALUES ('accounts', OLD.id), ('accounts', NEW.id);
    ///      END;
    ///      CREATE TRIGGER account_gone AFTER DELETE ON accounts BEGIN
    ///          INSERT INTO keygate_changes (topic, item) VALUES ('accounts', OLD.id);
    ///      END;",
    /// )
    /// .execute(store.pool())
    /// .await?;
    ///
    /// let mut watch = store.watch("accounts");
    /// assert_eq!(watch.changed().await, Changed::Anything); // load all
    /// sqlx::query("INSERT INTO accounts VALUES ('acct_1', 'verified')").execute(store.pool()).await?;
    /// assert_eq!(watch.changed().await, Changed::Item("acct_1".into()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn watch(&self, topic: &str) -> Watch {
        Watch::of(self.clone(), topic)
    }
}

impl Topics for SqliteStore {
    async fn subscribe_to(&self, topic: &str) -> Result<mpsc::Receiver<Told>, StoreError> {
        self.access.feed().topic(topic).await
    }

    async fn send_proof(&self, token: u64) -> Result<(), StoreError> {
        self.access.feed().prove(token);
        Ok(())
    }
}

impl KeyStore for SqliteStore {
    async fn find_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        keys::find_by_hash(&mut *self.access.read().await?, hash).await
    }

    async fn find_by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        keys::find_by_id(&mut *self.access.read().await?, id).await
    }

    async fn insert(&self, record: KeyRecord) -> Result<(), StoreError> {
        let mut writing = self.access.write().await?;
        let done = keys::insert(writing.sql(), &record).await;
        writing.end(done).await
    }

    async fn update(&self, id: &KeyId, update: RecordUpdate) -> Result<Outcome, StoreError> {
        let mut writing = self.access.write().await?;
        let done = keys::update(writing.sql(), id, update).await;
        writing.end(done).await
    }

    async fn revoke(
        &self,
        id: &KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Result<Outcome, StoreError> {
        let mut writing = self.access.write().await?;
        let done = keys::revoke(writing.sql(), id, at, reason).await;
        writing.end(done).await
    }

    async fn rotate(&self, id: &KeyId, rotation: Rotation) -> Result<Outcome, StoreError> {
        let mut writing = self.access.write().await?;
        let done = keys::rotate(writing.sql(), id, rotation).await;
        writing.end(done).await
    }

    async fn list(&self, query: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
        list::list(&mut *self.access.list().await?, query).await
    }

    async fn subscribe(&self) -> Result<Option<ChangeFeed>, StoreError> {
        self.access.feed().keys().await.map(Some)
    }

    async fn prove(&self, token: u64) -> Result<(), StoreError> {
        self.access.feed().prove(token);
        Ok(())
    }

    fn keeps_usage(&self) -> bool {
        true
    }

    async fn add_usage(&self, batch: UsageBatch) -> Result<(), StoreError> {
        let mut writing = self.access.write().await?;
        let done = usage::add(writing.sql(), batch).await;
        writing.end(done).await
    }

    async fn usage(&self, node: u64, ids: Vec<KeyId>) -> Result<StoredUsage, StoreError> {
        usage::usage(&mut *self.access.list().await?, node, &ids).await
    }

    async fn hourly_usage(
        &self,
        node: u64,
        id: KeyId,
        since: SystemTime,
    ) -> Result<StoredHours, StoreError> {
        usage::hours(&mut *self.access.list().await?, node, &id, since).await
    }
}
