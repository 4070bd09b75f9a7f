//! The rows of PayKore.

mod authentication;
mod errors;
mod keys;
mod limits;

use axum::Router;
use keygate::{IssuedKey, Keyring, Mode, NewKey, TrustedProxies};
use regex::Regex;
use serde_json::{Value, json};

use crate::apps::paykore as app;
use crate::apps::paykore::Environment;
use crate::support::{Answer, Call, OPERATOR, Server, get, post};

pub(crate) fn server() -> Server {
    deployment(Environment::Sandbox)
}

fn deployment(environment: Environment) -> Server {
    Server::new(|store| app::keyring(store).unwrap(), |keys| router(keys, environment))
}

/// Without proxies in front, and without Redis.
fn router(keys: &Keyring, environment: Environment) -> Router {
    app::app(keys, environment, TrustedProxies::none(), &app::Redis::default(), OPERATOR)
}

pub(crate) async fn any_key(server: &Server, mode: Mode) -> IssuedKey {
    server.issue(NewKey::named("api-server").mode(mode)).await
}

pub(crate) fn wallets(key: &str) -> Call {
    get("/v1/wallets").header("x-api-key", key)
}

fn new_wallet(key: &str, body: Value) -> Call {
    post("/v1/wallets").header("x-api-key", key).json(body)
}

fn wallet() -> Value {
    json!({ "currency": "USDT", "label": "Till" })
}

/// The error's code and message, its form checked.
#[track_caller]
fn error(answer: &Answer) -> (String, String) {
    let body = answer.json();
    let id = body["meta"]["request_id"].as_str().unwrap();
    assert!(Regex::new("^req_[0-9A-Za-z]{10}$").unwrap().is_match(id), "{id}");
    assert_eq!(answer.header("x-request-id"), id);
    assert_eq!(body["error"]["http_status"], answer.status);
    assert_eq!(body.as_object().unwrap().len(), 2);
    assert_eq!(body["error"].as_object().unwrap().len(), 3);
    let members = if answer.status == 429 { 2 } else { 1 };
    assert_eq!(body["meta"].as_object().unwrap().len(), members);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&body["error"]["code"]), text(&body["error"]["message"]))
}

#[track_caller]
fn is_invalid(answer: &Answer) {
    assert_eq!(answer.status, 401);
    let message = "The API key provided is invalid or has been revoked.";
    assert_eq!(error(answer), ("INVALID_API_KEY".to_owned(), message.to_owned()));
}
