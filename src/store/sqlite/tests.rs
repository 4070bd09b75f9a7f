//! What needs more than the public face: rotations made by hand, and futures that are abandoned.

use std::future::{self, Future};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, UNIX_EPOCH};
use std::{env, fs, process};

use sqlx::sqlite::SqlitePoolOptions;

use super::*;
use crate::store::KeyUse;
use crate::{AccountId, Mode};

/// A file that is gone after the test.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("keygate-unit-{}-{number}", process::id()));
        Self(folder)
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.0.join("keys.db").to_str().unwrap()).await.unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn record(number: u32) -> KeyRecord {
    let id = KeyId::parse(&format!("key_{number}")).unwrap();
    let account = AccountId::parse("acct_1").unwrap();
    KeyRecord::new(id, KeyHash::of(&number.to_be_bytes()), Mode::Live, account, at(0))
}

fn rotation(of: u32, to: u32) -> Rotation {
    let mut successor = record(to);
    successor.lineage = record(of).id;
    successor.replaces = Some(record(of).id);
    Rotation { successor, at: at(1), predecessor_until: at(2) }
}

/// Polls a future so many times, unless it is ready before, and drops it.
async fn abandoned_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Abandons every verb at each of its awaits, in turn.
async fn abandon_everything(store: &SqliteStore) {
    let (mut number, mut finished) = (0, 0);
    for polls in 0..40 {
        number += 10;
        let (old, new) = (number, number + 1);
        store.insert(record(old)).await.unwrap();
        let id = record(old).id;
        finished = 0;
        let inserted = abandoned_after(polls, store.insert(record(number + 2))).await;
        finished += usize::from(inserted.is_some());
        let rotated = abandoned_after(polls, store.rotate(&id, rotation(old, new))).await;
        finished += usize::from(rotated.is_some());
        let after = store.find_by_id(&id).await.unwrap().unwrap();
        let successor = store.find_by_id(&record(new).id).await.unwrap();
        assert_eq!(after.replaced_by.is_some(), successor.is_some(), "both or nothing: {polls}");
        let keys = vec![KeyUse::new(id.clone(), 1, at(1))];
        let used = abandoned_after(polls, store.add_usage(UsageBatch::new(1, 1, keys))).await;
        finished += usize::from(used.is_some());
        let revoked = abandoned_after(polls, store.revoke(&id, at(1), None)).await;
        finished += usize::from(revoked.is_some());
        let found = abandoned_after(polls, store.find_by_id(&id)).await;
        finished += usize::from(found.is_some());
        // Whatever became of those, the next is served.
        store.revoke(&id, at(1), None).await.unwrap();
        assert!(store.find_by_id(&id).await.unwrap().unwrap().revoked_at.is_some());
    }
    assert_eq!(finished, 5, "the last round was long enough for all of them");
}

#[tokio::test]
async fn abandoned_futures_leave_nothing_half_done() {
    let file = File::new();
    abandon_everything(&file.store().await).await;
}

#[tokio::test]
async fn an_abandoned_transaction_is_not_put_back_into_the_application_s_pool() {
    let file = File::new();
    let own = file.store().await;
    let options = (*own.pool().connect_options()).clone();
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    let store = SqliteStore::with_pool(pool.clone()).await.unwrap();
    abandon_everything(&store).await;
    let mut connections = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    for connection in &mut connections {
        // It fails within a transaction.
        sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut **connection).await.unwrap();
    }
}

#[tokio::test]
async fn a_rotation_on_a_full_disk_does_nothing() {
    let file = File::new();
    let own = file.store().await;
    own.insert(record(1)).await.unwrap();
    let options = (*own.pool().connect_options()).clone().pragma("max_page_count", "1");
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    let store = SqliteStore::with_pool(pool).await.unwrap();
    let mut large = rotation(1, 2);
    large.successor.hint = "h".repeat(100_000);
    let error = store.rotate(&record(1).id, large).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert_eq!(own.find_by_id(&record(1).id).await.unwrap(), Some(record(1)));
    assert!(own.find_by_id(&record(2).id).await.unwrap().is_none());
    // The connection whose transaction the full disk ended is not the one that is used now.
    own.rotate(&record(1).id, rotation(1, 2)).await.unwrap();
    assert!(matches!(store.rotate(&record(1).id, rotation(1, 3)).await.unwrap(), Outcome::Rotated));
}

#[tokio::test]
async fn no_secret_of_the_connection_is_shown() {
    let file = File::new();
    fs::create_dir_all(&file.0).unwrap();
    let options = SqliteConnectOptions::new().filename(file.0.join("keys.db"));
    let options = options.create_if_missing(true).pragma("key", "'a canary'");
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let store = SqliteStore::with_pool(pool).await.unwrap();
    assert!(!format!("{store:?}").contains("canary"));
}

#[tokio::test]
async fn lists_that_take_long_keep_no_look_up_waiting() {
    let file = File::new();
    let own = file.store().await;
    let options = (*own.pool().connect_options()).clone();
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let (record, query) = (record(1), || KeyQuery::new(at(0)));
    own.insert(record.clone()).await.unwrap();
    for store in [own, SqliteStore::with_pool(pool).await.unwrap()] {
        let searches = [store.access.list().await.unwrap(), store.access.list().await.unwrap()];
        let (listed, usage, hours) = tokio::join!(
            store.list(query()),
            store.usage(1, vec![record.id.clone()]),
            store.hourly_usage(1, record.id.clone(), at(0)),
        );
        for failed in [listed.err(), usage.err(), hours.err()] {
            assert!(failed.is_some_and(|error| error.is_transient()));
        }
        assert_eq!(store.find_by_hash(record.hash).await.unwrap().as_ref(), Some(&record));
        assert_eq!(store.find_by_id(&record.id).await.unwrap().as_ref(), Some(&record));
        drop(searches);
        assert_eq!(store.list(query()).await.unwrap().len(), 1);
    }
}
