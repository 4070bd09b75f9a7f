//! PIK: a platform with connected accounts, on whose behalf its keys may act.
//!
//! ```sh
//! cargo run --release --example pik
//! cargo run --release --example pik -- keys list   # while it runs; `--help` tells more
//! ```
//!
//! Environment:
//!
//! - `DATABASE_URL`: `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`, where the keys
//!   and the connected accounts (table `pik_accounts`) live; the file `.data/pik.db` under the
//!   working directory unless set. A change of either in SQL is felt at once.
//! - `REDIS_URL`: `redis://[:PASSWORD@]HOST[:PORT][/DATABASE]`, where all instances count limits
//!   together; each counts for itself unless set.
//! - `PORT`: 3000 unless set, 0 for any free one.
//! - `METRICS_PORT`: where `/metrics` is served to Prometheus, on 127.0.0.1; nowhere unless set.
//! - `DASHBOARD_PASSWORD`: of the page's user `operator`; a random one, printed, unless set.
//! - `RUST_LOG`: what is logged; `info` unless set.
//! - `TRUSTED_PROXIES`: the networks whose word on HTTPS and on clients' addresses counts, separated
//!   by commas; `127.0.0.1/32` unless set, so that `curl` can say `x-forwarded-proto: https`.

#[path = "app.rs"]
mod app;
#[path = "../server/mod.rs"]
mod server;

use std::error::Error;
use std::process::ExitCode;

use app::{Accounts, Redis};
use keygate::{ApiKey, InvalidKeyId, Mode, NewKey};
use server::{About, Database, Demo, Metrics, Password, Server};
use tokio::task::JoinSet;

const ABOUT: About = About {
    name: "pik",
    what: "A platform with connected accounts, on whose behalf its keys may act",
    modes: ["production", "sandbox"],
    variables: "
  TRUSTED_PROXIES     networks whose word on HTTPS and on clients' addresses counts, separated by
                      commas; 127.0.0.1/32 unless set",
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
    let (keys, pool) = match &database {
        Database::Sqlite(store) => (app::keyring(store.clone())?, store.pool().clone().into()),
        Database::Postgres(store) => (app::keyring(store.clone())?, store.pool().clone().into()),
    };
    let keys = keys.build()?;
    if let Some(verb) = verb {
        return verb.run(&keys, &database).await;
    }
    let metrics = Metrics::from_env().await?;
    let accounts = Accounts::in_database(pool).await?;
    let mut background = JoinSet::new();
    background.spawn(accounts.clone().follow(database.watch("accounts")));

    let password = Password::from_env();
    let proxies = server::trusted_proxies("127.0.0.1/32")?;
    let redis = Redis::from_env(ABOUT.name).await?;
    let app = app::app(&keys, &accounts, proxies, &redis, password.expose());
    Server { app, keys, database, once: None, metrics, background }.run(&password, demos()?).await
}

fn demos() -> Result<Vec<Demo>, InvalidKeyId> {
    let everything = || app::SCOPES.iter().map(|scope| scope.name.clone());
    let sandbox = NewKey::named("Demo, sandbox").mode(Mode::Test).scopes(everything());
    let production = NewKey::named("Demo, production").mode(Mode::Live).scopes(everything());
    Ok(vec![
        Demo::new("key_demo_sandbox", sandbox, create_link)?,
        Demo::new("key_demo_production", production, wallet_of_the_bakery)?,
    ])
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
