//! What an attacker, a broken store or a careless caller tries against a keyring.

mod edges;
mod feed;
mod flood;
mod health;
mod late;
mod leaks;
mod tap;
mod verbs;

use std::time::Duration;

use keygate::store::MemoryStore;
use keygate::test_util::FaultyStore;
use keygate::{IssuedKey, KeyFormat, Keyring, KeyringBuilder, ManualClock, Mode, NewKey};

/// The keyring's defaults.
const DEADLINE: Duration = Duration::from_millis(250);
const MAX_STALENESS: Duration = Duration::from_secs(10);

type Store = FaultyStore<MemoryStore>;

fn format() -> KeyFormat {
    KeyFormat::base62("ck", 32).unwrap()
}

fn store() -> Store {
    FaultyStore::new(MemoryStore::new())
}

fn builder(store: &Store) -> KeyringBuilder {
    Keyring::builder(store.clone(), format())
}

async fn issued(keys: &Keyring) -> IssuedKey {
    keys.issue(NewKey::named("test")).await.unwrap()
}

/// A text in the keys' format that was never issued.
fn unknown() -> String {
    format().generate(Mode::Test).unwrap().expose().to_owned()
}

/// Lets time pass on both clocks, in steps small enough for every timer.
async fn pass(clock: &ManualClock, time: Duration) {
    const STEP: Duration = Duration::from_millis(100);
    let mut left = time;
    while !left.is_zero() {
        let step = left.min(STEP);
        clock.advance(step);
        tokio::time::sleep(step).await;
        left -= step;
    }
}

/// Lets every task go on that can.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Of a keyring: one listens to the feed, one writes usage.
const TASKS: usize = 2;

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
