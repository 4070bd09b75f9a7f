//! Connections that nobody gets in the middle of somebody else's statement or transaction.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{ConnectOptions as _, Error, PgPool, Postgres};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::store::StoreError;
use crate::store::sql::{is_broken_connection, store_error};

/// How long a connection is waited for, its making included. sqlx's own 30 s would pile up callers
/// behind a server that is gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many connections a store has of its own at most.
const CONNECTIONS: u32 = 10;

/// A connection on loan, which is closed and not returned when the loan ends in the middle of a
/// statement: of a future that was dropped, or one that failed.
///
/// sqlx returns it in either case, and it may then be inside of what its last user began. Nor does
/// this wait for its end: under TLS sqlx's way to close listens for the server's last word, and
/// meanwhile the pool would be short of a place. So there may be more connections for a moment than
/// the pool allows.
pub(super) struct Loan {
    /// There as long as the loan.
    connection: Option<PoolConnection<Postgres>>,
    /// Whether everything that was asked has been answered.
    is_settled: bool,
}

/// A statement with its arguments.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// The application's pool of a store that was given a URL. It connects when it is used.
pub(super) fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.disable_statement_logging())
}

/// Connections of the store's own, made as the application's are.
///
/// Theirs may lie in their pool with a transaction begun: sqlx leaves one so when a `begin` is
/// dropped. A revocation that was made there would be confirmed, and never committed.
pub(super) fn own(pool: &PgPool) -> PgPool {
    let most = pool.options().get_max_connections().min(CONNECTIONS);
    connect(pool, as_theirs(pool).max_connections(most))
}

/// How many of a store's own connections may read lists and usage at a time: half of them, so that
/// look-ups always have others. A loan that ends early gives its place back at once, and so does
/// its permit.
pub(super) fn lists(own: &PgPool) -> Semaphore {
    let half = own.options().get_max_connections() / 2;
    Semaphore::new(usize::try_from(half).unwrap_or_default().max(1))
}

/// Waits for a permit of [`lists`], as long as for a connection.
pub(super) async fn turn(lists: &Semaphore) -> Result<SemaphorePermit<'_>, StoreError> {
    let permit = timeout(PATIENCE, lists.acquire()).await.ok().and_then(Result::ok);
    permit.ok_or_else(|| StoreError::transient("too many lists are being read"))
}

/// A pool of one for a connection that does something for as long as it lives.
pub(super) fn single(pool: &PgPool) -> PgPool {
    connect(pool, as_theirs(pool).max_connections(1).idle_timeout(None).max_lifetime(None))
}

/// What the application does to its connections is done to ours.
fn as_theirs(pool: &PgPool) -> PgPoolOptions {
    let theirs = pool.options().clone();
    theirs
        .min_connections(0)
        .acquire_timeout(PATIENCE)
        // A round trip before each statement; see `read` for what is done instead.
        .test_before_acquire(false)
}

fn connect(pool: &PgPool, settings: PgPoolOptions) -> PgPool {
    settings.connect_lazy_with((*pool.connect_options()).clone().disable_statement_logging())
}

/// Whether a connection can be made; `None` if nobody says so in time.
pub(super) async fn try_one(pool: &PgPool) -> Option<Result<(), StoreError>> {
    let tried = timeout(PATIENCE, pool.connect_options().connect()).await.ok()?;
    Some(tried.map(drop).map_err(store_error))
}

/// Asks what changes nothing. Also gives the connection, which has just answered.
///
/// One that broke while it lay in the pool is as good as none: after a restart of the server there
/// may be a pool full of them, and all that is lost by asking again is their place there.
pub(super) async fn read<'q>(
    pool: &PgPool,
    statement: impl Fn() -> Statement<'q>,
) -> Result<(Loan, Vec<PgRow>), StoreError> {
    let mut others = None;
    loop {
        let mut loan = Loan::from(pool).await.map_err(store_error)?;
        match loan.ask(statement()).await {
            Ok(rows) => return Ok((loan, rows)),
            Err(error) if is_broken_connection(&error) => {
                // Those that lay there, and a fresh one.
                let others = others.get_or_insert_with(|| pool.num_idle() + 1);
                if *others == 0 {
                    return Err(store_error(error));
                }
                *others -= 1;
            }
            Err(error) => return Err(store_error(error)),
        }
    }
}

impl Loan {
    async fn from(pool: &PgPool) -> Result<Self, Error> {
        Ok(Self { connection: Some(pool.acquire().await?), is_settled: true })
    }

    /// One statement, one round trip once the connection knows it. It commits by itself.
    pub(super) async fn ask(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Error> {
        let connection = self.connection.as_deref_mut().ok_or(Error::PoolClosed)?;
        self.is_settled = false;
        let rows = statement.fetch_all(connection).await?;
        self.is_settled = true;
        Ok(rows)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.is_settled
        {
            drop(connection.detach());
        }
    }
}
