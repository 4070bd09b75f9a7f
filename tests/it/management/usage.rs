//! `requests` and `last_used_at`: one for each successful authentication, shown at once.

use std::time::Duration;

use keygate::test_util::Fault;
use serde_json::{Value, json};

use super::{issue, path, server, shown};
use crate::support::{get, post};

#[tokio::test]
async fn c6_every_authentication_counts_whatever_becomes_of_the_request() {
    let server = server();
    let body = json!({
        "name": "n", "mode": "test", "scopes": ["links:read"],
        "quota": { "per_minute": 5 },
    });
    let issued = server.manage("keys", body).await.expect(201).json();
    let key = issued["key"].as_str().unwrap();
    let links = "/api/v1/payment_links";
    for (count, call, status) in [
        (1, get(links), 200),
        (2, get("/api/v1/events"), 403),
        (3, get("/api/v1/payment_links/none"), 404),
        (4, get("/api/v1/nothing"), 404),
        (5, post("/api/v1/events"), 405),
        (6, get(links), 429),
        (7, get(links), 429),
    ] {
        server.clock.advance(Duration::from_millis(100));
        server.send(call.bearer(key)).await.expect(status);
        let shown = shown(&server, &issued).await;
        assert_eq!(shown["requests"], count, "after {status}");
        assert_eq!(shown["last_used_at"], format!("2024-06-01T00:00:00.{count}Z"));
        let listed = server.look("keys").await.expect(200).json();
        assert_eq!(listed["data"], json!([shown]), "the list shows the same");
    }
}

#[tokio::test]
async fn c6_what_is_refused_at_the_door_does_not_count() {
    let server = server();
    let issued = issue(&server, "n", "test", &["links:read"]).await;
    let key = issued["key"].as_str().unwrap();
    let links = || get("/api/v1/payment_links");
    server.send(links().bearer(key).bearer(key)).await.expect(400);
    server.send(links().header("authorization", format!("Bearer:{key}"))).await.expect(401);
    server.send(links().bearer(&key.replace("_test_", "_live_"))).await.expect(401);
    server.send(get("/nothing").bearer(key)).await.expect(404);
    server.store.set(Fault::Fail);
    server.send(links().bearer(key)).await.expect(503);
    server.store.set(Fault::None);
    server.manage(&path(&issued, "/revoke"), json!({})).await.expect(200);
    server.send(links().bearer(key)).await.expect(401);
    let shown = shown(&server, &issued).await;
    assert_eq!((&shown["requests"], &shown["last_used_at"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn c6_a_successor_counts_for_itself() {
    let server = server();
    let old = issue(&server, "n", "test", &["links:read"]).await;
    let links = |key: &Value| get("/api/v1/payment_links").bearer(key["key"].as_str().unwrap());
    server.send(links(&old)).await.expect(200);
    let rotate = json!({ "overlap_seconds": 60 });
    let new = server.manage(&path(&old, "/rotate"), rotate).await.expect(201).json();
    assert_eq!((&new["requests"], &new["last_used_at"]), (&json!(0), &Value::Null));
    server.send(links(&new)).await.expect(200);
    server.send(links(&new)).await.expect(200);
    assert_eq!(shown(&server, &old).await["requests"], 1);
    assert_eq!(shown(&server, &new).await["requests"], 2);
}

#[tokio::test]
async fn a_change_that_was_made_is_answered_though_the_usage_cannot_be_read() {
    let server = server();
    let issued = issue(&server, "n", "test", &["links:read"]).await;
    let key = issued["key"].as_str().unwrap();
    for _ in 0..2 {
        server.send(get("/api/v1/payment_links").bearer(key)).await.expect(200);
    }
    server.store.set(Fault::NoUsage);
    let revoked = server.manage(&path(&issued, "/revoke"), json!({})).await.expect(200).json();
    // What this node counted and has not written is shown.
    assert_eq!((&revoked["status"], &revoked["requests"]), (&json!("revoked"), &json!(2)));
    server.look(&path(&issued, "")).await.expect(503);
    server.look("keys").await.expect(503);
    let other = issue(&server, "other", "test", &["links:read"]).await;
    assert_eq!(other["requests"], 0);
    server.store.set(Fault::None);
    assert_eq!(shown(&server, &issued).await["requests"], 2);
}

#[tokio::test]
async fn a_page_costs_one_question_for_its_usage() {
    let server = server();
    for number in 0..20 {
        issue(&server, &number.to_string(), "test", &[]).await;
    }
    let before = server.store.usage_reads();
    server.look("keys?limit=20").await.expect(200);
    assert_eq!(server.store.usage_reads() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn c6_a_key_shows_its_last_24_hours() {
    let server = server();
    let issued = issue(&server, "n", "test", &["links:read"]).await;
    let key = issued["key"].as_str().unwrap();
    let use_it = async || server.send(get("/api/v1/payment_links").bearer(key)).await.expect(200);
    let hours = async || {
        let shown = server.look(&path(&issued, "/usage")).await.expect(200).json();
        assert_eq!(shown.as_object().unwrap().len(), 1);
        shown["data"].as_array().unwrap().clone()
    };
    let hour = |hour: &str, requests: u64| json!({ "hour": hour, "requests": requests });
    use_it().await;
    let shown = hours().await;
    assert_eq!((shown.len(), &shown[23]), (24, &hour("2024-06-01T00:00:00Z", 1)));
    assert_eq!(shown[0], hour("2024-05-31T01:00:00Z", 0));
    // It is written meanwhile.
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.clock.advance(Duration::from_hours(23));
    use_it().await;
    use_it().await;
    let shown = hours().await;
    assert_eq!(shown[23], hour("2024-06-01T23:00:00Z", 2));
    let sum: u64 = shown.iter().filter_map(|hour| hour["requests"].as_u64()).sum();
    assert_eq!(sum, 3);
    server.clock.advance(Duration::from_hours(24));
    assert!(hours().await.iter().all(|hour| hour["requests"] == 0));
    server.store.set(Fault::NoUsage);
    server.look(&path(&issued, "/usage")).await.expect(503);
    server.look("keys/key_none/usage").await.expect(404);
    server.manage(&path(&issued, "/usage"), json!({})).await.expect(405);
}
