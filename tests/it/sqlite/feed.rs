//! Whatever changes a key is told.

use std::time::Duration;

use keygate::KeyHash;
use keygate::store::{Change, ChangeFeed, KeyStore, KeyUse, SqliteStore, UsageBatch};
use tokio::runtime::Handle;

use super::{at, hash, id, record, sql, with_two};
use crate::support::Folder;

/// A hash that stands in no record.
const NEW: &str = "zeroblob(32)";

fn new() -> KeyHash {
    KeyHash::from_bytes([0; 32])
}

async fn subscribed(store: &SqliteStore) -> ChangeFeed {
    store.subscribe().await.unwrap().unwrap()
}

/// The next that is told.
///
/// A feed that should have ended, and is silent instead, must not hang the test.
async fn next(feed: &mut ChangeFeed) -> Option<Change> {
    let next = tokio::time::timeout(Duration::from_secs(10), feed.next()).await;
    next.expect("a feed that tells something or ends")
}

/// What is told until now.
async fn told(store: &SqliteStore, feed: &mut ChangeFeed) -> Vec<Change> {
    store.prove(99).await.unwrap();
    let mut told = Vec::new();
    loop {
        match next(feed).await.unwrap() {
            Change::Proof(99) => return told,
            change => told.push(change),
        }
    }
}

#[tokio::test]
async fn every_way_to_change_a_key_is_told() {
    let (one, two) = (Change::Key(hash(1)), Change::Key(hash(2)));
    let columns = "id, name, hint, hash, kind, mode, scopes, account, lineage, created_at";
    let replace = |id: &str, hash: &str| {
        format!(
            "INSERT OR REPLACE INTO keygate_keys ({columns}) SELECT {id}, name, hint, {hash}, kind, \
             mode, scopes, account, lineage, created_at FROM keygate_keys WHERE id = 'key_1'"
        )
    };
    let cases = [
        ("UPDATE keygate_keys SET revoked_at = 1 WHERE id = 'key_1'".into(), vec![one]),
        ("UPDATE keygate_keys SET account = 'acct_2'".into(), vec![one, two]),
        ("UPDATE keygate_keys SET scopes = '[]' WHERE id = 'key_3'".into(), vec![]),
        (
            format!("UPDATE keygate_keys SET hash = {NEW} WHERE id = 'key_1'"),
            vec![one, Change::Key(new())],
        ),
        ("DELETE FROM keygate_keys WHERE id = 'key_2'".into(), vec![two]),
        ("DELETE FROM keygate_keys".into(), vec![one, two]),
        // A row that is replaced is gone, and its hash must be forgotten.
        (replace("'key_1'", NEW), vec![one, Change::Key(new())]),
        (replace("'key_3'", "hash"), vec![one, one]),
        (
            "UPDATE OR REPLACE keygate_keys SET hash = (SELECT hash FROM keygate_keys \
             WHERE id = 'key_2') WHERE id = 'key_1'"
                .into(),
            vec![two, one, two],
        ),
        ("UPDATE keygate_keys SET version = 0".into(), vec![]),
        (
            "INSERT INTO keygate_changes (topic, item) VALUES ('keys', '*')".into(),
            vec![Change::All],
        ),
        ("INSERT INTO keygate_changes (topic, item) VALUES ('plans', 'pro')".into(), vec![]),
    ];
    for (statement, expected) in cases {
        for recursive in ["OFF", "ON"] {
            let folder = Folder::new();
            let store = with_two(folder.store().await).await;
            let mut feed = subscribed(&store).await;
            sql(&store, &format!("PRAGMA recursive_triggers = {recursive}; {statement}")).await;
            let mut told = told(&store, &mut feed).await;
            if recursive == "ON" {
                // The trigger for deleted rows then tells of replaced ones a second time.
                told.sort_by_key(|change| format!("{change:?}"));
                told.dedup();
                let mut expected = expected.clone();
                expected.sort_by_key(|change| format!("{change:?}"));
                expected.dedup();
                assert_eq!(told, expected, "{statement}");
            } else {
                assert_eq!(told, expected, "{statement}");
            }
        }
    }
}

