//! The router alone, and with keygate in the ways that one puts it there.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use keygate::{AuthLayer, EnvelopeLayer, Quota, RateLimitLayer};
use tower::ServiceBuilder;
use tower::layer::layer_fn;
use tower_layer::Layer;

use crate::keys::{FEW, MANY, credentials, keyring};
use crate::rounds::{Tower, Variant};

pub const BARE: &str = "bare";
pub const NO_OP: &str = "any layer at all";
pub const AUTH: &str = "AuthLayer";
pub const PAIR: &str = "the pair, one ServiceBuilder";
pub const OUTSIDE: &str = "the pair, outside the Router";
pub const ENVELOPE: &str = "the pair + EnvelopeLayer";
pub const REFUSED: &str = "429 of the pair";
pub const BARE_MANY: &str = "bare, 100,000 keys";
pub const PAIR_MANY: &str = "the pair, 100,000 keys";

/// Nobody reaches it, and its numbers stay below 4,096.
pub const QUOTA: Quota = Quota::per_second(4_000);
/// Everyone has reached it after one request.
const TIGHT: Quota = Quota::per_hour(1);

pub fn all() -> Vec<Box<dyn Variant>> {
    let few = || credentials(FEW);
    let many = || credentials(MANY);
    let enveloped = ServiceBuilder::new()
        .layer(EnvelopeLayer::standard())
        .layer(AuthLayer::new(keyring(FEW)))
        .layer(RateLimitLayer::per_key(QUOTA));
    let outside = ServiceBuilder::new()
        .layer(AuthLayer::new(keyring(FEW)))
        .layer(RateLimitLayer::per_key(QUOTA))
        .service(bare());
    let auth = router().layer(AuthLayer::new(keyring(FEW))).with_state(());
    let tight = || credentials(FEW);
    vec![
        Box::new(Tower::warm(BARE, bare(), few())),
        Box::new(Tower::warm(NO_OP, no_op(), few())),
        Box::new(Tower::warm(AUTH, auth, few())),
        Box::new(Tower::warm(PAIR, pair(FEW, QUOTA), few())),
        Box::new(Tower::warm(OUTSIDE, outside, few())),
        Box::new(Tower::warm(ENVELOPE, router().layer(enveloped).with_state(()), few())),
        Box::new(Tower::answering(
            StatusCode::TOO_MANY_REQUESTS,
            REFUSED,
            pair(FEW, TIGHT),
            tight(),
        )),
        Box::new(Tower::warm(BARE_MANY, bare(), many())),
        Box::new(Tower::warm(PAIR_MANY, pair(MANY, QUOTA), many())),
    ]
}

pub fn router() -> Router {
    Router::new().route("/v1/payment_links", get(|| async { "[]" }))
}

pub fn bare() -> Router {
    router().with_state(())
}

/// What axum takes for a layer that does nothing.
pub fn no_op() -> Router {
    router().layer(layer_fn(|inner| inner)).with_state(())
}

pub fn pair(keys: usize, quota: Quota) -> Router {
    router().layer(layers(keys, quota)).with_state(())
}

fn layers<S>(keys: usize, quota: Quota) -> impl Layer<S, Service = PairOf<S>> + Clone {
    ServiceBuilder::new().layer(AuthLayer::new(keyring(keys))).layer(RateLimitLayer::per_key(quota))
}

type PairOf<S> = keygate::auth::Auth<keygate::rate_limit::RateLimit<S>>;
