//! Crypto Checkout: payment links, sessions, webhooks, events and customers behind scoped keys.
//!
//! ```sh
//! cargo run --release --example crypto_checkout
//! cargo run --release --example crypto_checkout -- keys list   # while it runs; `--help` tells more
//! ```
//!
//! Environment:
//!
//! - `DATABASE_URL`: `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`, where keys and
//!   idempotency keys live; the file `.data/crypto_checkout.db` under the working directory unless
//!   set.
//! - `REDIS_URL`: `redis://[:PASSWORD@]HOST[:PORT][/DATABASE]`, where all instances count limits
//!   together and keep idempotency keys; each counts for itself unless set.
//! - `PORT`: 3000 unless set, 0 for any free one.
//! - `METRICS_PORT`: where `/metrics` is served to Prometheus, on 127.0.0.1; nowhere unless set.
//! - `DASHBOARD_PASSWORD`: of the page's user `operator`; a random one, printed, unless set.
//! - `RUST_LOG`: what is logged; `info` unless set.
//! - `TRUSTED_PROXIES`: the networks whose word on clients' addresses counts, separated by commas;
//!   none unless set.

#[path = "app.rs"]
mod app;
#[path = "../server/mod.rs"]
mod server;

use std::error::Error;
use std::process::ExitCode;

use app::Redis;
use keygate::{ApiKey, IdempotencyLayer, InvalidKeyId, Mode, NewKey};
use server::{About, Database, Demo, Metrics, Password, Server};
use tokio::task::JoinSet;

const ABOUT: About = About {
    name: "crypto_checkout",
    what: "Payment links, sessions, webhooks, events and customers behind scoped keys",
    modes: ["live", "test"],
    variables: "
  TRUSTED_PROXIES     networks whose word on clients' addresses counts, separated by commas; none
                      unless set",
};

#[tokio::main]
async fn main() -> ExitCode {
    server::exit_code(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let verb = server::command_line(&ABOUT);
    if verb.is_none() {
        server::log_to_stdout();
    }
    let database = Database::open(ABOUT.name).await?;
    let keys = match &database {
        Database::Sqlite(store) => app::keyring(store.clone())?,
        Database::Postgres(store) => app::keyring(store.clone())?,
    };
    let keys = keys.build()?;
    if let Some(verb) = verb {
        return verb.run(&keys, &database).await;
    }
    let metrics = Metrics::from_env().await?;
    let password = Password::from_env();
    let (proxies, redis) = (server::trusted_proxies("")?, Redis::from_env(ABOUT.name).await?);
    let once = match (Redis::idempotency_from_env(ABOUT.name).await?, &database) {
        (Some(store), _) => IdempotencyLayer::new(store),
        (None, Database::Sqlite(store)) => IdempotencyLayer::new(store.clone()),
        (None, Database::Postgres(store)) => IdempotencyLayer::new(store.clone()),
    };
    let app = app::app(&keys, proxies, &redis, once.clone(), password.expose());
    let server =
        Server { app, keys, database, once: Some(once), metrics, background: JoinSet::new() };
    server.run(&password, demos()?).await
}

fn demos() -> Result<Vec<Demo>, InvalidKeyId> {
    let everything = app::SCOPES.iter().map(|scope| scope.name.clone());
    let test = NewKey::named("Demo, test mode, every scope").mode(Mode::Test).scopes(everything);
    let live = NewKey::named("Demo, live mode, links only").mode(Mode::Live).scope(app::LinksRead);
    Ok(vec![
        Demo::new("key_demo_test", test, create_link)?,
        Demo::new("key_demo_live", live, list_links)?,
    ])
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
