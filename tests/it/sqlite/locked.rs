//! Others who hold the file.

use keygate::store::{Change, KeyStore, SqliteStore};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

use super::other::Other;
use super::{at, cause, hash, id, record, with_two};
use crate::support::Folder;

#[tokio::test]
async fn a_lock_that_stays_is_a_transient_error_for_those_who_write() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let mut other = Other::start();
    other.ask(&format!("open {}", folder.file("keys.db")));
    assert_eq!(other.ask("lock"), "locked");
    let error = store.revoke(&id(1), at(1), None).await.unwrap_err();
    assert!(cause(&error).starts_with("transient: "), "{}", cause(&error));
    assert!(cause(&error).contains("locked"), "{}", cause(&error));
    assert_eq!(store.find_by_hash(hash(1)).await.unwrap(), Some(record(1)), "reading goes on");
    assert_eq!(other.ask("unlock"), "unlocked");
    store.revoke(&id(1), at(1), None).await.unwrap();
}

#[tokio::test]
async fn writers_of_one_process_take_turns() {
    let folder = Folder::new();
    let (one, two) = (folder.store().await, folder.store().await);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = if number % 2 == 0 { one.clone() } else { two.clone() };
        tasks.spawn(async move {
            store.insert(record(number)).await?;
            store.revoke(&id(number), at(1), None).await.map(drop)
        });
    }
    for done in tasks.join_all().await {
        done.unwrap();
    }
}

/// Without WAL a writer shuts readers out, the feed too. A token must not be proven meanwhile.
#[tokio::test]
async fn no_proof_overtakes_a_change_behind_a_lock() {
    let folder = Folder::new();
    let options = SqliteConnectOptions::new()
        .filename(folder.file("keys.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Delete)
        .busy_timeout(std::time::Duration::ZERO);
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options.clone()).await;
    let store = with_two(SqliteStore::with_pool(pool.unwrap()).await.unwrap()).await;
    let mut feed = store.subscribe().await.unwrap().unwrap();
    store.prove(1).await.unwrap();
    assert_eq!(feed.next().await, Some(Change::Proof(1)));

    let mut writer = options.connect().await.unwrap();
    let begin = "BEGIN EXCLUSIVE; UPDATE keygate_keys SET name = 'new' WHERE id = 'key_1'";
    sqlx::raw_sql(begin).execute(&mut writer).await.unwrap();
    store.prove(2).await.unwrap();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    sqlx::query("COMMIT").execute(&mut writer).await.unwrap();
    assert_eq!(feed.next().await, Some(Change::Key(hash(1))));
    assert_eq!(feed.next().await, Some(Change::Proof(2)));
}
