//! The example servers as real processes: their start, their log, their end.

mod canary;
mod command;
mod database;
mod durable;
mod log;
mod metrics;
mod once;
mod polite;
mod shutdown;
mod start;
mod tables;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Process, answer};

/// The three servers, and for each a request that a key opens.
const SERVERS: [(&str, &str); 3] = [
    ("crypto_checkout", "/api/v1/payment_links"),
    ("pik", "/v1/payment-links"),
    ("paykore", "/v1/wallets"),
];

const PASSWORD: &str = "open sesame";

/// By when a server that comes up, or whose database does, knows.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts a server whose operator's password is [`PASSWORD`].
async fn start(example: &str, log: &str) -> Process {
    Process::start(example, &[("DASHBOARD_PASSWORD", PASSWORD), ("RUST_LOG", log)]).await
}

/// A request that a trusted proxy says came over HTTPS, for PIK.
fn request(method: reqwest::Method, process: &Process, path: &str) -> reqwest::RequestBuilder {
    let client = reqwest::Client::new();
    let request = client.request(method, format!("{}{path}", process.origin));
    request.header("x-forwarded-proto", "https")
}

fn get(process: &Process, path: &str) -> reqwest::RequestBuilder {
    request(reqwest::Method::GET, process, path)
}

fn post(process: &Process, path: &str, body: &Value) -> reqwest::RequestBuilder {
    let request = request(reqwest::Method::POST, process, path);
    request.header("content-type", "application/json").body(body.to_string())
}

/// The status that a key gets.
async fn status_of(process: &Process, path: &str, key: &str) -> u16 {
    answer(get(process, path).bearer_auth(key)).await.status().as_u16()
}

/// The status that a key gets which was just issued over HTTP.
async fn status(process: &Process, path: &str, issued: &Value) -> u16 {
    status_of(process, path, issued["key"].as_str().unwrap()).await
}

/// Issues a key over HTTP, with every scope, in the mode that the server serves.
async fn issue(process: &Process, example: &str) -> Value {
    let operator =
        |request: reqwest::RequestBuilder| request.basic_auth("operator", Some(PASSWORD));
    let scopes = answer(operator(get(process, "/dashboard/api/scopes"))).await;
    let scopes: Value = scopes.json().await.unwrap();
    let scopes: Vec<_> = scopes["data"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    let mode = if example == "pik" { "sandbox" } else { "test" };
    let body = json!({ "name": "canary", "mode": mode, "scopes": scopes });
    let issued = answer(operator(post(process, "/dashboard/api/keys", &body))).await;
    assert_eq!(issued.status(), 201);
    issued.json().await.unwrap()
}
