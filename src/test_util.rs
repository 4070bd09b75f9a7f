//! Callers without keys and stores that fail, for tests of services.
//!
//! A handler is called with a caller made by hand; a router without an `AuthLayer` is sent a request
//! that has one among its extensions. A whole service, layers and all, is tested with a keyring on a
//! [`MemoryStore`](crate::store::MemoryStore) that issues the keys, on a [`FaultyStore`] around it
//! where the store is to fail: a key that is not cached yet gets 503 then.
//!
//! ```
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use keygate::test_util::{principal, scoped};
//! use keygate::{Mode, Scope, Scoped, scopes};
//! use tower::ServiceExt;
//!
//! scopes! {
//!     /// Everything a key can be issued with.
//!     pub catalogue SCOPES;
//!     /// List payment links.
//!     pub LinksRead = "links:read";
//! }
//!
//! async fn list(caller: Scoped<LinksRead>) -> String {
//!     caller.account().to_string()
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let reader = principal("acct_1", Mode::Test, [LinksRead::NAME]);
//! let stranger = principal("acct_2", Mode::Test, []);
//! assert_eq!(list(scoped(reader).unwrap()).await, "acct_1");
//! assert_eq!(scoped::<LinksRead>(stranger.clone()).unwrap_err().status(), 403);
//!
//! let mut request = Request::get("/").body(Body::empty()).unwrap();
//! request.extensions_mut().insert(stranger);
//! let response = Router::new().route("/", get(list)).oneshot(request).await.unwrap();
//! assert_eq!(response.status(), 403);
//! # }
//! ```

use std::future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

#[cfg(feature = "idempotency")]
use crate::idempotency::{Begin, Begun, Finish, IdempotencyStore, Lease};
use crate::principal::{Claims, Lineage, Uses};
use crate::store::{
    ChangeFeed, KeyQuery, KeyRecord, KeyStore, Outcome, RecordUpdate, Rotation, StoreError,
    StoredHours, StoredUsage, UsageBatch,
};
use crate::{AccountId, KeyHash, KeyId, KeyKind, Mode, Principal, ScopeName};

/// A caller who was never authenticated, to call handlers with.
///
/// Its key is `key_test_util`. Not for services: it opens whatever it is handed to.
///
/// # Panics
///
/// If the account's id is not valid.
#[must_use]
#[allow(clippy::expect_used, reason = "a test wants to hear of a wrong id at once")]
pub fn principal(
    account: &str,
    mode: Mode,
    scopes: impl IntoIterator<Item = ScopeName>,
) -> Principal {
    let key_id = KeyId::parse("key_test_util").expect("a valid id");
    Principal::new(Arc::new(Claims {
        uses: Uses::default(),
        lineage: Lineage::new(key_id.clone()),
        quota: None,
        plan: None,
        key_id,
        scopes: scopes.into_iter().collect(),
        account: AccountId::parse(account).expect("a valid account id"),
        catalogue: None,
        issuer: None,
        mode,
        kind: KeyKind::Secret,
    }))
}

/// A caller as a handler's `Scoped<R>` argument, by the check that guards handlers.
///
/// # Errors
///
/// 403 `insufficient_scope` if the caller lacks what `R` requires.
#[cfg(feature = "axum")]
pub fn scoped<R: crate::Requirement>(
    principal: Principal,
) -> Result<crate::Scoped<R>, crate::ApiError> {
    let mut extensions = http::Extensions::new();
    extensions.insert(principal);
    crate::Scoped::of(&extensions)
}

/// A store that does what it is told wrong; see [`Fault`].
///
/// It is a `KeyStore` around one, and around an `IdempotencyStore` (feature `idempotency`) such a
/// store.
///
/// Clones share the fault and the counts.
#[derive(Debug, Clone)]
pub struct FaultyStore<S> {
    inner: S,
    state: Arc<State>,
}

