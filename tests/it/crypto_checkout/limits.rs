//! C10: a limit for each key, told in both families of headers.

use std::time::Duration;

use keygate::{Mode, NewKey, Quota};
use serde_json::json;

use super::{all_scopes, any_key, list, server};
use crate::support::{Answer, Server};

const START: u64 = 1_717_200_000;

/// A key that may call three times a minute.
async fn three_a_minute(server: &Server) -> keygate::IssuedKey {
    server.issue(NewKey::named("few").scopes(all_scopes()).quota(Quota::per_minute(3))).await
}

/// Limit, remaining and reset, the last as seconds after the test's start.
fn told(answer: &Answer) -> (u64, u64, u64) {
    (
        answer.number("x-ratelimit-limit"),
        answer.number("x-ratelimit-remaining"),
        answer.number("x-ratelimit-reset") - START,
    )
}

#[tokio::test]
async fn c10_a_key_has_600_requests_at_once_and_then_600_a_minute() {
    let server = server();
    let [key, other] = [any_key(&server, Mode::Test).await, any_key(&server, Mode::Test).await];
    for left in (0..600).rev() {
        let answer = list(&server, "events", key.key().expose()).await.expect(200);
        assert_eq!(answer.number("x-ratelimit-remaining"), left);
    }
    list(&server, "events", key.key().expose()).await.expect(429);
    list(&server, "events", other.key().expose()).await.expect(200);
    server.clock.advance(Duration::from_millis(99));
    list(&server, "events", key.key().expose()).await.expect(429);
    server.clock.advance(Duration::from_millis(1));
    list(&server, "events", key.key().expose()).await.expect(200);
    list(&server, "events", key.key().expose()).await.expect(429);
}

#[tokio::test]
async fn c10_both_families_of_headers_tell_the_same() {
    let server = server();
    let key = three_a_minute(&server).await;
    let key = key.key().expose();
    for (left, reset) in [(2, 20), (1, 40), (0, 60)] {
        let answer = list(&server, "events", key).await.expect(200);
        assert_eq!(told(&answer), (3, left, reset));
        assert_eq!(answer.header("ratelimit-policy"), r#""default";q=3;w=60"#);
        let next = if left == 0 { 20 } else { 1 };
        assert_eq!(answer.header("ratelimit"), format!(r#""default";r={left};t={next}"#));
        assert!(!answer.has("retry-after"));
    }
    let answer = list(&server, "events", key).await.expect(429);
    assert_eq!(told(&answer), (3, 0, 60));
    assert_eq!(answer.header("ratelimit"), r#""default";r=0;t=20"#);
    assert_eq!(answer.header("retry-after"), "20");
    assert_eq!(answer.header("cache-control"), "no-store");
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "rate_limited");
    assert_eq!(error["code"], "rate_limit_exceeded");
}

#[tokio::test]
async fn c10_l2_who_waits_as_told_is_admitted() {
    let server = server();
    let key = three_a_minute(&server).await;
    for _ in 0..5 {
        while list(&server, "events", key.key().expose()).await.status == 200 {}
        let answer = list(&server, "events", key.key().expose()).await.expect(429);
        let wait = Duration::from_secs(answer.number("retry-after"));
        server.clock.advance(wait - Duration::from_nanos(1));
        list(&server, "events", key.key().expose()).await.expect(429);
        server.clock.advance(Duration::from_nanos(1));
        list(&server, "events", key.key().expose()).await.expect(200);
    }
}

#[tokio::test]
async fn c10_l1_a_burst_of_n_and_then_n_a_minute() {
    let server = server();
    let key = three_a_minute(&server).await;
    let mut admitted = 0;
    for _ in 0..60 {
        while list(&server, "events", key.key().expose()).await.status == 200 {
            admitted += 1;
        }
        server.clock.advance(Duration::from_secs(1));
    }
    // 3 at once and one after 20 and 40 seconds each: up to 2 N - 1 within the first minute.
    assert_eq!(admitted, 5);
}

#[tokio::test]
async fn c10_an_own_burst_is_the_limit_that_is_shown() {
    let server = server();
    let body = json!({
        "name": "bursty", "mode": "test", "scopes": ["events:read"],
        "quota": { "per_minute": 60, "burst": 5 },
    });
    let issued = server.manage("keys", body).await.expect(201).json();
    let answer = list(&server, "events", issued["key"].as_str().unwrap()).await.expect(200);
    assert_eq!(told(&answer), (5, 4, 1));
    assert_eq!(answer.header("ratelimit-policy"), r#""default";q=5;w=5"#);
}

#[tokio::test]
async fn c10_l7_every_endpoint_draws_from_one_bucket_once() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let paths = ["payment_links", "events", "webhooks/none", "nothing", "customers"];
    for (path, left) in paths.iter().zip((0..600).rev()) {
        let answer = list(&server, path, key.key().expose()).await;
        assert_eq!(answer.number("x-ratelimit-remaining"), left, "{path}");
    }
}

#[tokio::test]
async fn c10_who_has_no_key_is_told_of_no_limit() {
    let server = server();
    let answer = list(&server, "events", "nonsense").await.expect(401);
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit"] {
        assert!(!answer.has(name), "{name}");
    }
}

#[tokio::test]
async fn r5_c13_both_keys_of_a_rotation_share_one_bucket() {
    let server = server();
    let old = three_a_minute(&server).await;
    list(&server, "events", old.key().expose()).await.expect(200);
    let path = format!("keys/{}/rotate", old.id());
    let new = server.manage(&path, json!({ "overlap_seconds": 600 })).await.expect(201).json();
    let new = new["key"].as_str().unwrap();
    list(&server, "events", new).await.expect(200);
    list(&server, "events", old.key().expose()).await.expect(200);
    list(&server, "events", new).await.expect(429);
    list(&server, "events", old.key().expose()).await.expect(429);
    server.clock.advance(Duration::from_secs(20));
    list(&server, "events", new).await.expect(200);
    list(&server, "events", old.key().expose()).await.expect(429);
}

#[tokio::test]
async fn c10_d11_a_changed_quota_counts_for_the_next_request() {
    let server = server();
    let key = three_a_minute(&server).await;
    for _ in 0..3 {
        list(&server, "events", key.key().expose()).await.expect(200);
    }
    list(&server, "events", key.key().expose()).await.expect(429);
    let path = format!("keys/{}", key.id());
    let quota = json!({ "quota": { "per_minute": 6 } });
    server.change(&path, quota).await.expect(200);
    // All was used, so all is used of the new quota too.
    let answer = list(&server, "events", key.key().expose()).await.expect(429);
    assert_eq!(told(&answer), (6, 0, 60));
    server.clock.advance(Duration::from_secs(10));
    list(&server, "events", key.key().expose()).await.expect(200);
}
