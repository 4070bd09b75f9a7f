//! Files that can only be read, and disks that are full.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keygate::store::{Change, KeyQuery, KeyStore, KeyUse, SqliteStore, UsageBatch};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::other::Other;
use super::{at, cause, hash, id, number, record, sql, with_two};
use crate::support::Folder;

#[tokio::test]
async fn a_store_that_only_reads_serves_and_hears() {
    let folder = Folder::new();
    let writer = with_two(folder.store().await).await;
    let url = format!("sqlite://{}?mode=ro", folder.file("keys.db"));
    let reader = SqliteStore::open(&url).await.unwrap();
    let mut feed = reader.subscribe().await.unwrap().unwrap();
    assert_eq!(reader.find_by_hash(hash(1)).await.unwrap(), Some(record(1)));
    assert_eq!(reader.list(KeyQuery::new(at(0))).await.unwrap().len(), 2);

    let batch = || UsageBatch::new(1, 1, vec![KeyUse::new(id(1), 1, at(1))]);
    let refused = [
        reader.insert(record(3)).await.unwrap_err(),
        reader.revoke(&id(1), at(1), None).await.unwrap_err(),
        reader.add_usage(batch()).await.unwrap_err(),
    ];
    for error in refused {
        assert!(cause(&error).starts_with("permanent: the database is read-only"), "{error:?}");
    }
    writer.revoke(&id(1), at(1), None).await.unwrap();
    assert_eq!(feed.next().await, Some(Change::Key(hash(1))));
    reader.prove(5).await.unwrap();
    assert_eq!(feed.next().await, Some(Change::Proof(5)));
    assert!(reader.find_by_id(&id(1)).await.unwrap().unwrap().revoked_at.is_some());
}

#[tokio::test]
async fn without_permission_to_write_a_service_starts_and_serves() {
    let folder = Folder::new();
    let _writer = with_two(folder.store().await).await;
    let file = folder.file("keys.db");
    let allow = |mode: u32| {
        for path in ["keys.db", "keys.db-wal", "keys.db-shm"].map(|name| folder.file(name)) {
            if fs::exists(&path).unwrap() {
                fs::set_permissions(path, Permissions::from_mode(mode & 0o666)).unwrap();
            }
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
    };
    allow(0o555);
    let mut other = Other::start_unprivileged();
    assert_eq!(other.ask(&format!("open {file}")), "opened", "beside one that writes");
    assert_eq!(other.ask("find key_1"), "true");
    assert_eq!(other.ask("list"), "2");
    assert_eq!(other.ask("prove"), "Some(Proof(7))");
    for verb in ["revoke key_1", "usage"] {
        let answer = other.ask(verb);
        assert!(answer.starts_with("permanent: the database is read-only"), "{verb}: {answer}");
    }
    drop(other);
    allow(0o755);
}

/// The last who closes a file takes its `-wal` along, and SQLite cannot read without one.
#[tokio::test]
async fn a_file_that_nobody_writes_to_is_opened_as_immutable() {
    let folder = Folder::new();
    drop(with_two(folder.store().await).await);
    while fs::exists(folder.file("keys.db-wal")).unwrap() {
        tokio::task::yield_now().await;
    }
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let mut other = Other::start_unprivileged();
    let file = folder.file("keys.db");
    let answer = other.ask(&format!("open {file}"));
    assert!(answer.starts_with("permanent: the database is read-only"), "{answer}");
    assert_eq!(other.ask(&format!("open sqlite://{file}?immutable=1")), "opened");
    assert_eq!(other.ask("find key_1"), "true");
    assert_eq!(other.ask("prove"), "Some(Proof(7))");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
}

/// A store on connections whose file may not grow above a number of pages.
async fn limited(folder: &Folder) -> (SqliteStore, Arc<AtomicU32>) {
    let pages = Arc::new(AtomicU32::new(u32::MAX - 1));
    let limit = Arc::clone(&pages);
    let options = SqliteConnectOptions::new().filename(folder.file("keys.db"));
    let pool = SqlitePoolOptions::new()
        .before_acquire(move |connection, _| {
            let pragma = format!("PRAGMA max_page_count = {}", limit.load(Ordering::Relaxed));
            Box::pin(async move {
                let pragma = sqlx::raw_sql(sqlx::AssertSqlSafe(pragma));
                pragma.execute(connection).await.map(|_| true)
            })
        })
        .max_connections(2)
        .connect_with(options.create_if_missing(true))
        .await
        .unwrap();
    (SqliteStore::with_pool(pool).await.unwrap(), pages)
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_nothing_half_written() {
    let folder = Folder::new();
    let (store, pages) = limited(&folder).await;
    let store = with_two(store).await;
    let used = number(&store, "PRAGMA page_count").await;
    pages.store(u32::try_from(used).unwrap(), Ordering::Relaxed);
    let mut stored = 2;
    let full = loop {
        let mut large = record(stored + 1);
        large.name = "plugin ".repeat(2_000);
        match store.insert(large).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(cause(&full).contains("has no space left on its disk"), "{}", cause(&full));
    assert!(store.find_by_id(&id(stored + 1)).await.unwrap().is_none());
    let lines = "SELECT count(*) FROM keygate_changes";
    assert_eq!(number(&store, lines).await, i64::from(stored), "no line without its change");

    pages.store(u32::MAX - 1, Ordering::Relaxed);
    store.revoke(&id(1), at(1), None).await.unwrap();
    sql(&store, "PRAGMA integrity_check").await;
    assert_eq!(store.list(KeyQuery::new(at(0))).await.unwrap().len(), stored as usize);
}
