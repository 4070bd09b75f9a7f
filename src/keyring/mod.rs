//! The handle that verifies, issues, rotates, revokes and lists keys.
//!
//! 1. **A cached key costs a hash and a probe.** Nothing is awaited and nothing is allocated.
//! 2. **A revocation is exact on its node**: once [`Keyring::revoke`] has returned, every request
//!    that begins is refused. So are all other changes.
//! 3. **On other nodes** it is felt when the store's change feed brings it, and at the latest
//!    `max_staleness` plus one `deadline` after it, whatever happens to the feed.
//! 4. **A store that fails is not a key that is wrong**: the answer is
//!    [`Refusal::LookupFailed`](crate::Refusal::LookupFailed) (503), within the deadline, and is
//!    not cached. Keys that are cached go on.
//! 5. **One look-up per key**, however many requests wait for it.
//! 6. **A verb that was begun is finished**, whether or not its caller waits.
//!
//! It needs a tokio runtime with its timer (`enable_all` or `enable_time`).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use keygate::store::MemoryStore;
//! use keygate::{KeyFormat, Keyring, Mode, NewKey, Refusal};
//!
//! let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
//! let issued = keys.issue(NewKey::named("WooCommerce plugin").mode(Mode::Test)).await?;
//! let text = issued.key().expose();
//! assert!(text.starts_with("ck_test_"));
//!
//! let caller = keys.verify(text).await.unwrap();
//! assert_eq!(caller.key_id(), issued.id());
//!
//! keys.revoke(issued.id()).await?;
//! assert_eq!(keys.verify(text).await.unwrap_err(), Refusal::Revoked);
//! # Ok(()) }
//! ```
//!
//! # Metrics
//!
//! With the feature `metrics`, through the facade of that name. The keyrings of a process share one
//! set.
//!
//! | name | kind | tells |
//! | --- | --- | --- |
//! | `keygate_decisions_total{by,outcome}` | counter | what was decided about requests, by their keys, scopes and connected accounts, or an operator's refused (`by` the `operator`) |
//! | `keygate_cache_total{result}` | counter | what was known of a key when a request came |
//! | `keygate_store_seconds{operation,outcome}` | histogram | how long the store took for an answer |
//! | `keygate_feed_up` | gauge | 1 while changes made on other nodes are heard of, else 0 |
//! | `keygate_feed_lost_total` | counter | how often the feed broke, fell silent or could not be had |
//! | `keygate_circuit_open{of}` | gauge | 1 while so many look-ups hang that no more are made, else 0 |
//! | `keygate_lookups_total{of,outcome}` | counter | look-ups that ended, and those that an open circuit forbade |
//! | `keygate_attempts_limited_total{of}` | counter | requests of addresses that had [failed too often](crate::auth#failed-authentications) |
//! | `keygate_usage_dropped_total` | counter | uses that are lost, as there was no room to keep them |
//! | `keygate_usage_flush_failures_total` | counter | batches of usage that could not be written, each try by itself |
//!
//! `by` is `auth`, with the outcome `accepted`, `anonymous` or the name of a
//! [`Refusal`](crate::Refusal::as_str); `scope` and `on_behalf_of` count refusals only,
//! and `would_refuse` for scopes in [shadow mode](crate::AuthLayer::shadow_scope). `result` is
//! `hit`, `refused` (known not to be accepted), `miss` (the request waited for a look-up), and
//! `stale` for a miss that was answered without the store, see
//! [`allow_stale_on_outage`](KeyringBuilder::allow_stale_on_outage). `operation` is a method of
//! [`KeyStore`], and its outcome `ok`, `failed` or `given_up`.
//!
//! What is accepted is told once a second, together with the writing of usage, and so costs a request
//! nothing; everything else at once. A recorder may be installed at any time: it misses what was
//! before, and gauges until they change.
//!
//! `of` is `keys` or `accounts`, of attempts `keys` or `operator`. The outcome of a look-up is
//! `found`, `not_found` (a revoked key too), `failed`, `timed_out`, `panicked` or `circuit_open`. A
//! key that is cached and fresh causes no look-up. The gauge of the feed is not set where the store
//! has none, that of a circuit not before it first opens.

mod background;
mod builder;
mod change;
mod error;
mod feed;
mod hashing;
mod health;
mod hourly;
mod list;
mod new_key;
mod policy;
mod scope_sets;
mod usage;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::cache::{self, CacheKey, LoadingCache};
use crate::principal::Issuer;
use crate::rate_limit::Plans;
use crate::scope::Catalogue;
use crate::store::{ErasedStore, KeyStore, StoreError, timed};
use crate::telemetry::{self, Throttle};
use crate::{Clock, KeyFormat, KeyHash, KeyKind, Mode};

pub use builder::KeyringBuilder;
pub use error::{InvalidKeyring, KeyringError};
pub use health::{FeedHealth, Health, UsageHealth};
pub use hourly::HourlyUsage;
pub use list::KeyPage;
pub use new_key::{IssuedKey, KeyFilter, KeyUpdate, NewKey};
pub(crate) use verify::{LateVerdict, Probe, Verification, Verified};

use background::Background;
use feed::FeedDriver;
use hashing::Hashing;
use health::FeedState;
use policy::Policy;
use scope_sets::ScopeSets;
use usage::Usage;
use verify::Verdict;

/// How many times a proof is asked for within `max_staleness`.
const PROOFS: u32 = 4;

/// The longest time between two proofs, whatever `max_staleness` is.
const LONGEST_ROUND: Duration = Duration::from_hours(1);

