//! Keys in Postgres, shared by several instances of a service.
//!
//! 1. **One round trip for a look-up**: one prepared statement, without a ping before it. Each
//!    connection learns a statement at its first use, which costs it one more.
//! 2. **Nobody is given a connection in the middle of another's statement or transaction.** The
//!    store's connections are its own, never the application's. A future that is dropped, or a
//!    statement that fails, closes its connection.
//! 3. **Reads outlive a restart of the server**: those that meet a connection which broke while it
//!    lay in the pool go to a fresh one. What changes something is sent once, on a connection that
//!    has just answered.
//! 4. **No lock waits for a client.** A verb reads a row, decides, and writes it in one statement
//!    if its `version` is still the same, else begins again: a node that is stopped anywhere holds
//!    up nobody.
//! 5. **Whoever changes a key is heard**, everywhere, once it is committed: triggers of the table
//!    tell of it on a `NOTIFY` channel of the schema, also where `INSERT`, `UPDATE`, `DELETE`,
//!    `TRUNCATE` or `COPY` were typed into psql. A transaction that changes more than 1,000 keys is
//!    told as a change of all.
//! 6. **A lost notification is noticed.** Changes are numbered without a gap in the order of their
//!    commits, and a proof carries the last number: a listener that finds one missing, is behind by
//!    more than 4,096, or loses its connection ends its feed. So does one whose table was dropped
//!    and restored beneath it.
//! 7. **A row that cannot be read opens nothing**: it is an error for that key.
//! 8. **Lists do not keep look-ups waiting**: they and the usage of keys are read through half of
//!    the connections. Who has to wait too long for one of those gets a transient error.
//! 9. **Idempotency keys** (feature `idempotency`) are kept in the same schema, and
//!    [`PostgresStore::finish_in`] keeps an answer in a transaction of the application's own. Leases
//!    are measured by the server's clock.
//!
//! ```no_run
//! use keygate::store::PostgresStore;
//! use keygate::{KeyFormat, Keyring, NewKey};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = PostgresStore::connect("postgres://service@localhost/payments").await?;
//! let keys = Keyring::builder(store, KeyFormat::base62("ck", 32)?).build()?;
//! let issued = keys.issue(NewKey::named("WooCommerce plugin")).await?;
//! // From now on this is all it takes, on every instance:
//! //     UPDATE keygate_keys SET revoked_at = now() WHERE id = 'key_…';
//! # Ok(())
//! # }
//! ```
//!
//! # The schema
//!
//! Postgres 13 or later. The tables, all named `keygate_…`, are in the default schema, the first of
//! the `search_path`; two schemas of one database are two sets of keys. They have their own
//! bookkeeping in `keygate_schema` and never collide with the application's migrations. A store
//! creates them or brings them up to date when it is opened: one of several nodes, the others wait.
//! That needs `CREATE` on the schema. Who runs the files of `migrations/postgres` by hand uses
//! [`PostgresStore::with_migrated_pool`]; they say what a role that only serves must be granted.
//! `keygate_keys.scopes` is a `text[]`, the quotas are numbers: ask what you like.
//!
//! # What stands between
//!
//! - **It must be the primary.** A standby is refused at the start. One that a name points to later
//!   cannot be listened on: the keyring then trusts what it has cached for `max_staleness`, plus
//!   whatever the standby lags.
//! - **`PgBouncer`** in transaction mode swallows `LISTEN`: proofs do not come back, and a change
//!   made elsewhere is felt within `max_staleness`. It also has to keep track of prepared
//!   statements (`max_prepared_statements`, from its version 1.21 on). Connect directly, or in
//!   session mode.
//! - **TLS** is the URL's: `?sslmode=verify-full` checks the server's certificate against the
//!   system's roots, `require` only encrypts.
//! - **Each feed has a connection of its own** beside the pool: the keyring's, and one for each
//!   [`Watch`].
//! - **`PREPARE TRANSACTION`** cannot be used for transactions that change keys, as Postgres has it
//!   for all that notify.
//! - **`ALTER TABLE … DISABLE TRIGGER`**, which `pg_restore --disable-triggers` does too, silences
//!   what is changed meanwhile. Logical replication into the table does not.
//! - **Roles of the same database are trusted**: any of them can listen and notify.

mod connections;
mod feed;
mod keys;
mod list;
mod numbers;
#[cfg(feature = "idempotency")]
mod operations;
mod row;
mod schema;
mod timestamp;
mod url;
mod usage;

use std::sync::Arc;
use std::time::SystemTime;

use sqlx::PgPool;
use tokio::sync::{Semaphore, mpsc};

use super::sql::{KEYS, Told, Topics, Watch, key_change};
use super::{
    ChangeFeed, KeyQuery, KeyRecord, KeyStore, Outcome, RecordUpdate, Rotation, StoreError,
    StoredHours, StoredUsage, UsageBatch,
};
use crate::{KeyHash, KeyId};

/// How often a server is tried at the start that answers, but slowly.
const TRIES: usize = 4;

/// Keys in Postgres; see [the module](self) for its rules and an example.
///
/// Clones share their connections.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    /// What the store uses.
    own: PgPool,
    /// What the application uses.
    pool: PgPool,
    lists: Arc<Semaphore>,
}

