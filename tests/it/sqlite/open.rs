//! What `open` takes, makes and sets up.

use std::fs;

use keygate::store::{KeyStore, SqliteStore};

use super::{cause, record, with_two};
use crate::support::Folder;

#[tokio::test]
async fn folders_and_the_file_are_made() {
    let folder = Folder::new();
    let file = folder.file("a/b/keys.db");
    for url in [format!("sqlite://{file}"), format!("sqlite:{file}"), file.clone()] {
        let store = SqliteStore::open(&url).await.unwrap();
        let _ = store.insert(record(1)).await;
        assert_eq!(store.find_by_hash(record(1).hash).await.unwrap(), Some(record(1)), "{url}");
    }
    assert!(fs::metadata(file).unwrap().is_file());
}

#[tokio::test]
async fn commits_wait_for_the_disk_and_readers_for_nobody() {
    let folder = Folder::new();
    let store = folder.store().await;
    let pragma = async |question: &'static str| -> String {
        sqlx::query_scalar(question).fetch_one(store.pool()).await.unwrap()
    };
    assert_eq!(pragma("PRAGMA journal_mode").await, "wal");
    let full: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(store.pool()).await.unwrap();
    assert_eq!(full, 2);
}

#[tokio::test]
async fn a_database_in_memory_is_shared_by_clones_only() {
    let (one, other) =
        tokio::join!(SqliteStore::open("sqlite::memory:"), SqliteStore::open("sqlite::memory:"),);
    let (one, other) = (with_two(one.unwrap()).await, other.unwrap());
    assert!(one.clone().find_by_id(&record(1).id).await.unwrap().is_some());
    assert!(other.find_by_id(&record(1).id).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let folder = Folder::new();
    let text = folder.file("notes.txt");
    fs::write(&text, "Keys are in the safe. ".repeat(100)).unwrap();
    let error = SqliteStore::open(&text).await.unwrap_err();
    assert!(cause(&error).starts_with("permanent: ") && cause(&error).contains("not a database"));
    assert!(fs::read_to_string(&text).unwrap().starts_with("Keys are"), "it is left alone");

    let error = SqliteStore::open(folder.path().to_str().unwrap()).await.unwrap_err();
    assert!(cause(&error).contains("unable to open"), "a folder: {}", cause(&error));

    let error = SqliteStore::open(&format!("{text}/keys.db")).await.unwrap_err();
    assert!(cause(&error).contains("cannot be made"), "below a file: {}", cause(&error));

    let missing = format!("sqlite://{}?mode=ro", folder.file("missing.db"));
    assert!(SqliteStore::open(&missing).await.is_err(), "nothing to read");
    assert!(!fs::exists(folder.file("missing.db")).unwrap());
}
