//! Faults of a real Postgres, through keyrings on `PostgresStore`.
//!
//! Time is real here, and so are the servers: nothing is waited for but conditions.

mod canary;
mod flood;
mod outage;
mod read_only;
mod servers;
mod start;
mod unknown_outcome;

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use keygate::store::PostgresStore;
use keygate::test_util::FaultyStore;
use keygate::{IssuedKey, KeyFormat, Keyring, KeyringBuilder, Mode, NewKey};
use tokio::time::{Instant, interval};

/// The keyring's defaults.
const DEADLINE: Duration = Duration::from_millis(250);

/// For tests that are not about it: a busy machine is no outage.
const LONG_DEADLINE: Duration = Duration::from_secs(20);

/// Far longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(30);

/// Counts look-ups, and is at no fault.
type Store = FaultyStore<PostgresStore>;

fn format() -> KeyFormat {
    KeyFormat::base62("ck", 32).unwrap()
}

async fn store(url: &str) -> Store {
    FaultyStore::new(PostgresStore::connect(url).await.unwrap())
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

/// An error with its sources, in every form in which one is shown.
fn shown(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        write!(text, " {error} {error:?}").unwrap();
        source = error.source();
    }
    text
}

/// Asks again and again until the answer is yes, and says how long it took.
async fn until(limit: Duration, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    let mut ticks = interval(Duration::from_millis(5));
    while !holds().await {
        assert!(began.elapsed() < limit, "not within {limit:?}");
        ticks.tick().await;
    }
    began.elapsed()
}
