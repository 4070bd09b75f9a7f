//! C9: every error of the service in the standard envelope.

use keygate::test_util::Fault;
use keygate::{Mode, NewKey};
use regex::Regex;
use serde_json::{Value, json};

use super::{any_key, create, link, list, server};
use crate::support::{Answer, Server, get, post, request};

/// The error of an answer whose id is what it should be, and everywhere the same.
#[track_caller]
fn error(answer: &Answer) -> Value {
    let mut body = answer.json();
    let id = body["error"]["requestId"].take();
    let id = id.as_str().expect("a requestId");
    assert!(Regex::new("^req_[0-9abcdefghjkmnpqrstvwxyz]{26}$").unwrap().is_match(id), "{id}");
    assert_eq!(answer.header("x-request-id"), id);
    body["error"].as_object_mut().unwrap().remove("requestId");
    assert_eq!(body.as_object().unwrap().len(), 1);
    body["error"].take()
}

#[tokio::test]
async fn c9_a_401_is_the_same_for_every_reason() {
    let server = server();
    let revoked = any_key(&server, Mode::Test).await;
    server.keys.revoke(revoked.id()).await.unwrap();
    let soon = std::time::Duration::from_mins(1);
    let expired = server
        .issue(NewKey::named("short").expires_at(keygate::Clock::wall(&server.clock) + soon))
        .await;
    server.clock.advance(soon);
    let never = format!("ck_test_{}", "a".repeat(32));
    for (what, key) in [
        ("unknown", &*never),
        ("malformed", "nonsense"),
        ("revoked", revoked.key().expose()),
        ("expired", expired.key().expose()),
    ] {
        let answer = list(&server, "payment_links", key).await.expect(401);
        let expected = json!({
            "type": "authentication",
            "code": "invalid_api_key",
            "message": "No valid API key was provided.",
        });
        assert_eq!(error(&answer), expected, "{what}");
    }
    let answer = server.send(get("/api/v1/payment_links")).await.expect(401);
    assert_eq!(error(&answer)["code"], "invalid_api_key");
    assert_eq!(error(&answer)["message"], "No valid API key was provided.");
}

#[tokio::test]
async fn c9_a_403_names_the_missing_scope() {
    let server = server();
    let key = server.issue(NewKey::named("bare")).await;
    let answer = create(&server, "payment_links", link(), key.key().expose()).await.expect(403);
    let expected = json!({
        "type": "permission",
        "code": "insufficient_scope",
        "message": "The API key lacks the scope `links:write`.",
    });
    assert_eq!(error(&answer), expected);
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// The type and code of the answer to a request by a key with every scope.
async fn told(server: &Server, call: crate::support::Call, status: u16) -> (Value, Value) {
    let error = error(&server.send(call).await.expect(status));
    (error["type"].clone(), error["code"].clone())
}

#[tokio::test]
async fn c9_what_axum_refuses_is_in_the_envelope_too() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let key = key.key().expose();
    let links = || post("/api/v1/payment_links").bearer(key);
    let typed = || links().header("content-type", "application/json");
    let too_large = format!("{{\"amount\":\"{}\"}}", "1".repeat(3_000_000));
    for (call, status, kind, code) in [
        (typed().body("{"), 400, "invalid_request", "invalid_body"),
        (typed(), 400, "invalid_request", "invalid_body"),
        (get("/api/v1/nothing").bearer(key), 404, "not_found", "not_found"),
        (get("/api/v1/payment_links/x").bearer(key), 404, "not_found", "not_found"),
        (get("/api/v1/payment_links/%FF").bearer(key), 400, "invalid_request", "invalid_body"),
        (get("/nothing"), 404, "not_found", "not_found"),
        (
            request(http::Method::PUT, "/api/v1/payment_links").bearer(key),
            405,
            "invalid_request",
            "method_not_allowed",
        ),
        (typed().body(too_large), 413, "invalid_request", "body_too_large"),
        (links().body("{}"), 415, "invalid_request", "unsupported_media_type"),
        (typed().body("{}"), 422, "invalid_request", "invalid_field"),
    ] {
        let (found_type, found_code) = told(&server, call, status).await;
        assert_eq!((&found_type, &found_code), (&json!(kind), &json!(code)), "{status}");
    }
}

#[tokio::test]
async fn c9_a_405_says_what_is_allowed() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let call = request(http::Method::PUT, "/api/v1/payment_links").bearer(key.key().expose());
    let answer = server.send(call).await.expect(405);
    let mut allowed: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[tokio::test]
async fn c9_v2_a_store_that_fails_is_503_and_never_401() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    server.store.set(Fault::Fail);
    let answer = list(&server, "payment_links", key.key().expose()).await.expect(503);
    assert_eq!(error(&answer)["type"], "unavailable");
    assert_eq!(error(&answer)["code"], "unavailable");
    assert!(answer.number("retry-after") >= 1);
    assert!(!answer.has("x-ratelimit-limit"), "nobody was charged");
    server.store.set(Fault::None);
    list(&server, "payment_links", key.key().expose()).await.expect(200);
}

#[tokio::test]
async fn c9_head_gets_the_headers_of_get_and_no_body() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    for (path, key) in
        [("/api/v1/payment_links", "nonsense"), ("/api/v1/payment_links/none", key.key().expose())]
    {
        let of_get = server.send(get(path).bearer(key)).await;
        let of_head = server.send(request(http::Method::HEAD, path).bearer(key)).await;
        assert_eq!(of_head.status, of_get.status);
        assert_eq!(of_head.header("content-length"), of_get.header("content-length"));
        assert_eq!(of_head.header("content-type"), "application/json");
        assert!(of_head.body.is_empty());
    }
}

#[tokio::test]
async fn c9_every_answer_has_an_id_of_its_own() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..50 {
        let good = list(&server, "events", key.key().expose()).await.expect(200);
        ids.insert(good.header("x-request-id").to_owned());
        let bad = list(&server, "events", "x").await.expect(401);
        ids.insert(bad.header("x-request-id").to_owned());
    }
    assert_eq!(ids.len(), 100);
}
