//! C1, C2, C4, C5: the key as the sole credential.

use axum::body::Body;
use http::{Method, Request};
use keygate::{KeyHash, Mode, NewKey};
use regex::Regex;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use super::scopes::ROUTES;
use super::{any_key, app, link, list, server};
use crate::support::{Api, WatchedBody, get, post, request};

#[tokio::test]
async fn c1_every_endpoint_needs_a_key() {
    let server = server();
    for route in ROUTES {
        let call = request(route.method(), route.path).json(route.body());
        let answer = server.send(call).await.expect(401);
        assert_eq!(answer.json()["error"]["code"], "invalid_api_key", "{}", route.path);
    }
    for path in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/payment_links/x/y"] {
        let status = server.send(get(path)).await.status;
        assert!(matches!(status, 401 | 404), "{path} answers {status} to nobody");
    }
    server.send(get("/api/v1/nothing")).await.expect(401);
    server.send(request(Method::PUT, "/api/v1/payment_links")).await.expect(401);
    server.send(request(Method::OPTIONS, "/api/v1/payment_links")).await.expect(401);
}

#[tokio::test]
async fn c1_nothing_but_the_authorization_header_carries_a_key() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let key = issued.key().expose();
    let path = "/api/v1/payment_links";
    for call in [
        get(path).header("x-api-key", key),
        get(path).header("cookie", format!("api_key={key}; session={key}")),
        get(path).header("proxy-authorization", format!("Bearer {key}")),
        get(&format!("{path}?api_key={key}&access_token={key}")),
        get(path).basic(key, ""),
        get(path).basic("", key),
        post(path).header("content-type", "application/x-www-form-urlencoded").body(key),
    ] {
        server.send(call).await.expect(401);
    }
    assert_eq!(server.usage(issued.id()).await.requests, 0);
    // A header that this server does not read makes nothing ambiguous.
    server.send(get(path).bearer(key).header("x-api-key", key)).await.expect(200);
}

#[tokio::test]
async fn c1_no_list_of_addresses_counts() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    for ip in ["127.0.0.1", "203.0.113.9", "2001:db8::1"] {
        let call = get("/api/v1/events").bearer(issued.key().expose()).peer(ip, false);
        server.send(call).await.expect(200);
        server.send(get("/api/v1/events").peer(ip, true)).await.expect(401);
    }
}

#[tokio::test]
async fn c1_the_authorization_table() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let call = || get("/api/v1/payment_links");
    let api = Api { server: &server, call: &call, key: issued.key().expose(), ambiguous: 400 };
    api.obeys_the_table().await;
    let answer = server.send(call().bearer("a").bearer("b")).await.expect(400);
    assert_eq!(answer.json()["error"]["type"], "invalid_request");
    assert_eq!(answer.json()["error"]["code"], "ambiguous_credentials");
}

#[tokio::test]
async fn c2_a_key_is_a_prefix_a_mode_and_32_base62_characters() {
    let server = server();
    for (mode, pattern) in
        [(Mode::Live, "^ck_live_[0-9A-Za-z]{32}$"), (Mode::Test, "^ck_test_[0-9A-Za-z]{32}$")]
    {
        let issued = any_key(&server, mode).await;
        assert!(Regex::new(pattern).unwrap().is_match(issued.key().expose()));
        list(&server, "events", issued.key().expose()).await.expect(200);
    }
}

#[tokio::test]
async fn c2_v8_what_has_not_the_form_of_a_key_is_not_looked_up() {
    let server = server();
    let random = "a".repeat(32);
    for text in [
        "a",
        "ck_test_",
        &format!("ck_test_{}", "a".repeat(31)),
        &format!("ck_test_{}", "a".repeat(33)),
        &format!("ck_prod_{random}"),
        &format!("CK_test_{random}"),
        &format!("ck_Test_{random}"),
        &format!("sk_test_{random}"),
        &format!("ck-test-{random}"),
        &format!("ck_test_{}-", "a".repeat(31)),
    ] {
        let status = list(&server, "payment_links", text).await.status;
        assert_eq!(status, 401, "{text}");
    }
    assert_eq!(server.store.lookups(), 0);
    list(&server, "payment_links", &format!("ck_test_{random}")).await.expect(401);
    assert_eq!(server.store.lookups(), 1, "a well-formed one is");
}

#[tokio::test]
async fn c4_nothing_runs_without_a_key_or_its_scope() {
    let server = server();
    let reader = server.issue(NewKey::named("reader").scope(app::LinksRead)).await;
    let reader = reader.key().expose();
    let owner = any_key(&server, Mode::Test).await;
    for body in [link().to_string(), "{".to_owned(), r#"{"amount":-1}"#.to_owned()] {
        let call = || {
            post("/api/v1/payment_links")
                .header("content-type", "application/json")
                .body(body.clone())
        };
        server.send(call()).await.expect(401);
        server.send(call().bearer("ck_test_nonsense")).await.expect(401);
        let refused = server.send(call().bearer(reader)).await.expect(403);
        assert_eq!(refused.json()["error"]["code"], "insufficient_scope", "whatever the body");
    }
    for what in ["payment_links", "events"] {
        let found = list(&server, what, owner.key().expose()).await.expect(200).json();
        assert_eq!(found["data"].as_array().unwrap().len(), 0, "{what} were made");
    }
}

#[tokio::test]
async fn c4_not_a_byte_of_the_body_is_read_before_the_scope_is_known() {
    let server = server();
    let reader = server.issue(NewKey::named("reader").scope(app::LinksRead)).await;
    let writer = server.issue(NewKey::named("writer").scope(app::LinksWrite)).await;
    for (key, status, read) in [
        ("ck_test_x", 401, false),
        (reader.key().expose(), 403, false),
        (writer.key().expose(), 201, true),
    ] {
        let body = WatchedBody::new(link().to_string());
        let request = Request::post("/api/v1/payment_links")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Body::new(body.clone()))
            .unwrap();
        let answer = server.app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(body.was_read(), read, "{status}");
    }
}

#[tokio::test]
async fn c5_the_text_is_shown_once_and_only_its_sha_256_is_stored() {
    let server = server();
    let body = serde_json::json!({ "name": "Plugin", "mode": "live", "scopes": ["links:read"] });
    let answer = server.manage("keys", body).await.expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let issued = answer.json();
    let key = issued["key"].as_str().unwrap();
    list(&server, "payment_links", key).await.expect(200);

    let id = issued["id"].as_str().unwrap();
    let record = server.keys.find(&id.parse().unwrap()).await.unwrap().unwrap();
    let sha256: [u8; 32] = Sha256::digest(key).into();
    assert_eq!(record.hash, KeyHash::from_bytes(sha256));
    let secret = &key[14..];
    assert!(!format!("{record:?}").contains(secret));

    let later = [
        server.look("keys").await.expect(200),
        server.look(&format!("keys/{id}")).await.expect(200),
        server.change(&format!("keys/{id}"), serde_json::json!({ "name": "n" })).await.expect(200),
        server.manage(&format!("keys/{id}/revoke"), serde_json::json!({})).await.expect(200),
    ];
    for answer in later {
        assert!(!answer.shown().contains(secret));
        assert!(!answer.shown().contains(&record.hash.to_string()), "nor the hash");
        assert!(answer.json().get("key").is_none());
    }
}
