//! PIK's envelope for everything else.

use http::Method;
use keygate::test_util::Fault;
use keygate::{Mode, NewKey, Quota};
use serde_json::json;

use super::{any_key, error, links, secure, server, wallet};
use crate::support::{get, post, request};

#[tokio::test]
async fn p3_every_error_is_in_piks_envelope() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let key = issued.key().expose();
    let typed =
        || secure(post("/v1/payment-links")).bearer(key).header("content-type", "application/json");
    for (call, status, code) in [
        (typed().body("{"), 400, "invalid_body"),
        (secure(get("/v1/nothing")).bearer(key), 404, "not_found"),
        (get("/nothing"), 404, "not_found"),
        (secure(request(Method::PUT, "/v1/wallet")).bearer(key), 405, "method_not_allowed"),
        (typed().body("[".repeat(3_000_000)), 413, "body_too_large"),
        (secure(post("/v1/payment-links")).bearer(key).body("x"), 415, "unsupported_media_type"),
        (typed().body(r#"{"amount":"0","currency":"USDT"}"#), 422, "invalid_field"),
        (typed().body(r#"{"amount":"1","currency":"USDT","tip":1}"#), 422, "invalid_field"),
        (typed().body(r#"{"amount":"1"}"#), 422, "invalid_field"),
    ] {
        let answer = server.send(call).await.expect(status);
        assert_eq!(error(&answer).0, code);
    }
    assert_eq!(server.send(links(key)).await.expect(200).json(), json!({ "data": [] }));
}

#[tokio::test]
async fn p3_the_limit_is_600_a_minute_and_past_it_429() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let answer = server.send(wallet(issued.key().expose())).await.expect(200);
    assert_eq!(answer.number("x-ratelimit-limit"), 600);
    let one = NewKey::named("one").scopes(super::all_scopes()).quota(Quota::per_minute(1));
    let one = server.issue(one).await;
    server.send(wallet(one.key().expose())).await.expect(200);
    let answer = server.send(wallet(one.key().expose())).await.expect(429);
    assert_eq!(error(&answer).0, "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(answer.header("x-ratelimit-remaining"), "0");
}

#[tokio::test]
async fn v2_a_store_that_fails_is_503_in_piks_envelope() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    server.store.set(Fault::Fail);
    let answer = server.send(wallet(issued.key().expose())).await.expect(503);
    assert_eq!(error(&answer).0, "unavailable");
    assert!(answer.has("retry-after"));
}
