//! C6, C7, C13: what the list of keys shows, revocation, two keys of one integration.

use std::time::Duration;

use keygate::{KeyUpdate, Mode, NewKey};
use serde_json::{Value, json};

use super::{any_key, app, list, server};
use crate::support::Server;

async fn shown(server: &Server, id: &keygate::KeyId) -> Value {
    server.look(&format!("keys/{id}")).await.expect(200).json()
}

#[tokio::test]
async fn c6_the_list_shows_what_the_page_says() {
    let server = server();
    let new = NewKey::named("WooCommerce plugin").mode(Mode::Live).scope(app::LinksRead);
    let issued = server.issue(new).await;
    let listed = server.look("keys").await.expect(200).json();
    let key = &listed["data"][0];
    assert_eq!(key["name"], "WooCommerce plugin");
    assert_eq!(key["hint"], issued.key().expose()[.."ck_live_abc123".len()]);
    assert_eq!(key["mode"], "live");
    assert_eq!(key["scopes"], json!(["links:read"]));
    assert_eq!(key["last_used_at"], Value::Null);
    assert_eq!(key["created_at"], "2024-06-01T00:00:00Z");
    assert_eq!(key["status"], "active");
}

#[tokio::test]
async fn c6_last_used_is_the_most_recent_successful_authentication() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let text = key.key().expose();
    let last_used = async || shown(&server, key.id()).await["last_used_at"].clone();
    server.clock.advance(Duration::from_secs(1));
    list(&server, "events", text).await.expect(200);
    assert_eq!(last_used().await, "2024-06-01T00:00:01Z");
    server.clock.advance(Duration::from_secs(1));
    list(&server, "events", text).await.expect(200);
    assert_eq!(last_used().await, "2024-06-01T00:00:02Z");
    server.clock.advance(Duration::from_secs(1));
    list(&server, "events", &text.replace("ck_test_", "ck_live_")).await.expect(401);
    server.keys.revoke(key.id()).await.unwrap();
    list(&server, "events", text).await.expect(401);
    assert_eq!(last_used().await, "2024-06-01T00:00:02Z", "what is refused is no use");
    assert_eq!(shown(&server, key.id()).await["requests"], 2);
}

#[tokio::test]
async fn c7_a_revocation_counts_for_the_very_next_request() {
    let server = server();
    let key = any_key(&server, Mode::Live).await;
    let text = key.key().expose();
    for _ in 0..3 {
        list(&server, "events", text).await.expect(200);
    }
    let path = format!("keys/{}/revoke", key.id());
    server.manage(&path, json!({ "reason": "leaked" })).await.expect(200);
    for _ in 0..3 {
        list(&server, "events", text).await.expect(401);
    }
    server.clock.advance(Duration::from_hours(1));
    list(&server, "events", text).await.expect(401);
}

#[tokio::test]
async fn c7_r2_a_revocation_on_one_node_reaches_another() {
    let one = server();
    let two = Server::on(
        one.store.clone(),
        one.clock.clone(),
        |store| app::keyring(store).unwrap(),
        super::router,
    );
    let key = any_key(&one, Mode::Live).await;
    for server in [&one, &two] {
        list(server, "events", key.key().expose()).await.expect(200);
    }
    one.manage(&format!("keys/{}/revoke", key.id()), json!({})).await.expect(200);
    list(&one, "events", key.key().expose()).await.expect(401);
    // The other node's feed runs when the scheduler lets it.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    list(&two, "events", key.key().expose()).await.expect(401);
}

#[tokio::test]
async fn c7_a_revoked_key_stays_listed_and_is_never_reinstated() {
    let server = server();
    let key = any_key(&server, Mode::Live).await;
    server.clock.advance(Duration::from_mins(1));
    let path = format!("keys/{}", key.id());
    let revoke = format!("{path}/revoke");
    let revoked = server.manage(&revoke, json!({ "reason": "leaked" })).await.expect(200).json();
    assert_eq!(revoked["status"], "revoked");
    assert_eq!(revoked["revoked_at"], "2024-06-01T00:01:00Z");
    assert_eq!(revoked["revoked_reason"], "leaked");

    server.clock.advance(Duration::from_mins(1));
    let again = server.manage(&revoke, json!({ "reason": "again" })).await.expect(200).json();
    assert_eq!(again, revoked, "the first time and reason stay");
    for change in [json!({ "name": "n" }), json!({ "scopes": [] }), json!({ "expires_at": null })] {
        server.change(&path, change).await.expect(409);
    }
    let rotate = json!({ "overlap_seconds": 60 });
    server.manage(&format!("{path}/rotate"), rotate).await.expect(409);
    server.keys.update(key.id(), KeyUpdate::default().name("n")).await.unwrap_err();
    let listed = server.look("keys?status=revoked").await.expect(200).json();
    assert_eq!(listed["data"], json!([revoked]));
    list(&server, "events", key.key().expose()).await.expect(401);
}

#[tokio::test]
async fn c13_two_keys_coexist_during_a_rotation() {
    let server = server();
    let old = any_key(&server, Mode::Live).await;
    let path = format!("keys/{}/rotate", old.id());
    let new = server.manage(&path, json!({ "overlap_seconds": 300 })).await.expect(201).json();
    let new_key = new["key"].as_str().unwrap();
    for key in [old.key().expose(), new_key] {
        list(&server, "events", key).await.expect(200);
    }
    server.clock.advance(Duration::from_secs(299));
    list(&server, "events", old.key().expose()).await.expect(200);
    server.clock.advance(Duration::from_secs(1));
    list(&server, "events", old.key().expose()).await.expect(401);
    list(&server, "events", new_key).await.expect(200);
    let old = shown(&server, old.id()).await;
    assert_eq!(old["replaced_by"], new["id"]);
    assert_eq!(new["replaces"], old["id"]);
    assert_eq!(old["status"], "expired");
}

#[tokio::test]
async fn c13_two_keys_made_apart_coexist_and_end_apart() {
    let server = server();
    let [old, new] = [any_key(&server, Mode::Live).await, any_key(&server, Mode::Live).await];
    list(&server, "events", new.key().expose()).await.expect(200);
    list(&server, "events", old.key().expose()).await.expect(200);
    server.keys.revoke(old.id()).await.unwrap();
    list(&server, "events", old.key().expose()).await.expect(401);
    list(&server, "events", new.key().expose()).await.expect(200);
}
