//! Two routes behind keys with scopes, limited, with one kind of error.
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! Keys live in a file, so that those of an earlier run still work.

#![allow(clippy::print_stdout, reason = "the key is shown once, here")]

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use keygate::store::SqliteStore;
use keygate::{
    ApiError, AuthLayer, EnvelopeLayer, Json, KeyFormat, Keyring, Mode, NewKey, Quota,
    RateLimitLayer, Scoped, scopes,
};
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;

scopes! {
    /// Everything a key of this service can be issued with.
    pub catalogue SCOPES;
    /// List and retrieve payment links.
    pub LinksRead = "links:read";
    /// Create, update and archive payment links.
    pub LinksWrite = "links:write";
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    amount: String,
    currency: String,
}

async fn list_links(caller: Scoped<LinksRead>) -> Json<Vec<Link>> {
    let _mine = caller.account();
    Json(Vec::new())
}

async fn create_link(
    _caller: Scoped<LinksWrite>,
    Json(link): Json<Link>,
) -> Result<Json<Link>, ApiError> {
    if link.currency.is_empty() {
        return Err(ApiError::invalid_field("currency", "must not be empty"));
    }
    Ok(Json(link))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SqliteStore::open(".data/quickstart.db").await?;
    let keys = Keyring::builder(store, KeyFormat::base62("ck", 32)?).scopes(SCOPES).build()?;

    let api = Router::new()
        .route("/payment_links", get(list_links).post(create_link))
        .fallback(keygate::not_found) // unknown paths below the prefix need a key too
        .layer(
            ServiceBuilder::new()
                .layer(AuthLayer::new(keys.clone()))
                .layer(RateLimitLayer::per_key(Quota::per_minute(300))),
        );
    let app = Router::new().nest("/api/v1", api).layer(EnvelopeLayer::standard()); // outermost

    let plugin = NewKey::named("WooCommerce plugin").mode(Mode::Test).scope(LinksRead);
    let issued = keys.issue(plugin).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!(
        "curl http://127.0.0.1:3000/api/v1/payment_links -H 'Authorization: Bearer {}'",
        issued.key().expose()
    );
    let stopped = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    // The client's address is what failed attempts are limited by.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    keys.shutdown().await; // writes what was counted of the keys' usage
    Ok(())
}
