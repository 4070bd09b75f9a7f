//! The tables, and how they come to be.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, PgPool};

use super::connections::read;
use super::row::get;
use crate::store::StoreError;
use crate::store::sql::{SchemaVersion, applied, check, store_error};

/// The first makes version 1 of the schema, and so on.
const MIGRATIONS: [&str; 3] = [
    include_str!("../../../migrations/postgres/0001_keys.sql"),
    include_str!("../../../migrations/postgres/0002_idempotency.sql"),
    include_str!("../../../migrations/postgres/0003_usage_hours.sql"),
];

/// Where the tables are or would be. All of it by the default schema, and not by wherever the
/// `search_path` finds some: the keys of one tenant must not be found in another's.
///
/// It reads the catalogue's table. `to_regclass` asks a connection's own cache of it, which within
/// a transaction may still say that there is no such table after another node has made it.
const PLACE: &str = "\
    SELECT current_schema()::text AS schema, pg_is_in_recovery() AS is_standby, \
        EXISTS (SELECT FROM pg_catalog.pg_class \
            WHERE relnamespace = quote_ident(current_schema())::regnamespace \
                AND relname = 'keygate_schema') AS is_there";

const VERSION: &str = "SELECT version, oldest_reader FROM keygate_schema";

/// One node migrates, the others wait for it: a while, so that one that hangs is told of.
const LOCK: &str = "\
    BEGIN; SET LOCAL lock_timeout = '10s'; \
    SELECT pg_advisory_xact_lock(1801812327, hashtext(current_schema()))";

/// Makes the tables or brings them up to date. Writes nothing where they are so already.
pub(super) async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    if applied(found(pool).await?, known())? == known() {
        return Ok(());
    }
    // Not from the pool: whatever becomes of this future, nobody is given its transaction.
    let mut own = pool.acquire().await.map_err(store_error)?.detach();
    run(&mut own, LOCK).await?;
    // Another node may have been first.
    let done = applied(found_by(&mut own).await?, known())?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(done).unwrap_or(usize::MAX)) {
        run(&mut own, migration).await?;
    }
    run(&mut own, "COMMIT").await?;
    // All is done; what becomes of the connection is no matter.
    let _ = own.close().await;
    Ok(())
}

/// Refuses tables that would have to be migrated.
pub(super) async fn verify(pool: &PgPool) -> Result<(), StoreError> {
    check(found(pool).await?, known())
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

async fn found(pool: &PgPool) -> Result<Option<SchemaVersion>, StoreError> {
    let (_, place) = read(pool, || sqlx::query(PLACE)).await?;
    if !is_there(&place)? {
        return Ok(None);
    }
    let (_, rows) = read(pool, || sqlx::query(VERSION)).await?;
    version(&rows).map(Some)
}

async fn found_by(own: &mut PgConnection) -> Result<Option<SchemaVersion>, StoreError> {
    let place = sqlx::query(PLACE).fetch_all(&mut *own).await.map_err(store_error)?;
    if !is_there(&place)? {
        return Ok(None);
    }
    let rows = sqlx::query(VERSION).fetch_all(own).await.map_err(store_error)?;
    version(&rows).map(Some)
}

fn is_there(place: &[PgRow]) -> Result<bool, StoreError> {
    let row = place.first().ok_or_else(|| StoreError::permanent("it answers with nothing"))?;
    if get(row, "", "is_standby")? {
        return Err(StoreError::permanent(
            "this server is a standby: a revocation may be felt late there, and none can be \
             written; connect to the primary",
        ));
    }
    if get::<Option<String>>(row, "", "schema")?.is_none() {
        return Err(StoreError::permanent("no schema of the `search_path` exists"));
    }
    get(row, "", "is_there")
}

fn version(rows: &[PgRow]) -> Result<SchemaVersion, StoreError> {
    let [row] = rows else {
        return Err(StoreError::permanent("`keygate_schema` has lost its row"));
    };
    Ok(SchemaVersion {
        version: get(row, "", "version")?,
        oldest_reader: get(row, "", "oldest_reader")?,
    })
}

async fn run(own: &mut PgConnection, script: &'static str) -> Result<(), StoreError> {
    sqlx::raw_sql(script).execute(own).await.map_err(store_error)?;
    Ok(())
}
