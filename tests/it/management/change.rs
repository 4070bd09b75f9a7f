//! `PATCH keys/{id}`, `POST keys/{id}/revoke`, `POST keys/{id}/rotate`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{issue, names, path, server, shown, without_text};
use crate::support::get;

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let server = server();
    let key = without_text(issue(&server, "before", "test", &["links:read"]).await);
    for (field, value) in [
        ("name", json!("after")),
        ("scopes", json!(["events:read"])),
        ("quota", json!({ "per_minute": 5, "burst": 5 })),
        ("expires_at", json!("2024-06-02T00:00:00Z")),
        ("quota", Value::Null),
        ("expires_at", Value::Null),
        ("plan", Value::Null),
        ("scopes", json!([])),
    ] {
        let mut expected = shown(&server, &key).await;
        expected[field] = value.clone();
        let changed = server.change(&path(&key, ""), json!({ field: value })).await.expect(200);
        assert_eq!(changed.json(), expected, "{field}");
        assert_eq!(shown(&server, &key).await, expected, "{field}");
    }
    let before = shown(&server, &key).await;
    assert_eq!(server.change(&path(&key, ""), json!({})).await.expect(200).json(), before);
}

#[tokio::test]
async fn a_patch_keeps_the_rules_of_issue() {
    let server = server();
    let key = without_text(issue(&server, "n", "test", &["links:read"]).await);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("a".repeat(101))),
        ("scopes", json!(["links:delete"])),
        ("plan", json!("gold")),
        ("quota", json!({ "per_minute": 0 })),
        ("expires_at", json!("2024-05-01T00:00:00Z")),
        ("expires_at", json!("soon")),
        ("mode", json!("live")),
        ("account", json!("other")),
        ("status", json!("active")),
        ("id", json!("key_other")),
    ] {
        names(&server.change(&path(&key, ""), json!({ field: value })).await, field);
    }
    assert_eq!(shown(&server, &key).await, key);
}

#[tokio::test]
async fn an_expired_key_can_be_prolonged_and_a_revoked_one_not() {
    let server = server();
    let issued = issue(&server, "n", "test", &["events:read"]).await;
    let call = || get("/api/v1/events").bearer(issued["key"].as_str().unwrap());
    let end = json!({ "expires_at": "2024-06-01T00:01:00Z" });
    server.change(&path(&issued, ""), end).await.expect(200);
    server.clock.advance(Duration::from_mins(1));
    server.send(call()).await.expect(401);
    let later = json!({ "expires_at": "2024-06-02T00:00:00Z" });
    server.change(&path(&issued, ""), later.clone()).await.expect(200);
    server.send(call()).await.expect(200);
    server.manage(&path(&issued, "/revoke"), json!({})).await.expect(200);
    let conflict = server.change(&path(&issued, ""), later).await.expect(409).json();
    assert_eq!(conflict["error"]["type"], "invalid_request");
    assert_eq!(conflict["error"]["code"], "conflict");
    server.send(call()).await.expect(401);
}

#[tokio::test]
async fn a_second_revocation_changes_nothing() {
    let server = server();
    let key = issue(&server, "n", "test", &[]).await;
    let revoke = path(&key, "/revoke");
    let first = server.manage(&revoke, json!({ "reason": "leaked \"here\"" })).await.expect(200);
    let first = first.json();
    assert_eq!(first["status"], "revoked");
    assert_eq!(first["revoked_reason"], "leaked \"here\"");
    server.clock.advance(Duration::from_secs(5));
    for body in [json!({}), json!({ "reason": "again" }), json!({ "reason": null })] {
        assert_eq!(server.manage(&revoke, body).await.expect(200).json(), first);
    }
}

#[tokio::test]
async fn a_revocation_needs_no_reason_and_takes_nothing_else() {
    let server = server();
    let key = issue(&server, "n", "test", &[]).await;
    let revoke = path(&key, "/revoke");
    names(&server.manage(&revoke, json!({ "because": "x" })).await, "because");
    names(&server.manage(&revoke, json!({ "reason": "a".repeat(501) })).await, "reason");
    names(&server.manage(&revoke, json!({ "reason": "a\0b" })).await, "reason");
    names(&server.manage(&revoke, json!({ "reason": 1 })).await, "reason");
    assert_eq!(shown(&server, &key).await["status"], "active");
    let revoked = server.manage(&revoke, json!({})).await.expect(200).json();
    assert_eq!(revoked["revoked_reason"], Value::Null);
    assert_eq!(revoked["revoked_at"], "2024-06-01T00:00:00Z");
}

