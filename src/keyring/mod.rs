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

mod builder;
mod change;
mod error;
mod feed;
mod hashing;
mod list;
mod new_key;
mod policy;
mod scope_sets;
mod usage;
mod verify;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cache::{CacheKey, Limits, LoadingCache};
use crate::principal::Issuer;
use crate::rate_limit::Plans;
use crate::scope::Catalogue;
use crate::store::{ErasedStore, KeyStore, StoreError};
use crate::{Clock, KeyFormat, KeyHash, KeyKind, Mode};

pub use builder::KeyringBuilder;
pub use error::{InvalidKeyring, KeyringError};
pub use list::KeyPage;
pub use new_key::{IssuedKey, KeyFilter, KeyUpdate, NewKey};
pub use usage::KeyUsage;
pub(crate) use verify::{Probe, Verification};

use feed::FeedDriver;
use hashing::Hashing;
use policy::Policy;
use scope_sets::ScopeSets;
use usage::UsageBook;
use verify::Verdict;

/// A verb of management may take this many look-up deadlines.
const PATIENCE: u32 = 8;

/// How many times a proof is asked for within `max_staleness`.
const PROOFS: u32 = 4;

/// The longest time between two proofs, whatever `max_staleness` is.
const LONGEST_ROUND: Duration = Duration::from_secs(3600);

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
    usage: UsageBook,
    scope_sets: ScopeSets,
    issuer: Issuer,
    deadline: Duration,
    feed_round: Duration,
    feed: Mutex<Feed>,
    stop: watch::Sender<bool>,
}

/// The feed's task.
enum Feed {
    NotStarted,
    Running(JoinHandle<()>),
    /// Shut down, or the store has no feed.
    Over,
}

impl Keyring {
    /// Begins a keyring on a store, for keys of a format.
    pub fn builder(store: impl KeyStore, format: KeyFormat) -> KeyringBuilder {
        KeyringBuilder::new(store, format)
    }

    /// Ends the background work and waits for it. Keys are still verified afterwards, each entry
    /// of the cache for `max_staleness` at the most.
    pub async fn shutdown(&self) {
        let feed = std::mem::replace(&mut *self.0.feed.lock(), Feed::Over);
        self.0.stop.send_replace(true);
        if let Feed::Running(task) = feed {
            // Its only failure is a panic, and then it has ended too.
            let _ = task.await;
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
        let timing = builder.timing;
        let limits = Limits {
            capacity: builder.capacity,
            positive_ttl: timing.positive_ttl,
            negative_ttl: timing.negative_ttl,
            max_staleness: timing.max_staleness,
            deadline: timing.deadline,
            lookups: builder.max_lookups,
            ..Limits::default()
        };
        Self(Arc::new(Inner {
            cache: LoadingCache::new(&limits, Arc::clone(&builder.clock)),
            store: builder.store,
            formats: builder.formats,
            policy: builder.policy,
            hashing: builder.hashing,
            clock: builder.clock,
            usage: UsageBook::default(),
            scope_sets: ScopeSets::default(),
            issuer: Issuer::unique(),
            deadline: timing.deadline,
            feed_round: (timing.max_staleness / PROOFS).min(LONGEST_ROUND),
            feed: Mutex::new(Feed::NotStarted),
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

    fn usage_book(&self) -> &UsageBook {
        &self.0.usage
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

    /// Starts to listen for changes, at the first use inside a runtime.
    fn start_feed(&self) {
        Inner::start_feed(&self.0);
    }
}

impl Inner {
    /// Makes the cache forget a key by its stored hash. It takes effect before this returns.
    fn forget(&self, hash: KeyHash) {
        self.cache.bump(hash.bits());
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn patience(&self) -> Duration {
        self.deadline.saturating_mul(PATIENCE)
    }

    fn start_feed(this: &Arc<Self>) {
        let mut feed = this.feed.lock();
        if let Some(ended) = feed.ended() {
            *feed = ended;
        }
        if let (Feed::NotStarted, Ok(runtime)) = (&*feed, Handle::try_current()) {
            let driver = FeedDriver::new(this, this.stop.subscribe(), this.feed_round);
            *feed = Feed::Running(runtime.spawn(driver.run()));
        }
    }
}

impl Feed {
    /// What the feed is if its task has ended.
    fn ended(&mut self) -> Option<Self> {
        let Self::Running(task) = self else { return None };
        if !task.is_finished() {
            return None;
        }
        let mut nobody = Context::from_waker(Waker::noop());
        Some(match Pin::new(task).poll(&mut nobody) {
            // Its runtime was shut down under it: the one of this caller takes its place.
            Poll::Ready(Err(_)) => Self::NotStarted,
            _ => Self::Over,
        })
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("formats", &self.0.formats)
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}
