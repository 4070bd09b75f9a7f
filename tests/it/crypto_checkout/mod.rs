//! The rows of Crypto Checkout, and of the standard envelope that is its own.

mod authentication;
mod errors;
mod idempotency;
mod limits;
mod listing;
mod modes;
mod objects;
mod scopes;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use keygate::idempotency::{IdempotencyLayer, MemoryIdempotencyStore};
use keygate::{IssuedKey, Keyring, Mode, NewKey, TrustedProxies};
use serde_json::{Value, json};

use crate::apps::crypto_checkout as app;
use crate::support::{Answer, OPERATOR, Server, get, post};

pub(crate) fn server() -> Server {
    Server::new(|store| app::keyring(store).unwrap(), router)
}

/// Without proxies in front, and without Redis.
fn router(keys: &Keyring) -> Router {
    let store = MemoryIdempotencyStore::new().with_clock(Arc::clone(keys.clock()));
    // The deadline is real time: a busy machine is not what these tests are about.
    let once = IdempotencyLayer::new(store).deadline(Duration::from_secs(20));
    app::app(keys, TrustedProxies::none(), &app::Redis::default(), once, OPERATOR)
}

/// A key with every scope.
pub(crate) async fn any_key(server: &Server, mode: Mode) -> IssuedKey {
    server.issue(NewKey::named("everything").mode(mode).scopes(all_scopes())).await
}

pub(crate) fn all_scopes() -> impl Iterator<Item = keygate::ScopeName> {
    app::SCOPES.iter().map(|scope| scope.name.clone())
}

pub(crate) fn link() -> Value {
    json!({ "amount": "100.00", "currency": "USDT" })
}

async fn list(server: &Server, what: &str, key: &str) -> Answer {
    server.send(get(&format!("/api/v1/{what}")).bearer(key)).await
}

async fn retrieve(server: &Server, what: &str, id: &str, key: &str) -> Answer {
    server.send(get(&format!("/api/v1/{what}/{id}")).bearer(key)).await
}

async fn create(server: &Server, what: &str, body: Value, key: &str) -> Answer {
    server.send(post(&format!("/api/v1/{what}")).bearer(key).json(body)).await
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}
