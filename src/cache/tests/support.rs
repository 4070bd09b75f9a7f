use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::cache::{Answer, CacheKey, Got, Limits, LoadError, LoadFailed, LoadingCache, Slots};
use crate::clock::ManualClock;

pub(super) const DEADLINE: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(pub(super) u64);

impl CacheKey for Key {
    fn bits(&self) -> u64 {
        spread(self.0)
    }
}

/// As even as the first bytes of a hash.
pub(super) fn spread(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x7FB5_D329_728E_A185);
    let n = (n ^ (n >> 27)).wrapping_mul(0x81DA_DEF4_BC2D_D44D);
    n ^ (n >> 33)
}

/// How the store behaves when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// No answer until the mood changes.
    Busy,
    /// No answer ever to what is asked in this mood.
    Hung,
    Failing,
    Panicking,
    Slow(Duration),
}

/// A cache before a store that a test controls.
pub(super) struct Bed {
    pub(super) cache: Arc<LoadingCache<Key, u64>>,
    pub(super) clock: ManualClock,
    pub(super) store: Arc<Store>,
}

/// Counts what it is asked. It answers with `value`: 0 is negative.
pub(super) struct Store {
    pub(super) mood: watch::Sender<Mood>,
    pub(super) calls: AtomicUsize,
    pub(super) at_once: AtomicUsize,
    pub(super) most_at_once: AtomicUsize,
    pub(super) value: Mutex<u64>,
}

struct Asking<'s>(&'s Store);

impl Bed {
    pub(super) fn new() -> Self {
        Self::with(&Limits { capacity: 1_000, ..Limits::of("keys") })
    }

    pub(super) fn with(limits: &Limits) -> Self {
        let clock = ManualClock::new();
        let store = Arc::new(Store {
            mood: watch::Sender::new(Mood::Well),
            calls: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            value: Mutex::new(1),
        });
        Self { cache: LoadingCache::new(limits, Arc::new(clock.clone())), clock, store }
    }

    pub(super) fn load(
        &self,
        key: u64,
    ) -> Pin<Box<dyn Future<Output = Result<u64, LoadError>> + Send>> {
        let store = Arc::clone(&self.store);
        let slots = Slots::one(Key(key).bits());
        let load = self.cache.load(Key(key), slots, move || async move { store.ask().await });
        Box::pin(async move { load.await.map_err(|failed| failed.why) })
    }

    pub(super) fn refresh(&self, key: u64) {
        let store = Arc::clone(&self.store);
        let slots = Slots::one(Key(key).bits());
        self.cache.refresh(Key(key), slots, move || async move { store.ask().await });
    }

    pub(super) fn get(&self, key: u64) -> Got<u64> {
        self.cache.get(&Key(key))
    }

    /// What a request does.
    pub(super) async fn ask(&self, key: u64) -> Result<u64, LoadError> {
        match self.get(key) {
            Got::Fresh(value) => Ok(value),
            Got::Refresh(value) => {
                self.refresh(key);
                Ok(value)
            }
            Got::Miss => self.load(key).await,
        }
    }

    /// What a change does: commit, then bump.
    pub(super) fn change(&self, key: u64, value: u64) {
        *self.store.value.lock() = value;
        self.cache.bump(Key(key).bits());
    }

    pub(super) fn calls(&self) -> usize {
        self.store.calls.load(Ordering::SeqCst)
    }

    pub(super) fn mood(&self, mood: Mood) {
        self.store.mood.send_replace(mood);
    }
}

impl Store {
    pub(super) async fn ask(&self) -> Result<Answer<u64>, LoadFailed> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let _asking = Asking(self);
        let value = *self.value.lock();
        let mood = *self.mood.borrow();
        match mood {
            Mood::Well => {}
            Mood::Busy => {
                let mut moods = self.mood.subscribe();
                let _ = moods.wait_for(|mood| *mood != Mood::Busy).await;
            }
            Mood::Hung => std::future::pending().await,
            Mood::Failing => return Err(LoadFailed),
            Mood::Panicking => panic!("a store's panic, wanted by the test"),
            Mood::Slow(by) => tokio::time::sleep(by).await,
        }
        Ok(if value == 0 { Answer::Negative(0) } else { Answer::Positive(value) })
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lets every task that can run do so.
pub(super) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
