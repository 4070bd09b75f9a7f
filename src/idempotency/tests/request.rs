//! Which requests are refused before anything runs, and in which order.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Method;
use http_body::Frame;

use super::fixture::{Stack, request, send, writer};
use crate::auth::tests::fixture::{LinksRead, LinksWrite, UNKNOWN};
use crate::idempotency::IdempotencyLayer;
use crate::{AccountId, KeyUpdate, Mode, NewKey, Scope as _};

/// A body in pieces, of a length that nobody is told. It notes whether anybody reads it.
struct Pieces(VecDeque<io::Result<Bytes>>, Arc<AtomicBool>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.1.store(true, Ordering::SeqCst);
        Poll::Ready(self.0.pop_front().map(|piece| piece.map(Frame::data)))
    }
}

fn pieces<const N: usize>(pieces: [io::Result<&'static str>; N]) -> (Body, Arc<AtomicBool>) {
    let read = Arc::new(AtomicBool::new(false));
    let pieces = pieces.map(|piece| piece.map(Bytes::from)).into();
    (Body::new(Pieces(pieces, Arc::clone(&read))), read)
}

fn watched(bytes: &'static str) -> (Body, Arc<AtomicBool>) {
    pieces([Ok(bytes)])
}

const ORDER: &str = r#"{"answer":"created"}"#;

#[tokio::test]
async fn i7_who_lacks_the_scope_gets_403_for_a_known_key_and_no_byte_is_read() {
    let stack = Stack::with(IdempotencyLayer::per_account).await;
    let account = AccountId::parse("acct_1").unwrap();
    let reader = NewKey::named("reader").mode(Mode::Test).account(account).scope(LinksRead);
    let reader = stack.fixture.issue(reader).await;
    stack.order("done", "created").await;
    let running = tokio::spawn({
        let (app, request) = (stack.app(), stack.waiting_request("running", "created"));
        async move { send(&app, request).await }
    });
    stack.bench.waiting.acquire().await.unwrap().forget();
    for key in ["done", "running", "new", "odd key"] {
        for body in [ORDER, "{}", "{"] {
            let (body, was_read) = watched(body);
            let answer = send(&stack.app(), request(&reader, Method::POST, &[key], body)).await;
            assert_eq!(answer.status, 403, "{key}");
            assert!(answer.body.contains("insufficient_scope"), "{}", answer.body);
            assert!(!answer.headers.contains_key("idempotent-replayed"));
            assert!(!was_read.load(Ordering::SeqCst), "{key}");
        }
    }
    stack.bench.gate.add_permits(1);
    assert_eq!(running.await.unwrap().status, 201);
}

#[tokio::test]
async fn i7_who_has_lost_the_scope_gets_no_replay() {
    let stack = Stack::new().await;
    stack.order("k", "created").await;
    let keys = &stack.fixture.keys;
    let id = keys.verify(&stack.key).await.unwrap().key_id().clone();
    keys.update(&id, KeyUpdate::default().scopes([LinksRead::NAME])).await.unwrap();
    let (body, was_read) = watched(ORDER);
    let answer = send(&stack.app(), request(&stack.key, Method::POST, &["k"], body)).await;
    assert_eq!((answer.status, was_read.load(Ordering::SeqCst)), (403, false));
}

/// The stack's routes behind a layer that does not enforce `links:write` yet.
fn in_shadow_mode(stack: &Stack) -> axum::Router {
    let auth = crate::AuthLayer::new(stack.fixture.keys.clone()).shadow_scope(LinksWrite);
    stack.routes().layer(stack.layer.clone()).layer(auth)
}

#[tokio::test]
async fn i7_who_has_lost_a_scope_in_shadow_mode_gets_the_replay() {
    let stack = Stack::new().await;
    stack.order("k", "created").await;
    let keys = &stack.fixture.keys;
    let id = keys.verify(&stack.key).await.unwrap().key_id().clone();
    keys.update(&id, KeyUpdate::default().scopes([])).await.unwrap();
    let again = || request(&stack.key, Method::POST, &["k"], ORDER);
    let answer = send(&in_shadow_mode(&stack), again()).await;
    assert_eq!((answer.status, &*answer.body), (201, r#"{"run":1}"#));
    assert_eq!(answer.headers["idempotent-replayed"], "true");
    assert_eq!(send(&stack.app(), again()).await.status, 403, "it is enforced here");
}

#[tokio::test]
async fn i7_what_is_enforced_counts_beside_what_is_in_shadow_mode() {
    type Both = crate::AllOf<(LinksRead, LinksWrite)>;
    let stack = Stack::new().await;
    let keys = &stack.fixture.keys;
    let id = keys.verify(&stack.key).await.unwrap().key_id().clone();
    let layered = |routes: axum::Router| {
        let auth = crate::AuthLayer::new(keys.clone()).shadow_scope(LinksWrite);
        routes.layer(stack.layer.clone()).layer(auth)
    };
    let both = async |_: crate::Scoped<Both>, _: crate::Idempotent<Bytes>| "done";
    let open = async |_: crate::Idempotent<Bytes>| "open";
    let guarded = layered(axum::Router::new().route("/orders", axum::routing::post(both)));
    let open = layered(axum::Router::new().route("/orders", axum::routing::post(open)));
    let order = || request(&stack.key, Method::POST, &["k"], ORDER);
    keys.update(&id, KeyUpdate::default().scopes([LinksRead::NAME])).await.unwrap();
    assert_eq!(send(&guarded, order()).await.status, 200);
    assert_eq!(send(&open, order()).await.body, "done");
    keys.update(&id, KeyUpdate::default().scopes([])).await.unwrap();
    assert_eq!(send(&open, order()).await.status, 403, "what was enforced is lost");
}

#[tokio::test]
async fn i7_a_route_that_was_opened_since_does_not_replay_to_who_could_not_have_run_it() {
    let stack = Stack::new().await;
    stack.order("k", "created").await;
    let keys = &stack.fixture.keys;
    let id = keys.verify(&stack.key).await.unwrap().key_id().clone();
    keys.update(&id, KeyUpdate::default().scopes([LinksRead::NAME])).await.unwrap();
    // As after a deployment in which the route asks for no scope any more.
    let open = axum::Router::new()
        .route("/orders", axum::routing::post(async |_: crate::Idempotent<Bytes>| "open"))
        .layer(stack.layer.clone())
        .layer(crate::AuthLayer::new(keys.clone()));
    let answer = send(&open, request(&stack.key, Method::POST, &["k"], ORDER)).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("links:write"), "{}", answer.body);
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope", scope="links:write""#),
        "{challenge}"
    );
    let answer = send(&open, request(&stack.key, Method::POST, &["new"], ORDER)).await;
    assert_eq!((answer.status, &*answer.body), (200, "open"));
}

#[tokio::test]
async fn a_malformed_key_is_400_and_nothing_is_read_or_run() {
    let stack = Stack::new().await;
    let long = "k".repeat(256);
    for keys in [&[""][..], &["a b"], &["a", "a"], &["\"a"], &[&*long]] {
        let (body, was_read) = watched(ORDER);
        let answer = send(&stack.app(), request(&stack.key, Method::POST, keys, body)).await;
        assert_eq!(answer.status, 400, "{keys:?}");
        let expected = r#""type":"invalid_request","code":"invalid_header","message":"The header Idempotency-Key"#;
        assert!(answer.body.contains(expected), "{}", answer.body);
        assert!(!was_read.load(Ordering::SeqCst));
    }
    assert_eq!((stack.runs(), stack.store.leases()), (0, 0));
    let quoted = request(&stack.key, Method::POST, &["\"k\""], ORDER);
    assert_eq!(send(&stack.app(), quoted).await.body, r#"{"run":1}"#);
    assert_eq!(stack.order("k", "created").await.body, r#"{"run":1}"#, "bare or quoted");
}

#[tokio::test]
async fn a_body_above_the_cap_is_413_and_says_the_cap() {
    let stack = Stack::with(|layer| layer.max_body(20)).await;
    assert_eq!(ORDER.len(), 20);
    assert_eq!(stack.order("k", "created").await.status, 201);
    let larger = r#"{"answer": "created"}"#;
    let (streaming, _) = pieces([Ok(&larger[..10]), Ok(&larger[10..])]);
    for (body, key) in [(Body::from(larger), "a"), (streaming, "b")] {
        let answer = send(&stack.app(), request(&stack.key, Method::POST, &[key], body)).await;
        assert_eq!(answer.status, 413);
        assert!(answer.body.contains("body_too_large") && answer.body.contains("at most 20 bytes"));
    }
    // A layer outside may allow less.
    let (whole, _) = pieces([Ok(ORDER)]);
    let limited = Body::new(http_body_util::Limited::new(whole, 10));
    let answer = send(&stack.app(), request(&stack.key, Method::POST, &["c"], limited)).await;
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("body_too_large") && !answer.body.contains("20 bytes"));
    // Without a key the cap is the framework's.
    let unkeyed = request(&stack.key, Method::POST, &[], larger);
    assert_eq!(send(&stack.app(), unkeyed).await.status, 201);
    assert_eq!((stack.runs(), stack.store.leases()), (2, 1));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400_and_leaves_the_key_free() {
    let stack = Stack::new().await;
    let (broken, _) = pieces([Ok(ORDER), Err(io::Error::other("the client is gone"))]);
    let answer = send(&stack.app(), request(&stack.key, Method::POST, &["k"], broken)).await;
    assert_eq!((answer.status, stack.store.leases()), (400, 0));
    assert_eq!(stack.order("k", "created").await.status, 201);
}

#[tokio::test]
async fn no_key_no_answer() {
    let stack = Stack::new().await;
    for key in ["", UNKNOWN] {
        let answer = send(&stack.app(), request(key, Method::POST, &["k"], ORDER)).await;
        assert_eq!(answer.status, 401);
    }
    // An anonymous caller has no operations of its own.
    let keys = stack.fixture.keys.clone();
    let open = axum::Router::new()
        .route("/orders", axum::routing::post(async |_: crate::Idempotent<Bytes>| "open"))
        .layer(stack.layer.clone())
        .layer(crate::AuthLayer::new(keys).allow_anonymous());
    let anonymous = |keys: &[&str]| {
        let mut request = request("", Method::POST, keys, ORDER);
        request.headers_mut().remove("authorization");
        request
    };
    assert_eq!(send(&open, anonymous(&["k"])).await.status, 401);
    assert_eq!(send(&open, anonymous(&[])).await.status, 200);
    let other = writer(&stack.fixture, "acct_2", Mode::Test).await;
    assert_eq!(send(&open, request(&other, Method::POST, &["k"], ORDER)).await.status, 200);
}
