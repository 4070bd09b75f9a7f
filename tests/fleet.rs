//! Several processes of an example on one Postgres, and on one Redis, under steady load from real clients.
//!
//! What they promise each other is judged by one checker, from the clients' log alone. Prints what
//! it measured: `cargo test --test fleet -- --nocapture`. `KEYGATE_SIZE=full` takes the figures'
//! full sizes, which is minutes; else they fit a test run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "tests that measure"
)]

#[path = "fleet/checker/mod.rs"]
mod checker;
#[path = "fleet/cold.rs"]
mod cold;
#[path = "fleet/cut.rs"]
mod cut;
#[path = "it/support/folder.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod folder;
#[path = "fleet/limits.rs"]
mod limits;
#[path = "fleet/load.rs"]
mod load;
#[path = "fleet/nodes.rs"]
mod nodes;
#[path = "fleet/one_node.rs"]
mod one_node;
#[path = "it/support/postgres.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod postgres;
#[path = "it/support/process.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod process;
#[path = "fleet/proxy.rs"]
mod proxy;
#[path = "fleet/quota.rs"]
mod quota;
#[path = "it/support/redis.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod redis;
#[path = "fleet/revoke.rs"]
mod revoke;
#[path = "fleet/rotate.rs"]
mod rotate;
#[path = "it/support/size.rs"]
mod size;
#[path = "fleet/start.rs"]
mod start;
#[path = "it/support/throwaway.rs"]
mod throwaway;
#[path = "fleet/unprotected.rs"]
mod unprotected;
#[path = "fleet/warm.rs"]
mod warm;

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

// `process` finds it beside itself.
use folder::Folder;
use size::size;

/// The keyring's defaults, which the examples keep.
const DEADLINE: Duration = Duration::from_millis(250);
const MAX_STALENESS: Duration = Duration::from_secs(10);

/// One measurement at a time: they would measure each other.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
