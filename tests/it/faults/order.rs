//! H3: layers in the wrong place are loud and never open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use keygate::store::MemoryStore;
use keygate::{
    AllOf, AnyOf, AuthLayer, EnvelopeLayer, KeyFormat, Keyring, Principal, Quota, RateLimitLayer,
    RequireScope, Scoped,
};

use crate::apps::crypto_checkout::{EventsRead, LinksRead, SCOPES};
use crate::support::{self, Answer};

/// Counts the runs of handlers.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn note(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn keys() -> Keyring {
    let format = KeyFormat::base62("ck", 32).unwrap();
    Keyring::builder(MemoryStore::new(), format).scopes(SCOPES).build().unwrap()
}

/// A handler for every way to ask for the caller.
fn routes(runs: &Runs) -> Router {
    let [one, two, three, four, five] = std::array::from_fn(|_| runs.clone());
    Router::new()
        .route("/principal", get(|_: Principal| async move { one.note() }))
        .route("/optional", get(|_: Option<Principal>| async move { two.note() }))
        .route("/scoped", get(|_: Scoped<LinksRead>| async move { three.note() }))
        .route("/all", get(|_: Scoped<AllOf<(LinksRead, EventsRead)>>| async move { four.note() }))
        .route("/any", get(|_: Scoped<AnyOf<(LinksRead, EventsRead)>>| async move { five.note() }))
}

const PATHS: [&str; 5] = ["/principal", "/optional", "/scoped", "/all", "/any"];

fn is_misconfigured(answer: &Answer) {
    let error = &answer.json()["error"];
    assert_eq!(answer.status, 500);
    assert_eq!((&error["type"], &error["code"]), (&"internal".into(), &"misconfigured".into()));
    assert!(!answer.shown().contains("AuthLayer"), "the client learns nothing more");
}

#[tokio::test]
async fn h3_a_handler_outside_the_layers_is_500_and_never_runs() {
    let runs = Runs::default();
    let app = routes(&runs).layer(EnvelopeLayer::standard());
    for path in PATHS {
        is_misconfigured(&support::get(path).send(&app).await);
        is_misconfigured(&support::get(path).bearer("ck_test_x").send(&app).await);
    }
    // Without the envelope too.
    for path in PATHS {
        is_misconfigured(&support::get(path).send(&routes(&runs)).await);
    }
    assert_eq!(runs.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn h3_a_route_added_after_the_layer_is_500_and_not_open() {
    let runs = Runs::default();
    let protected = Router::new().route("/a", get(|| async {})).layer(AuthLayer::new(keys()));
    let app = protected.merge(routes(&runs)).layer(EnvelopeLayer::standard());
    support::get("/a").send(&app).await.expect(401);
    for path in PATHS {
        is_misconfigured(&support::get(path).send(&app).await);
    }
    assert_eq!(runs.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn h3_a_limit_per_key_without_keys_is_500() {
    let open = || Router::new().route("/", get(|| async {}));
    let limit = RateLimitLayer::per_key(Quota::per_minute(5));
    let app = open().layer(limit.clone()).layer(EnvelopeLayer::standard());
    is_misconfigured(&support::get("/").send(&app).await);
    // The limit outside the authentication, the wrong way round.
    let app = open().layer(AuthLayer::new(keys())).layer(limit).layer(EnvelopeLayer::standard());
    is_misconfigured(&support::get("/").send(&app).await);
    let app = open().layer(RequireScope::<LinksRead>::new()).layer(EnvelopeLayer::standard());
    is_misconfigured(&support::get("/").send(&app).await);
}

#[tokio::test]
async fn h3_route_layers_run_for_405_and_options_too() {
    let runs = Runs::default();
    let app = routes(&runs).route_layer(AuthLayer::new(keys())).layer(EnvelopeLayer::standard());
    for method in [http::Method::POST, http::Method::OPTIONS, http::Method::DELETE] {
        support::request(method, "/principal").send(&app).await.expect(401);
    }
    assert_eq!(runs.0.load(Ordering::SeqCst), 0);
}
