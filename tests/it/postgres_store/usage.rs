use std::time::{Duration, SystemTime};

use keygate::store::{KeyStore, KeyUse, UsageBatch};
use keygate::{Clock, KeyId, SystemClock};

use super::{at, fresh};

fn batch(node: u64, sequence: u64, requests: u64) -> UsageBatch {
    let uses = ["key_2", "key_1", "key_9"].map(|id| KeyId::parse(id).unwrap());
    let uses = uses.map(|id| KeyUse::new(id, requests, at(sequence)));
    UsageBatch::new(node, sequence, uses.into())
}

#[tokio::test]
async fn a_batch_sent_many_times_at_once_counts_once() {
    let Some(fresh) = fresh().await else { return };
    let (one, _) = (fresh.insert(1).await, fresh.insert(2).await);
    let node = u64::MAX - 1;
    let sends = (0..8).map(|_| {
        let store = fresh.store.clone();
        tokio::spawn(async move { store.add_usage(batch(node, 1, 5)).await })
    });
    for send in sends.collect::<Vec<_>>() {
        send.await.unwrap().unwrap();
    }
    let usage = fresh.usage(node, vec![one.id.clone()]).await.unwrap();
    assert_eq!((usage.written, usage.keys[0].1.requests), (1, 5));
    let of_another = fresh.usage(7, vec![one.id]).await.unwrap();
    assert_eq!((of_another.written, of_another.keys[0].1.requests), (0, 5));
}

/// Each node writes the keys in an order of its own: that must not end in a deadlock.
#[tokio::test]
async fn nodes_write_the_same_keys_at_once() {
    let Some(fresh) = fresh().await else { return };
    let (one, _) = (fresh.insert(1).await, fresh.insert(2).await);
    let nodes = (0..8).map(|node| {
        let store = fresh.store.clone();
        tokio::spawn(async move {
            for sequence in 1..=20 {
                let mut batch = batch(node, sequence, 1);
                if node % 2 == 0 {
                    batch.keys.reverse();
                }
                store.add_usage(batch).await.unwrap();
            }
        })
    });
    for node in nodes.collect::<Vec<_>>() {
        node.await.unwrap();
    }
    let usage = fresh.usage(0, vec![one.id]).await.unwrap();
    assert_eq!((usage.written, usage.keys[0].1.requests), (20, 160));
    assert_eq!(usage.keys[0].1.last_used_at, Some(at(20)));
}

#[tokio::test]
async fn counts_stop_at_the_end_of_numbers() {
    let Some(fresh) = fresh().await else { return };
    let id = fresh.insert(1).await.id;
    for sequence in 1..=2 {
        fresh.add_usage(batch(1, sequence, u64::MAX)).await.unwrap();
    }
    let usage = fresh.usage(1, vec![id]).await.unwrap();
    assert_eq!(usage.keys[0].1.requests, i64::MAX.cast_unsigned());
}

#[tokio::test]
async fn nodes_long_gone_and_keys_deleted_leave_nothing() {
    let Some(fresh) = fresh().await else { return };
    fresh.insert(1).await;
    fresh.add_usage(batch(1, 1, 1)).await.unwrap();
    fresh.psql("UPDATE keygate_usage_nodes SET written_at = now() - interval '25 hours'").await;
    fresh.add_usage(batch(2, 1, 1)).await.unwrap();
    assert_eq!(fresh.number("SELECT sum(node)::bigint FROM keygate_usage_nodes").await, 2);
    fresh.psql("DELETE FROM keygate_keys").await;
    assert_eq!(fresh.number("SELECT count(*) FROM keygate_usage").await, 0);
}

#[tokio::test]
async fn hours_are_swept_out_after_two_days_and_go_with_their_key() {
    let Some(fresh) = fresh().await else { return };
    let ids = [fresh.insert(1).await.id, fresh.insert(2).await.id];
    let add = async |node, times: &[SystemTime]| {
        let uses = ids.iter().zip(times).map(|(id, used)| KeyUse::new(id.clone(), 1, *used));
        fresh.add_usage(UsageBatch::new(node, 1, uses.collect())).await.unwrap();
    };
    let hours = async || fresh.number("SELECT count(*) FROM keygate_usage_hours").await;
    let now = SystemClock::default().wall();
    fresh
        .psql(
            "INSERT INTO keygate_usage_hours
             SELECT 'key_1', now() - make_interval(hours => ago), 1
             FROM (VALUES (1), (49), (99)) AS earlier (ago)",
        )
        .await;
    // A clock that is slow sweeps out nothing, and one that is fast nothing that is young.
    add(1, &[at(7_200)]).await;
    assert_eq!(hours().await, 4);
    add(2, &[now + Duration::from_hours(24 * 365)]).await;
    assert_eq!(hours().await, 2);
    add(3, &[now, now - Duration::from_hours(50)]).await;
    assert_eq!(hours().await, 3, "what is old already is not written");
    let of_two = fresh.usage(3, vec![ids[1].clone()]).await.unwrap();
    assert_eq!(of_two.keys[0].1.requests, 1);
    fresh.psql("DELETE FROM keygate_keys WHERE id = 'key_1'").await;
    assert_eq!(hours().await, 0);
    // Nothing is left in a table that was emptied.
    add(4, &[now, now]).await;
    fresh.psql("TRUNCATE keygate_keys").await;
    assert_eq!(hours().await, 0);
}
