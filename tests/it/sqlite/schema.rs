//! The crate's own bookkeeping of its schema.

use keygate::store::{KeyStore, SqliteStore};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, SqlitePool};

use super::other::Other;
use super::{cause, number, record, sql, with_two};
use crate::support::Folder;

const BY_HAND: [&str; 3] = [
    include_str!("../../../migrations/sqlite/0001_keys.sql"),
    include_str!("../../../migrations/sqlite/0002_idempotency.sql"),
    include_str!("../../../migrations/sqlite/0003_usage_hours.sql"),
];

async fn pool(folder: &Folder) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(folder.file("keys.db"));
    SqlitePool::connect_with(options.create_if_missing(true)).await.unwrap()
}

#[tokio::test]
async fn many_that_start_at_once_make_one_schema() {
    let folder = Folder::new();
    let file = folder.file("keys.db");
    let mut others = [Other::start(), Other::start(), Other::start()];
    for other in &mut others {
        other.begin(&format!("open {file}"));
    }
    let mut here = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let file = file.clone();
        here.spawn(async move { SqliteStore::open(&file).await.map(drop) });
    }
    for opened in here.join_all().await {
        opened.unwrap();
    }
    for other in &mut others {
        assert_eq!(other.answer(), "opened");
    }
    let store = folder.store().await;
    assert_eq!(number(&store, "SELECT count(*) FROM keygate_schema").await, 1);
    store.insert(record(1)).await.unwrap();
}

#[tokio::test]
async fn a_schema_from_the_future_is_left_alone() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    sql(&store, "UPDATE keygate_schema SET version = 9, oldest_reader = 8").await;
    let error = SqliteStore::open(&folder.file("keys.db")).await.unwrap_err();
    assert!(cause(&error).starts_with("permanent: "), "{}", cause(&error));
    assert!(cause(&error).contains("schema 9") && cause(&error).contains("update the service"));
    for nonsense in ["DELETE FROM keygate_schema", "INSERT INTO keygate_schema VALUES (0, 0)"] {
        sql(&store, nonsense).await;
        assert!(SqliteStore::open(&folder.file("keys.db")).await.is_err(), "{nonsense}");
    }
}

#[tokio::test]
async fn an_older_binary_works_beside_additions() {
    let folder = Folder::new();
    let before = with_two(folder.store().await).await;
    before.find_by_id(&record(1).id).await.unwrap();
    sql(&before, "ALTER TABLE keygate_keys ADD COLUMN tint TEXT NOT NULL DEFAULT 'red'").await;
    sql(&before, "CREATE TABLE keygate_tints (tint TEXT)").await;
    sql(&before, "UPDATE keygate_schema SET version = 9, oldest_reader = 1").await;
    let after = folder.store().await;
    for (store, new) in [(&before, 3), (&after, 4)] {
        store.insert(record(new)).await.unwrap();
        assert_eq!(store.find_by_hash(record(new).hash).await.unwrap(), Some(record(new)));
        store.revoke(&record(new).id, super::at(5), None).await.unwrap();
    }
    assert_eq!(number(&after, "SELECT version FROM keygate_schema").await, 9);
}

#[tokio::test]
async fn keys_of_an_older_schema_are_there_after_it_was_brought_up_to_date() {
    let folder = Folder::new();
    let pool = pool(&folder).await;
    sqlx::raw_sql(BY_HAND[0]).execute(&pool).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO keygate_keys (id, name, hint, hash, kind, mode, scopes, account, lineage, \
         created_at) VALUES ('key_9', 'n', 'h', randomblob(32), 'secret', 'live', '[]', 'a', \
         'key_9', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let error = SqliteStore::with_migrated_pool(pool.clone()).await.unwrap_err();
    assert!(cause(&error).contains("of schema 1 and this keygate needs schema 3"), "{error:?}");
    let store = with_two(SqliteStore::with_pool(pool).await.unwrap()).await;
    assert_eq!(number(&store, "SELECT version FROM keygate_schema").await, 3);
    assert_eq!(number(&store, "SELECT count(*) FROM keygate_keys").await, 3);
}

#[tokio::test]
async fn who_migrates_by_hand_is_not_written_to() {
    let folder = Folder::new();
    let pool = pool(&folder).await;
    let error = SqliteStore::with_migrated_pool(pool.clone()).await.unwrap_err();
    assert!(cause(&error).contains("tables are missing"), "{}", cause(&error));
    let tables = "SELECT count(*) FROM sqlite_schema";
    assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&pool).await.unwrap(), 0);

    for script in BY_HAND {
        let mut transaction = pool.begin().await.unwrap();
        sqlx::raw_sql(script).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let mut watcher = pool.connect_options().connect().await.unwrap();
    let doorbell = "PRAGMA data_version";
    let before: i64 = sqlx::query_scalar(doorbell).fetch_one(&mut watcher).await.unwrap();
    SqliteStore::with_migrated_pool(pool.clone()).await.unwrap();
    let store = SqliteStore::with_pool(pool).await.unwrap();
    let after: i64 = sqlx::query_scalar(doorbell).fetch_one(&mut watcher).await.unwrap();
    assert_eq!(before, after, "nothing was committed");
    with_two(store).await;
}

#[tokio::test]
async fn a_pool_of_one_in_memory_is_refused() {
    let private = SqliteConnectOptions::new().in_memory(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(private).await.unwrap();
    let error = SqliteStore::with_pool(pool).await.unwrap_err();
    assert!(!error.is_transient(), "the feed's connection would see another database");

    let shared = "sqlite::memory:".parse::<SqliteConnectOptions>().unwrap();
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(shared).await.unwrap();
    let store = with_two(SqliteStore::with_pool(pool).await.unwrap()).await;
    assert!(store.find_by_id(&record(2).id).await.unwrap().is_some());
}
