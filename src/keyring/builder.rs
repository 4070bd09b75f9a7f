use std::sync::Arc;
use std::time::Duration;

use super::hashing::Hashing;
use super::policy::Policy;
use super::{InvalidKeyring, Keyring};
use crate::cache::{LONGEST_NEGATIVE_TTL, Limits, Slots};
use crate::rate_limit::Plans;
use crate::scope::Catalogue;
use crate::store::{ErasedStore, KeyStore};
use crate::{AccountId, Clock, KeyFormat, Mode, Pepper, SystemClock};

/// Who waits longer has gone; and multiples of it must stay on the clock.
const LONGEST_DEADLINE: Duration = Duration::from_hours(1);

/// Builds a [`Keyring`]; begun with [`Keyring::builder`].
///
/// See [the module](super) for an example.
#[must_use]
pub struct KeyringBuilder {
    pub(super) store: Arc<dyn ErasedStore>,
    pub(super) formats: Vec<KeyFormat>,
    pub(super) policy: Policy,
    pub(super) hashing: Hashing,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
}

impl KeyringBuilder {
    pub(super) fn new(store: impl KeyStore, format: KeyFormat) -> Self {
        Self {
            store: Arc::new(store),
            formats: vec![format],
            policy: Policy {
                catalogue: Catalogue::default(),
                plans: Plans::new(),
                longest_lifetime: None,
                default_account: AccountId::from_static("default"),
            },
            hashing: Hashing::default(),
            clock: Arc::new(SystemClock),
            limits: Limits::of("keys"),
        }
    }

    /// The scopes that keys can be issued with. None unless set.
    pub fn scopes(mut self, catalogue: Catalogue) -> Self {
        self.policy.catalogue = catalogue;
        self
    }

    /// Accepts keys of a further format: another kind, or an old format beside a new one.
    ///
    /// Keys are issued in the first format of their kind.
    pub fn accept(mut self, format: KeyFormat) -> Self {
        self.formats.push(format);
        self
    }

    /// The plans that keys can be issued with. None unless set.
    ///
    /// Share the handle with the rate limit's layer: a plan that the layer has not heard of leaves a
    /// key at the layer's own quota.
    pub fn plans(mut self, plans: Plans) -> Self {
        self.policy.plans = plans;
        self
    }

    /// Stores HMAC-SHA-256 under this secret in place of a text's plain SHA-256.
    ///
    /// Keys that were stored before, without a pepper or under another, are no longer found:
    /// name those too with [`Self::also_pepper`] and [`Self::also_unpeppered`] while they last.
    /// Each costs one more look-up for a key that is not cached.
    pub fn pepper(mut self, pepper: Pepper) -> Self {
        self.hashing.current = Some(pepper);
        self
    }

    /// Accepts keys that were stored under an earlier pepper.
    pub fn also_pepper(mut self, pepper: Pepper) -> Self {
        self.hashing.former.push(Some(pepper));
        self
    }

    /// Accepts keys that were stored without a pepper.
    pub fn also_unpeppered(mut self) -> Self {
        self.hashing.former.push(None);
        self
    }

    /// Whom a key belongs to that is issued without an account. `default` unless set.
    pub fn default_account(mut self, account: AccountId) -> Self {
        self.policy.default_account = account;
        self
    }

    /// How long a key can live at the most, from its creation. No limit unless set.
    ///
    /// It is also the lifetime of keys that are issued without an expiry. At least 1 ms, else
    /// [`InvalidKeyring::Zero`].
    pub fn longest_lifetime(mut self, lifetime: Duration) -> Self {
        self.policy.longest_lifetime = Some(lifetime);
        self
    }