/// What a [`FaultyStore`] does wrong.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Answers late, by tokio's clock.
    Late(Duration),
    /// Fails at once.
    Fail,
    /// Never answers, even when the fault is over.
    Hang,
    /// Panics with a text that must not be seen anywhere.
    Panic,
    /// Answers every look-up by hash with this record.
    Foreign(Box<KeyRecord>),
    /// Makes the change and never says so. Look-ups are answered.
    Swallow,
    /// Waits until the fault is another one, then answers.
    Hold,
    /// Refuses to read and to write usage, and does everything else.
    NoUsage,
    /// Refuses changes and the writing of usage, as a database that can only be read.
    ReadOnly,
}

#[derive(Debug)]
struct State {
    fault: watch::Sender<Fault>,
    lookups: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    usage_writes: AtomicUsize,
    usage_reads: AtomicUsize,
    #[cfg(feature = "idempotency")]
    leases: AtomicUsize,
    #[cfg(feature = "idempotency")]
    renewals: AtomicUsize,
}

/// Counts a look-up for as long as it runs.
struct UnderWay<'a>(&'a State);

impl<S> FaultyStore<S> {
    /// Nothing is wrong yet.
    pub fn new(inner: S) -> Self {
        let state = State {
            fault: watch::Sender::new(Fault::None),
            lookups: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            usage_writes: AtomicUsize::new(0),
            usage_reads: AtomicUsize::new(0),
            #[cfg(feature = "idempotency")]
            leases: AtomicUsize::new(0),
            #[cfg(feature = "idempotency")]
            renewals: AtomicUsize::new(0),
        };
        Self { inner, state: Arc::new(state) }
    }

    /// From now on this is wrong.
    pub fn set(&self, fault: Fault) {
        self.state.fault.send_replace(fault);
    }

    /// How many look-ups by hash there were.
    #[must_use]
    pub fn lookups(&self) -> usize {
        self.state.lookups.load(Ordering::SeqCst)
    }

    /// How many look-ups by hash are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.state.under_way.load(Ordering::SeqCst)
    }

    /// How many were under way at once, at the most.
    #[must_use]
    pub fn most_under_way(&self) -> usize {
        self.state.most_under_way.load(Ordering::SeqCst)
    }

    /// How many batches of usage it was given, whatever became of them.
    #[must_use]
    pub fn usage_writes(&self) -> usize {
        self.state.usage_writes.load(Ordering::SeqCst)
    }

    /// How often it was asked for usage.
    #[must_use]
    pub fn usage_reads(&self) -> usize {
        self.state.usage_reads.load(Ordering::SeqCst)
    }

    /// How often it was asked for the lease of an operation.
    #[cfg(feature = "idempotency")]
    #[must_use]
    pub fn leases(&self) -> usize {
        self.state.leases.load(Ordering::SeqCst)
    }

    /// How many renewals of leases it has answered.
    #[cfg(feature = "idempotency")]
    #[must_use]
    pub fn renewals(&self) -> usize {
        self.state.renewals.load(Ordering::SeqCst)
    }

    fn refuse_usage(&self) -> Result<(), StoreError> {
        match *self.state.fault.borrow() {
            Fault::NoUsage => Err(StoreError::transient("told to fail")),
            _ => Ok(()),
        }
    }

    async fn suffer(&self) -> Result<(), StoreError> {
        let fault = self.state.fault.borrow().clone();
        match fault {
            Fault::None | Fault::Foreign(_) | Fault::Swallow | Fault::ReadOnly | Fault::NoUsage => {
                Ok(())
            }
            Fault::Late(by) => {
                tokio::time::sleep(by).await;
                Ok(())
            }
            Fault::Fail => Err(StoreError::transient("told to fail")),
            Fault::Hang => future::pending().await,
            #[allow(clippy::panic, reason = "it was told to")]
            Fault::Panic => panic!("the store panicked"),
            Fault::Hold => {
                let mut fault = self.state.fault.subscribe();
                let _ = fault.wait_for(|fault| !matches!(fault, Fault::Hold)).await;
                Ok(())
            }
        }
    }

    async fn answer<T>(
        &self,
        change: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.suffer().await?;
        if matches!(*self.state.fault.borrow(), Fault::ReadOnly) {
            return Err(StoreError::permanent("told to be read only"));
        }
        let done = change.await?;
        if matches!(*self.state.fault.borrow(), Fault::Swallow) {
            return future::pending().await;
        }
        Ok(done)
    }
}

