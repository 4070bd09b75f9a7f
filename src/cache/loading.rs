use std::fmt;
use std::future::Future;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::entry::{Entry, Kind};
use super::epoch::{Epochs, Slots};
use super::flight::{BitsHasher, Flight, Flights, Landing};
use super::front::Front;
use super::gate::Gate;
use super::proof::{Freshness, Proofs, millis};
use crate::clock::Clock;

/// The longest that "no such key" is believed, whatever was configured.
pub(crate) const LONGEST_NEGATIVE_TTL: Duration = Duration::from_secs(5);

type Bounded<K, V> = Cache<u64, Arc<Entry<K, V>>, BuildHasherDefault<BitsHasher>>;

/// What is looked up.
pub(crate) trait CacheKey: Clone + Eq + Send + Sync + 'static {
    /// Bits that are spread evenly and that nobody outside can choose, or only by hashing.
    ///
    /// Keys with equal bits are told apart, at the price of displacing one another.
    fn bits(&self) -> u64;
}

/// What the store said, and so how long it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer<V> {
    /// There is such a thing.
    Positive(V),
    /// There is none, or none that will ever be accepted again.
    Negative(V),
}

/// The store could not say. Whoever looked it up has logged why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoadFailed;

/// What the cache knows without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Got<V> {
    /// Believe it.
    Fresh(V),
    /// Believe it, and call [`LoadingCache::refresh`]: nobody else was told to.
    Refresh(V),
    /// Call [`LoadingCache::load`].
    Miss,
}

/// Why there is no answer. None of these is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("the look-up failed")]
    Failed,
    #[error("the look-up did not end in time")]
    TimedOut,
    #[error("look-ups have been hanging; none was made")]
    CircuitOpen,
    #[error("the look-up panicked")]
    Panicked,
    #[error("look-ups need a tokio runtime, and there is none here")]
    NoRuntime,
}

/// Why a caller has no answer.
#[derive(Debug)]
pub(crate) struct NotLoaded<V> {
    pub(crate) why: LoadError,
    /// The look-up that goes on without the caller.
    pub(crate) late: Option<Late<V>>,
}

/// A look-up that is past the deadline.
#[derive(Debug)]
pub(crate) struct Late<V>(Landing<V>);

impl<V: Clone> Late<V> {
    /// Waits until it ends, and says what it has found.
    pub(crate) async fn ended(mut self) -> Option<V> {
        let outcome = self.0.wait_for(Option::is_some).await.ok()?.clone();
        outcome.and_then(Result::ok)
    }
}

impl<V> From<LoadError> for NotLoaded<V> {
    fn from(why: LoadError) -> Self {
        Self { why, late: None }
    }
}

impl LoadError {
    /// The label of a metric.
    pub(super) fn outcome(self) -> &'static str {
        match self {
            Self::Failed | Self::NoRuntime => "failed",
            Self::TimedOut => "timed_out",
            Self::CircuitOpen => "circuit_open",
            Self::Panicked => "panicked",
        }
    }
}

/// Bounds of a [`LoadingCache`].
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// What is looked up, for logs and metrics.
    pub(crate) of: &'static str,
    /// Positive answers kept.
    pub(crate) capacity: u64,
    /// Negative answers kept. A flood of made-up keys fills these and touches nothing else; the
    /// 32,768 unless set take about 10 MiB.
    pub(crate) negative_capacity: u64,
    /// How long a positive answer is kept while the feed vouches for it.
    pub(crate) positive_ttl: Duration,
    /// How long a negative answer is kept, at most 5 s.
    pub(crate) negative_ttl: Duration,
    /// How long an answer is believed that nothing vouches for.
    pub(crate) max_staleness: Duration,
    /// How long after that a positive answer is still given where a look-up fails.
    pub(crate) stale_on_outage: Duration,
    /// How long a caller waits.
    pub(crate) deadline: Duration,
    /// Look-ups at once.
    pub(crate) lookups: usize,
}

