//! What a second request gets.

use std::time::Duration;

use http::Method;

use super::fixture::{Stack, errors_released, request, send, writer};
use crate::Mode;

/// Sends one request twice: the answers, and how often the handler ran.
async fn twice(stack: &Stack, answer: &str) -> (super::fixture::Answer, super::fixture::Answer) {
    (stack.order("k", answer).await, stack.order("k", answer).await)
}

#[tokio::test]
async fn c11_a_replay_is_the_first_answer_byte_for_byte_and_says_so() {
    let stack = Stack::with(|layer| layer.header("x-own")).await;
    let (first, second) = twice(&stack, "created").await;
    assert_eq!((first.status, &*first.body), (201, r#"{"run":1}"#));
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    for name in ["location", "content-type", "x-own"] {
        assert_eq!(second.headers[name], first.headers[name], "{name}");
    }
    assert!(first.headers.contains_key("set-cookie") && !second.headers.contains_key("set-cookie"));
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_ne!(first.headers["x-request-id"], second.headers["x-request-id"]);
    assert_eq!(stack.runs(), 1);
}

#[tokio::test]
async fn c11_a_header_is_kept_if_it_is_chosen() {
    let stack = Stack::new().await;
    let (first, second) = twice(&stack, "created").await;
    assert!(first.headers.contains_key("x-own") && !second.headers.contains_key("x-own"));
}

#[tokio::test]
async fn c11_it_is_kept_for_a_day_and_then_runs_again() {
    let stack = Stack::new().await;
    stack.order("k", "created").await;
    stack.clock.advance(Duration::from_hours(24) - Duration::from_nanos(1));
    assert_eq!(stack.order("k", "created").await.body, r#"{"run":1}"#);
    stack.clock.advance(Duration::from_nanos(1));
    assert_eq!(stack.order("k", "created").await.body, r#"{"run":2}"#);
}

#[tokio::test]
async fn every_mutating_method_has_operations_of_its_own() {
    let stack = Stack::new().await;
    for (before, method) in
        [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].into_iter().enumerate()
    {
        for _ in 0..2 {
            let request = stack.request(method.clone(), &["k"], "created");
            let answer = send(&stack.app(), request).await;
            assert_eq!(answer.body, format!(r#"{{"run":{}}}"#, before + 1), "{method}");
        }
    }
}

#[tokio::test]
async fn without_the_header_each_request_runs() {
    let stack = Stack::new().await;
    for run in 1..=3 {
        let answer = send(&stack.app(), stack.request(Method::POST, &[], "created")).await;
        assert_eq!(answer.body, format!(r#"{{"run":{run}}}"#));
    }
    assert_eq!(stack.store.leases(), 0);
}

#[tokio::test]
async fn what_changes_nothing_ignores_the_header() {
    let stack = Stack::new().await;
    for keys in [&["k"][..], &["k", "k"], &["odd key"]] {
        let request = request(&stack.key, Method::GET, keys, "");
        assert_eq!(send(&stack.app(), request).await.status, 200);
    }
    assert_eq!(stack.store.leases(), 0);
}

#[tokio::test]
async fn i4_the_same_key_with_another_request_is_422() {
    let stack = Stack::new().await;
    stack.order("k", "created").await;
    let reused = stack.order("k", "declined").await;
    assert_eq!(reused.status, 422);
    assert!(reused.body.contains(r#""type":"idempotency","code":"key_reused""#), "{}", reused.body);
    assert!(!reused.headers.contains_key("idempotent-replayed"));
    let mut asked = stack.request(Method::POST, &["k"], "created");
    *asked.uri_mut() = "/orders?urgent=1".parse().unwrap();
    assert_eq!(send(&stack.app(), asked).await.status, 422, "another query");
    let mut typed = stack.request(Method::POST, &["k"], "created");
    typed.headers_mut().insert("content-type", "text/json".parse().unwrap());
    assert_eq!(send(&stack.app(), typed).await.status, 422, "another media type");
    assert_eq!(stack.order("k", "created").await.status, 201, "the first is still there");
    assert_eq!(stack.runs(), 1);
}

#[tokio::test]
async fn i4_other_callers_are_independent() {
    let stack = Stack::new().await;
    let app = stack.app();
    let tenants = [
        stack.key.clone(),
        writer(&stack.fixture, "acct_1", Mode::Test).await,
        writer(&stack.fixture, "acct_1", Mode::Live).await,
        writer(&stack.fixture, "acct_2", Mode::Test).await,
    ];
    for round in 0..2 {
        for (number, key) in tenants.iter().enumerate() {
            let request = request(key, Method::POST, &["k"], r#"{"answer":"created"}"#);
            let answer = send(&app, request).await;
            assert_eq!(answer.body, format!(r#"{{"run":{}}}"#, number + 1), "{round}");
        }
    }
}

#[tokio::test]
async fn i4_per_account_all_its_keys_of_one_mode_share_operations() {
    let stack = Stack::with(super::super::IdempotencyLayer::per_account).await;
    let same = writer(&stack.fixture, "acct_1", Mode::Test).await;
    let live = writer(&stack.fixture, "acct_1", Mode::Live).await;
    let other = writer(&stack.fixture, "acct_2", Mode::Test).await;
    for (key, run) in [(&stack.key, 1), (&same, 1), (&live, 2), (&other, 3), (&stack.key, 1)] {
        let request = request(key, Method::POST, &["k"], r#"{"answer":"created"}"#);
        assert_eq!(send(&stack.app(), request).await.body, format!(r#"{{"run":{run}}}"#));
    }
}

#[tokio::test]
async fn r5_c13_a_retry_after_a_rotation_is_a_replay() {
    let stack = Stack::new().await;
    assert_eq!(stack.order("k", "created").await.body, r#"{"run":1}"#);
    let keys = &stack.fixture.keys;
    let id = keys.verify(&stack.key).await.unwrap().key_id().clone();
    let successor = keys.rotate(&id, Duration::ZERO).await.unwrap();
    assert_eq!(stack.order("k", "created").await.status, 401, "the old one is gone");
    let body = r#"{"answer":"created"}"#;
    let request = request(successor.key().expose(), Method::POST, &["k"], body);
    let answer = send(&stack.app(), request).await;
    assert_eq!((answer.body.as_str(), stack.runs()), (r#"{"run":1}"#, 1));
    assert_eq!(answer.headers["idempotent-replayed"], "true");
}

#[tokio::test]
async fn an_error_is_kept_as_such_and_written_anew() {
    let stack = Stack::new().await;
    for (key, order, status, part) in [
        ("a", "declined", 402, r#""code":"card_declined","message":"Declined in run 1.""#),
        ("b", "unknown", 404, r#""code":"not_found""#),
        ("c", "error", 500, r#""code":"internal""#),
        ("d", "later", 503, r#""code":"unavailable""#),
    ] {
        let (first, second) = (stack.order(key, order).await, stack.order(key, order).await);
        assert_eq!((first.status, second.status), (status, status), "{order}");
        assert!(first.body.contains(part) && second.body.contains(part), "{}", second.body);
        assert_eq!(second.headers["idempotent-replayed"], "true", "{order}");
        // The envelope is this request's own.
        for answer in [&first, &second] {
            let id = answer.headers["x-request-id"].to_str().unwrap();
            assert!(answer.body.contains(&format!(r#""requestId":"{id}""#)), "{}", answer.body);
        }
        assert_ne!(first.headers["x-request-id"], second.headers["x-request-id"]);
        let retry_after =
            |answer: &super::fixture::Answer| answer.headers.get("retry-after").cloned();
        assert_eq!(retry_after(&first), retry_after(&second));
    }
    assert_eq!(stack.runs(), 4);
}

#[tokio::test]
async fn i5_what_is_not_kept_runs_again() {
    let stack = Stack::new().await;
    let orders = ["400", "401", "403", "422", "429", "invalid", "conflict", "panic"];
    for (number, order) in orders.into_iter().enumerate() {
        for run in 1..=2 {
            let answer = stack.order(order, order).await;
            assert!(!answer.headers.contains_key("idempotent-replayed"), "{order}");
            assert_eq!(stack.runs(), 2 * number + run, "{order}");
        }
    }
    let malformed = || request(&stack.key, Method::POST, &["m"], "{");
    let unknown_field = || request(&stack.key, Method::POST, &["f"], r#"{"odd":1}"#);
    for _ in 0..2 {
        assert_eq!(send(&stack.app(), malformed()).await.status, 400);
        assert_eq!(send(&stack.app(), unknown_field()).await.status, 422);
    }
    assert_eq!(stack.runs(), 2 * orders.len(), "no handler");
    // Mended, they run under the same key.
    for key in ["m", "f", "invalid", "panic"] {
        assert_eq!(stack.order(key, "created").await.status, 201, "{key}");
    }
}

#[tokio::test]
async fn server_errors_are_kept_unless_the_layer_is_told_otherwise() {
    let keeping = Stack::new().await;
    let releasing = Stack::with(errors_released).await;
    for order in ["500", "503", "error", "later"] {
        twice(&keeping, order).await;
        twice(&releasing, order).await;
        keeping.clock.advance(Duration::from_hours(25));
    }
    assert_eq!((keeping.runs(), releasing.runs()), (4, 8));
    for order in ["created", "402"] {
        releasing.order(order, order).await;
        releasing.order(order, order).await;
    }
    assert_eq!(releasing.runs(), 10);
}

#[tokio::test]
async fn what_streams_or_is_too_large_is_sent_and_does_not_run_again() {
    let stack = Stack::with(|layer| layer.max_response(1999)).await;
    for (number, order) in ["stream", "large"].into_iter().enumerate() {
        let (first, second) = (stack.order(order, order).await, stack.order(order, order).await);
        assert_eq!(first.status, 200);
        assert!(first.body.len() == 2000 || first.body == r#"{"run":1}"#, "{}", first.body);
        assert_eq!(second.status, 409);
        assert!(second.body.contains(r#""type":"idempotency","code":"answer_not_kept""#));
        assert_eq!(stack.runs(), number + 1);
    }
    let stack = Stack::with(|layer| layer.max_response(2000)).await;
    let (first, second) = twice(&stack, "large").await;
    assert_eq!((first.body.len(), second.body.len(), stack.runs()), (2000, 2000, 1));
}

#[tokio::test]
async fn an_answer_without_a_body_is_one() {
    let stack = Stack::new().await;
    let (first, second) = twice(&stack, "nothing").await;
    assert_eq!((first.status, second.status), (204, 204));
    assert_eq!((second.body.as_str(), stack.runs()), ("", 1));
}

#[tokio::test]
async fn a_handler_that_takes_no_body_may_have_none_or_any() {
    let stack = Stack::new().await;
    let empty = |key: &str, body: &'static str| {
        let mut request = request(&stack.key, Method::POST, &[key], body);
        *request.uri_mut() = "/empty".parse().unwrap();
        request
    };
    for (key, body, status, runs) in [
        ("a", "", 201, 1),
        ("a", "", 201, 1),
        ("a", "{}", 422, 1),
        ("b", "not json", 201, 2),
        ("b", "not json", 201, 2),
    ] {
        assert_eq!(send(&stack.app(), empty(key, body)).await.status, status);
        assert_eq!(stack.runs(), runs);
    }
}
