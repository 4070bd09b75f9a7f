//! What SQLite could get wrong about sums.

use std::time::{Duration, SystemTime};

use keygate::store::{KeyStore, KeyUse, UsageBatch};
use keygate::{Clock, SystemClock};

use super::{at, id, sql, with_two};
use crate::support::Folder;

#[tokio::test]
async fn sums_stay_within_what_sqlite_can_count() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    for sequence in 1..=3 {
        let batch = UsageBatch::new(u64::MAX, sequence, vec![KeyUse::new(id(1), u64::MAX, at(1))]);
        store.add_usage(batch).await.unwrap();
    }
    let stored = store.usage(u64::MAX, vec![id(1), id(2)]).await.unwrap();
    assert_eq!(stored.written, 3);
    let [(key, usage)] = &stored.keys[..] else { panic!("{stored:?}") };
    assert_eq!((key, usage.requests), (&id(1), i64::MAX.cast_unsigned()));
}

#[tokio::test]
async fn a_batch_counts_once_and_only_forward() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let batch = |sequence, requests, seconds| {
        let (used, gone) = (id(1), id(9));
        let keys = vec![KeyUse::new(used, requests, at(seconds)), KeyUse::new(gone, 1, at(1))];
        UsageBatch::new(7, sequence, keys)
    };
    for (sequence, requests, seconds) in [(1, 2, 10), (1, 2, 10), (2, 3, 5), (1, 9, 99)] {
        store.add_usage(batch(sequence, requests, seconds)).await.unwrap();
    }
    let stored = store.usage(7, vec![id(1), id(9)]).await.unwrap();
    assert_eq!((stored.written, stored.keys.len()), (2, 1), "keys that are gone have no usage");
    assert_eq!((stored.keys[0].1.requests, stored.keys[0].1.last_used_at), (5, Some(at(10))));
    assert_eq!(store.usage(8, vec![]).await.unwrap().written, 0, "of another node");
}

#[tokio::test]
async fn usage_goes_with_its_key_and_numbers_after_a_day() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let batch = |node| UsageBatch::new(node, 1, vec![KeyUse::new(id(1), 1, at(1))]);
    store.add_usage(batch(1)).await.unwrap();
    sql(&store, "DELETE FROM keygate_keys WHERE id = 'key_1'").await;
    assert!(store.usage(1, vec![id(1)]).await.unwrap().keys.is_empty());
    sql(&store, "UPDATE keygate_usage_nodes SET written_at = written_at - 86401000000").await;
    store.add_usage(batch(2)).await.unwrap();
    assert_eq!(super::number(&store, "SELECT count(*) FROM keygate_usage_nodes").await, 1);
}

#[tokio::test]
async fn hours_are_swept_out_after_two_days_and_go_with_their_key() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let add = async |node, times: &[SystemTime]| {
        let uses = times.iter().zip(1..).map(|(used, key)| KeyUse::new(id(key), 1, *used));
        store.add_usage(UsageBatch::new(node, 1, uses.collect())).await.unwrap();
    };
    let hours = async || super::number(&store, "SELECT count(*) FROM keygate_usage_hours").await;
    let now = SystemClock::default().wall();
    let earlier = "INSERT INTO keygate_usage_hours \
        SELECT 'key_1', (unixepoch() - column1 * 3600) * 1000000, 1 FROM (VALUES (1), (49), (99))";
    sql(&store, earlier).await;
    // A clock that is slow sweeps out nothing, and one that is fast nothing that is young.
    add(1, &[at(7_200)]).await;
    assert_eq!(hours().await, 4);
    add(2, &[now + Duration::from_hours(24 * 365)]).await;
    assert_eq!(hours().await, 2);
    add(3, &[now, now - Duration::from_hours(50)]).await;
    assert_eq!(hours().await, 3, "what is old already is not written");
    let of_two = store.usage(3, vec![id(2)]).await.unwrap();
    assert_eq!(of_two.keys[0].1.requests, 1);
    sql(&store, "DELETE FROM keygate_keys WHERE id = 'key_1'").await;
    assert_eq!(hours().await, 0);
}
