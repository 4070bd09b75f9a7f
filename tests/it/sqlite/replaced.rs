//! A file that another takes the place of while it is open, and a runtime that ends meanwhile.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use keygate::store::{Change, Changed, KeyStore, SqliteStore};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use super::{at, cause, hash, id, record, with_two};
use crate::support::{Folder, Lines};

const PATIENCE: Duration = Duration::from_secs(30);

async fn proven(store: &SqliteStore) -> Option<Change> {
    let mut feed = store.subscribe().await.unwrap().unwrap();
    store.prove(7).await.unwrap();
    timeout(PATIENCE, feed.next()).await.unwrap()
}

#[tokio::test]
async fn a_file_that_was_replaced_serves_nobody_until_it_is_back() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let mut feed = store.subscribe().await.unwrap().unwrap();
    let (file, aside) = (folder.file("keys.db"), folder.file("aside.db"));
    fs::rename(&file, &aside).unwrap();
    store.prove(7).await.unwrap();
    assert_eq!(timeout(PATIENCE, feed.next()).await.unwrap(), None, "nothing is proven");
    // Gone, and then another one in its place.
    for restored in [false, true] {
        if restored {
            fs::copy(&aside, &file).unwrap();
        }
        let subscribed = store.subscribe().await.map(drop);
        let found = store.find_by_hash(hash(1)).await.map(drop);
        let revoked = store.revoke(&id(1), at(1), None).await.map(drop);
        for refused in [subscribed, found, revoked] {
            let cause = cause(&refused.unwrap_err());
            assert!(cause.contains("replaced"), "{restored}: {cause}");
        }
    }
    fs::rename(&aside, &file).unwrap();
    assert_eq!(proven(&store).await, Some(Change::Proof(7)));
    store.insert(record(3)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_moved_with_its_folder_is_another_one() {
    let folder = Folder::new();
    let path = folder.path().join("data");
    let store = SqliteStore::open(path.join("keys.db").to_str().unwrap()).await.unwrap();
    let mut feed = store.subscribe().await.unwrap().unwrap();
    fs::rename(&path, folder.path().join("moved")).unwrap();
    store.prove(7).await.unwrap();
    assert_eq!(timeout(PATIENCE, feed.next()).await.unwrap(), None);
    let refused = store.insert(record(1)).await.unwrap_err();
    assert!(cause(&refused).contains("replaced"), "{}", cause(&refused));
}

/// Waits until so many lines have these words.
async fn told(lines: &Lines, words: &str, times: usize) {
    let told = async {
        while lines.with(words) < times {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, told).await.unwrap();
}

#[tokio::test]
async fn a_watch_that_fails_is_told_of_once_and_when_it_stands_again() {
    let (lines, _guards) = Lines::kept();
    let folder = Folder::new();
    let store = folder.store().await;
    let mut watch = store.watch("accounts").max_staleness(Duration::from_millis(100));
    assert_eq!(watch.changed().await, Changed::Anything);
    let (file, aside) = (folder.file("keys.db"), folder.file("aside.db"));
    for round in 1..=2 {
        fs::rename(&file, &aside).unwrap();
        told(&lines, "the change feed of a topic failed", round).await;
        // Without a feed it is said each round, and the feed is asked for again and again.
        for _ in 0..20 {
            assert_eq!(watch.changed().await, Changed::Anything);
        }
        fs::rename(&aside, &file).unwrap();
        told(&lines, "stands again", round).await;
        assert_eq!(lines.with("the change feed of a topic failed"), round);
    }
}

/// A runtime that is over drops what is spawned at once.
#[test]
fn a_subscription_while_the_runtime_ends_does_not_hang() {
    let folder = Folder::new();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = runtime.block_on(folder.store());
    let handle = runtime.handle().clone();
    runtime.shutdown_timeout(PATIENCE);
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let subscribed = handle.block_on(store.subscribe());
        done.send(subscribed.is_ok()).unwrap();
    });
    assert!(is_done.recv_timeout(PATIENCE).expect("it returns"));
}
