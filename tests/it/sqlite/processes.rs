//! Two processes, and two stores of one process, on one file.

use keygate::store::{Change, KeyStore};

use super::other::{Other, now};
use super::{at, hash, id, record, with_two};
use crate::support::Folder;

#[tokio::test]
async fn two_stores_of_one_process_hear_each_other() {
    let folder = Folder::new();
    let (one, two) = (folder.store().await, folder.store().await);
    let mut heard_by_one = one.subscribe().await.unwrap().unwrap();
    let mut heard_by_two = two.subscribe().await.unwrap().unwrap();
    one.insert(record(1)).await.unwrap();
    assert_eq!(heard_by_two.next().await, Some(Change::Key(hash(1))));
    assert_eq!(heard_by_one.next().await, Some(Change::Key(hash(1))));
    two.revoke(&id(1), at(1), None).await.unwrap();
    assert_eq!(heard_by_one.next().await, Some(Change::Key(hash(1))));
    assert!(one.find_by_hash(hash(1)).await.unwrap().unwrap().revoked_at.is_some());
}

/// Figures with `cargo test --all-features --test it sqlite::processes -- --nocapture`.
#[tokio::test]
async fn a_commit_of_another_process_is_told_at_once() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let mut feed = store.subscribe().await.unwrap().unwrap();
    let mut other = Other::start();
    other.ask(&format!("open {}", folder.file("keys.db")));
    let mut late = Vec::new();
    for round in 0..200 {
        let update = format!("sql UPDATE keygate_keys SET revoked_at = {round} WHERE id = 'key_1'");
        other.begin(&update);
        assert_eq!(feed.next().await, Some(Change::Key(hash(1))));
        let heard = now();
        let committed: u128 = other.answer().parse().unwrap();
        late.push(heard.saturating_sub(committed));
    }
    late.sort_unstable();
    println!(
        "told after its commit: p50 {} µs, p99 {} µs, max {} µs",
        late[100], late[198], late[199]
    );
    assert!(late[100] < 100_000, "the doorbell is looked at every 20 ms");
}
