//! K7 to K9, R5: limits by tier, their headers on every answer to an accepted key, the 429.

use std::time::Duration;

use http::Method;
use keygate::{Mode, NewKey, PlanName, Quota};
use serde_json::json;

use super::{any_key, error, new_wallet, server, wallet, wallets};
use crate::support::{Answer, Server, get, post, request};

const HEADERS: [&str; 3] = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

async fn on_plan(server: &Server, plan: &'static str) -> keygate::IssuedKey {
    server.issue(NewKey::named(plan).plan(PlanName::from_static(plan))).await
}

#[track_caller]
fn told(answer: &Answer) -> [u64; 3] {
    HEADERS.map(|name| answer.number(name))
}

#[tokio::test]
async fn k7_each_tier_has_its_limit() {
    let server = server();
    for (plan, limit) in [("starter", 300), ("growth", 1_000)] {
        let key = on_plan(&server, plan).await;
        for left in (0..limit).rev() {
            let answer = server.send(wallets(key.key().expose())).await.expect(200);
            assert_eq!(told(&answer)[..2], [limit, left], "{plan}");
        }
        server.send(wallets(key.key().expose())).await.expect(429);
        server.clock.advance(Duration::from_mins(1));
        let answer = server.send(wallets(key.key().expose())).await.expect(200);
        assert_eq!(told(&answer)[1], limit - 1, "full again after a minute");
    }
}

#[tokio::test]
async fn k7_scale_is_what_stands_on_the_key() {
    let server = server();
    let body = json!({
        "name": "scale", "mode": "test", "scopes": [], "plan": "scale",
        "quota": { "per_minute": 5_000 },
    });
    let issued = server.manage("keys", body).await.expect(201).json();
    assert_eq!(issued["quota"], json!({ "per_minute": 5_000, "burst": 5_000 }));
    let answer = server.send(wallets(issued["key"].as_str().unwrap())).await.expect(200);
    assert_eq!(told(&answer)[0], 5_000);
}

#[tokio::test]
async fn k7_without_a_tier_it_is_starter_and_a_change_of_tier_counts_at_once() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let answer = server.send(wallets(key.key().expose())).await.expect(200);
    assert_eq!(told(&answer)[0], 300);
    let path = format!("keys/{}", key.id());
    server.change(&path, json!({ "plan": "growth" })).await.expect(200);
    let answer = server.send(wallets(key.key().expose())).await.expect(200);
    assert_eq!(told(&answer)[0], 1_000);
    server.change(&path, json!({ "plan": null })).await.expect(200);
    let answer = server.send(wallets(key.key().expose())).await.expect(200);
    assert_eq!(told(&answer)[0], 300);
}

#[tokio::test]
async fn k8_the_pages_figures() {
    let server = server();
    let key = on_plan(&server, "starter").await;
    for _ in 0..52 {
        server.send(wallets(key.key().expose())).await.expect(200);
    }
    let answer = server.send(wallets(key.key().expose())).await.expect(200);
    // 53 of 300 a minute come back within 10.6 seconds.
    assert_eq!(told(&answer), [300, 247, 1_717_200_011]);
    assert!(!answer.has("ratelimit"), "one family here");
}

#[tokio::test]
async fn k8_every_answer_to_an_accepted_key_has_the_headers() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let key = issued.key().expose();
    let mut left = 300;
    for (call, status) in [
        (wallets(key), 200),
        (new_wallet(key, wallet()), 201),
        (post("/v1/wallets").bearer(key).header("content-type", "application/json").body("{"), 400),
        (get("/v1/wallets/none").bearer(key), 404),
        (get("/v1/nothing").bearer(key), 404),
        (request(Method::DELETE, "/v1/wallets").bearer(key), 405),
        (request(Method::OPTIONS, "/v1/wallets").bearer(key), 405),
        (post("/v1/wallets").bearer(key).body("{}"), 415),
        (new_wallet(key, json!({ "currency": "usdt" })), 422),
        (request(Method::HEAD, "/v1/wallets").bearer(key), 200),
    ] {
        left -= 1;
        let answer = server.send(call).await.expect(status);
        assert_eq!(told(&answer)[..2], [300, left], "{status}");
    }
    for call in [get("/v1/wallets"), wallets("nonsense"), get("/nothing")] {
        let answer = server.send(call).await;
        assert!(HEADERS.iter().all(|name| !answer.has(name)), "{}: no key to count", answer.status);
    }
}

#[tokio::test]
async fn k9_past_the_limit() {
    let server = server();
    let new = NewKey::named("few").quota(Quota::per_minute(5));
    let key = server.issue(new).await;
    for _ in 0..5 {
        server.send(wallets(key.key().expose())).await.expect(200);
    }
    for (advanced, wait, reset) in [(0, 12, 60), (500, 12, 60), (11_000, 1, 60)] {
        server.clock.advance(Duration::from_millis(advanced));
        let answer = server.send(wallets(key.key().expose())).await.expect(429);
        let message = "Too many requests. Slow down and retry after the indicated time.";
        assert_eq!(error(&answer), ("RATE_LIMIT_EXCEEDED".to_owned(), message.to_owned()));
        assert_eq!(answer.json()["meta"]["retry_after"], wait);
        assert_eq!(answer.number("retry-after"), wait);
        assert_eq!(told(&answer), [5, 0, 1_717_200_000 + reset]);
    }
    server.clock.advance(Duration::from_millis(500));
    server.send(wallets(key.key().expose())).await.expect(200);
}

#[tokio::test]
async fn r5_both_keys_of_a_rotation_share_one_bucket() {
    let server = server();
    let new = NewKey::named("few").quota(Quota::per_minute(2));
    let old = server.issue(new).await;
    let rotate = json!({ "overlap_seconds": 300 });
    let new = server.manage(&format!("keys/{}/rotate", old.id()), rotate).await.expect(201).json();
    server.send(wallets(old.key().expose())).await.expect(200);
    server.send(wallets(new["key"].as_str().unwrap())).await.expect(200);
    server.send(wallets(new["key"].as_str().unwrap())).await.expect(429);
    server.send(wallets(old.key().expose())).await.expect(429);
}