impl PostgresStore {
    /// Connects by a URL, `postgres://user:password@host:5432/database?sslmode=require`, and
    /// migrates. At most 10 connections are made, besides one for each feed.
    ///
    /// The parameters are libpq's, as far as sqlx knows them; others are refused. A connection is
    /// waited for 2 seconds, a few times over where a server answers slowly at the start; the
    /// keyring's callers wait no longer than its deadline.
    ///
    /// # Errors
    ///
    /// Transient where the server cannot be reached or is starting up, or another node's migration
    /// takes longer than 10 seconds. Permanent for a URL that is none, credentials that are
    /// refused, a standby, a role that may not create the tables, and tables of a newer schema that
    /// this version cannot read.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::with_pool(connections::pool(url::parse(url)?)).await
    }

    /// Keeps keys in a database that the application is connected to already, and migrates.
    ///
    /// The store connects as this pool does, hooks included, with at most 10 connections of its
    /// own, and no more than the pool may have. It uses none of the pool's: one that a cancelled
    /// request left inside a transaction would take a revocation, and never commit it.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub async fn with_pool(pool: PgPool) -> Result<Self, StoreError> {
        Self::open(pool, async |own| schema::migrate(own).await).await
    }

    /// As [`Self::with_pool`], for those who run the files of `migrations/postgres` by hand: it
    /// writes nothing.
    ///
    /// # Errors
    ///
    /// Permanent where the schema is missing or older than this version needs; else as
    /// [`Self::connect`].
    pub async fn with_migrated_pool(pool: PgPool) -> Result<Self, StoreError> {
        Self::open(pool, async |own| schema::verify(own).await).await
    }

    /// Connections to the same database, for the application's own tables: the pool that it
    /// brought, or one of at most 10 that connects when it is used. The store uses others.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Watches what the application tells of its own tables.
    ///
    /// A trigger tells it, for the topic and with the column given:
    ///
    /// ```sql
    /// CREATE CONSTRAINT TRIGGER accounts_told AFTER INSERT OR UPDATE OR DELETE ON accounts
    ///     DEFERRABLE INITIALLY DEFERRED
    ///     FOR EACH ROW EXECUTE FUNCTION keygate_tell('accounts', 'id');
    /// CREATE TRIGGER accounts_emptied AFTER TRUNCATE ON accounts
    ///     FOR EACH STATEMENT EXECUTE FUNCTION keygate_tell('accounts');
    /// ```
    ///
    /// For anything else there is the function `keygate_notify(topic, item)`. Deferred triggers run
    /// at the commit: numbers are given out under a lock, which a transaction that is left open
    /// must not hold.
    ///
    /// ```no_run
    /// # async fn example(store: keygate::store::PostgresStore) {
    /// let mut accounts = store.watch("accounts");
    /// loop {
    ///     println!("{:?}", accounts.changed().await);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn watch(&self, topic: &str) -> Watch {
        Watch::of(self.clone(), topic)
    }

    async fn open(
        pool: PgPool,
        prepare: impl AsyncFn(&PgPool) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let own = connections::own(&pool);
        let lists = Arc::new(connections::lists(&own));
        for _ in 1..TRIES {
            match prepare(&own).await {
                Ok(()) => return Ok(Self { own, pool, lists }),
                Err(error) if !error.is_transient() => return Err(error),
                // A pool tries until its time is over, and does not say what failed. Where there is
                // a connection to be had after all, the server is only slow.
                Err(error) => match connections::try_one(&pool).await {
                    Some(Ok(())) => {}
                    Some(Err(refused)) => return Err(refused),
                    None => return Err(error),
                },
            }
        }
        prepare(&own).await?;
        Ok(Self { own, pool, lists })
    }
}

impl KeyStore for PostgresStore {
    async fn find_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        keys::find_by_hash(&self.own, hash).await
    }

    async fn find_by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        keys::find_by_id(&self.own, id).await
    }

    async fn insert(&self, record: KeyRecord) -> Result<(), StoreError> {
        keys::insert(&self.own, &record).await
    }

    async fn update(&self, id: &KeyId, update: RecordUpdate) -> Result<Outcome, StoreError> {
        keys::change(&self.own, id, |stored| update.decide(stored)).await
    }

    async fn revoke(
        &self,
        id: &KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Result<Outcome, StoreError> {
        keys::change(&self.own, id, |stored| stored.revoked(at, reason.clone())).await
    }

    async fn rotate(&self, id: &KeyId, rotation: Rotation) -> Result<Outcome, StoreError> {
        keys::rotate(&self.own, id, &rotation).await
    }

    async fn list(&self, query: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
        let _turn = connections::turn(&self.lists).await?;
        list::list(&self.own, query).await
    }

    async fn subscribe(&self) -> Result<Option<ChangeFeed>, StoreError> {
        let (sender, feed) = ChangeFeed::channel(feed::CAPACITY);
        feed::listen(&self.own, KEYS, sender, key_change).await?;
        Ok(Some(feed))
    }

    async fn prove(&self, token: u64) -> Result<(), StoreError> {
        feed::prove(&self.own, token).await
    }

    fn keeps_usage(&self) -> bool {
        true
    }

    async fn add_usage(&self, batch: UsageBatch) -> Result<(), StoreError> {
        usage::add(&self.own, &batch).await
    }

    async fn usage(&self, node: u64, ids: Vec<KeyId>) -> Result<StoredUsage, StoreError> {
        let _turn = connections::turn(&self.lists).await?;
        usage::usage(&self.own, node, &ids).await
    }

    async fn hourly_usage(
        &self,
        node: u64,
        id: KeyId,
        since: SystemTime,
    ) -> Result<StoredHours, StoreError> {
        let _turn = connections::turn(&self.lists).await?;
        usage::hours(&self.own, node, &id, since).await
    }
}

impl Topics for PostgresStore {
    async fn subscribe_to(&self, topic: &str) -> Result<mpsc::Receiver<Told>, StoreError> {
        let (sender, feed) = mpsc::channel(feed::CAPACITY);
        feed::listen(&self.own, topic, sender, |told| told).await?;
        Ok(feed)
    }

    async fn send_proof(&self, token: u64) -> Result<(), StoreError> {
        self.prove(token).await
    }
}
