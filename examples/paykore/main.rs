//! PayKore: wallets behind secret keys, one environment each deployment, limits by tier.
//!
//! ```sh
//! cargo run --release --example paykore
//! ```
//!
//! `PORT` (3000, 0 for any free one), `DASHBOARD_PASSWORD`, `RUST_LOG` and `PAYKORE_ENV` (`live` or
//! `sandbox`, which it is unless set) are read.

#[path = "app.rs"]
mod app;
#[path = "../server/mod.rs"]
mod server;

use std::error::Error;

use app::Environment;
use keygate::{ApiKey, MemoryStore, NewKey, PlanName};
use server::{Demo, Password};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    server::log_to_stdout();
    let environment = environment()?;
    let keys = app::keyring(MemoryStore::new())?.build()?;
    let password = Password::from_env();
    let app = app::app(&keys, environment, password.expose());
    server::serve(app, keys, &password, demos(environment)).await
}

fn environment() -> Result<Environment, Box<dyn Error>> {
    match std::env::var("PAYKORE_ENV").as_deref() {
        Ok("live") => Ok(Environment::Live),
        Ok("sandbox") | Err(_) => Ok(Environment::Sandbox),
        Ok(other) => Err(format!("PAYKORE_ENV is `live` or `sandbox`, not {other:?}").into()),
    }
}

fn demos(environment: Environment) -> Vec<Demo> {
    vec![
        Demo {
            key: NewKey::named("Demo, Starter")
                .mode(environment.mode())
                .plan(PlanName::from_static(app::STARTER)),
            command: create_wallet,
        },
        Demo {
            key: NewKey::named("Demo, Growth")
                .mode(environment.mode())
                .plan(PlanName::from_static(app::GROWTH)),
            command: list_wallets,
        },
    ]
}

fn create_wallet(key: &ApiKey, origin: &str) -> String {
    format!(
        "curl {origin}/v1/wallets -H 'X-API-Key: {}' -H 'Content-Type: application/json' \
         -d '{{\"currency\":\"USDT\",\"label\":\"Till\"}}'",
        key.expose()
    )
}

fn list_wallets(key: &ApiKey, origin: &str) -> String {
    format!("curl {origin}/v1/wallets -H 'X-API-Key: {}'", key.expose())
}
