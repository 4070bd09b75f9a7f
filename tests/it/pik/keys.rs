//! P7, P9: several keys, rotation, names, scopes chosen at issue, the server's own words.

use std::time::Duration;

use keygate::Mode;
use serde_json::{Value, json};

use super::{all_scopes, any_key, error, links, server, wallet};

#[tokio::test]
async fn p7_rotation_in_four_steps_without_a_gap() {
    let server = server();
    let old = any_key(&server, Mode::Live).await;
    let scopes: Vec<_> = all_scopes().map(|scope| scope.to_string()).collect();
    let body = json!({ "name": "next", "mode": "production", "scopes": scopes });
    let new = server.manage("keys", body).await.expect(201).json();
    let new = new["key"].as_str().unwrap();
    for key in [old.key().expose(), new, old.key().expose(), new] {
        server.send(wallet(key)).await.expect(200);
    }
    server.manage(&format!("keys/{}/revoke", old.id()), json!({})).await.expect(200);
    let answer = server.send(wallet(old.key().expose())).await.expect(401);
    assert_eq!(error(&answer).0, "unauthorized");
    server.send(wallet(new)).await.expect(200);
}

#[tokio::test]
async fn p7_r5_a_rotation_with_overlap_ends_by_itself() {
    let server = server();
    let old = any_key(&server, Mode::Test).await;
    let rotate = json!({ "overlap_seconds": 60 });
    let new = server.manage(&format!("keys/{}/rotate", old.id()), rotate).await.expect(201).json();
    assert_eq!(new["mode"], "sandbox");
    assert_eq!(new["replaces"], json!(old.id().to_string()));
    let remaining = async |key: &str| {
        let answer = server.send(wallet(key)).await.expect(200);
        answer.number("x-ratelimit-remaining")
    };
    let new = new["key"].as_str().unwrap();
    assert_eq!(remaining(old.key().expose()).await, 599);
    assert_eq!(remaining(new).await, 598, "one bucket");
    server.clock.advance(Duration::from_mins(1));
    server.send(wallet(old.key().expose())).await.expect(401);
    server.send(wallet(new)).await.expect(200);
}

#[tokio::test]
async fn p9_a_key_has_a_name_and_is_shown_once() {
    let server = server();
    let body =
        json!({ "name": "Production server", "mode": "production", "scopes": ["wallet:read"] });
    let issued = server.manage("keys", body).await.expect(201).json();
    let key = issued["key"].as_str().unwrap();
    assert!(key.starts_with("pik_production_"));
    assert_eq!(issued["hint"], key[.."pik_production_".len() + 6]);
    assert_eq!(issued["account"], "acct_platform");
    server.send(wallet(key)).await.expect(200);
    let listed = server.look("keys").await.expect(200);
    assert_eq!(listed.json()["data"][0]["name"], "Production server");
    assert_eq!(listed.json()["data"][0]["mode"], "production");
    assert!(!listed.shown().contains(&key[25..]));
}

#[tokio::test]
async fn p9_none_chosen_is_none() {
    let server = server();
    let body = json!({ "name": "bare", "mode": "sandbox", "scopes": [] });
    let issued = server.manage("keys", body).await.expect(201).json();
    let key = issued["key"].as_str().unwrap();
    server.send(wallet(key)).await.expect(403);
    server.send(links(key)).await.expect(403);
}

#[tokio::test]
async fn p4_p9_the_management_api_speaks_pik() {
    let server = server();
    let listed = server.look("scopes").await.expect(200).json();
    let names: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|scope| scope["name"].clone()).collect();
    assert_eq!(names, ["payment_links:read", "payment_links:write", "wallet:read"]);
    let _ = any_key(&server, Mode::Live).await;
    let _ = any_key(&server, Mode::Test).await;
    for word in ["production", "sandbox"] {
        let listed = server.look(&format!("keys?mode={word}")).await.expect(200).json();
        let listed = listed["data"].as_array().unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["mode"], word);
    }
    for word in ["live", "test", "Production"] {
        let answer = server.look(&format!("keys?mode={word}")).await.expect(422);
        assert_eq!(error(&answer).0, "invalid_field");
        let body = json!({ "name": "n", "mode": word, "scopes": [] });
        let (code, message) = error(&server.manage("keys", body).await.expect(422));
        assert_eq!(code, "invalid_field");
        assert!(message.contains("production") && message.contains("sandbox"), "{message}");
    }
    assert_eq!(error(&server.look("keys/key_none").await.expect(404)).0, "not_found");
    let publishable =
        json!({ "name": "n", "mode": "sandbox", "scopes": [], "kind": "publishable" });
    server.manage("keys", publishable).await.expect(422);
    let plan = json!({ "name": "n", "mode": "sandbox", "scopes": [], "plan": "starter" });
    server.manage("keys", plan).await.expect(422);
    let secret = json!({ "name": "n", "mode": "sandbox", "scopes": [], "kind": "secret" });
    let issued = server.manage("keys", secret).await.expect(201).json();
    assert_eq!(issued["plan"], Value::Null);
}
