use std::sync::Arc;
use std::time::Duration;

use super::hashing::Hashing;
use super::policy::Policy;
use super::{InvalidKeyring, Keyring};
use crate::cache::Slots;
use crate::rate_limit::Plans;
use crate::scope::Catalogue;
use crate::store::{ErasedStore, KeyStore};
use crate::{AccountId, Clock, KeyFormat, Mode, Pepper, SystemClock};

/// Who waits longer has gone; and multiples of it must stay on the clock.
const LONGEST_DEADLINE: Duration = Duration::from_secs(3600);

/// Builds a [`Keyring`]; begun with [`Keyring::builder`].
#[must_use]
pub struct KeyringBuilder {
    pub(super) store: Arc<dyn ErasedStore>,
    pub(super) formats: Vec<KeyFormat>,
    pub(super) policy: Policy,
    pub(super) hashing: Hashing,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timing: Timing,
    pub(super) capacity: u64,
    pub(super) max_lookups: usize,
}

/// The durations of a keyring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) deadline: Duration,
    pub(super) max_staleness: Duration,
    pub(super) positive_ttl: Duration,
    pub(super) negative_ttl: Duration,
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
            timing: Timing {
                deadline: Duration::from_millis(250),
                max_staleness: Duration::from_secs(10),
                positive_ttl: Duration::from_secs(300),
                negative_ttl: Duration::from_secs(5),
            },
            capacity: 100_000,
            max_lookups: 256,
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

    /// The plans that keys can be issued with; share the handle with the rate limit's layer.
    pub fn plans(mut self, plans: Plans) -> Self {
        self.policy.plans = plans;
        self
    }

    /// Stores HMAC-SHA-256 under this secret in place of the plain SHA-256 of a key's text.
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

    /// How long a key can live at the most, from its creation; it is also the lifetime of keys
    /// that are issued without an expiry. No limit unless set.
    pub fn longest_lifetime(mut self, lifetime: Duration) -> Self {
        self.policy.longest_lifetime = Some(lifetime);
        self
    }

    /// How long a request waits for the store before it gets 503. 250 ms unless set, an hour at
    /// the most.
    ///
    /// The look-up itself runs on for up to eight times as long, and its answer is cached.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.timing.deadline = deadline.min(LONGEST_DEADLINE);
        self
    }

    /// How long a change that was made on another node may go unnoticed while the store's change
    /// feed is down, or where it has none. 10 s unless set.
    pub fn max_staleness(mut self, bound: Duration) -> Self {
        self.timing.max_staleness = bound;
        self
    }

    /// How long a key is cached. 5 minutes unless set; changes end it at once.
    pub fn positive_ttl(mut self, ttl: Duration) -> Self {
        self.timing.positive_ttl = ttl;
        self
    }

    /// How long it is remembered that a text is no valid key. 5 s unless set, which is also the
    /// most: a key that another node issues is refused here for as long.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.timing.negative_ttl = ttl.min(Duration::from_secs(5));
        self
    }

    /// How many keys are cached. 100,000 unless set, at about 810 bytes each with its limit.
    pub fn capacity(mut self, keys: u64) -> Self {
        self.capacity = keys;
        self
    }

    /// How many look-ups may be under way at once. 256 unless set.
    pub fn max_lookups(mut self, lookups: usize) -> Self {
        self.max_lookups = lookups;
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
    /// let end = clock.wall() + Duration::from_secs(60);
    /// let key = keys.issue(NewKey::named("a minute").expires_at(end)).await?;
    /// keys.verify(key.key().expose()).await.unwrap();
    ///
    /// clock.advance(Duration::from_secs(60));
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
            ("deadline", none(self.timing.deadline)),
            ("max_staleness", none(self.timing.max_staleness)),
            ("positive_ttl", none(self.timing.positive_ttl)),
            ("negative_ttl", none(self.timing.negative_ttl)),
            ("longest_lifetime", self.policy.longest_lifetime.is_some_and(none)),
            ("capacity", self.capacity == 0),
            ("max_lookups", self.max_lookups == 0),
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
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}
