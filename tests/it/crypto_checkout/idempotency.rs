//! C11: every mutating endpoint carries a request out once for each `Idempotency-Key`.

use std::time::Duration;

use keygate::{Mode, NewKey};
use serde_json::{Value, json};

use super::scopes::{ROUTES, Route, an_object};
use super::{all_scopes, any_key, link, list, server};
use crate::support::{Answer, Call, Server, post, request};

fn mutating() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.method() != http::Method::GET)
}

/// A request to the route about this object.
fn call(route: &Route, object: &str, key: &str) -> Call {
    let call = request(route.method(), &route.path.replace("{id}", object)).bearer(key);
    if route.body().is_null() { call } else { call.json(route.body()) }
}

/// How many events there are: each mutation leaves one.
async fn events(server: &Server, key: &str) -> usize {
    list(server, "events", key).await.json()["data"].as_array().unwrap().len()
}

fn is_replay(answer: &Answer, of: &Answer) {
    assert_eq!(answer.header("idempotent-replayed"), "true");
    assert_eq!((answer.status, &answer.body), (of.status, &of.body));
    assert_eq!(answer.headers.get("content-type"), of.headers.get("content-type"));
    assert_ne!(answer.header("x-request-id"), of.header("x-request-id"));
    assert!(answer.has("x-ratelimit-remaining"), "a replay is charged as any other request");
}

#[tokio::test]
async fn c11_a_replay_is_the_original_answer_and_nothing_runs_again() {
    for route in mutating() {
        let server = server();
        let key = any_key(&server, Mode::Test).await;
        let key = key.key().expose();
        let object = an_object(&server, route.what(), key).await;
        let send = || server.send(call(route, &object, key).header("idempotency-key", "k-1"));
        let before = events(&server, key).await;
        let first = send().await;
        assert!(first.status < 300 && !first.has("idempotent-replayed"), "{}", route.path);
        let after = events(&server, key).await;
        assert_eq!(after, before + 1, "{}", route.path);
        for age in [Duration::ZERO, Duration::from_hours(23)] {
            server.clock.advance(age);
            is_replay(&send().await, &first);
        }
        assert_eq!(events(&server, key).await, after, "{}", route.path);
    }
}

#[tokio::test]
async fn c11_after_24_hours_it_runs_again() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let send = || {
        let call = post("/api/v1/payment_links").bearer(key.key().expose());
        server.send(call.header("idempotency-key", "k").json(link()))
    };
    let first = send().await.expect(201);
    server.clock.advance(Duration::from_hours(24) - Duration::from_nanos(1));
    is_replay(&send().await, &first);
    server.clock.advance(Duration::from_nanos(1));
    let again = send().await.expect(201);
    assert!(!again.has("idempotent-replayed"));
    assert_ne!(again.json()["id"], first.json()["id"]);
}

/// A link under this idempotency key.
async fn create(server: &Server, key: &str, idempotency_key: &str, body: Value) -> Answer {
    let call = post("/api/v1/payment_links").bearer(key);
    server.send(call.header("idempotency-key", idempotency_key).json(body)).await
}

fn is(answer: &Answer, status: u16, kind: &str, code: &str) {
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status, &error["type"], &error["code"]),
        (status, &json!(kind), &json!(code))
    );
    assert_eq!(error["requestId"], answer.header("x-request-id"));
}

#[tokio::test]
async fn c11_i4_the_same_key_with_another_body_is_422_and_other_tenants_have_their_own() {
    let server = server();
    let [one, two] = [any_key(&server, Mode::Test).await, any_key(&server, Mode::Test).await];
    let live = any_key(&server, Mode::Live).await;
    let other = json!({ "amount": "7.00", "currency": "USDT" });
    let first = create(&server, one.key().expose(), "k", link()).await.expect(201);
    is(
        &create(&server, one.key().expose(), "k", other.clone()).await,
        422,
        "idempotency",
        "key_reused",
    );
    for tenant in [&two, &live] {
        let answer = create(&server, tenant.key().expose(), "k", other.clone()).await.expect(201);
        assert!(!answer.has("idempotent-replayed"));
        assert_ne!(answer.json()["id"], first.json()["id"]);
    }
    is_replay(&create(&server, one.key().expose(), "k", link()).await, &first);
}

#[tokio::test]
async fn c11_c13_a_retry_after_a_rotation_is_a_replay() {
    let server = server();
    let old = any_key(&server, Mode::Test).await;
    let first = create(&server, old.key().expose(), "k", link()).await.expect(201);
    let path = format!("keys/{}/rotate", old.id());
    let new = server.manage(&path, json!({ "overlap_seconds": 600 })).await.expect(201).json();
    for key in [new["key"].as_str().unwrap(), old.key().expose()] {
        is_replay(&create(&server, key, "k", link()).await, &first);
    }
}

#[tokio::test]
async fn c11_i5_a_body_that_is_wrong_or_a_limit_is_not_kept() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let key = key.key().expose();
    let wrong = json!({ "amount": "-1", "currency": "USDT" });
    is(&create(&server, key, "k", wrong).await, 422, "invalid_request", "invalid_field");
    create(&server, key, "k", link()).await.expect(201);

    let quota = keygate::Quota::per_minute(1);
    let few = server.issue(NewKey::named("few").scopes(all_scopes()).quota(quota)).await;
    let few = few.key().expose();
    list(&server, "events", few).await.expect(200);
    let limited = create(&server, few, "k", link()).await;
    is(&limited, 429, "rate_limited", "rate_limit_exceeded");
    server.clock.advance(Duration::from_mins(1));
    let created = create(&server, few, "k", link()).await.expect(201);
    assert!(!created.has("idempotent-replayed"));
}

#[tokio::test]
async fn c11_i7_who_lacks_the_scope_gets_403_for_any_key() {
    let server = server();
    let owner = any_key(&server, Mode::Test).await;
    for route in mutating() {
        let object = an_object(&server, route.what(), owner.key().expose()).await;
        let others = all_scopes().filter(|scope| scope.as_str() != route.scope());
        let narrow = server.issue(NewKey::named("narrow").scopes(others)).await;
        for key in ["k", "odd key"] {
            let call = call(route, &object, narrow.key().expose());
            let answer = server.send(call.header("idempotency-key", key)).await;
            is(&answer, 403, "permission", "insufficient_scope");
        }
    }
}

#[tokio::test]
async fn c11_an_error_that_is_kept_has_the_id_of_its_request() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let send = || {
        let call = post("/api/v1/webhooks/we_none/test").bearer(key.key().expose());
        server.send(call.header("idempotency-key", "k"))
    };
    let (first, second) = (send().await, send().await);
    for answer in [&first, &second] {
        is(answer, 404, "not_found", "not_found");
    }
    assert!(second.has("idempotent-replayed") && !first.has("idempotent-replayed"));
}

#[tokio::test]
async fn c11_a_malformed_key_is_400() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    for malformed in ["", "two words", "\"open", &"k".repeat(256)] {
        let answer = create(&server, key.key().expose(), malformed, link()).await;
        is(&answer, 400, "invalid_request", "invalid_header");
    }
    let twice = post("/api/v1/payment_links").bearer(key.key().expose()).json(link());
    let twice = twice.header("idempotency-key", "a").header("idempotency-key", "a");
    is(&server.send(twice).await, 400, "invalid_request", "invalid_header");
    assert_eq!(events(&server, key.key().expose()).await, 0);
}
