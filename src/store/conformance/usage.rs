use std::time::Duration;

use super::{at, found, heard, record, stored};
use crate::store::{KeyStore, KeyUsage, KeyUse, StoredHours, UsageBatch};
use crate::{Clock, KeyId, SystemClock};

const NODE: u64 = 7;
const OTHER: u64 = 8;

fn used(number: u8, requests: u64, seconds: u64) -> KeyUse {
    KeyUse::new(record(number).id, requests, at(seconds))
}

async fn add(store: &impl KeyStore, node: u64, sequence: u64, keys: &[KeyUse]) {
    store.add_usage(UsageBatch::new(node, sequence, keys.to_vec())).await.unwrap();
}

/// What is stored of a key: 0 requests where it has never been used.
async fn usage(store: &impl KeyStore, number: u8) -> KeyUsage {
    let stored = store.usage(NODE, vec![record(number).id]).await.unwrap();
    assert!(stored.keys.len() <= 1, "one key was asked for");
    stored.keys.into_iter().next().map(|(_, usage)| usage).unwrap_or_default()
}

fn figures(usage: KeyUsage) -> (u64, Option<std::time::SystemTime>) {
    (usage.requests, usage.last_used_at)
}

pub async fn usage_adds_up(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    stored(store, 1).await;
    stored(store, 2).await;
    assert_eq!(figures(usage(store, 1).await), (0, None));
    add(store, NODE, 1, &[used(1, 3, 10)]).await;
    assert_eq!(figures(usage(store, 1).await), (3, Some(at(10))));
    add(store, NODE, 2, &[used(1, 4, 20), used(2, 1, 20)]).await;
    assert_eq!(figures(usage(store, 1).await), (7, Some(at(20))));
    assert_eq!(figures(usage(store, 2).await), (1, Some(at(20))));
    // Revoked keys keep their figures.
    store.revoke(&record(1).id, at(30), None).await.unwrap();
    assert_eq!(usage(store, 1).await.requests, 7);
}

pub async fn the_last_use_never_goes_back(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    stored(store, 1).await;
    let precise = at(20) + Duration::from_micros(123_457);
    add(store, NODE, 1, &[KeyUse::new(record(1).id, 1, precise)]).await;
    add(store, OTHER, 1, &[used(1, 1, 10)]).await;
    assert_eq!(figures(usage(store, 1).await), (2, Some(precise)));
}

pub async fn a_batch_of_usage_counts_once(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    stored(store, 1).await;
    for sequence in 1..=3 {
        // As after an answer that was lost: it may come again, and while the first is on its way.
        let batch = || UsageBatch::new(NODE, sequence, vec![used(1, 5, 10)]);
        let (first, second) = tokio::join!(store.add_usage(batch()), store.add_usage(batch()));
        assert!(first.is_ok() || second.is_ok());
        add(store, NODE, sequence, &[used(1, 5, 10)]).await;
    }
    add(store, NODE, 1, &[used(1, 5, 10)]).await;
    assert_eq!(usage(store, 1).await.requests, 15);
}

pub async fn the_nodes_count_for_themselves(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    stored(store, 1).await;
    add(store, NODE, 5, &[used(1, 1, 10)]).await;
    // Numbers of one node say nothing of another's, and may have gaps.
    for sequence in [1, 2, 9] {
        add(store, OTHER, sequence, &[used(1, 1, 10)]).await;
    }
    let large = i64::MAX.unsigned_abs();
    add(store, large, 1, &[used(1, 1, 10)]).await;
    assert_eq!(usage(store, 1).await.requests, 5);
    let written = async |node| store.usage(node, vec![record(1).id]).await.unwrap().written;
    assert_eq!((written(NODE).await, written(OTHER).await, written(large).await), (5, 9, 1));
}

pub async fn uses_of_keys_that_are_not_there_are_dropped(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    stored(store, 1).await;
    add(store, NODE, 1, &[used(9, 5, 10), used(1, 2, 10)]).await;
    assert_eq!((usage(store, 9).await.requests, usage(store, 1).await.requests), (0, 2));
    // A key that comes later begins with nothing.
    stored(store, 9).await;
    assert_eq!(figures(usage(store, 9).await), (0, None));
}

pub async fn usage_says_how_far_it_goes(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    for number in 1..=3 {
        stored(store, number).await;
    }
    let ids: Vec<KeyId> = (1..=3).map(|number| record(number).id).collect();
    let nothing = store.usage(NODE, ids.clone()).await.unwrap();
    assert_eq!((nothing.written, nothing.keys.len()), (0, 0));
    add(store, NODE, 1, &[used(1, 1, 10)]).await;
    add(store, NODE, 2, &[used(3, 3, 10)]).await;
    add(store, OTHER, 1, &[used(3, 4, 10)]).await;
    let mut stored = store.usage(NODE, ids).await.unwrap();
    stored.keys.sort_by(|(a, _), (b, _)| a.cmp(b));
    let figures: Vec<_> = stored.keys.iter().map(|(id, usage)| (id, usage.requests)).collect();
    assert_eq!(figures, [(&record(1).id, 1), (&record(3).id, 7)]);
    assert_eq!(stored.written, 2);
    // An empty batch is one, and no key is asked for.
    add(store, NODE, 3, &[]).await;
    let empty = store.usage(NODE, Vec::new()).await.unwrap();
    assert_eq!((empty.written, empty.keys.len()), (3, 0));
}