    /// How long a request waits for the store before it gets 503. 250 ms unless set.
    ///
    /// At least 1 ms, else [`InvalidKeyring::Zero`]; what is longer than an hour counts as an hour.
    /// The look-up itself runs on for up to eight times as long, and its answer is cached.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limits.deadline = deadline.min(LONGEST_DEADLINE);
        self
    }

    /// How long a change made on another node may go unnoticed. 10 s unless set.
    ///
    /// It counts while the store's change feed is down, and where the store has none.
    /// At least 1 ms, else [`InvalidKeyring::Zero`].
    pub fn max_staleness(mut self, bound: Duration) -> Self {
        self.limits.max_staleness = bound;
        self
    }

    /// How long a key is cached. 5 minutes unless set; changes end it at once.
    ///
    /// At least 1 ms, else [`InvalidKeyring::Zero`].
    pub fn positive_ttl(mut self, ttl: Duration) -> Self {
        self.limits.positive_ttl = ttl;
        self
    }

    /// How long it is remembered that a text is no valid key. 5 s unless set.
    ///
    /// At least 1 ms, else [`InvalidKeyring::Zero`]; what is longer than 5 s counts as 5 s. A key
    /// that another node issues may be refused here for as long.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.limits.negative_ttl = ttl.min(LONGEST_NEGATIVE_TTL);
        self
    }

    /// Accepts keys past the end of their freshness, for so long, while the store cannot be asked.
    /// Never unless set: then such a key gets 503.
    ///
    /// It holds for keys that this node has accepted before, and only where a look-up fails: by an
    /// error, at its deadline, or as so many hang that none is made. A request waits for that, so
    /// up to one `deadline`. A key that was revoked or changed on this node, or of whose change the
    /// feed told, is not accepted; neither is one past its expiry, or one that the store disowned.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use keygate::store::MemoryStore;
    /// use keygate::test_util::{Fault, FaultyStore};
    /// use keygate::{KeyFormat, Keyring, ManualClock, NewKey, Refusal};
    /// use std::time::Duration;
    ///
    /// let (store, clock) = (FaultyStore::new(MemoryStore::new()), ManualClock::new());
    /// let keys = Keyring::builder(store.clone(), KeyFormat::base62("ck", 32)?)
    ///     .allow_stale_on_outage(Duration::from_mins(10))
    ///     .with_clock(clock.clone())
    ///     .build()?;
    /// let key = keys.issue(NewKey::named("plugin")).await?;
    /// keys.verify(key.key().expose()).await.unwrap();
    ///
    /// store.set(Fault::Fail);
    /// // Its time in the cache is over.
    /// clock.advance(Duration::from_mins(5));
    /// keys.verify(key.key().expose()).await.unwrap();
    /// clock.advance(Duration::from_mins(10));
    /// let refused = keys.verify(key.key().expose()).await.unwrap_err();
    /// assert_eq!(refused, Refusal::LookupFailed);
    /// # Ok(()) }
    /// ```
    ///
    /// # Security
    ///
    /// A key that is revoked *elsewhere* while this node can neither ask the store nor hear its
    /// feed is accepted here for up to `max_staleness` and this limit. Take the longest time for
    /// which that is better than an outage of your service.
    pub fn allow_stale_on_outage(mut self, limit: Duration) -> Self {
        self.limits.stale_on_outage = limit;
        self
    }

    /// How many keys are cached. 100,000 unless set, at about 800 bytes each with its limit.
    ///
    /// At least 1, else [`InvalidKeyring::Zero`].
    pub fn capacity(mut self, keys: u64) -> Self {
        self.limits.capacity = keys;
        self
    }

    /// How many look-ups may be under way at once. 256 unless set.
    ///
    /// At least 1, else [`InvalidKeyring::Zero`].
    pub fn max_lookups(mut self, lookups: usize) -> Self {
        self.limits.lookups = lookups;
        self
    }

    /// Replaces the clock, for tests. The layers have clocks of their own: hand them the same.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use keygate::{Clock, KeyFormat, Keyring, ManualClock, MemoryStore, NewKey, Refusal};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?)
    ///     .with_clock(clock.clone())
    ///     .build()?;
    /// let end = clock.wall() + Duration::from_mins(1);
    /// let key = keys.issue(NewKey::named("a minute").expires_at(end)).await?;
    /// keys.verify(key.key().expose()).await.unwrap();
    ///
    /// clock.advance(Duration::from_mins(1));
    /// let refused = keys.verify(key.key().expose()).await.unwrap_err();
    /// assert_eq!(refused, Refusal::Expired { at: end });
    /// # Ok(()) }
    /// ```
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the keyring. It asks the store nothing yet, and starts no task before its first use.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyring`] says which settings contradict each other.
    pub fn build(self) -> Result<Keyring, InvalidKeyring> {
        self.check_settings()?;
        self.check_formats()?;
        Ok(Keyring::assemble(self))
    }

    fn check_settings(&self) -> Result<(), InvalidKeyring> {
        // Shorter ones would count as zero.
        let none = |time: Duration| time < Duration::from_millis(1);
        let settings = [
            ("deadline", none(self.limits.deadline)),
            ("max_staleness", none(self.limits.max_staleness)),
            ("positive_ttl", none(self.limits.positive_ttl)),
            ("negative_ttl", none(self.limits.negative_ttl)),
            ("longest_lifetime", self.policy.longest_lifetime.is_some_and(none)),
            ("capacity", self.limits.capacity == 0),
            ("max_lookups", self.limits.lookups == 0),
        ];
        // The cache notes one epoch for each, and has room for so many.
        if self.hashing.former.len() >= Slots::MOST {
            return Err(InvalidKeyring::TooManyPeppers { most: Slots::MOST });
        }
        match settings.into_iter().find(|(_, zero)| *zero) {
            Some((setting, _)) => Err(InvalidKeyring::Zero { setting }),
            None => Ok(()),
        }
    }

    fn check_formats(&self) -> Result<(), InvalidKeyring> {
        let mut seen: Vec<&KeyFormat> = Vec::new();
        for format in &self.formats {
            if seen.iter().any(|earlier| earlier.overlaps(format)) {
                return Err(InvalidKeyring::OverlappingFormats { prefix: format.prefix().into() });
            }
            let same =
                |mode| seen.first().is_none_or(|first| first.word(mode) == format.word(mode));
            if !same(Mode::Live) || !same(Mode::Test) {
                return Err(InvalidKeyring::DifferentWords);
            }
            seen.push(format);
        }
        Ok(())
    }
}

impl std::fmt::Debug for KeyringBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyringBuilder")
            .field("formats", &self.formats)
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
