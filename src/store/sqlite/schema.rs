use std::time::Duration;

use sqlx::{Connection, SqliteConnection};
use tokio::time;

use crate::store::StoreError;
use crate::store::sql::{SchemaVersion, applied, check, store_error};

/// The schema that this binary was written for.
const VERSION: i64 = 3;

/// The file that brings a database from each version to the next.
const MIGRATIONS: [&str; 3] = [
    include_str!("../../../migrations/sqlite/0001_keys.sql"),
    include_str!("../../../migrations/sqlite/0002_idempotency.sql"),
    include_str!("../../../migrations/sqlite/0003_usage_hours.sql"),
];

/// How long others may stand in the way of the journal's mode, and the pause between two tries.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(10);

/// Brings the schema up to date. Nothing is written where it is so already.
///
/// Of several processes that start at once one migrates and the others wait for it.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    if pending(read(connection).await?)?.is_empty() {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
    for script in pending(read(&mut transaction).await?)? {
        sqlx::raw_sql(*script).execute(&mut *transaction).await.map_err(store_error)?;
    }
    transaction.commit().await.map_err(store_error)
}

/// Refuses a schema that would have to be migrated first.
pub(super) async fn verify(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    check(read(connection).await?, VERSION)
}

/// Lets readers and the writer work side by side. A database keeps its mode, so that this writes
/// at the first start only.
pub(super) async fn use_wal(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // The change needs the database for itself, and SQLite does not wait for that.
    let tries = async {
        while let Err(error) = try_wal(connection).await {
            if !error.is_transient() {
                // A file that can only be read is read in the mode that it has.
                break;
            }
            time::sleep(RETRY).await;
        }
    };
    time::timeout(PATIENCE, tries)
        .await
        .map_err(|_| StoreError::transient("another process has locked the SQLite database"))
}

async fn try_wal(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut *connection)
        .await
        .map_err(store_error)?;
    if mode != "wal" {
        // Where there can be none, in memory, the mode stays as it was, and without an error.
        sqlx::query("PRAGMA journal_mode = WAL").execute(connection).await.map_err(store_error)?;
    }
    Ok(())
}

/// The scripts that a database still needs.
fn pending(found: Option<SchemaVersion>) -> Result<&'static [&'static str], StoreError> {
    let applied = usize::try_from(applied(found, VERSION)?).unwrap_or(MIGRATIONS.len());
    Ok(MIGRATIONS.get(applied..).unwrap_or_default())
}

/// What the database says of its schema, as this connection sees it.
async fn read(connection: &mut SqliteConnection) -> Result<Option<SchemaVersion>, StoreError> {
    let is_there = sqlx::query("SELECT 1 FROM sqlite_schema WHERE name = 'keygate_schema'")
        .fetch_optional(&mut *connection)
        .await
        .map_err(store_error)?;
    if is_there.is_none() {
        return Ok(None);
    }
    let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT version, oldest_reader FROM keygate_schema")
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    match rows[..] {
        [(version, oldest_reader)] => Ok(Some(SchemaVersion { version, oldest_reader })),
        _ => Err(StoreError::permanent("the table `keygate_schema` must have one row")),
    }
}
