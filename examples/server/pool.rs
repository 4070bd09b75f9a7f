//! Tables of a service's own, in the database that has its keys.

use sqlx::{PgPool, SqlitePool, query, query_scalar, raw_sql};

/// The pool of the keys' store, which the service's own tables use too.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// How often a pool is asked that is busy: instances that start together on one file wait for one
/// another, longer than any request would.
const TRIES: usize = 5;

/// How a table is made, and with what in it.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns and triggers in SQLite.
    pub(crate) sqlite: &'static str,
    /// Columns and triggers in Postgres.
    pub(crate) postgres: &'static str,
    /// The first rows, in words of both.
    pub(crate) rows: &'static str,
}

/// Runs one expression on whichever pool it is: statements are written once where both
/// databases understand them.
macro_rules! on {
    ($pool:expr, |$either:ident| $run:expr) => {
        match $pool {
            Pool::Sqlite($either) => $run,
            Pool::Postgres($either) => $run,
        }
    };
}
pub(crate) use on;

impl Pool {
    /// Makes a table and its first rows unless it is there: once, however many instances start.
    pub(crate) async fn create(&self, table: &Table) -> Result<(), sqlx::Error> {
        for _ in 1..TRIES {
            match self.try_create(table).await {
                Err(sqlx::Error::PoolTimedOut) => {}
                done => return done,
            }
        }
        self.try_create(table).await
    }

    async fn try_create(&self, table: &Table) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(pool) => create_in_sqlite(pool, table).await,
            Self::Postgres(pool) => create_in_postgres(pool, table).await,
        }
    }
}

async fn create_in_sqlite(pool: &SqlitePool, table: &Table) -> Result<(), sqlx::Error> {
    const EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = $1)";
    if query_scalar(EXISTS).bind(table.name).fetch_one(pool).await? {
        return Ok(());
    }
    // Takes the write lock at its begin, so that the second look is not overtaken.
    let mut alone = pool.begin_with("BEGIN IMMEDIATE").await?;
    if !query_scalar(EXISTS).bind(table.name).fetch_one(&mut *alone).await? {
        raw_sql(table.sqlite).execute(&mut *alone).await?;
        raw_sql(table.rows).execute(&mut *alone).await?;
    }
    alone.commit().await
}

async fn create_in_postgres(pool: &PgPool, table: &Table) -> Result<(), sqlx::Error> {
    let mut alone = pool.begin().await?;
    query("SELECT pg_advisory_xact_lock(hashtext($1))")
        .bind(table.name)
        .execute(&mut *alone)
        .await?;
    let exists = query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table.name);
    if !exists.fetch_one(&mut *alone).await? {
        raw_sql(table.postgres).execute(&mut *alone).await?;
        raw_sql(table.rows).execute(&mut *alone).await?;
    }
    alone.commit().await
}

impl From<SqlitePool> for Pool {
    fn from(pool: SqlitePool) -> Self {
        Self::Sqlite(pool)
    }
}

impl From<PgPool> for Pool {
    fn from(pool: PgPool) -> Self {
        Self::Postgres(pool)
    }
}
