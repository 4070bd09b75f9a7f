//! K5, K6, K10: the management of keys, their usage, the cache of look-ups.

use std::time::Duration;

use keygate::test_util::Fault;
use keygate::{AccountId, Mode, NewKey};
use serde_json::{Value, json};

use super::app::Environment;
use super::{any_key, deployment, error, is_invalid, new_wallet, server, wallet, wallets};
use crate::support::{Server, get};

#[tokio::test]
async fn k6_a_valid_look_up_is_cached_for_five_minutes() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let key = issued.key().expose();
    for _ in 0..10 {
        server.send(wallets(key)).await.expect(200);
    }
    assert_eq!(server.store.lookups(), 1);
    server.clock.advance(Duration::from_secs(301));
    server.send(wallets(key)).await.expect(200);
    assert_eq!(server.store.lookups(), 2, "asked again after five minutes");
}

#[tokio::test]
async fn k6_v1_while_cached_an_outage_of_the_store_is_not_felt() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    server.send(wallets(issued.key().expose())).await.expect(200);
    server.store.set(Fault::Fail);
    for _ in 0..10 {
        server.send(wallets(issued.key().expose())).await.expect(200);
    }
    assert_eq!(server.store.lookups(), 1);
}

#[tokio::test]
async fn k6_a_revocation_ends_it_at_once_on_every_instance() {
    let one = server();
    let two = Server::on(
        one.store.clone(),
        one.clock.clone(),
        |store| super::app::keyring(store).unwrap(),
        |keys| super::router(keys, Environment::Sandbox),
    );
    let issued = any_key(&one, Mode::Test).await;
    for server in [&one, &two] {
        server.send(wallets(issued.key().expose())).await.expect(200);
    }
    one.manage(&format!("keys/{}/revoke", issued.id()), json!({})).await.expect(200);
    is_invalid(&one.send(wallets(issued.key().expose())).await);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    is_invalid(&two.send(wallets(issued.key().expose())).await);
}

#[tokio::test]
async fn k10_a_key_has_an_account_a_label_and_an_optional_expiry() {
    let server = server();
    let body = json!({
        "name": "api-server-production", "mode": "live", "scopes": [], "kind": "secret",
        "account": "partner_7", "plan": "growth", "expires_at": "2025-01-01T00:00:00Z",
    });
    let issued = server.manage("keys", body).await.expect(201).json();
    for (field, value) in [
        ("name", "api-server-production"),
        ("mode", "live"),
        ("kind", "secret"),
        ("account", "partner_7"),
        ("plan", "growth"),
        ("expires_at", "2025-01-01T00:00:00Z"),
    ] {
        assert_eq!(issued[field], value);
    }
    let body = json!({ "name": "worker", "mode": "test", "scopes": [] });
    let issued = server.manage("keys", body).await.expect(201).json();
    assert_eq!(issued["expires_at"], Value::Null);
    assert_eq!(issued["account"], "acct_platform");
    let of_the_partner = server.look("keys?account=partner_7").await.expect(200).json();
    assert_eq!(of_the_partner["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn k10_usage_is_visible_while_traffic_flows() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let path = format!("keys/{}", issued.id());
    for (count, call, status) in [
        (1, wallets(issued.key().expose()), 200),
        (2, get("/v1/wallets/none").bearer(issued.key().expose()), 404),
        (3, new_wallet(issued.key().expose(), json!({})), 422),
    ] {
        server.clock.advance(Duration::from_secs(1));
        server.send(call).await.expect(status);
        let shown = server.look(&path).await.expect(200).json();
        assert_eq!(shown["requests"], count);
        assert_eq!(shown["last_used_at"], format!("2024-06-01T00:00:0{count}Z"));
    }
}

#[tokio::test]
async fn k1_k10_every_kind_and_mode_can_be_issued_whatever_the_deployment_serves() {
    for environment in [Environment::Live, Environment::Sandbox] {
        let server = deployment(environment);
        for (mode, kind, prefix) in [
            ("live", "secret", "sk_live_"),
            ("test", "secret", "sk_test_"),
            ("live", "publishable", "pk_live_"),
            ("test", "publishable", "pk_test_"),
        ] {
            let body = json!({ "name": "n", "mode": mode, "kind": kind, "scopes": [] });
            let issued = server.manage("keys", body).await.expect(201).json();
            assert_eq!((&issued["mode"], &issued["kind"]), (&json!(mode), &json!(kind)));
            assert!(issued["key"].as_str().unwrap().starts_with(prefix));
        }
        for (body, field) in [
            (json!({ "name": "n", "mode": "test", "scopes": [], "plan": "gold" }), "plan"),
            (json!({ "name": "n", "mode": "test", "scopes": ["wallets:read"] }), "scopes"),
            (json!({ "name": "n", "mode": "test", "scopes": [], "kind": "x" }), "kind"),
        ] {
            let (code, message) = error(&server.manage("keys", body).await.expect(422));
            assert_eq!(code, "INVALID_FIELD");
            assert!(message.contains(field), "{message}");
        }
        assert_eq!(server.look("scopes").await.expect(200).json(), json!({ "data": [] }));
    }
}

#[tokio::test]
async fn k10_wallets_belong_to_the_partner() {
    let server = server();
    let of = |account: &'static str| NewKey::named("n").account(AccountId::from_static(account));
    let (ours, theirs) = (server.issue(of("partner_1")).await, server.issue(of("partner_2")).await);
    let (ours, theirs) = (ours.key().expose(), theirs.key().expose());
    let made = server.send(new_wallet(ours, wallet())).await.expect(201).json();
    assert_eq!(made["object"], "wallet");
    assert_eq!((&made["currency"], &made["label"]), (&json!("USDT"), &json!("Till")));
    let path = format!("/v1/wallets/{}", made["id"].as_str().unwrap());
    assert_eq!(server.send(get(&path).bearer(ours)).await.expect(200).json(), made);
    let hidden = server.send(get(&path).bearer(theirs)).await.expect(404);
    let unknown = server.send(get("/v1/wallets/x").bearer(theirs)).await.expect(404);
    assert_eq!(error(&hidden), error(&unknown));
    assert_eq!(server.send(wallets(theirs)).await.json(), json!({ "data": [] }));
    assert_eq!(server.send(wallets(ours)).await.json(), json!({ "data": [made] }));
}
