//! I6: a store that fails, hangs or is late, at each of its questions.

use std::time::Duration;

use axum::Router;
use http::Method;
use tokio::time::Instant;

use super::fixture::{LEASE, Stack, send};
use crate::IdempotencyLayer;
use crate::test_util::Fault;

const DEADLINE: Duration = Duration::from_millis(250);

async fn stack() -> Stack {
    Stack::with(|layer| layer.deadline(DEADLINE)).await
}

#[tokio::test(start_paused = true)]
async fn i6_while_the_store_fails_or_hangs_keyed_requests_are_503_and_nothing_runs() {
    let stack = stack().await;
    // Its own look-up, which has a deadline as well, is not what this is about.
    assert_eq!(stack.order("before", "created").await.status, 201);
    for fault in [Fault::Fail, Fault::Hang, Fault::Panic, Fault::Late(2 * DEADLINE)] {
        stack.store.set(fault.clone());
        let began = Instant::now();
        let answer = stack.order("k", "created").await;
        assert_eq!(answer.status, 503, "{fault:?}");
        assert!(answer.body.contains(r#""type":"unavailable","code":"unavailable""#));
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(began.elapsed() <= DEADLINE + Duration::from_millis(20), "{fault:?}");
        let unkeyed = send(&stack.app(), stack.request(Method::POST, &[], "nothing")).await;
        assert_eq!(unkeyed.status, 204, "without a key nobody asks the store");
    }
    assert_eq!(stack.runs(), 1 + 4);
    stack.store.set(Fault::None);
    // What came too late is given back.
    stack.layer.shutdown().await;
    assert_eq!(stack.order("k", "created").await.status, 201);
}

#[tokio::test]
async fn a_deadline_that_never_comes_refuses_nobody() {
    let stack = Stack::with(|layer| layer.deadline(Duration::MAX)).await;
    assert_eq!(stack.order("k", "created").await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn i6_a_lease_that_comes_too_late_or_unheard_is_given_back() {
    let stack = stack().await;
    for (key, fault) in [("late", Fault::Late(3 * DEADLINE)), ("swallowed", Fault::Swallow)] {
        stack.store.set(fault);
        assert_eq!(stack.order(key, "created").await.status, 503);
        stack.store.set(Fault::None);
        stack.layer.shutdown().await;
        assert_eq!(stack.order(key, "created").await.status, 201, "{key}");
    }
    assert_eq!(stack.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn i6_a_store_that_hangs_is_not_asked_by_everybody_at_once() {
    let stack = stack().await;
    stack.store.set(Fault::Hang);
    let mut callers = tokio::task::JoinSet::new();
    let began = Instant::now();
    for number in 0..1_000 {
        let (app, key) = (stack.app(), format!("k{number}"));
        let request = stack.request(Method::POST, &[&key], "created");
        callers.spawn(async move { send(&app, request).await.status });
    }
    assert!(callers.join_all().await.iter().all(|status| *status == 503));
    assert!(began.elapsed() <= DEADLINE + Duration::from_millis(20));
    assert_eq!((stack.store.leases(), stack.runs()), (256, 0));
}

#[tokio::test(start_paused = true)]
async fn i2_an_answer_that_the_store_does_not_take_at_once_is_kept_when_it_is_back() {
    let stack = stack().await;
    let began = Instant::now();
    assert_eq!(stack.order("k", "fail the store").await.status, 201, "the client has its answer");
    assert!(began.elapsed() <= DEADLINE + Duration::from_millis(20));
    assert_eq!(stack.order("k", "fail the store").await.status, 409, "and nobody runs it again");
    // Longer than the lease: it would have ended.
    stack.clock.advance(2 * LEASE);
    tokio::time::sleep(2 * LEASE).await;
    stack.store.set(Fault::None);
    stack.layer.shutdown().await;
    let answer = stack.order("k", "fail the store").await;
    assert_eq!((answer.status, answer.body.as_str()), (201, r#"{"run":1}"#));
    assert_eq!(stack.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn i2_it_is_tried_for_ten_leases_and_then_given_up() {
    let stack = stack().await;
    stack.order("k", "fail the store").await;
    let began = Instant::now();
    stack.layer.shutdown().await;
    let took = began.elapsed();
    assert!(took >= 10 * LEASE && took <= 10 * LEASE + 2 * Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn i2_who_has_lost_the_lease_does_not_overwrite_the_answer_of_who_took_it() {
    let stack = stack().await;
    let other = stack.app_with(&IdempotencyLayer::new(stack.store.clone()));
    let begin = |app: &Router| {
        let (app, request) = (app.clone(), stack.waiting_request("k", "created"));
        tokio::spawn(async move { send(&app, request).await })
    };
    let slow = begin(&stack.app());
    stack.bench.waiting.acquire().await.unwrap().forget();
    // Its process stands still: nothing is renewed.
    stack.clock.advance(LEASE);
    let second = begin(&other);
    stack.bench.waiting.acquire().await.unwrap().forget();
    // First come, first served.
    stack.bench.gate.add_permits(1);
    assert_eq!(slow.await.unwrap().body, r#"{"run":1}"#, "its own client gets its own answer");
    stack.bench.gate.add_permits(1);
    assert_eq!(second.await.unwrap().body, r#"{"run":2}"#);
    for app in [stack.app(), other] {
        let answer = send(&app, stack.waiting_request("k", "created")).await;
        assert_eq!(answer.body, r#"{"run":2}"#);
    }
}
