//! An example's app with everything about it that a test moves: its store, its clock, its keys.

use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use keygate::store::MemoryStore;
use keygate::test_util::FaultyStore;
use keygate::{IssuedKey, KeyId, KeyUsage, Keyring, KeyringBuilder, ManualClock, NewKey};
use serde_json::Value;

use super::{Answer, Call, get, patch, post};

/// The operator's password in tests.
pub(crate) const OPERATOR: &str = "correct horse";

/// 2024-06-01 00:00:00 UTC.
const START: Duration = Duration::from_secs(1_717_200_000);

pub(crate) type Store = FaultyStore<MemoryStore>;

fn store() -> Store {
    FaultyStore::new(MemoryStore::new())
}

pub(crate) struct Server {
    pub(crate) app: Router,
    pub(crate) keys: Keyring,
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
}

impl Server {
    pub(crate) fn new(
        keyring: impl FnOnce(Store) -> KeyringBuilder,
        app: impl FnOnce(&Keyring) -> Router,
    ) -> Self {
        Self::on(store(), ManualClock::at(UNIX_EPOCH + START), keyring, app)
    }

    /// One more node on a store.
    pub(crate) fn on(
        store: Store,
        clock: ManualClock,
        keyring: impl FnOnce(Store) -> KeyringBuilder,
        app: impl FnOnce(&Keyring) -> Router,
    ) -> Self {
        // The deadline is real time: a busy machine is not what these tests are about.
        let builder = keyring(store.clone()).with_clock(clock.clone());
        let builder = builder.deadline(Duration::from_secs(20));
        // Few keys: without optimisation a large cache takes long to make and to drop.
        let keys = builder.capacity(256).build().unwrap();
        Self { app: app(&keys), keys, clock, store }
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        call.send(&self.app).await
    }

    /// Issues a key past the management API.
    pub(crate) async fn issue(&self, key: NewKey) -> IssuedKey {
        self.keys.issue(key).await.unwrap()
    }

    pub(crate) async fn usage(&self, id: &KeyId) -> KeyUsage {
        self.keys.usage(id).await.unwrap()
    }

    /// `GET` under the management API, by the operator.
    pub(crate) async fn look(&self, path: &str) -> Answer {
        let call = get(&format!("/dashboard/api/{path}")).basic("operator", OPERATOR);
        self.send(call).await
    }

    /// `POST` under the management API, by the operator.
    pub(crate) async fn manage(&self, path: &str, body: Value) -> Answer {
        let call = post(&format!("/dashboard/api/{path}")).basic("operator", OPERATOR).json(body);
        self.send(call).await
    }

    /// `PATCH` under the management API, by the operator.
    pub(crate) async fn change(&self, path: &str, body: Value) -> Answer {
        let call = patch(&format!("/dashboard/api/{path}")).basic("operator", OPERATOR).json(body);
        self.send(call).await
    }
}
