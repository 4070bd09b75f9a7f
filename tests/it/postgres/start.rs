//! Nodes that open an empty database at the same moment.

use keygate::KeyHash;
use keygate::store::{KeyStore as _, PostgresStore};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{PATIENCE, until};
use crate::support::postgres::{database, number};

/// All migrations, as another node runs them.
const MIGRATIONS: &str = concat!(
    include_str!("../../../migrations/postgres/0001_keys.sql"),
    include_str!("../../../migrations/postgres/0002_idempotency.sql"),
    include_str!("../../../migrations/postgres/0003_usage_hours.sql"),
);

/// What nodes wait for each other with.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1801812327, hashtext('public'))";

const WAITING: &str = "SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test]
async fn a_node_that_waited_for_anothers_migration_finds_it_done() {
    let Some(database) = database("start").await else { return };
    let mut first = PgConnection::connect(database.url()).await.unwrap();
    first.execute("BEGIN").await.unwrap();
    first.execute(LOCK).await.unwrap();
    // One connection, which has looked and remembers that there was nothing.
    let pool = PgPoolOptions::new().max_connections(1).connect(database.url()).await.unwrap();
    let second = tokio::spawn(PostgresStore::with_pool(pool));
    // It waits for its turn.
    until(PATIENCE, async || number(database.url(), WAITING).await == 1).await;
    first.execute(MIGRATIONS).await.unwrap();
    first.execute("COMMIT").await.unwrap();
    let store = second.await.unwrap().unwrap();
    let found = store.find_by_hash(KeyHash::of(b"nothing")).await;
    assert!(found.unwrap().is_none());
}
