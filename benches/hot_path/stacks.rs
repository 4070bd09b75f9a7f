//! The router alone, and with keygate in the ways that one puts it there.

use std::convert::Infallible;
use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, Response, StatusCode};
use axum::routing::get;
use keygate::{AuthLayer, EnvelopeLayer, KeyHash, Quota, RateLimitLayer};
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder, service_fn};
use tower_layer::Layer;

use crate::keys::{FEW, MANY, credentials, keyring};
use crate::rounds::{Candidate, Tower, Variant};

pub const BARE: &str = "bare";
pub const NO_OP: &str = "any layer at all";
pub const AUTH: &str = "AuthLayer";
pub const PAIR: &str = "the pair, one ServiceBuilder";
pub const OUTSIDE: &str = "the pair, outside the Router";
pub const ENVELOPE: &str = "the pair + EnvelopeLayer";
pub const REFUSED: &str = "429 of the pair";
pub const HASHED: &str = "bare + SHA-256 of the key";
pub const BARE_MANY: &str = "bare, 100,000 keys";
pub const PAIR_MANY: &str = "the pair, 100,000 keys";

/// Nobody reaches it, and its numbers stay below 4,096.
pub const QUOTA: Quota = Quota::per_second(4_000);
/// Everyone has reached it after one request.
const TIGHT: Quota = Quota::per_hour(1);

pub const ALL: &[Candidate] = &[
    (BARE, |name| few(name, bare())),
    (NO_OP, |name| few(name, no_op())),
    (AUTH, |name| few(name, router().layer(AuthLayer::new(keyring(FEW))).with_state(()))),
    (PAIR, |name| few(name, pair(FEW, QUOTA))),
    (OUTSIDE, |name| few(name, layers(FEW, QUOTA).layer(bare()))),
    (ENVELOPE, |name| few(name, enveloped())),
    (REFUSED, |name| {
        let refused = StatusCode::TOO_MANY_REQUESTS;
        Box::new(Tower::answering(refused, name, pair(FEW, TIGHT), credentials(FEW)))
    }),
    (HASHED, |name| few(name, hashed())),
    (BARE_MANY, |name| Box::new(Tower::warm(name, bare(), credentials(MANY)))),
    (PAIR_MANY, |name| Box::new(Tower::warm(name, pair(MANY, QUOTA), credentials(MANY)))),
];

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

/// The share of everyone's time that is the processor's: with SHA extensions 60 ns, else 400.
fn hashed() -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> {
    let mut bare = bare();
    service_fn(move |request: Request<Body>| {
        let value = request.headers().get(AUTHORIZATION).unwrap();
        black_box(KeyHash::of(&value.as_bytes()["Bearer ".len()..]));
        bare.call(request)
    })
}

fn enveloped() -> Router {
    let layers = ServiceBuilder::new()
        .layer(EnvelopeLayer::standard())
        .layer(AuthLayer::new(keyring(FEW)))
        .layer(RateLimitLayer::per_key(QUOTA));
    router().layer(layers).with_state(())
}

fn few<S>(name: &'static str, service: S) -> Box<dyn Variant>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + 'static,
{
    Box::new(Tower::warm(name, service, credentials(FEW)))
}

fn layers<S>(keys: usize, quota: Quota) -> impl Layer<S, Service = PairOf<S>> + Clone {
    ServiceBuilder::new().layer(AuthLayer::new(keyring(keys))).layer(RateLimitLayer::per_key(quota))
}

type PairOf<S> = keygate::auth::Auth<keygate::rate_limit::RateLimit<S>>;
