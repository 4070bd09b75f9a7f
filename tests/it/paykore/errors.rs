//! K5: PayKore's envelope for everything else.

use http::Method;
use keygate::Mode;
use keygate::test_util::Fault;
use serde_json::{Value, json};

use super::{any_key, error, new_wallet, server, wallets};
use crate::support::{get, post, request};

#[tokio::test]
async fn k5_every_error_is_in_paykores_envelope() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let key = issued.key().expose();
    let typed = || post("/v1/wallets").bearer(key).header("content-type", "application/json");
    for (call, status, code) in [
        (typed().body("{"), 400, "INVALID_BODY"),
        (get("/v1/nothing").bearer(key), 404, "NOT_FOUND"),
        (get("/nothing"), 404, "NOT_FOUND"),
        (request(Method::PUT, "/v1/wallets").bearer(key), 405, "METHOD_NOT_ALLOWED"),
        (typed().body("[".repeat(3_000_000)), 413, "BODY_TOO_LARGE"),
        (post("/v1/wallets").bearer(key).body("x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let answer = server.send(call).await.expect(status);
        assert_eq!(error(&answer).0, code);
    }
    server.store.set(Fault::Fail);
    let unknown = format!("sk_test_{}", "a".repeat(64));
    let answer = server.send(wallets(&unknown)).await.expect(503);
    assert_eq!(error(&answer).0, "UNAVAILABLE");
    assert!(answer.has("retry-after"));
}

#[tokio::test]
async fn k5_a_wrong_wallet_is_422_and_its_field_named() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let key = issued.key().expose();
    for (body, field) in [
        (json!({}), "currency"),
        (json!({ "currency": "usdt" }), "currency"),
        (json!({ "currency": 1 }), "currency"),
        (json!({ "currency": "USDT", "label": "" }), "label"),
        (json!({ "currency": "USDT", "balance": "1" }), "balance"),
    ] {
        let answer = server.send(new_wallet(key, body)).await.expect(422);
        let (code, message) = error(&answer);
        assert_eq!(code, "INVALID_FIELD");
        assert!(message.contains(field), "{message}");
    }
    let made = server.send(new_wallet(key, json!({ "currency": "EUR" }))).await.expect(201).json();
    assert_eq!(made["label"], Value::Null);
    assert_eq!(server.send(wallets(key)).await.json(), json!({ "data": [made] }));
}
