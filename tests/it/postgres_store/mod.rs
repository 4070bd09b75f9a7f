//! What only the store on Postgres promises. The rules of every store are in `store`.

mod changes;
mod connections;
mod corrupt;
mod feed;
mod schema;
mod usage;
mod wire;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keygate::store::{Change, ChangeFeed, KeyRecord, KeyStore, PostgresStore};
use keygate::{AccountId, KeyHash, KeyId, Mode};
use sqlx::AssertSqlSafe;
use tokio::time::timeout;

use crate::support::postgres::{Database, database};

/// A store on a database of its own.
pub(crate) struct Fresh {
    pub(crate) store: PostgresStore,
    database: Database,
}

/// `None`: there is no Postgres, and the test says so.
pub(crate) async fn fresh() -> Option<Fresh> {
    let database = database("store").await?;
    loop {
        match PostgresStore::connect(database.url()).await {
            Ok(store) => return Some(Fresh { store, database }),
            // A busy machine may take longer to accept it than the store waits.
            Err(error) if error.is_transient() => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

impl std::ops::Deref for Fresh {
    type Target = PostgresStore;

    fn deref(&self) -> &PostgresStore {
        &self.store
    }
}

impl Fresh {
    /// What an operator types into psql.
    async fn psql(&self, script: &str) {
        crate::support::postgres::run(self.database.url(), script).await;
    }

    async fn number(&self, query: &str) -> i64 {
        crate::support::postgres::number(self.database.url(), query).await
    }

    async fn insert(&self, number: u8) -> KeyRecord {
        let record = record(number);
        self.store.insert(record.clone()).await.unwrap();
        record
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn record(number: u8) -> KeyRecord {
    let id = KeyId::parse(&format!("key_{number}")).unwrap();
    let hash = KeyHash::from_bytes([number; 32]);
    KeyRecord::new(id, hash, Mode::Live, AccountId::parse("acct_1").unwrap(), at(0))
}

/// Everything that a feed tells until the proof that is sent now; `None` if it ended before.
async fn told(store: &PostgresStore, feed: &mut ChangeFeed) -> Option<Vec<Change>> {
    let token = rand::random();
    store.prove(token).await.unwrap();
    let mut changes = Vec::new();
    loop {
        match timeout(Duration::from_secs(30), feed.next()).await.unwrap()? {
            Change::Proof(number) if number == token => return Some(changes),
            change => changes.push(change),
        }
    }
}

/// A pool with settings of a test's own.
async fn pool(database: &Database, connections: u32) -> sqlx::PgPool {
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(connections);
    options.connect(database.url()).await.unwrap()
}

fn sql(text: &str) -> sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(AssertSqlSafe(text))
}
