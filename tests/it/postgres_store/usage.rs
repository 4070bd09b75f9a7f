use keygate::KeyId;
use keygate::store::{KeyStore, KeyUse, UsageBatch};

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
