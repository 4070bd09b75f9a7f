//! The management API, on Crypto Checkout's app. What PIK and PayKore call things is tested there.

mod change;
mod gate;
mod issue;
mod list;
mod usage;

use serde_json::{Value, json};

use crate::crypto_checkout::server;
use crate::support::{Answer, Server};

/// Issues a key over the API and gives what was answered.
async fn issue(server: &Server, name: &str, mode: &str, scopes: &[&str]) -> Value {
    let body = json!({ "name": name, "mode": mode, "scopes": scopes });
    server.manage("keys", body).await.expect(201).json()
}

/// The path of a key, with what follows.
fn path(key: &Value, rest: &str) -> String {
    format!("keys/{}{rest}", key["id"].as_str().unwrap())
}

/// What a key is shown as afterwards.
async fn shown(server: &Server, key: &Value) -> Value {
    server.look(&path(key, "")).await.expect(200).json()
}

/// An answer to a key that was issued, without its text.
fn without_text(mut issued: Value) -> Value {
    issued.as_object_mut().unwrap().remove("key").expect("the text, once");
    issued
}

/// A 422 that names the field.
#[track_caller]
fn names(answer: &Answer, field: &str) {
    assert_eq!(answer.status, 422, "{}", answer.shown());
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "invalid_request");
    assert_eq!(error["code"], "invalid_field");
    assert!(error["message"].as_str().unwrap().contains(field), "{field}: {error}");
}
