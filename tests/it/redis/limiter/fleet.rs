//! X2, L1, L2: several nodes on one Redis admit together what one admits alone.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keygate::Limit;
use tokio::task::JoinSet;

use super::*;
use crate::support::redis::{Database, ask, database};
use crate::support::size;

const NODES: usize = 3;

/// Nodes of their own connections, each with this limit.
async fn nodes(database: &Database, layer: impl Fn() -> RateLimitLayer) -> Vec<RateLimitLayer> {
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(layer().limiter(patient(database.url()).await));
    }
    nodes
}

/// How many of so many requests are admitted, sent to the nodes by 16 clients at once.
async fn admitted(nodes: &[RateLimitLayer], requests: usize) -> u64 {
    let admitted = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for client in 0..16 {
        let (node, admitted) = (nodes[client % NODES].clone(), Arc::clone(&admitted));
        clients.spawn(async move {
            for _ in 0..requests / 16 {
                let answer = call(&node, "acme").await;
                assert!(matches!(answer.status, 200 | 429), "{answer:?}");
                admitted.fetch_add(u64::from(answer.status == 200), Ordering::Relaxed);
            }
        });
    }
    clients.join_all().await;
    admitted.load(Ordering::Relaxed)
}

/// By the clock that counts, in microseconds.
async fn now(database: &Database) -> u64 {
    let [seconds, micros]: [u64; 2] =
        ask::<Vec<u64>>(database.url(), &["TIME"]).await.try_into().unwrap();
    seconds * 1_000_000 + micros
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x2_three_nodes_share_one_burst_to_the_last_request() {
    let Some(database) = database().await else { return };
    let nodes = nodes(&database, || RateLimitLayer::per_key(Quota::per_hour(500))).await;
    let began = now(&database).await;
    let admitted = admitted(&nodes, size(32_000, 1_600)).await;
    // One more comes back in 7.2 s.
    let came_back = (now(&database).await - began) / 7_200_000;
    assert!((500..=500 + came_back).contains(&admitted), "{admitted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x2_l1_in_any_time_three_nodes_admit_burst_and_rate_and_no_less() {
    let Some(database) = database().await else { return };
    let quota = Quota::per_second(500).burst(50);
    let nodes = nodes(&database, || RateLimitLayer::per_key(quota)).await;
    let began = now(&database).await;
    let admitted = admitted(&nodes, size(100_000, 8_000)).await;
    let took = now(&database).await - began;
    let most = 50 + took * 500 / 1_000_000;
    assert!(admitted <= most, "{admitted} of {most} in {took} µs");
    // They ask far more often than that: little is left over. Each asks again once the memory of
    // its refusal is over, which is a moment later.
    assert!(admitted * 10 >= most * 7, "{admitted} of {most} in {took} µs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x2_several_limits_are_charged_all_or_none_by_all_nodes() {
    let Some(database) = database().await else { return };
    let layer = || {
        RateLimitLayer::per_key(Quota::per_hour(1_000))
            .and(Limit::per_account(Quota::per_hour(70)))
            .and(Limit::global(Quota::per_hour(900)))
    };
    let nodes = nodes(&database, layer).await;
    let first = admitted(&nodes, 1_600).await;
    assert!((70..=71).contains(&first), "{first}");
    // What the account's limit refused was charged to none: the others have as much left as that.
    for (name, quota) in [
        ("keygate:k:default:{a:acme}:key_test_util", Quota::per_hour(1_000)),
        ("keygate:g:global:{g}", Quota::per_hour(900)),
    ] {
        let state: Vec<u8> = ask(database.url(), &["GET", name]).await;
        let gone = f64::from_le_bytes(state[8..16].try_into().unwrap());
        let requests = Duration::from_secs_f64(gone / 1e9).div_duration_f64(quota.interval());
        assert!(requests > 0.0 && requests <= 71.0, "{name}: {requests} of {first}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x2_with_leases_three_nodes_admit_at_most_what_they_hold_beyond_that() {
    let Some(database) = database().await else { return };
    let (quota, lease) = (Quota::per_second(2_000).burst(400), NonZeroU32::new(50).unwrap());
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        let limiter = patient(database.url()).await.lease(lease);
        nodes.push(RateLimitLayer::per_key(quota).limiter(limiter));
    }
    let began = now(&database).await;
    let requests = size(300_000, 16_000);
    let admitted = admitted(&nodes, requests).await;
    let took = now(&database).await - began;
    let exact = 400 + took * 2_000 / 1_000_000;
    assert!(admitted <= exact + 150, "{admitted}, exactly {exact}, in {took} µs");
    assert!(admitted * 10 >= exact * 7, "{admitted}, exactly {exact}, in {took} µs");
}

#[tokio::test]
async fn l2_a_client_that_sleeps_exactly_retry_after_is_admitted_on_any_node() {
    let Some(database) = database().await else { return };
    // The wait in whole seconds is at least one: as many buckets as can wait at once.
    let mut clients = JoinSet::new();
    let quota = Quota::per_minute(50).burst(2);
    let nodes = nodes(&database, || RateLimitLayer::per_account(quota)).await;
    for client in 0..size(1_000, 50) {
        let nodes = nodes.clone();
        clients.spawn(async move {
            let account = format!("acct_{client}");
            for node in &nodes[..2] {
                assert_eq!(call(node, &account).await.status, 200);
            }
            let refused = call(&nodes[client % NODES], &account).await;
            assert_eq!(refused.status, 429);
            let wait = refused.wait.expect("a wait");
            assert!((1..=2).contains(&wait), "{wait}");
            tokio::time::sleep(Duration::from_secs(wait)).await;
            let again = call(&nodes[(client + 1) % NODES], &account).await;
            assert_eq!(again.status, 200, "after {wait} s");
        });
    }
    clients.join_all().await;
}
