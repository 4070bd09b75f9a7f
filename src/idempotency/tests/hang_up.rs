//! I1, I3: requests side by side, and clients that go.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use http::Method;
use http_body::Frame;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::fixture::{LEASE, Stack, request, send};
use crate::test_util::Fault;
use crate::{AuthLayer, IdempotencyLayer, Idempotent};

const ORDER: &str = r#"{"answer":"created"}"#;

#[tokio::test]
async fn i1_a_thousand_at_once_run_once() {
    let stack = Stack::new().await;
    let app = stack.app();
    let mut callers = JoinSet::new();
    for _ in 0..1_000 {
        let (app, request) = (app.clone(), stack.waiting_request("k", "created"));
        callers.spawn(async move { send(&app, request).await });
    }
    stack.bench.waiting.acquire().await.unwrap().forget();
    let mut answers = Vec::new();
    while answers.len() < 999 {
        answers.push(callers.join_next().await.unwrap().unwrap());
    }
    for answer in answers {
        assert_eq!(answer.status, 409);
        assert!(answer.body.contains(r#""type":"idempotency","code":"in_progress""#));
        assert_eq!(answer.headers["retry-after"], "1");
    }
    stack.bench.gate.add_permits(1);
    assert_eq!(callers.join_next().await.unwrap().unwrap().status, 201);
    assert_eq!((stack.runs(), stack.store.leases()), (1, 1), "and the store was asked once");
    let again = send(&app, stack.waiting_request("k", "created")).await;
    assert_eq!((again.status, again.body.as_str()), (201, r#"{"run":1}"#));
    assert_eq!(stack.layer.config().keeper.flights.len(), 0, "nothing is left of them");
}

#[tokio::test]
async fn i1_a_thousand_retries_of_a_finished_one_are_replays() {
    let stack = Stack::new().await;
    stack.order("k", "created").await;
    stack.store.set(Fault::Hold);
    let mut callers = JoinSet::new();
    for _ in 0..1_000 {
        let (app, request) = (stack.app(), stack.request(Method::POST, &["k"], "created"));
        callers.spawn(async move { send(&app, request).await });
    }
    stack.asked_for(2).await;
    stack.store.set(Fault::None);
    for answer in callers.join_all().await {
        assert_eq!((answer.status, answer.body.as_str()), (201, r#"{"run":1}"#));
    }
    assert_eq!(stack.runs(), 1);
}

#[tokio::test]
async fn i1_another_request_under_a_key_in_use_is_422() {
    let stack = Stack::new().await;
    let running = tokio::spawn({
        let (app, request) = (stack.app(), stack.waiting_request("k", "created"));
        async move { send(&app, request).await }
    });
    stack.bench.waiting.acquire().await.unwrap().forget();
    assert_eq!(stack.order("k", "created").await.status, 422);
    assert_eq!(stack.order("other", "created").await.status, 201);
    stack.bench.gate.add_permits(1);
    assert_eq!(running.await.unwrap().status, 201);
}

/// Drops the request as soon as its handler waits.
async fn hang_up(stack: &Stack, key: &str, answer: &str) {
    let request = stack.waiting_request(key, answer);
    let sending = tokio::spawn(stack.app().oneshot(request));
    stack.bench.waiting.acquire().await.unwrap().forget();
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn i3_a_client_that_hangs_up_does_not_stop_the_handler_and_gets_its_answer_later() {
    let stack = Stack::new().await;
    hang_up(&stack, "k", "created").await;
    let retry = || send_waiting(&stack, "k", "created");
    assert_eq!(retry().await.status, 409, "it runs");
    stack.bench.gate.add_permits(1);
    stack.layer.shutdown().await;
    let answer = retry().await;
    assert_eq!((answer.status, answer.body.as_str()), (201, r#"{"run":1}"#));
    assert_eq!(answer.headers["idempotent-replayed"], "true");
    assert_eq!(stack.runs(), 1);
}

async fn send_waiting(stack: &Stack, key: &str, answer: &str) -> super::fixture::Answer {
    send(&stack.app(), stack.waiting_request(key, answer)).await
}

#[tokio::test]
async fn i3_what_is_not_kept_of_an_answer_that_nobody_waits_for_frees_the_key() {
    let stack = Stack::new().await;
    for order in ["invalid", "panic"] {
        hang_up(&stack, order, order).await;
        stack.bench.gate.add_permits(1);
        stack.layer.shutdown().await;
        stack.bench.gate.add_permits(1);
        let runs = stack.runs();
        send_waiting(&stack, order, order).await;
        assert_eq!(stack.runs(), runs + 1, "{order}");
        stack.bench.waiting.acquire().await.unwrap().forget();
    }
}

#[tokio::test]
async fn i3_hanging_up_while_the_store_is_asked_runs_the_handler_once() {
    let stack = Stack::new().await;
    stack.store.set(Fault::Hold);
    let sending = tokio::spawn(stack.app().oneshot(stack.request(Method::POST, &["k"], "created")));
    stack.asked_for(1).await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    stack.store.set(Fault::None);
    stack.layer.shutdown().await;
    assert_eq!(stack.runs(), 1);
    assert_eq!(stack.order("k", "created").await.body, r#"{"run":1}"#);
}

/// A body whose first byte never comes. It says when somebody waits for it.
struct Unending(Arc<Notify>);

impl http_body::Body for Unending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.notify_one();
        Poll::Pending
    }
}

#[tokio::test]
async fn i3_hanging_up_before_the_body_is_there_runs_nothing() {
    let stack = Stack::new().await;
    let reading = Arc::new(Notify::new());
    let body = Body::new(Unending(Arc::clone(&reading)));
    let sending =
        tokio::spawn(stack.app().oneshot(request(&stack.key, Method::POST, &["k"], body)));
    reading.notified().await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    stack.layer.shutdown().await;
    assert_eq!((stack.runs(), stack.store.leases()), (0, 0));
    assert_eq!(stack.order("k", "created").await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn i3_the_lease_is_renewed_for_as_long_as_the_handler_runs() {
    let stack = Stack::new().await;
    hang_up(&stack, "k", "created").await;
    // Another process on the same store sees it held, and it knows nothing of this one.
    let other = IdempotencyLayer::new(stack.store.clone());
    let other = stack.app_with(&other);
    for _ in 0..20 {
        // Just less than is left after a renewal, which takes place after a third.
        stack.clock.advance(LEASE / 3);
        tokio::time::sleep(LEASE / 3 + Duration::from_millis(1)).await;
        let answer = send(&other, stack.waiting_request("k", "created")).await;
        assert_eq!(answer.status, 409);
    }
    stack.bench.gate.add_permits(1);
    stack.layer.shutdown().await;
    let answer = send(&other, stack.waiting_request("k", "created")).await;
    assert_eq!((answer.body.as_str(), stack.runs()), (r#"{"run":1}"#, 1));
}

/// Lets a busy handler go on its end, also where the test fails.
struct Release(Arc<AtomicBool>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Waits until there are more renewals than so many, and says how many.
async fn renewed_after(stack: &Stack, before: usize) -> usize {
    let asked = Instant::now();
    loop {
        let renewed = stack.store.renewals();
        if renewed > before {
            return renewed;
        }
        assert!(asked.elapsed() < Duration::from_secs(30), "it is not renewed");
        tokio::task::yield_now().await;
    }
}

/// Keeps its thread busy until it is told otherwise.
fn spin(done: &AtomicBool) {
    while !done.load(Ordering::SeqCst) {
        std::hint::spin_loop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_a_handler_that_keeps_its_thread_busy_keeps_its_lease() {
    let stack = Stack::with(|layer| layer.lease(Duration::from_secs(1))).await;
    let (begun, done) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicBool::new(false)));
    let busy = {
        let (begun, done) = (Arc::clone(&begun), Arc::clone(&done));
        post(async move |_: Idempotent<Bytes>| {
            begun.add_permits(1);
            spin(&done);
        })
    };
    let routes = Router::new().route("/orders", busy).layer(stack.layer.clone());
    let app = routes.layer(AuthLayer::new(stack.fixture.keys.clone()));
    let done = Release(done);
    let request = || request(&stack.key, Method::POST, &["k"], ORDER);
    let sending = tokio::spawn(app.oneshot(request()));
    begun.acquire().await.unwrap().forget();
    let other = stack.app_with(&IdempotencyLayer::new(stack.store.clone()));
    let mut renewed = stack.store.renewals();
    for _ in 0..3 {
        // Each renewal is for as long again, by a clock that does not stand.
        stack.clock.advance(Duration::from_millis(900));
        renewed = renewed_after(&stack, renewed).await;
        assert_eq!(send(&other, request()).await.status, 409);
    }
    drop(done);
    assert_eq!(sending.await.unwrap().unwrap().status(), 200);
}