/// The handle on a service's keys; see [the module](self). Clones share one keyring.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

pub(crate) struct Inner {
    store: Arc<dyn ErasedStore>,
    formats: Vec<KeyFormat>,
    policy: Policy,
    hashing: Hashing,
    clock: Arc<dyn Clock>,
    cache: Arc<LoadingCache<KeyHash, Verdict>>,
    usage: Arc<Usage>,
    scope_sets: ScopeSets,
    /// Look-ups that the store failed.
    failing: Throttle,
    issuer: Issuer,
    deadline: Duration,
    feed_round: Duration,
    feed_state: Arc<FeedState>,
    listening: Background,
    writing: Background,
    /// Tells both tasks to end, and so does its end.
    stop: watch::Sender<bool>,
}

impl Keyring {
    /// Begins a keyring on a store, for keys of a format.
    pub fn builder(store: impl KeyStore, format: KeyFormat) -> KeyringBuilder {
        KeyringBuilder::new(store, format)
    }

    /// Ends the background work, waits for it and writes what was counted, within eight
    /// `deadline`s. Call it after the last request.
    ///
    /// Keys are still verified afterwards, each entry of the cache for `max_staleness` at the most.
    /// A keyring that is dropped without it loses what was counted since the store last took a
    /// batch: the uses of a second, or of the length of the store's outage. So does this one where
    /// the store still takes none, and logs it; `health().usage.pending` says how many keys' uses.
    pub async fn shutdown(&self) {
        self.0.stop.send_replace(true);
        self.0.listening.join().await;
        self.0.writing.join().await;
        self.0.feed_state.stopped();
        // What is not written in time is lost, as in a crash. Without a runtime there is no time.
        if Handle::try_current().is_ok() {
            let _ = tokio::time::timeout(self.0.patience(), self.0.usage.flush()).await;
        }
        let pending = self.health().usage.pending;
        if pending > 0 {
            telemetry::usage_lost(pending);
        }
    }

    /// The scopes that keys can be issued with.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        self.0.policy.catalogue
    }

    /// The plans that keys can be issued with.
    #[must_use]
    pub fn plans(&self) -> &Plans {
        &self.0.policy.plans
    }

    /// Whom a key belongs to that is issued without an account.
    #[cfg(feature = "dashboard")]
    pub(crate) fn default_account(&self) -> &crate::AccountId {
        &self.0.policy.default_account
    }

    /// The clock that decides when keys expire.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The word for a mode in this service's keys, such as `live`.
    #[must_use]
    pub fn word(&self, mode: Mode) -> &str {
        self.0.formats.first().map_or("", |format| format.word(mode))
    }

    /// The mode that a word stands for in this service's keys.
    #[must_use]
    pub fn mode(&self, word: &str) -> Option<Mode> {
        self.0.formats.first().and_then(|format| format.mode(word))
    }

    /// The format that keys of a kind are issued in, where there is one.
    #[must_use]
    pub fn format(&self, kind: KeyKind) -> Option<&KeyFormat> {
        self.0.formats.iter().find(|format| format.kind() == kind)
    }

    fn assemble(builder: KeyringBuilder) -> Self {
        let limits = builder.limits;
        let patience = patience(limits.deadline);
        let store = timed(builder.store, &builder.clock);
        Self(Arc::new(Inner {
            cache: LoadingCache::new(&limits, Arc::clone(&builder.clock)),
            usage: Arc::new(Usage::new(&store, &builder.clock, patience)),
            store,
            formats: builder.formats,
            policy: builder.policy,
            hashing: builder.hashing,
            clock: builder.clock,
            scope_sets: ScopeSets::default(),
            failing: Throttle::default(),
            issuer: Issuer::unique(),
            deadline: limits.deadline,
            feed_round: (limits.max_staleness / PROOFS).min(LONGEST_ROUND),
            feed_state: Arc::new(FeedState::new()),
            listening: Background::new(),
            writing: Background::new(),
            stop: watch::Sender::new(false),
        }))
    }

    fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    fn store(&self) -> &Arc<dyn ErasedStore> {
        &self.0.store
    }

    fn policy(&self) -> &Policy {
        &self.0.policy
    }

    fn stored_hash(&self, text: &[u8]) -> KeyHash {
        self.stored_from_plain(&KeyHash::of(text))
    }

    fn stored_from_plain(&self, plain: &KeyHash) -> KeyHash {
        self.0.hashing.stored(plain)
    }

    /// Reads for a verb of management, within its patience.
    async fn read<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, KeyringError> {
        Handle::try_current().map_err(|_| KeyringError::NoRuntime)?;
        match tokio::time::timeout(self.0.patience(), answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(StoreError::transient("it did not answer in time").into()),
        }
    }

    /// Starts to listen for changes and to write usage, at the first use inside a runtime.
    fn start_tasks(&self) {
        let inner = &self.0;
        inner.listening.start(|| FeedDriver::new(inner).run());
        inner.writing.start(|| usage::drive(Arc::clone(&inner.usage), inner.stop.subscribe()));
    }
}

impl Inner {
    /// Makes the cache forget a key by its stored hash. It takes effect before this returns.
    fn forget(&self, hash: KeyHash) {
        self.cache.bump(hash.bits());
    }

    /// Makes the cache forget every key.
    fn forget_all(&self) {
        self.cache.bump_all();
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn patience(&self) -> Duration {
        patience(self.deadline)
    }
}

/// How long a verb of management may take.
fn patience(deadline: Duration) -> Duration {
    deadline.saturating_mul(cache::PATIENCE)
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("formats", &self.0.formats)
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}
