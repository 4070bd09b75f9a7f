//! The README's code: two routes behind keys with scopes, limited, with one kind of error.
//!
//! ```sh
//! cargo run --example quickstart
//! ```

#![allow(clippy::print_stdout, reason = "the key is shown once, here")]

use axum::Router;
use axum::routing::get;
use keygate::{
    ApiError, AuthLayer, EnvelopeLayer, Json, KeyFormat, Keyring, MemoryStore, Mode, NewKey, Quota,
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
    let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?)
        .scopes(SCOPES)
        .build()?;

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
    Ok(axum::serve(listener, app).await?)
}
