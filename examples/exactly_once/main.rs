//! Money that moves once for each `Idempotency-Key`, whatever is killed meanwhile.
//!
//! ```sh
//! DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE cargo run --example exactly_once
//! ```
//!
//! Keys, idempotency keys and balances are in one Postgres: see `transfer` in `app.rs`.

#![allow(clippy::print_stdout, reason = "the key is shown once, here")]

mod app;

use keygate::store::PostgresStore;
use keygate::{KeyFormat, Keyring, NewKey};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL names no Postgres")?;
    let store = PostgresStore::connect(&url).await?;
    sqlx::raw_sql(app::TABLES).execute(store.pool()).await?;
    let keys = Keyring::builder(store.clone(), KeyFormat::base62("ck", 32)?).scopes(app::SCOPES);
    let keys = keys.build()?;

    let issued = keys.issue(NewKey::named("till").scope(app::TransfersWrite)).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!(
        "curl http://127.0.0.1:3000/transfers -H 'Authorization: Bearer {}' \
         -H 'Idempotency-Key: order-4711' -H 'Content-Type: application/json' \
         -d '{{\"from\":\"till\",\"to\":\"alice\",\"cents\":250}}'",
        issued.key().expose()
    );
    let stopped = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    axum::serve(listener, app::app(&keys, &store)).with_graceful_shutdown(stopped).await?;
    keys.shutdown().await; // writes what was counted of the keys' usage
    Ok(())
}