#[tokio::test]
async fn usage_is_no_change() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let mut feed = subscribed(&store).await;
    let batch = UsageBatch::new(1, 1, vec![KeyUse::new(id(1), 3, at(1))]);
    store.add_usage(batch).await.unwrap();
    assert_eq!(told(&store, &mut feed).await, []);
}

#[tokio::test]
async fn what_is_rolled_back_is_not_told() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let mut feed = subscribed(&store).await;
    sql(&store, "BEGIN; UPDATE keygate_keys SET name = 'new'; ROLLBACK").await;
    assert!(store.insert(record(1)).await.unwrap_err().is_duplicate());
    store.insert(record(3)).await.unwrap();
    assert_eq!(told(&store, &mut feed).await, [Change::Key(hash(3))], "and the numbers go on");
}

#[tokio::test]
async fn versions_grow_with_every_change() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let version = "SELECT version FROM keygate_keys WHERE id = 'key_1'";
    let before = super::number(&store, version).await;
    store.revoke(&id(1), at(1), None).await.unwrap();
    assert!(super::number(&store, version).await > before);
}

#[tokio::test]
async fn a_feed_that_missed_something_ends() {
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) \
                INSERT INTO keygate_changes (topic, item) SELECT 'plans', i FROM n";
    let restored = "DELETE FROM keygate_changes; UPDATE sqlite_sequence SET seq = 1";
    let emptied = "INSERT INTO keygate_changes (topic, item) VALUES ('keys', '*'); \
                   DELETE FROM keygate_changes";
    for statements in [many, restored, emptied] {
        let folder = Folder::new();
        let store = with_two(folder.store().await).await;
        let (mut feed, mut second) = (subscribed(&store).await, subscribed(&store).await);
        sql(&store, &format!("BEGIN; {statements}; COMMIT")).await;
        assert_eq!(next(&mut feed).await, None, "{statements}");
        assert_eq!(next(&mut second).await, None, "{statements}");
        let mut next = subscribed(&store).await;
        store.insert(record(3)).await.unwrap();
        assert_eq!(told(&store, &mut next).await, [Change::Key(hash(3))], "{statements}");
    }
}

#[tokio::test]
async fn many_changes_at_once_are_told_as_one() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let mut feed = subscribed(&store).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) \
                INSERT INTO keygate_changes (topic, item) SELECT 'keys', i FROM n";
    sql(&store, many).await;
    assert_eq!(told(&store, &mut feed).await, [Change::All]);
}

#[tokio::test]
async fn who_does_not_listen_loses_the_feed() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let mut idle = subscribed(&store).await;
    let mut feed = subscribed(&store).await;
    for _ in 0..1_100 {
        sql(&store, "INSERT INTO keygate_changes (topic, item) VALUES ('keys', '*')").await;
        told(&store, &mut feed).await;
    }
    let mut taken = 0;
    while next(&mut idle).await.is_some() {
        taken += 1;
    }
    assert!(taken <= 1_024, "{taken}");
}

#[tokio::test]
async fn the_task_ends_when_nobody_listens() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let until = async |expected: usize| {
        // Connections go back to their pools in tasks too.
        while Handle::current().metrics().num_alive_tasks() != expected {
            tokio::task::yield_now().await;
        }
    };
    for _ in 0..3 {
        until(0).await;
        let feeds = (subscribed(&store).await, subscribed(&store).await);
        until(1).await;
        drop(feeds);
    }
    until(0).await;
}

#[test]
fn feeds_end_with_the_runtime_that_serves_them() {
    let folder = Folder::new();
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let first = runtime();
    let store = first.block_on(async { with_two(folder.store().await).await });
    let mut feed = first.block_on(subscribed(&store));
    drop(first);
    runtime().block_on(async {
        assert_eq!(next(&mut feed).await, None);
        let mut feed = subscribed(&store).await;
        sql(&store, "UPDATE keygate_keys SET name = 'new' WHERE id = 'key_1'").await;
        assert_eq!(told(&store, &mut feed).await, [Change::Key(hash(1))]);
    });
}
