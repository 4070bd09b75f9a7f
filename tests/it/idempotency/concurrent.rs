//! I1: a thousand requests at once, over several nodes on one store.

use std::time::Duration;

use keygate::idempotency::{IdempotencyStore, MemoryIdempotencyStore, RedisIdempotencyStore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::service::Service;
use crate::postgres_store::fresh;
use crate::support::{Answer, Folder, redis};

/// By when anything that must happen has happened, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

const NODES: usize = 4;

/// One runs, the others are told so; afterwards all get its answer. Says how long both took.
async fn a_thousand_at_once_run_once<S: IdempotencyStore + Clone>(store: &S) -> String {
    let service = Service::patient(store, NODES).await;
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for number in 0..1_000 {
        let (app, call) = (service.nodes[number % NODES].clone(), service.order("k"));
        callers.spawn(async move { call.send(&app).await });
    }
    // All but the one that waits.
    for _ in 0..999 {
        let answer = next(&mut callers).await.expect(409);
        assert_eq!(answer.json()["error"]["code"], "in_progress");
    }
    let told = began.elapsed();
    assert_eq!(service.runs(), 1);
    service.bench.gate.add_permits(1);
    let first = next(&mut callers).await.expect(201);
    assert_eq!(first.body, b"order 1: two of them");

    let began = Instant::now();
    for number in 0..1_000 {
        let (app, call) = (service.nodes[number % NODES].clone(), service.order("k"));
        callers.spawn(async move { call.send(&app).await });
    }
    for answer in callers.join_all().await {
        assert_eq!((answer.status, &answer.body), (201, &first.body));
        assert_eq!(answer.header("idempotent-replayed"), "true");
    }
    let replayed = began.elapsed();
    assert_eq!(service.runs(), 1);
    format!("999 refused in {told:?}, 1,000 replayed in {replayed:?}, 1 execution")
}

/// The next answer. A second run would wait at the gate as the first one does, and never be one.
async fn next(callers: &mut JoinSet<Answer>) -> Answer {
    let answer = timeout(PATIENCE, callers.join_next()).await.expect("only one runs");
    answer.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_in_memory_a_thousand_at_once_run_once() {
    println!("memory: {}", a_thousand_at_once_run_once(&MemoryIdempotencyStore::new()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_in_sqlite_a_thousand_at_once_run_once() {
    let folder = Folder::new();
    println!("sqlite: {}", a_thousand_at_once_run_once(&folder.store().await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_in_postgres_a_thousand_at_once_run_once() {
    let Some(fresh) = fresh().await else { return };
    println!("postgres: {}", a_thousand_at_once_run_once(&fresh.store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_in_redis_a_thousand_at_once_run_once() {
    let Some(database) = redis::database().await else { return };
    let store = RedisIdempotencyStore::connect(database.url()).await.unwrap();
    println!("redis: {}", a_thousand_at_once_run_once(&store).await);
}
