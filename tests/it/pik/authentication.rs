//! P1, P3, P4: Bearer keys and the two codes of the page.

use keygate::{Mode, NewKey};
use regex::Regex;
use serde_json::json;

use super::{any_key, error, links, new_link, secure, server, wallet};
use crate::support::{Api, get};

#[tokio::test]
async fn p1_every_endpoint_needs_a_key() {
    let server = server();
    for path in ["/v1/payment-links", "/v1/payment-links/x", "/v1/wallet", "/v1/nothing"] {
        let answer = server.send(secure(get(path))).await.expect(401);
        assert_eq!(error(&answer).0, "unauthorized", "{path}");
    }
    let issued = any_key(&server, Mode::Test).await;
    let key = issued.key().expose();
    let elsewhere = [
        secure(get("/v1/wallet")).header("x-api-key", key),
        secure(get("/v1/wallet")).header("cookie", format!("key={key}")),
        secure(get("/v1/wallet")).basic(key, ""),
        secure(get(&format!("/v1/wallet?api_key={key}"))),
    ];
    for call in elsewhere {
        server.send(call).await.expect(401);
    }
}

#[tokio::test]
async fn p1_the_authorization_table_a_space_and_not_a_colon() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let call = || secure(get("/v1/wallet"));
    let api = Api { server: &server, call: &call, key: issued.key().expose(), ambiguous: 400 };
    api.obeys_the_table().await;
    let answer = server.send(call().bearer("a").bearer("b")).await.expect(400);
    assert_eq!(error(&answer).0, "ambiguous_credentials");
    let colon = format!("Bearer:{}", issued.key().expose());
    let answer = server.send(call().header("authorization", colon)).await.expect(401);
    assert_eq!(error(&answer).0, "unauthorized");
}

#[tokio::test]
async fn p3_no_key_and_every_kind_of_dead_key_are_unauthorized() {
    let server = server();
    let [deleted, rotated] =
        [any_key(&server, Mode::Live).await, any_key(&server, Mode::Live).await];
    server.send(wallet(deleted.key().expose())).await.expect(200);
    server.manage(&format!("keys/{}/revoke", deleted.id()), json!({})).await.expect(200);
    let rotate = json!({ "overlap_seconds": 0 });
    server.manage(&format!("keys/{}/rotate", rotated.id()), rotate).await.expect(201);
    let page = ("unauthorized".to_owned(), "No API key provided or the key is invalid.".to_owned());
    for key in [deleted.key().expose(), rotated.key().expose(), "nonsense"] {
        assert_eq!(error(&server.send(wallet(key)).await.expect(401)), page);
    }
    assert_eq!(error(&server.send(secure(get("/v1/wallet"))).await.expect(401)), page);
}

#[tokio::test]
async fn p3_what_the_key_may_not_do_is_forbidden() {
    let server = server();
    let key = server.issue(NewKey::named("reader").scope(super::app::LinksRead)).await;
    let key = key.key().expose();
    server.send(links(key)).await.expect(200);
    for (call, missing) in [(new_link(key), "payment_links:write"), (wallet(key), "wallet:read")] {
        let answer = server.send(call).await.expect(403);
        let (code, message) = error(&answer);
        assert_eq!(code, "forbidden");
        assert!(message.contains(missing), "{message}");
        assert!(answer.header("www-authenticate").contains(missing));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn p4_production_and_sandbox_are_apart() {
    let server = server();
    let [production, sandbox] =
        [any_key(&server, Mode::Live).await, any_key(&server, Mode::Test).await];
    let [production, sandbox] = [production.key().expose(), sandbox.key().expose()];
    for (own, other, livemode) in [(production, sandbox, true), (sandbox, production, false)] {
        let made = server.send(new_link(own)).await.expect(201).json();
        assert_eq!(made["livemode"], livemode);
        assert_eq!(made["amount"], "100.00");
        let path = format!("/v1/payment-links/{}", made["id"].as_str().unwrap());
        let found = server.send(secure(get(&path)).bearer(own)).await.expect(200).json();
        assert_eq!(found, made);
        let hidden = server.send(secure(get(&path)).bearer(other)).await.expect(404);
        let unknown = server.send(secure(get("/v1/payment-links/x")).bearer(other)).await;
        assert_eq!(error(&hidden), error(&unknown.expect(404)));
    }
    let balance = async |key| server.send(wallet(key)).await.expect(200).json();
    let (real, simulated) = (balance(production).await, balance(sandbox).await);
    assert_eq!((&real["livemode"], &simulated["livemode"]), (&json!(true), &json!(false)));
    assert_ne!(real["balance"], simulated["balance"]);
    assert_eq!(server.send(links(production)).await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn p9_a_key_is_a_prefix_a_mode_32_characters_and_a_checksum() {
    let server = server();
    for (mode, pattern) in [
        (Mode::Live, "^pik_production_[0-9A-Za-z]{38}$"),
        (Mode::Test, "^pik_sandbox_[0-9A-Za-z]{38}$"),
    ] {
        let issued = any_key(&server, mode).await;
        let text = issued.key().expose().to_owned();
        assert!(Regex::new(pattern).unwrap().is_match(&text));
        // Damage at any one place is caught without a look-up.
        for at in text.len() - 38..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[at] = if damaged[at] == b'a' { b'b' } else { b'a' };
            server.send(wallet(&String::from_utf8(damaged).unwrap())).await.expect(401);
        }
    }
    assert_eq!(server.store.lookups(), 0);
}
