use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time;

use super::feed::Feed;
use crate::store::StoreError;
use crate::store::sql::store_error;

/// How long SQLite waits for another's lock. With [`FREE_WITHIN`] it is less than the 2 s for which
/// a verb of a keyring waits unless it is told otherwise: nothing is committed after it gave up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a statement waits for a free connection, and for its turn.
const FREE_WITHIN: Duration = Duration::from_millis(750);

/// Connections that read. A look-up takes some ten microseconds, so that few serve many.
const READERS: u32 = 4;

/// Connections that read lists and usage. A search goes through every key and may take seconds,
/// also after whoever asked has given up: look-ups have others, and never wait for one.
const LISTERS: u32 = 2;

/// The connections to one database.
#[derive(Debug)]
pub(super) struct Access {
    readers: SqlitePool,
    listers: SqlitePool,
    writers: SqlitePool,
    /// SQLite has one writer at a time. Those of this process queue here, in order, and not in
    /// SQLite's busy loop, which favours nobody and sleeps up to 100 ms between its tries.
    turn: Mutex<()>,
    feed: Arc<Feed>,
}

/// A transaction that may write. One that is dropped before its end takes its connection with it:
/// whatever state that was in, the pool never sees it.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    connection: PoolConnection<Sqlite>,
    has_ended: bool,
    feed: &'a Feed,
    _turn: MutexGuard<'a, ()>,
}

impl Access {
    /// Connections of our own: one that writes, and some that read.
    pub(super) fn new(options: &SqliteConnectOptions, feed: Arc<Feed>) -> Self {
        let (readers, writers) = (own(options, READERS), own(options, 1));
        Self { readers, listers: own(options, LISTERS), writers, turn: Mutex::default(), feed }
    }

    /// The application's connections, for all but lists: those are set up as `options` say.
    pub(super) fn of_pool(
        pool: SqlitePool,
        options: &SqliteConnectOptions,
        feed: Arc<Feed>,
    ) -> Self {
        let (readers, writers) = (pool.clone(), pool);
        Self { readers, listers: own(options, LISTERS), writers, turn: Mutex::default(), feed }
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.readers
    }

    pub(super) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// A connection for one statement that reads little.
    pub(super) async fn read(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.feed.ensure_same_file()?;
        free(&self.readers).await
    }

    /// A connection for one statement that may read every key.
    pub(super) async fn list(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.feed.ensure_same_file()?;
        free(&self.listers).await
    }

    /// Begins a transaction that may write.
    ///
    /// `IMMEDIATE`: what is read in it is still so when it writes, and it never has to be given up
    /// half-way because another began to write first.
    pub(super) async fn write(&self) -> Result<Writing<'_>, StoreError> {
        self.feed.ensure_same_file()?;
        let free = async { (self.turn.lock().await, self.writers.acquire().await) };
        let free = time::timeout(FREE_WITHIN, free).await;
        let (turn, connection) = free.map_err(|_| StoreError::transient(NOT_FREE))?;
        let connection = connection.map_err(store_error)?;
        let mut writing = Writing { connection, has_ended: false, feed: &self.feed, _turn: turn };
        sqlx::query("BEGIN IMMEDIATE").execute(writing.sql()).await.map_err(store_error)?;
        Ok(writing)
    }
}

impl Writing<'_> {
    pub(super) fn sql(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Commits what was done, or takes it back if it failed.
    pub(super) async fn end<T>(mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = sqlx::query(end).execute(self.sql()).await.map_err(store_error);
        // A full disk ends a transaction by itself, and `ROLLBACK` fails then: out with it.
        self.has_ended = ended.is_ok();
        if done.is_ok() {
            ended?;
            self.feed.ring();
        }
        done
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.connection.close_on_drop();
        }
    }
}

const NOT_FREE: &str = "no connection to the SQLite database was free in time";

/// So many connections of our own. They are made when they are used.
fn own(options: &SqliteConnectOptions, connections: u32) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(FREE_WITHIN)
        // A file does not hang up: idle connections cost a thread's stack and stay good.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options.clone())
}

async fn free(pool: &SqlitePool) -> Result<PoolConnection<Sqlite>, StoreError> {
    // An application's own pool may be more patient than a request is.
    let connection = time::timeout(FREE_WITHIN, pool.acquire()).await;
    connection.map_err(|_| StoreError::transient(NOT_FREE))?.map_err(store_error)
}

/// How connections of our own are set up.
///
/// `FULL`: a commit has reached the disk when it returns. With WAL that is one `fsync`, and with
/// `NORMAL` there would be none: a loss of power could then bring back a key whose revocation had
/// been confirmed.
pub(super) fn tuned(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
}
