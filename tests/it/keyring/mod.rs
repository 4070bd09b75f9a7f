//! Keys from their issue to their end, and what faults of the store do to them.

mod changes;
mod nodes;
mod outage;
mod policy;
mod races;
mod stale;
mod time;
mod usage;

use keygate::store::MemoryStore;
use keygate::test_util::FaultyStore;
use keygate::{IssuedKey, KeyFormat, Keyring, KeyringBuilder, NewKey};

keygate::scopes! {
    /// What keys of these tests can be issued with.
    pub catalogue SCOPES;
    /// Read.
    pub Read = "a:read";
    /// Write.
    pub Write = "a:write";
}

type Store = FaultyStore<MemoryStore>;

fn format() -> KeyFormat {
    KeyFormat::base62("ck", 32).unwrap()
}

fn builder(store: &Store) -> KeyringBuilder {
    Keyring::builder(store.clone(), format()).scopes(SCOPES)
}

fn store() -> Store {
    FaultyStore::new(MemoryStore::new())
}

async fn issued(keys: &Keyring) -> IssuedKey {
    keys.issue(NewKey::named("test").scope(Read)).await.unwrap()
}

/// A text in the keys' format that was never issued.
fn unknown() -> String {
    format().generate(keygate::Mode::Test).unwrap().expose().to_owned()
}
