use std::error::Error as _;

use keygate::store::{KeyQuery, KeyStore, Outcome, PostgresStore, StoreError};

use super::{at, fresh, pool, record};
use crate::support::postgres::{database, number, run};

const BY_HAND: [&str; 3] = [
    include_str!("../../../migrations/postgres/0001_keys.sql"),
    include_str!("../../../migrations/postgres/0002_idempotency.sql"),
    include_str!("../../../migrations/postgres/0003_usage_hours.sql"),
];

fn cause(error: &StoreError) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn nodes_that_start_at_once_make_one_schema() {
    let Some(database) = database("start").await else { return };
    let url = database.url();
    let starts = (0..6).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move { PostgresStore::connect(&url).await })
    });
    let starts: Vec<_> = starts.collect();
    for (number, start) in (1..).zip(starts) {
        let store = start.await.unwrap().unwrap();
        store.insert(record(number)).await.unwrap();
    }
    assert_eq!(number(url, "SELECT version FROM keygate_schema").await, 3);
    assert_eq!(number(url, "SELECT count(*) FROM keygate_keys").await, 6);
}

#[tokio::test]
async fn a_schema_that_is_too_new_is_told_of_at_the_start() {
    let Some(fresh) = fresh().await else { return };
    fresh.psql("UPDATE keygate_schema SET (version, oldest_reader) = (9, 8)").await;
    for opened in [
        PostgresStore::connect(fresh.database.url()).await,
        PostgresStore::with_migrated_pool(pool(&fresh.database, 1).await).await,
    ] {
        let error = opened.unwrap_err();
        assert!(!error.is_transient() && cause(&error).contains("update the service"));
    }
}

#[tokio::test]
async fn an_older_binary_works_beside_additions() {
    let Some(fresh) = fresh().await else { return };
    fresh.insert(1).await;
    fresh
        .psql(
            "UPDATE keygate_schema SET version = 9;
             ALTER TABLE keygate_keys ADD region text NOT NULL DEFAULT 'eu';
             UPDATE keygate_keys SET region = 'us'",
        )
        .await;
    let older = PostgresStore::connect(fresh.database.url()).await.unwrap();
    // Connections that know the statements from before go on too.
    for store in [&fresh.store, &older] {
        assert_eq!(store.list(KeyQuery::new(at(0))).await.unwrap().len(), 1);
        assert!(store.find_by_hash(record(1).hash).await.unwrap().is_some());
    }
    older.insert(record(2)).await.unwrap();
    let revoked = older.revoke(&record(1).id, at(1), None).await.unwrap();
    assert!(matches!(revoked, Outcome::Done(_)));
    let regions = "SELECT count(*) FROM keygate_keys WHERE (id, region) IN \
         (('key_1', 'us'), ('key_2', 'eu'))";
    assert_eq!(fresh.number(regions).await, 2, "what it does not know stays as it is");
}

#[tokio::test]
async fn migrations_may_be_run_by_hand() {
    let Some(database) = database("by_hand").await else { return };
    let refused = PostgresStore::with_migrated_pool(pool(&database, 1).await).await.unwrap_err();
    assert!(!refused.is_transient() && cause(&refused).contains("tables are missing"));
    assert_eq!(
        number(
            database.url(),
            "SELECT count(*) FROM pg_tables \
         WHERE tablename LIKE 'keygate%'"
        )
        .await,
        0,
        "it wrote nothing"
    );
    run(database.url(), BY_HAND[0]).await;
    let refused = PostgresStore::with_migrated_pool(pool(&database, 1).await).await.unwrap_err();
    assert!(cause(&refused).contains("of schema 1 and this keygate needs schema 3"));
    run(database.url(), BY_HAND[1]).await;
    run(database.url(), BY_HAND[2]).await;
    let store = PostgresStore::with_migrated_pool(pool(&database, 2).await).await.unwrap();
    store.insert(record(1)).await.unwrap();
}

#[tokio::test]
async fn a_read_only_database_serves_and_says_why_it_refuses() {
    let Some(fresh) = fresh().await else { return };
    let key = fresh.insert(1).await;
    let url = format!("{}?options=-c%20default_transaction_read_only%3Don", fresh.database.url());
    let store = PostgresStore::connect(&url).await.unwrap();
    assert!(store.find_by_hash(key.hash).await.unwrap().is_some());
    let mut feed = store.subscribe().await.unwrap().unwrap();
    assert!(super::told(&store, &mut feed).await.is_some());
    let refused = store.revoke(&key.id, at(1), None).await.unwrap_err();
    assert!(!refused.is_transient() && cause(&refused).contains("is read-only"));
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_apart() {
    let Some(database) = database("refused").await else { return };
    let url = database.url();
    let nobody = url.replace("//postgres:", "//nobody_of_this_name:");
    let (server, _) = url.rsplit_once('/').unwrap();
    // Nobody listens on port 1.
    let cases = [
        ("postgres://127.0.0.1:1/none".to_owned(), true),
        (nobody, false),
        (format!("{server}/no_such_database"), false),
        ("not a url".to_owned(), false),
        (format!("{url}?options=-c%20search_path%3Dno_such_schema"), false),
    ];
    for (url, is_transient) in cases {
        let refused = PostgresStore::connect(&url).await.unwrap_err();
        assert_eq!(refused.is_transient(), is_transient, "{url}: {refused:?}");
    }
}

#[tokio::test]
async fn the_application_may_bring_its_pool() {
    let Some(database) = database("pool").await else { return };
    let theirs = pool(&database, 1).await;
    let store = PostgresStore::with_pool(theirs.clone()).await.unwrap();
    // The store takes nothing from it.
    let _busy = theirs.acquire().await.unwrap();
    assert!(store.pool().try_acquire().is_none());
    let _feed = store.subscribe().await.unwrap().unwrap();
    store.insert(record(1)).await.unwrap();
}