/// Answers of a slow store; see [the rules](super).
pub(crate) struct LoadingCache<K: CacheKey, V> {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) gate: Arc<Gate>,
    front: Front<K, V>,
    positive: Bounded<K, V>,
    negative: Bounded<K, V>,
    flights: Arc<Flights<K, V>>,
    epochs: Epochs,
    proofs: Proofs,
    positive_ttl: u64,
    negative_ttl: u64,
    stale_on_outage: u64,
    deadline: Duration,
}

/// How a caller comes to an answer.
enum Boarding<V> {
    Known(V),
    Waiting(Landing<V>),
}

impl Limits {
    /// The defaults, for what is looked up.
    pub(crate) fn of(what: &'static str) -> Self {
        Self {
            of: what,
            capacity: 100_000,
            negative_capacity: 32_768,
            positive_ttl: Duration::from_mins(5),
            negative_ttl: LONGEST_NEGATIVE_TTL,
            max_staleness: Duration::from_secs(10),
            stale_on_outage: Duration::ZERO,
            deadline: Duration::from_millis(250),
            lookups: 256,
        }
    }
}

impl<K: CacheKey, V: Clone + Send + Sync + 'static> LoadingCache<K, V> {
    pub(crate) fn new(limits: &Limits, clock: Arc<dyn Clock>) -> Arc<Self> {
        let negative_ttl = limits.negative_ttl.min(LONGEST_NEGATIVE_TTL);
        Arc::new(Self {
            clock,
            gate: Arc::new(Gate::new(limits.of, limits.lookups, limits.deadline)),
            front: Front::new(limits.capacity),
            positive: bounded(limits.capacity),
            negative: bounded(limits.negative_capacity),
            flights: Arc::new(Flights::new()),
            epochs: Epochs::new(),
            proofs: Proofs::new(limits.max_staleness),
            positive_ttl: millis(limits.positive_ttl),
            negative_ttl: millis(negative_ttl),
            stale_on_outage: millis(limits.stale_on_outage),
            deadline: limits.deadline,
        })
    }

    /// What is known of `key`, without waiting.
    pub(crate) fn get(&self, key: &K) -> Got<V> {
        self.get_with(key, |value, _| value.clone())
    }

    /// The same, read where it lies. `read` also learns the monotonic time that the answer was
    /// judged by, and is called once or, for a miss, not at all.
    pub(crate) fn get_with<T>(&self, key: &K, read: impl Fn(&V, Duration) -> T) -> Got<T> {
        let bits = key.bits();
        if let Some(found) = self.front.find(key, bits)
            && let Some(entry) = found.as_ref()
        {
            let got = self.judge(entry, &read);
            if !matches!(got, Got::Miss) {
                return got;
            }
        }
        self.get_bounded(key, bits, &read)
    }

    /// What was known of `key`, for who has just learnt that it cannot be looked up: a positive
    /// answer that is not fresh any more, within the limit that was set for outages. One that was
    /// withdrawn meanwhile is none.
    pub(crate) fn get_stale<T>(&self, key: &K, read: impl Fn(&V, Duration) -> T) -> Option<T> {
        if self.stale_on_outage == 0 {
            return None;
        }
        let bits = key.bits();
        let stale = |entry: &Entry<K, V>| self.judge_stale(entry, &read);
        let front = self.front.find(key, bits);
        front.and_then(|found| found.as_deref().and_then(stale)).or_else(|| {
            let entry = self.positive.get(&bits).filter(|entry| entry.key == *key)?;
            stale(&entry)
        })
    }

    /// Looks `key` up, or waits for who does already. The answer may depend on all that `slots`
    /// stands for.
    ///
    /// # Cancel safety
    /// Dropping the future ends nothing but the wait.
    pub(crate) fn load<F, Fut>(
        self: &Arc<Self>,
        key: K,
        slots: Slots,
        loader: F,
    ) -> impl Future<Output = Result<V, NotLoaded<V>>> + Send + 'static + use<K, V, F, Fut>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Answer<V>, LoadFailed>> + Send + 'static,
    {
        let cache = Arc::clone(self);
        async move {
            match cache.board(key, slots, Recheck::Yes, loader)? {
                Boarding::Known(value) => Ok(value),
                Boarding::Waiting(landing) => wait(landing, cache.deadline).await,
            }
        }
    }

    /// Looks `key` up for later, as [`Got::Refresh`] asks. If that cannot be, the next caller is
    /// asked again, a second later: after a reconnect all keys in use come at once, and nobody who
    /// waits shall wait behind them.
    pub(crate) fn refresh<F, Fut>(self: &Arc<Self>, key: K, slots: Slots, loader: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Answer<V>, LoadFailed>> + Send + 'static,
    {
        // An entry is being served meanwhile, so there is nobody to tell.
        let _ = self.board(key, slots, Recheck::No, loader);
    }

    /// To be called after a change is committed, before its caller is told, and on every other way
    /// out of a change: what was learnt before is not believed any more.
    pub(crate) fn bump(&self, bits: u64) {
        self.epochs.bump(bits);
    }

    /// As [`Self::bump`] for everything that was learnt.
    pub(crate) fn bump_all(&self) {
        self.epochs.bump_all();
    }

    /// Where the driver of a change feed reports; it bumps what a proof vouches for first.
    pub(crate) fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    /// Puts an answer where callers find it. The caller holds the key's runway, so that of two
    /// look-ups the later one stays.
    pub(super) fn keep(&self, bits: u64, entry: Arc<Entry<K, V>>) {
        match entry.kind {
            Kind::Positive => {
                self.positive.insert(bits, Arc::clone(&entry));
                self.front.put(bits, entry);
                self.negative.invalidate(&bits);
            }
            Kind::Negative => {
                // First out, then in: a positive answer would be found first.
                self.positive.invalidate(&bits);
                self.front.remove(&entry.key, bits);
                self.negative.insert(bits, entry);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn free_permits(&self) -> usize {
        self.gate.free_permits()
    }

    /// How many look-ups run, those included that nobody waits for any more.
    pub(crate) fn running(&self) -> usize {
        self.gate.running()
    }

    /// Whether so many of them hang that no more are made.
    pub(crate) fn circuit_open(&self) -> bool {
        self.gate.is_open()
    }

    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.flights.len()
    }

    #[cfg(test)]
    pub(super) fn run_pending(&self) {
        self.positive.run_pending_tasks();
        self.negative.run_pending_tasks();
    }

    /// Positive and negative answers in the bounded caches.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (u64, u64) {
        (self.positive.entry_count(), self.negative.entry_count())
    }

    fn get_bounded<T>(&self, key: &K, bits: u64, read: &impl Fn(&V, Duration) -> T) -> Got<T> {
        let good = |cache: &Bounded<K, V>| {
            let entry = cache.get(&bits).filter(|entry| entry.key == *key)?;
            let got = self.judge(&entry, read);
            (!matches!(got, Got::Miss)).then_some((got, entry))
        };
        if let Some((got, entry)) = good(&self.positive) {
            self.front.put(bits, entry);
            return got;
        }
        good(&self.negative).map_or(Got::Miss, |(got, _)| got)
    }

    /// In this order, each step after the one before: the entry is found, its proof is read, then
    /// the epochs, then the time.
    fn judge<T>(&self, entry: &Entry<K, V>, read: &impl Fn(&V, Duration) -> T) -> Got<T> {
        let fresh = self.proofs.freshness(entry.asked);
        if !self.epochs.is_current(&entry.note) {
            return Got::Miss;
        }
        let time = self.clock.monotonic();
        let now = millis(time);
        if now >= self.end(entry, fresh) {
            return Got::Miss;
        }
        if entry.kind == Kind::Negative {
            // Gone in a few seconds: not worth a look-up for later.
            return Got::Fresh(read(&entry.value, time));
        }
        if fresh.outlived && entry.claim_refresh(now) {
            return Got::Refresh(read(&entry.value, time));
        }
        if entry.claim_touch(now) {
            // What the front serves would look unused, and go first when the cache is full.
            self.positive.get(&entry.key.bits());
        }
        Got::Fresh(read(&entry.value, time))
    }

    /// As [`Self::judge`], in the same order.
    fn judge_stale<T>(&self, entry: &Entry<K, V>, read: &impl Fn(&V, Duration) -> T) -> Option<T> {
        let fresh = self.proofs.freshness(entry.asked);
        if entry.kind == Kind::Negative || !self.epochs.is_current(&entry.note) {
            return None;
        }
        // A later answer that it is gone, whose own time is over, still says so.
        let gone = self.negative.get(&entry.key.bits()).filter(|gone| gone.key == entry.key);
        if gone.is_some_and(|gone| gone.asked.millis() >= entry.asked.millis()) {
            return None;
        }
        let time = self.clock.monotonic();
        let end = self.end(entry, fresh).saturating_add(self.stale_on_outage);
        (millis(time) < end).then(|| read(&entry.value, time))
    }

    /// The first millisecond at which an entry is not fresh any more.
    fn end(&self, entry: &Entry<K, V>, fresh: Freshness) -> u64 {
        let ttl = match entry.kind {
            Kind::Positive => self.positive_ttl,
            Kind::Negative => self.negative_ttl,
        };
        fresh.until.min(entry.asked.millis().saturating_add(ttl))
    }

    fn board<F, Fut>(
        self: &Arc<Self>,
        key: K,
        slots: Slots,
        recheck: Recheck,
        loader: F,
    ) -> Result<Boarding<V>, LoadError>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Answer<V>, LoadFailed>> + Send + 'static,
    {
        let runtime = Handle::try_current().map_err(|_| LoadError::NoRuntime)?;
        let bits = key.bits();
        let mut runway = self.flights.runway(bits).ok_or(LoadError::Failed)?;
        if let Some(landing) = runway.joinable((&key, bits), slots, &self.epochs, self.deadline) {
            return Ok(Boarding::Waiting(landing));
        }
        // A flight may have landed between this caller's miss and its coming here.
        if recheck == Recheck::Yes
            && let Got::Fresh(value) | Got::Refresh(value) = self.get(&key)
        {
            return Ok(Boarding::Known(value));
        }
        let pass = match recheck {
            Recheck::Yes => self.gate.admit()?,
            Recheck::No => self.gate.admit_spare()?,
        };
        let flight = Flight::new(key, bits, self.epochs.note(slots));
        let landing = flight.landing();
        let crew = runway.start(&self.flights, flight);
        drop(runway);
        runtime.spawn(Arc::clone(self).look_up(crew, pass, loader));
        Ok(Boarding::Waiting(landing))
    }
}

/// Whether the cache is asked once more before a look-up starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recheck {
    Yes,
    No,
}

impl<K: CacheKey, V> fmt::Debug for LoadingCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadingCache")
            .field("positive", &self.positive.entry_count())
            .field("negative", &self.negative.entry_count())
            .finish_non_exhaustive()
    }
}

async fn wait<V: Clone>(mut landing: Landing<V>, deadline: Duration) -> Result<V, NotLoaded<V>> {
    let outcome = timeout(deadline, landing.wait_for(Option::is_some)).await;
    let outcome = outcome.map(|landed| landed.ok().and_then(|outcome| outcome.clone()));
    match outcome {
        Ok(outcome) => Ok(outcome.unwrap_or(Err(LoadError::Failed))?),
        Err(_) => Err(NotLoaded { why: LoadError::TimedOut, late: Some(Late(landing)) }),
    }
}

/// Bounds memory. The order is plain LRU: the default policy keeps none of 100 fresh keys in a full
/// cache. Ages are judged by our own clock when an entry is found.
fn bounded<K: CacheKey, V: Clone + Send + Sync + 'static>(capacity: u64) -> Bounded<K, V> {
    Cache::builder()
        .max_capacity(capacity)
        .eviction_policy(EvictionPolicy::lru())
        .build_with_hasher(BuildHasherDefault::default())
}
