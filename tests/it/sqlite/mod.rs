//! The store on SQLite, beyond the rules that every store keeps.

mod bad_rows;
mod feed;
mod locked;
mod open;
mod other;
mod processes;
mod replaced;
mod schema;
mod unwritable;
mod usage;
mod watch;

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keygate::store::{KeyRecord, KeyStore, SqliteStore, StoreError};
use keygate::{AccountId, KeyHash, KeyId, Mode, ScopeName};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn id(number: u32) -> KeyId {
    KeyId::parse(&format!("key_{number}")).unwrap()
}

fn hash(number: u32) -> KeyHash {
    KeyHash::of(&number.to_be_bytes())
}

fn record(number: u32) -> KeyRecord {
    let account = AccountId::parse("acct_1").unwrap();
    let mut record = KeyRecord::new(id(number), hash(number), Mode::Live, account, at(0));
    record.name = "plugin".into();
    record.hint = "ck_live_abc123".into();
    record.scopes = [ScopeName::from_static("links:read")].into_iter().collect();
    record
}

/// A store with the records 1 and 2.
async fn with_two(store: SqliteStore) -> SqliteStore {
    for number in [1, 2] {
        store.insert(record(number)).await.unwrap();
    }
    store
}

/// Runs statements as somebody with the shell would.
async fn sql(store: &SqliteStore, statements: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(store.pool()).await.unwrap();
}

async fn number(store: &SqliteStore, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(store.pool()).await.unwrap()
}

/// An error and why it came about.
fn cause(error: &StoreError) -> String {
    let kind = if error.is_transient() { "transient" } else { "permanent" };
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{kind}: {source}")
}