#[tokio::test]
async fn a_successor_inherits_everything_but_its_text() {
    let server = server();
    let body = json!({
        "name": "n", "mode": "live", "scopes": ["links:read"], "account": "shop",
        "quota": { "per_minute": 7, "burst": 9 }, "expires_at": "2030-01-01T00:00:00Z",
    });
    let old = server.manage("keys", body).await.expect(201).json();
    server.clock.advance(Duration::from_secs(10));
    let rotate = json!({ "overlap_seconds": 60 });
    let answer = server.manage(&path(&old, "/rotate"), rotate).await.expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let new = answer.json();
    for field in ["name", "mode", "kind", "scopes", "account", "plan", "quota", "expires_at"] {
        assert_eq!(new[field], old[field], "{field}");
    }
    for field in ["id", "hint", "key"] {
        assert_ne!(new[field], old[field], "{field}");
    }
    assert_eq!(new["replaces"], old["id"]);
    assert_eq!(new["created_at"], "2024-06-01T00:00:10Z");
    let old = shown(&server, &old).await;
    assert_eq!(old["replaced_by"], new["id"]);
    assert_eq!(old["expires_at"], "2024-06-01T00:01:10Z");
    assert_eq!(old["status"], "active");
}

#[tokio::test]
async fn an_overlap_of_0_revokes_and_none_is_longer_than_the_keys_own_life() {
    let server = server();
    let old = issue(&server, "n", "test", &["events:read"]).await;
    let rotate = |seconds: u64| json!({ "overlap_seconds": seconds });
    server.manage(&path(&old, "/rotate"), rotate(0)).await.expect(201);
    assert_eq!(shown(&server, &old).await["status"], "revoked");
    let call = get("/api/v1/events").bearer(old["key"].as_str().unwrap());
    server.send(call).await.expect(401);

    let body = json!({
        "name": "n", "mode": "test", "scopes": [], "expires_at": "2024-06-01T00:01:00Z",
    });
    let short = server.manage("keys", body).await.expect(201).json();
    server.manage(&path(&short, "/rotate"), rotate(3_600)).await.expect(201);
    assert_eq!(shown(&server, &short).await["expires_at"], "2024-06-01T00:01:00Z");
}

#[tokio::test]
async fn revoked_expired_and_rotated_keys_are_not_rotated() {
    let server = server();
    let rotate = json!({ "overlap_seconds": 60 });
    let key = issue(&server, "n", "test", &[]).await;
    let new = server.manage(&path(&key, "/rotate"), rotate.clone()).await.expect(201).json();
    server.manage(&path(&key, "/rotate"), rotate.clone()).await.expect(409);
    server.clock.advance(Duration::from_mins(1));
    server.manage(&path(&key, "/rotate"), rotate.clone()).await.expect(409);
    server.manage(&path(&new, "/revoke"), json!({})).await.expect(200);
    server.manage(&path(&new, "/rotate"), rotate).await.expect(409);
    let listed = server.look("keys").await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "nobody got a successor");
}

#[tokio::test]
async fn an_overlap_is_a_whole_number_of_seconds() {
    let server = server();
    let key = issue(&server, "n", "test", &[]).await;
    for body in [
        json!({}),
        json!({ "overlap_seconds": -1 }),
        json!({ "overlap_seconds": 1.5 }),
        json!({ "overlap_seconds": "60" }),
        json!({ "overlap_seconds": null }),
    ] {
        names(&server.manage(&path(&key, "/rotate"), body).await, "overlap_seconds");
    }
    let more = json!({ "overlap_seconds": 1, "name": "x" });
    names(&server.manage(&path(&key, "/rotate"), more).await, "name");
    let for_ever = json!({ "overlap_seconds": u64::MAX });
    let status = server.manage(&path(&key, "/rotate"), for_ever).await.status;
    assert!(matches!(status, 201 | 422), "{status}");
}
