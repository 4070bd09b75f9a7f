use keygate::store::{KeyStore, PostgresStore};
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use super::{Duration, at, fresh, record, timeout};
use crate::support::postgres::{Server, number};

/// How many connections a test wants to see broken.
const SOME: usize = 5;

/// Gives the store connections that will not outlive the server.
async fn fill(store: &PostgresStore, url: &str) {
    let connected = "SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND query ILIKE '%FROM keygate_keys%'
            AND pid <> pg_backend_pid()";
    while number(url, connected).await < i64::try_from(SOME).unwrap() {
        let asked = (0..2 * SOME).map(|_| {
            let store = store.clone();
            async move { store.find_by_hash(record(1).hash).await }
        });
        asked.collect::<JoinSet<_>>().join_all().await;
    }
}

/// As a request that is cancelled in the middle of its `begin` leaves a connection.
#[tokio::test]
async fn a_transaction_that_the_application_left_open_takes_no_revocation() {
    let Some(fresh) = fresh().await else { return };
    let key = fresh.insert(1).await;
    // Without a ping, so that the first thing sent is the `BEGIN`.
    let theirs = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let theirs = theirs.connect(fresh.database.url()).await.unwrap();
    let store = PostgresStore::with_pool(theirs.clone()).await.unwrap();
    let left = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    while fresh.number(left).await == 0 {
        // It is sent, and nobody waits for the answer, unless that was there at once.
        let _ = timeout(Duration::ZERO, theirs.begin()).await;
    }
    store.revoke(&key.id, at(1), None).await.unwrap();
    let stored = fresh.find_by_id(&key.id).await.unwrap().unwrap();
    assert_eq!(stored.revoked_at, Some(at(1)), "it was confirmed, and everybody sees it");
}

#[tokio::test]
async fn a_restarted_server_is_found_at_the_first_try() {
    let Some(mut server) = Server::start().await else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.insert(record(1)).await.unwrap();
    for kill in [false, true] {
        fill(&store, &server.url()).await;
        if kill {
            server.kill();
        }
        server.restart().await;
        assert!(store.find_by_hash(record(1).hash).await.unwrap().is_some(), "killed: {kill}");
        fill(&store, &server.url()).await;
        server.restart().await;
        let number = if kill { 3 } else { 2 };
        store.insert(record(number)).await.unwrap();
        store.revoke(&record(number).id, at(1), None).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_hangs_keeps_no_connection() {
    let Some(server) = Server::start().await else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.insert(record(1)).await.unwrap();
    fill(&store, &server.url()).await;
    server.pause();
    for _ in 0..20 {
        let asked = timeout(Duration::from_millis(20), store.find_by_hash(record(1).hash)).await;
        assert!(asked.is_err());
    }
    server.resume();
    let found = timeout(Duration::from_secs(5), store.find_by_hash(record(1).hash)).await;
    assert!(found.unwrap().unwrap().is_some());
}

#[tokio::test]
async fn lists_that_take_long_keep_no_look_up_waiting() {
    let Some(fresh) = fresh().await else { return };
    let key = fresh.insert(1).await;
    let mut theirs = fresh.pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE keygate_usage").execute(&mut *theirs).await.unwrap();
    let asked = (0..20).map(|_| {
        let (store, ids) = (fresh.store.clone(), vec![key.id.clone()]);
        async move { store.usage(1, ids).await }
    });
    let asked: JoinSet<_> = asked.collect();
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while fresh.number(waiting).await < 5 {}
    let found = fresh.find_by_hash(key.hash).await.unwrap();
    assert_eq!(found, Some(key));
    theirs.rollback().await.unwrap();
    drop(asked);
}
