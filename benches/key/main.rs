//! What a million keys take: cached in a keyring, and stored in SQLite.
//!
//! `cargo bench --bench key` prints memory for each key, and the time of a look-up whose key is
//! not cached. `KEY_BENCH_KEYS` is how many keys there are.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench prints, reads the clock, and has nobody to report an error to"
)]

#[path = "../hot_path/counting.rs"]
#[allow(dead_code, reason = "the other bench uses the rest")]
mod counting;
#[path = "../hot_path/keys.rs"]
#[allow(dead_code, reason = "the other bench uses the rest")]
mod keys;
mod stored;

use tokio::runtime::{Builder, Runtime};

fn main() {
    let count = std::env::var("KEY_BENCH_KEYS").map_or(1_000_000, |keys| keys.parse().unwrap());
    println!("\n{count} keys");
    // First, while the process has nothing else resident.
    runtime().block_on(stored::in_sqlite(count));
    cached(count);
}

/// Everything runs, and is counted, on this thread.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn cached(count: usize) {
    let before = counting::live_bytes();
    let keyring = keys::keyring(count);
    runtime().block_on(async {
        for number in 0..count {
            keyring.verify(&keys::text(number)).await.unwrap();
        }
    });
    let bytes = counting::live_bytes() - before;
    row("cached", "bytes a key", bytes as f64 / count as f64);
    row("", "MiB in all", mebibytes(bytes as f64));
}

fn row(what: &str, unit: &str, value: f64) {
    println!("{what:<26} {value:>10.1} {unit}");
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / (1024.0 * 1024.0)
}
