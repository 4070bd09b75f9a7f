use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::directory::{Connection, DirectoryError, ErasedDirectory};
use crate::cache::{self, CacheKey, Got, Limits, LoadError, LoadFailed, LoadingCache, Slots};
use crate::telemetry::{self, Throttle};
use crate::{AccountId, Clock, Mode, Principal, Refusal};

/// The directory with its answers cached.
#[derive(Clone)]
pub(super) struct Accounts {
    directory: Arc<dyn ErasedDirectory>,
    limits: Limits,
    clock: Arc<dyn Clock>,
    cache: Arc<LoadingCache<Relation, Option<Connection>>>,
    hasher: RandomState,
    /// Questions that the directory failed.
    failing: Arc<Throttle>,
}

/// Whose account is asked for. The bits come from a hash that nobody outside can predict.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Relation {
    platform: AccountId,
    account: AccountId,
    mode: Mode,
    bits: u64,
}

/// What is known of a caller in the name of an account.
pub(super) enum Found {
    Settled(Result<Principal, Refusal>),
    Asking(Asking),
}

/// A question to the directory under way. Dropping it ends nothing but the wait.
pub(super) struct Asking(Pin<Box<dyn Future<Output = Result<Principal, Refusal>> + Send>>);

impl CacheKey for Relation {
    fn bits(&self) -> u64 {
        self.bits
    }
}

impl Accounts {
    pub(super) fn new(
        directory: Arc<dyn ErasedDirectory>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let cache = LoadingCache::new(&limits, Arc::clone(&clock));
        let (hasher, failing) = (RandomState::new(), Arc::default());
        Self { directory, limits, clock, cache, hasher, failing }
    }

    /// The same directory, with an empty cache.
    pub(super) fn with_deadline(&self, deadline: Duration) -> Self {
        let limits = Limits { deadline, ..self.limits.clone() };
        Self::new(Arc::clone(&self.directory), limits, Arc::clone(&self.clock))
    }

    /// The same directory, with an empty cache.
    pub(super) fn with_clock(&self, clock: Arc<dyn Clock>) -> Self {
        Self::new(Arc::clone(&self.directory), self.limits.clone(), clock)
    }

    /// The caller, acting for `account`.
    pub(super) fn find(&self, caller: &Principal, account: AccountId) -> Found {
        let relation = self.relation(caller, account);
        match self.cache.get(&relation) {
            Got::Fresh(connection) => Found::Settled(settle(caller, relation.account, connection)),
            Got::Refresh(connection) => {
                let slots = self.slots(&relation.account);
                self.cache.refresh(relation.clone(), slots, self.question(&relation));
                Found::Settled(settle(caller, relation.account, connection))
            }
            Got::Miss => Found::Asking(self.ask(caller.clone(), relation)),
        }
    }

    /// What was learnt of the account before is not believed any more, in both modes.
    pub(super) fn invalidate(&self, account: &AccountId) {
        self.cache.bump(self.slot_bits(account));
    }

    /// What was learnt of any account before is not believed any more.
    pub(super) fn invalidate_all(&self) {
        self.cache.bump_all();
    }

    fn ask(&self, caller: Principal, relation: Relation) -> Asking {
        let slots = self.slots(&relation.account);
        let account = relation.account.clone();
        let loader = self.question(&relation);
        let loading = self.cache.load(relation, slots, loader);
        Asking(Box::pin(async move {
            match loading.await {
                Ok(connection) => settle(&caller, account, connection),
                Err(failed) if failed.why == LoadError::CircuitOpen => Err(Refusal::CircuitOpen),
                Err(_) => Err(Refusal::LookupFailed),
            }
        }))
    }

    fn question(&self, relation: &Relation) -> impl FnOnce() -> Answering + Send + 'static {
        let (directory, relation) = (Arc::clone(&self.directory), relation.clone());
        let (clock, failing) = (Arc::clone(&self.clock), Arc::clone(&self.failing));
        let failed = move |error| {
            telemetry::directory_failed(&error, failing.happened(clock.monotonic()));
            LoadFailed
        };
        move || Box::pin(async move { ask(&*directory, &relation).await.map_err(failed) })
    }

    fn relation(&self, caller: &Principal, account: AccountId) -> Relation {
        let (platform, mode) = (caller.account().clone(), caller.mode());
        let bits = self.hasher.hash_one((&platform, &account, mode));
        Relation { platform, account, mode, bits }
    }

    fn slots(&self, account: &AccountId) -> Slots {
        Slots::one(self.slot_bits(account))
    }

    /// By the account alone: whoever changes one need not know which platforms have asked for it.
    fn slot_bits(&self, account: &AccountId) -> u64 {
        self.hasher.hash_one(account)
    }
}

type Learnt = Result<cache::Answer<Option<Connection>>, LoadFailed>;
type Answering = Pin<Box<dyn Future<Output = Learnt> + Send>>;

async fn ask(
    directory: &dyn ErasedDirectory,
    Relation { platform, account, mode, .. }: &Relation,
) -> Result<cache::Answer<Option<Connection>>, DirectoryError> {
    Ok(match directory.ask(platform, account, *mode).await? {
        Some(connection) if connection.verified => cache::Answer::Positive(Some(connection)),
        other => cache::Answer::Negative(other),
    })
}

fn settle(
    caller: &Principal,
    account: AccountId,
    connection: Option<Connection>,
) -> Result<Principal, Refusal> {
    match connection {
        None => Err(Refusal::UnconnectedAccount),
        Some(connection) if !connection.verified => Err(Refusal::UnverifiedAccount),
        Some(connection) => {
            let scopes = caller.scopes().intersection(&connection.capabilities);
            Ok(caller.acting_for(account, scopes))
        }
    }
}

impl Future for Asking {
    type Output = Result<Principal, Refusal>;

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking")
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("cache", &self.cache).finish_non_exhaustive()
    }
}