impl<S: KeyStore> KeyStore for FaultyStore<S> {
    async fn find_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        let _counted = UnderWay::enter(&self.state);
        self.suffer().await?;
        if let Fault::Foreign(record) = &*self.state.fault.borrow() {
            return Ok(Some(KeyRecord::clone(record)));
        }
        self.inner.find_by_hash(hash).await
    }

    async fn find_by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.suffer().await?;
        self.inner.find_by_id(id).await
    }

    async fn insert(&self, record: KeyRecord) -> Result<(), StoreError> {
        self.answer(self.inner.insert(record)).await
    }

    async fn update(&self, id: &KeyId, update: RecordUpdate) -> Result<Outcome, StoreError> {
        self.answer(self.inner.update(id, update)).await
    }

    async fn revoke(
        &self,
        id: &KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Result<Outcome, StoreError> {
        self.answer(self.inner.revoke(id, at, reason)).await
    }

    async fn rotate(&self, id: &KeyId, rotation: Rotation) -> Result<Outcome, StoreError> {
        self.answer(self.inner.rotate(id, rotation)).await
    }

    async fn list(&self, query: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
        self.suffer().await?;
        self.inner.list(query).await
    }

    async fn subscribe(&self) -> Result<Option<ChangeFeed>, StoreError> {
        self.inner.subscribe().await
    }

    async fn prove(&self, token: u64) -> Result<(), StoreError> {
        self.inner.prove(token).await
    }

    fn keeps_usage(&self) -> bool {
        self.inner.keeps_usage()
    }

    async fn add_usage(&self, batch: UsageBatch) -> Result<(), StoreError> {
        self.state.usage_writes.fetch_add(1, Ordering::SeqCst);
        self.refuse_usage()?;
        self.answer(self.inner.add_usage(batch)).await
    }

    async fn usage(&self, node: u64, ids: Vec<KeyId>) -> Result<StoredUsage, StoreError> {
        self.state.usage_reads.fetch_add(1, Ordering::SeqCst);
        self.refuse_usage()?;
        self.suffer().await?;
        self.inner.usage(node, ids).await
    }

    async fn hourly_usage(
        &self,
        node: u64,
        id: KeyId,
        since: SystemTime,
    ) -> Result<StoredHours, StoreError> {
        self.state.usage_reads.fetch_add(1, Ordering::SeqCst);
        self.refuse_usage()?;
        self.suffer().await?;
        self.inner.hourly_usage(node, id, since).await
    }
}

#[cfg(feature = "idempotency")]
impl<S: IdempotencyStore> IdempotencyStore for FaultyStore<S> {
    async fn begin(&self, begin: Begin) -> Result<Begun, StoreError> {
        self.state.leases.fetch_add(1, Ordering::SeqCst);
        self.answer(self.inner.begin(begin)).await
    }

    async fn renew(&self, lease: Lease, lease_for: Duration) -> Result<bool, StoreError> {
        let renewed = self.answer(self.inner.renew(lease, lease_for)).await;
        self.state.renewals.fetch_add(1, Ordering::SeqCst);
        renewed
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        self.answer(self.inner.finish(finish)).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.answer(self.inner.release(lease)).await
    }
}

impl<'a> UnderWay<'a> {
    fn enter(state: &'a State) -> Self {
        state.lookups.fetch_add(1, Ordering::SeqCst);
        let now = state.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_under_way.fetch_max(now, Ordering::SeqCst);
        Self(state)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}
