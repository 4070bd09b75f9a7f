//! keygate added to a service that has state, CORS, a trace, public and nested routes already.
//!
//! ```sh
//! cargo run --example existing_app
//! ```
//!
//! 1. CORS and whatever changes the body stands outside: a preflight request has no key.
//! 2. Public routes are merged beside the protected ones, so that no layer of theirs runs.
//! 3. Each nested router has a fallback of its own, else unknown paths below it escape its layers.

#![allow(clippy::print_stdout, reason = "the key is shown once, here")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{Method, header};
use axum::routing::get;
use axum::{Router, serve};
use keygate::{
    AuthLayer, EnvelopeLayer, Json, KeyFormat, Keyring, MemoryStore, Mode, NewKey, Quota,
    RateLimitLayer, Scoped, TrustedProxies, scopes,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::cors::{Any, CorsLayer};
use tower_http::trace::TraceLayer;

scopes! {
    /// What keys of the shop can be issued with.
    pub catalogue SCOPES;
    /// See orders.
    pub OrdersRead = "orders:read";
    /// See how the shop is doing.
    pub ReportsRead = "reports:read";
}

/// What the handlers shared all along.
#[derive(Default)]
struct Shop {
    visits: AtomicU64,
}

async fn health() -> &'static str {
    "well"
}

async fn orders(_caller: Scoped<OrdersRead>, State(shop): State<Arc<Shop>>) -> Json<Value> {
    let visits = shop.visits.fetch_add(1, Ordering::Relaxed) + 1;
    Json(json!({ "data": [], "visits": visits }))
}

async fn report(_caller: Scoped<ReportsRead>) -> Json<Value> {
    Json(json!({ "turnover": "0.00" }))
}

fn app(keys: Keyring) -> Router {
    let reports = Router::new().route("/daily", get(report)).fallback(keygate::not_found);
    let api = Router::new()
        .route("/orders", get(orders))
        .nest("/reports", reports)
        .fallback(keygate::not_found)
        // Added for keygate: after the routes, since a layer covers those before it.
        .layer(
            ServiceBuilder::new()
                // No proxy stands in front of this one.
                .layer(AuthLayer::new(keys).trusted_proxies(TrustedProxies::none()))
                .layer(RateLimitLayer::per_key(Quota::per_minute(300))),
        );
    let public = Router::new().route("/health", get(health));

    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
    Router::new()
        .nest("/api", api)
        .merge(public)
        .with_state(Arc::new(Shop::default()))
        // Added for keygate: inside of what changes the body, outside of everything else.
        .layer(EnvelopeLayer::standard())
        // The first to run is the last one added.
        .layer(TraceLayer::new_for_http())
        .layer(cors)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("shop", 32)?)
        .scopes(SCOPES)
        .build()?;
    let desk = NewKey::named("Front desk").mode(Mode::Test).scope(OrdersRead);
    let issued = keys.issue(desk).await?;

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!(
        "curl http://127.0.0.1:3000/api/orders -H 'Authorization: Bearer {}'",
        issued.key().expose()
    );
    // Added for keygate: failed attempts are limited for each client address.
    let app = app(keys).into_make_service_with_connect_info::<SocketAddr>();
    Ok(serve(listener, app).await?)
}
