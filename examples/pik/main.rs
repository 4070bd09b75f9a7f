//! PIK: a platform with connected accounts, on whose behalf its keys may act.
//!
//! ```sh
//! cargo run --release --example pik
//! ```
//!
//! `PORT` (3000, 0 for any free one), `DASHBOARD_PASSWORD`, `RUST_LOG` and `TRUSTED_PROXIES` are
//! read: the networks whose word on HTTPS counts, `127.0.0.1/32` unless set, so that `curl` can say
//! `x-forwarded-proto: https`.

#[path = "app.rs"]
mod app;
#[path = "../server/mod.rs"]
mod server;

use std::error::Error;

use keygate::client_ip::TrustedProxies;
use keygate::{ApiKey, MemoryStore, Mode, NewKey};
use server::{Demo, Password};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    server::log_to_stdout();
    let keys = app::keyring(MemoryStore::new())?.build()?;
    let password = Password::from_env();
    let app = app::app(&keys, trusted_proxies()?, password.expose())?;
    server::serve(app, keys, &password, demos()).await
}

fn trusted_proxies() -> Result<TrustedProxies, Box<dyn Error>> {
    let networks = std::env::var("TRUSTED_PROXIES").unwrap_or_else(|_| "127.0.0.1/32".to_owned());
    networks.parse().map_err(|error| format!("TRUSTED_PROXIES: {error}").into())
}

fn demos() -> Vec<Demo> {
    let everything = || app::SCOPES.iter().map(|scope| scope.name.clone());
    vec![
        Demo {
            key: NewKey::named("Demo, sandbox").mode(Mode::Test).scopes(everything()),
            command: create_link,
        },
        Demo {
            key: NewKey::named("Demo, production").mode(Mode::Live).scopes(everything()),
            command: wallet_of_the_bakery,
        },
    ]
}

fn create_link(key: &ApiKey, origin: &str) -> String {
    format!(
        "curl {origin}/v1/payment-links -H 'x-forwarded-proto: https' \
         -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \
         -d '{{\"amount\":\"100.00\",\"currency\":\"USDT\"}}'",
        key.expose()
    )
}

fn wallet_of_the_bakery(key: &ApiKey, origin: &str) -> String {
    format!(
        "curl {origin}/v1/wallet -H 'x-forwarded-proto: https' -H 'Authorization: Bearer {}' \
         -H 'x-on-behalf-of: acct_bakery'",
        key.expose()
    )
}
