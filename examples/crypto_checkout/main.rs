//! Crypto Checkout: payment links, sessions, webhooks, events and customers behind scoped keys.
//!
//! ```sh
//! cargo run --release --example crypto_checkout
//! ```
//!
//! `PORT` (3000, 0 for any free one), `DASHBOARD_PASSWORD` and `RUST_LOG` are read.

#[path = "app.rs"]
mod app;
#[path = "../server/mod.rs"]
mod server;

use std::error::Error;

use keygate::{ApiKey, MemoryStore, Mode, NewKey};
use server::{Demo, Password};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    server::log_to_stdout();
    let keys = app::keyring(MemoryStore::new())?.build()?;
    let password = Password::from_env();
    let app = app::app(&keys, password.expose());
    server::serve(app, keys, &password, demos()).await
}

fn demos() -> Vec<Demo> {
    let everything = || app::SCOPES.iter().map(|scope| scope.name.clone());
    vec![
        Demo {
            key: NewKey::named("Demo, test mode, every scope")
                .mode(Mode::Test)
                .scopes(everything()),
            command: create_link,
        },
        Demo {
            key: NewKey::named("Demo, live mode, links only")
                .mode(Mode::Live)
                .scope(app::LinksRead),
            command: list_links,
        },
    ]
}

fn create_link(key: &ApiKey, origin: &str) -> String {
    format!(
        "curl {origin}/api/v1/payment_links -H 'Authorization: Bearer {}' \
         -H 'Content-Type: application/json' -d '{{\"amount\":\"100.00\",\"currency\":\"USDT\"}}'",
        key.expose()
    )
}

fn list_links(key: &ApiKey, origin: &str) -> String {
    format!("curl {origin}/api/v1/payment_links -H 'Authorization: Bearer {}'", key.expose())
}
