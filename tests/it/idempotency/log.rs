//! What an operator reads: a line when something changes, never one for each request.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use keygate::idempotency::{IdempotencyLayer, MemoryIdempotencyStore};
use keygate::store::MemoryStore;
use keygate::test_util::{Fault, FaultyStore};
use keygate::{AuthLayer, ManualClock, Mode, NewKey};

use super::node::keyring;
use super::service::Service;
use crate::support::{Lines, becomes, post as post_call};

fn store() -> FaultyStore<MemoryIdempotencyStore> {
    FaultyStore::new(MemoryIdempotencyStore::new())
}

#[tokio::test]
async fn i6_a_store_that_fails_and_works_again_leaves_two_lines() {
    let (lines, _guards) = Lines::kept();
    let store = store();
    let service = Service::patient(&store, 1).await;
    service.bench.gate.add_permits(100);
    for round in 1..=2 {
        store.set(Fault::Fail);
        for key in ["a", "b", "c", "d", "e"] {
            service.send(0, service.order(key)).await.expect(503);
        }
        store.set(Fault::None);
        for key in ["a", "b", "c"] {
            service.send(0, service.order(key)).await.expect(201);
        }
        assert_eq!(lines.with("the store of idempotency keys failed"), round);
        assert_eq!(lines.with("the store of idempotency keys works again"), round);
    }
    // What is precise stands in the line of each request.
    assert_eq!(lines.with("idempotency_store_failed"), 10);
}

#[tokio::test]
async fn i3_what_goes_on_without_its_client_is_logged_with_its_request() {
    let (lines, _guards) = Lines::kept();
    let service = Service::patient(&store(), 1).await;
    let (app, call) = (service.nodes[0].clone(), service.order("k"));
    let sending = tokio::spawn(async move { call.send(&app).await });
    service.bench.begun.acquire().await.unwrap().forget();
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    service.bench.gate.add_permits(1);
    service.layers[0].shutdown().await;
    let text = lines.text();
    let line = text.lines().find(|line| line.contains("finished after the client had hung up"));
    let line = line.expect("it is told");
    assert!(line.contains("status=201") && line.contains("request_id="), "{line}");
}

#[tokio::test]
async fn i2_a_lease_that_was_lost_is_told_once() {
    for is_renewed_meanwhile in [true, false] {
        let (lines, _guards) = Lines::kept();
        let clock = ManualClock::new();
        let store = MemoryIdempotencyStore::new().with_clock(clock.clone());
        let store = FaultyStore::new(store);
        // Long enough for no renewal to come, or for one to come soon.
        let lease = Duration::from_secs(if is_renewed_meanwhile { 1 } else { 3_600 });
        let told = |layer: IdempotencyLayer| layer.lease(lease).deadline(Duration::from_secs(30));
        let service = Service::on(&store, 2, told).await;
        let begin = |node: usize| {
            let (app, call) = (service.nodes[node].clone(), service.order("k"));
            tokio::spawn(async move { call.send(&app).await })
        };
        let slow = begin(0);
        service.bench.begun.acquire().await.unwrap().forget();
        clock.advance(lease);
        let other = begin(1);
        service.bench.begun.acquire().await.unwrap().forget();
        let is_told = async || lines.with("a lease was not renewed in time");
        if is_renewed_meanwhile {
            becomes(&1, is_told).await;
        }
        // The slow one is the first to wait.
        service.bench.gate.add_permits(1);
        slow.await.unwrap().expect(201);
        assert_eq!(is_told().await, 1);
        service.bench.gate.add_permits(1);
        other.await.unwrap().expect(201);
        assert_eq!(is_told().await, 1);
    }
}

#[tokio::test]
async fn a_handler_that_ignores_idempotency_keys_is_told_of_once() {
    let (lines, _guards) = Lines::kept();
    let keys = keyring(MemoryStore::new());
    let issued = keys.issue(NewKey::named("shop").mode(Mode::Test)).await.unwrap();
    let app = Router::new()
        .route("/orders", post(async || "done"))
        .layer(IdempotencyLayer::new(store()))
        .layer(AuthLayer::new(keys));
    let call = || post_call("/orders").bearer(issued.key().expose());
    call().send(&app).await.expect(200);
    post_call("/nothing").header("idempotency-key", "k").send(&app).await.expect(401);
    assert_eq!(lines.with("ignores idempotency keys"), 0);
    for _ in 0..3 {
        call().header("idempotency-key", "k").send(&app).await.expect(200);
    }
    assert_eq!(lines.with("ignores idempotency keys"), 1);
}
