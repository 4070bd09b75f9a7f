//! `POST keys`.

use serde_json::{Value, json};

use super::{issue, names, path, server, shown, without_text};
use crate::support::{Server, get, post};

async fn count(server: &Server) -> usize {
    let listed = server.look("keys?limit=200").await.expect(200).json();
    listed["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn every_field_is_always_there() {
    let server = server();
    let issued = issue(&server, "n", "test", &[]).await;
    let fields = [
        "id",
        "name",
        "hint",
        "kind",
        "mode",
        "scopes",
        "account",
        "plan",
        "quota",
        "status",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
        "revoked_reason",
        "replaces",
        "replaced_by",
        "requests",
        "key",
    ];
    let mut expected = fields.to_vec();
    expected.sort_unstable();
    let mut found: Vec<_> = issued.as_object().unwrap().keys().collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    for field in [
        "plan",
        "quota",
        "expires_at",
        "last_used_at",
        "revoked_at",
        "revoked_reason",
        "replaces",
        "replaced_by",
    ] {
        assert_eq!(issued[field], Value::Null, "{field}");
    }
    assert!(issued["id"].as_str().unwrap().starts_with("key_"));
    assert_eq!(issued["account"], "acct_platform");
    assert_eq!(issued["kind"], "secret");
    assert_eq!(issued["requests"], 0);
    assert_eq!(shown(&server, &issued).await, without_text(issued));
}

#[tokio::test]
async fn what_is_given_is_what_is_kept() {
    let server = server();
    let body = json!({
        "name": "Plugin \u{1F50C}", "mode": "live", "scopes": ["links:write", "links:read"],
        "kind": "secret", "account": "shop-7.eu_1", "quota": { "per_minute": 60, "burst": 10 },
        "expires_at": "2030-01-01T01:00:00+01:00",
    });
    let answer = server.manage("keys", body).await.expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let issued = answer.json();
    assert_eq!(issued["name"], "Plugin \u{1F50C}");
    assert_eq!(issued["mode"], "live");
    assert_eq!(issued["account"], "shop-7.eu_1");
    assert_eq!(issued["quota"], json!({ "per_minute": 60, "burst": 10 }));
    assert_eq!(issued["expires_at"], "2030-01-01T00:00:00Z", "in UTC");
    let mut scopes: Vec<_> = issued["scopes"].as_array().unwrap().clone();
    scopes.sort_by_key(ToString::to_string);
    assert_eq!(scopes, ["links:read", "links:write"]);
    let call = get("/api/v1/payment_links").bearer(issued["key"].as_str().unwrap());
    server.send(call).await.expect(200);
}

#[tokio::test]
async fn names_have_1_to_100_characters_and_need_not_be_unique() {
    let server = server();
    let longest = "\u{e4}".repeat(100);
    for name in ["a", "a", &longest] {
        issue(&server, name, "test", &[]).await;
    }
    for name in ["", " ", "\t", &"a".repeat(101), "a\nb", "a\u{0}"] {
        let body = json!({ "name": name, "mode": "test", "scopes": [] });
        names(&server.manage("keys", body).await, "name");
    }
    assert_eq!(count(&server).await, 3);
}

#[tokio::test]
async fn what_is_unknown_or_impossible_is_422_and_named_and_nothing_is_stored() {
    let server = server();
    let cases = [
        ("scopes", json!(["links:read", "links:delete"])),
        ("scopes", json!(["LINKS READ"])),
        ("scopes", json!("links:read")),
        ("scopes", json!([1])),
        ("scopes", Value::Null),
        ("mode", json!("sandbox")),
        ("mode", json!("Live")),
        ("mode", json!("")),
        ("mode", Value::Null),
        ("kind", json!("public")),
        ("kind", json!("publishable")),
        ("plan", json!("starter")),
        ("plan", json!("no such plan")),
        ("account", json!("")),
        ("account", json!("two words")),
        ("account", json!("a".repeat(300))),
        ("expires_at", json!("2024-05-31T23:59:59Z")),
        ("expires_at", json!("2024-06-01T00:00:00Z")),
        ("expires_at", json!("tomorrow")),
        ("expires_at", json!("2030-01-01")),
        ("expires_at", json!("2030-01-01T00:00:00")),
        ("expires_at", json!("+10000-01-01T00:00:00Z")),
        ("expires_at", json!(1_900_000_000)),
        ("quota", json!({ "per_minute": 0 })),
        ("quota", json!({ "per_minute": 1, "burst": 0 })),
        ("quota", json!({ "per_minute": 1, "burst": 4_294_967_295_u32 })),
        ("quota", json!({ "per_minute": 4_294_967_296_u64 })),
        ("quota", json!({ "per_minute": -1 })),
        ("quota", json!({ "per_minute": 1.5 })),
        ("quota", json!({})),
        ("quota", json!({ "per_minute": 1, "per_hour": 1 })),
        ("quota", json!(60)),
        ("id", json!("key_mine")),
        ("key", json!("ck_test_mine")),
        ("note", json!("x")),
    ];
    for (field, value) in cases {
        let mut body = json!({ "name": "n", "mode": "test", "scopes": [] });
        body[field] = value;
        names(&server.manage("keys", body).await, field);
    }
    for missing in ["name", "mode", "scopes"] {
        let mut body = json!({ "name": "n", "mode": "test", "scopes": [] });
        body.as_object_mut().unwrap().remove(missing);
        names(&server.manage("keys", body).await, missing);
    }
    for body in [json!([]), json!("x"), Value::Null] {
        server.manage("keys", body).await.expect(422);
    }
    let half = post("/dashboard/api/keys").basic("operator", crate::support::OPERATOR);
    let half = half.header("content-type", "application/json").body("{\"name\":");
    let error = server.send(half).await.expect(400).json();
    assert_eq!(error["error"]["code"], "invalid_body");
    assert_eq!(count(&server).await, 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_quota_is_told_of_the_number() {
    let server = server();
    for (quota, message) in [
        (json!({ "per_minute": 0 }), "quota.per_minute: must be at least 1"),
        (json!({ "per_minute": 1, "burst": 0 }), "quota.burst: must be at least 1"),
        (json!({ "per_minute": 1, "burst": u32::MAX }), "quota.burst: a quota's bucket fills"),
    ] {
        let body = json!({ "name": "n", "mode": "test", "scopes": [], "quota": quota });
        let error = server.manage("keys", body).await.expect(422).json();
        let told = error["error"]["message"].as_str().unwrap();
        assert!(told.starts_with(message), "{told}");
    }
}

#[tokio::test]
async fn the_largest_quota_that_counts_is_accepted() {
    let server = server();
    let body = json!({
        "name": "n", "mode": "test", "scopes": ["events:read"],
        "quota": { "per_minute": 4_294_967_295_u32 },
    });
    let issued = server.manage("keys", body).await.expect(201).json();
    let call = get("/api/v1/events").bearer(issued["key"].as_str().unwrap());
    let answer = server.send(call).await.expect(200);
    assert_eq!(answer.number("x-ratelimit-limit"), 4_294_967_295);
}

#[tokio::test]
async fn a_key_that_is_to_expire_does() {
    let server = server();
    let body = json!({
        "name": "n", "mode": "test", "scopes": ["events:read"],
        "expires_at": "2024-06-01T00:01:00Z",
    });
    let issued = server.manage("keys", body).await.expect(201).json();
    let call = || get("/api/v1/events").bearer(issued["key"].as_str().unwrap());
    server.send(call()).await.expect(200);
    server.clock.advance(std::time::Duration::from_mins(1));
    server.send(call()).await.expect(401);
    assert_eq!(shown(&server, &issued).await["status"], "expired");
    let rotate = json!({ "overlap_seconds": 0 });
    server.manage(&path(&issued, "/rotate"), rotate).await.expect(409);
}