pub async fn many_keys_are_one_batch(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    let mut uses = Vec::new();
    for number in 0..100 {
        stored(store, number).await;
        uses.push(used(number, u64::from(number) + 1, 10));
    }
    add(store, NODE, 1, &uses).await;
    let ids = uses.iter().map(|used| used.id.clone()).collect();
    let stored = store.usage(NODE, ids).await.unwrap();
    let sum: u64 = stored.keys.iter().map(|(_, usage)| usage.requests).sum();
    assert_eq!((stored.keys.len(), sum), (100, 5_050));
}

/// The beginning of an hour, counted from one that the other times here do not lie in.
fn hour(number: u64) -> u64 {
    // 1,700,000,000 is 800 seconds into an hour.
    7_200 - 800 + number * 3_600
}

async fn hours(store: &impl KeyStore, number: u8, since: u64) -> StoredHours {
    let mut stored = store.hourly_usage(NODE, record(number).id, at(since)).await.unwrap();
    stored.hours.sort_unstable();
    stored
}

pub async fn requests_are_counted_by_the_hour(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    stored(store, 1).await;
    stored(store, 2).await;
    assert_eq!(hours(store, 1, 0).await, StoredHours::default());
    add(store, NODE, 1, &[used(1, 3, hour(0)), used(2, 1, hour(1))]).await;
    add(store, NODE, 2, &[used(1, 4, hour(1) - 1), used(2, 2, hour(1))]).await;
    add(store, NODE, 3, &[used(1, 5, hour(1))]).await;
    add(store, NODE, 4, &[used(1, 6, hour(23) + 1)]).await;
    // Late, and of an hour before.
    add(store, NODE, 5, &[used(1, 7, hour(1) + 3_599), used(9, 1, hour(1))]).await;
    let expected =
        [(0, 7), (1, 12), (23, 6)].map(|(number, requests)| (at(hour(number)), requests));
    assert_eq!(hours(store, 1, 0).await, StoredHours::new(5, expected.to_vec()));
    assert_eq!(hours(store, 1, hour(1)).await.hours, expected[1..]);
    assert_eq!(hours(store, 1, hour(23) + 1).await, StoredHours::new(5, Vec::new()));
    assert_eq!(hours(store, 2, 0).await.hours, [(at(hour(1)), 3)]);
    // Of a key that is not there.
    assert_eq!(hours(store, 9, 0).await.hours, []);
    assert_eq!(usage(store, 1).await.requests, 25);
}

pub async fn an_hour_has_every_node_and_no_batch_twice(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    stored(store, 1).await;
    for sequence in [1, 1, 2, 2, 1] {
        add(store, NODE, sequence, &[used(1, 5, hour(0))]).await;
    }
    add(store, OTHER, 1, &[used(1, 100, hour(0))]).await;
    let expected = StoredHours::new(2, vec![(at(hour(0)), 110)]);
    assert_eq!(hours(store, 1, 0).await, expected);
    // One that is as full as can be, which is not the same in every store.
    add(store, NODE, 3, &[used(1, u64::MAX, hour(0))]).await;
    add(store, NODE, 4, &[used(1, u64::MAX, hour(0))]).await;
    let full = hours(store, 1, 0).await.hours.first().map(|(_, requests)| *requests);
    assert!(full >= Some(i64::MAX.unsigned_abs()), "{full:?}");
}

pub async fn a_clock_that_runs_fast_takes_nobodys_hours(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    stored(store, 1).await;
    stored(store, 2).await;
    // By the clock here: a store may sweep out what is old by its own.
    let now = SystemClock.wall().duration_since(at(0)).unwrap().as_secs();
    let (running, fast) = (used(1, 3, now), now + 1_000 * 86_400);
    add(store, NODE, 1, std::slice::from_ref(&running)).await;
    // Its own figures neither.
    add(store, OTHER, 1, &[used(1, 4, fast), used(2, 5, fast)]).await;
    add(store, NODE, 2, std::slice::from_ref(&running)).await;
    let first = hours(store, 1, now - 3_600).await.hours.into_iter().next();
    assert_eq!(first, Some((running.hour(), 6)));
}

pub async fn usage_is_no_change(store: &impl KeyStore) {
    if !store.keeps_usage() {
        return;
    }
    let before = stored(store, 1).await;
    let feed = store.subscribe().await.unwrap();
    if let Some(mut feed) = feed {
        heard(store, &mut feed, 1).await;
        add(store, NODE, 1, &[used(1, 1, 10)]).await;
        add(store, NODE, 2, &[used(1, 1, 20)]).await;
        // A node that heard of it would look up every key in use, every second.
        assert_eq!(heard(store, &mut feed, 2).await, []);
    }
    add(store, NODE, 3, &[used(1, 1, 30)]).await;
    assert_eq!(found(store, &before.id).await, before);
}
