//! PayKore: wallets behind secret keys, one environment each deployment, limits by tier.
//!
//! ```sh
//! cargo run --release --example paykore
//! cargo run --release --example paykore -- keys list   # while it runs; `--help` tells more
//! ```
//!
//! Environment:
//!
//! - `DATABASE_URL`: `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`, where the keys
//!   and the plans (table `paykore_plans`) live; the file `.data/paykore.db` under the working
//!   directory unless set. A change of either in SQL is felt at once.
//! - `REDIS_URL`: `redis://[:PASSWORD@]HOST[:PORT][/DATABASE]`, where all instances count limits
//!   together; each counts for itself unless set.
//! - `PORT`: 3000 unless set, 0 for any free one.
//! - `METRICS_PORT`: where `/metrics` is served to Prometheus, on 127.0.0.1; nowhere unless set.
//! - `DASHBOARD_PASSWORD`: of the page's user `operator`; a random one, printed, unless set.
//! - `RUST_LOG`: what is logged; `info` unless set.
//! - `TRUSTED_PROXIES`: the networks whose word on clients' addresses counts, separated by commas;
//!   none unless set.
//! - `PAYKORE_ENV`: the environment that it serves, `live` or `sandbox`; `sandbox` unless set.

#[path = "app.rs"]
mod app;
mod plans;
#[path = "../server/pool.rs"]
mod pool;
#[path = "../server/mod.rs"]
mod server;

use std::error::Error;
use std::process::ExitCode;

use app::{Environment, Redis};
use keygate::{ApiKey, InvalidKeyId, NewKey, PlanName};
use plans::PlanTable;
use server::{About, Database, Demo, Metrics, Password, Server};
use tokio::task::JoinSet;

const ABOUT: About = About {
    name: "paykore",
    what: "Wallets behind secret keys, one environment each deployment, limits by tier",
    modes: ["live", "test"],
    variables: "
  TRUSTED_PROXIES     networks whose word on clients' addresses counts, separated by commas; none
                      unless set
  PAYKORE_ENV         the environment that it serves, `live` or `sandbox`; `sandbox` unless set",
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
    let environment = environment()?;
    let database = Database::open(ABOUT.name).await?;
    let (keys, pool) = match &database {
        Database::Sqlite(store) => (app::keyring(store.clone())?, store.pool().clone().into()),
        Database::Postgres(store) => (app::keyring(store.clone())?, store.pool().clone().into()),
    };
    let table = PlanTable::open(pool).await?;
    let keys = keys.plans(table.plans()).build()?;
    if let Some(verb) = verb {
        return verb.run(&keys, &database).await;
    }
    let metrics = Metrics::from_env().await?;
    let mut background = JoinSet::new();
    background.spawn(table.follow(database.watch("plans")));

    let password = Password::from_env();
    let (proxies, redis) = (server::trusted_proxies("")?, Redis::from_env(ABOUT.name).await?);
    let app = app::app(&keys, environment, proxies, &redis, password.expose());
    Server { app, keys, database, once: None, metrics, background }
        .run(&password, demos(environment)?)
        .await
}

fn environment() -> Result<Environment, Box<dyn Error>> {
    match std::env::var("PAYKORE_ENV").as_deref() {
        Ok("live") => Ok(Environment::Live),
        Ok("sandbox") | Err(_) => Ok(Environment::Sandbox),
        Ok(other) => Err(format!("PAYKORE_ENV is `live` or `sandbox`, not {other:?}").into()),
    }
}

fn demos(environment: Environment) -> Result<Vec<Demo>, InvalidKeyId> {
    let on = |plan| PlanName::from_static(plan);
    let starter = NewKey::named("Demo, Starter").plan(on(app::STARTER)).mode(environment.mode());
    let growth = NewKey::named("Demo, Growth").plan(on(app::GROWTH)).mode(environment.mode());
    Ok(vec![
        Demo::new("key_demo_starter", starter, create_wallet)?,
        Demo::new("key_demo_growth", growth, list_wallets)?,
    ])
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
