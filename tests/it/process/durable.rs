//! What outlives a process: keys, revocations and usage. What does not: a second of usage.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PASSWORD, SERVERS, answer, get, issue, post, status};
use crate::support::{Place, Process, becomes};

const WITHIN: Duration = Duration::from_secs(5);

/// A key as the management API shows it.
async fn shown(process: &Process, key: &Value) -> Value {
    let path = format!("/dashboard/api/keys/{}", key["id"].as_str().unwrap());
    let shown = answer(get(process, &path).basic_auth("operator", Some(PASSWORD))).await;
    assert_eq!(shown.status(), 200);
    shown.json().await.unwrap()
}

async fn ended(process: Process) {
    process.terminate().await;
    let (status, _) = process.end(WITHIN).await;
    assert_eq!(status.code(), Some(0));
}

async fn keys_and_usage_outlive_a_process(place: &Place, (example, path): (&str, &str)) {
    let first = place.start(example, PASSWORD).await;
    let key = issue(&first, example).await;
    for count in 1..=3 {
        assert_eq!(status(&first, path, &key).await, 200, "{example}");
        assert_eq!(shown(&first, &key).await["requests"], count, "at once");
    }
    let before = shown(&first, &key).await;
    ended(first).await;

    let second = place.start(example, PASSWORD).await;
    let printed = second.lines().iter().any(|line| line.contains("shown only now"));
    assert!(!printed, "{example}: there are keys already");
    assert_eq!(shown(&second, &key).await, before, "{example}");
    assert_eq!(status(&second, path, &key).await, 200, "{example}");
    assert_eq!(shown(&second, &key).await["requests"], 4);
    let revoke = format!("/dashboard/api/keys/{}/revoke", key["id"].as_str().unwrap());
    let revoked = post(&second, &revoke, &json!({ "reason": "lost" }));
    let revoked = answer(revoked.basic_auth("operator", Some(PASSWORD))).await;
    assert_eq!(revoked.status(), 200);
    ended(second).await;

    let third = place.start(example, PASSWORD).await;
    assert_eq!(status(&third, path, &key).await, 401, "{example}");
    let after = shown(&third, &key).await;
    assert_eq!((&after["status"], &after["revoked_reason"]), (&json!("revoked"), &json!("lost")));
    assert_eq!(after["requests"], 4);
}

async fn a_revocation_in_sql_is_felt_by_every_instance(place: &Place) {
    let (example, path) = SERVERS[0];
    let nodes = [place.start(example, PASSWORD).await, place.start(example, PASSWORD).await];
    let key = issue(&nodes[0], example).await;
    for node in &nodes {
        assert_eq!(status(node, path, &key).await, 200);
    }
    let (id, now) = (key["id"].as_str().unwrap(), place.now());
    place.sql(&format!("UPDATE keygate_keys SET revoked_at = {now} WHERE id = '{id}'")).await;
    for node in &nodes {
        becomes(&401, async || status(node, path, &key).await).await;
    }
}

#[tokio::test]
async fn in_sqlite_keys_and_usage_outlive_a_process() {
    for server in SERVERS {
        keys_and_usage_outlive_a_process(&Place::sqlite(), server).await;
    }
}

#[tokio::test]
async fn in_postgres_keys_and_usage_outlive_a_process() {
    for server in SERVERS {
        let Some(place) = Place::postgres().await else { return };
        keys_and_usage_outlive_a_process(&place, server).await;
    }
}

#[tokio::test]
async fn r2_in_sqlite_a_revocation_in_sql_is_felt_by_every_instance() {
    a_revocation_in_sql_is_felt_by_every_instance(&Place::sqlite()).await;
}

#[tokio::test]
async fn r2_in_postgres_a_revocation_in_sql_is_felt_by_every_instance() {
    let Some(place) = Place::postgres().await else { return };
    a_revocation_in_sql_is_felt_by_every_instance(&place).await;
}

#[tokio::test]
async fn g4_kill_9_loses_one_flush_interval_at_the_most() {
    let (example, path) = SERVERS[0];
    let place = Place::sqlite();
    let first = place.start(example, PASSWORD).await;
    let key = issue(&first, example).await;
    for _ in 0..20 {
        assert_eq!(status(&first, path, &key).await, 200);
    }
    // Another instance sees what has been written.
    let second = place.start(example, PASSWORD).await;
    becomes(&json!(20), async || shown(&second, &key).await["requests"].clone()).await;
    for _ in 0..5 {
        assert_eq!(status(&first, path, &key).await, 200);
    }
    first.kill().await;
    let requests = shown(&second, &key).await["requests"].as_u64().unwrap();
    assert!((20..=25).contains(&requests), "{requests}");
    assert_eq!(status(&second, path, &key).await, 200, "the database is whole");
}
