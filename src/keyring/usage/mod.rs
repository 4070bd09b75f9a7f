//! Usage written behind.
//!
//! 1. A request pays for two atomic steps in the memory of its key
//!    ([`Uses`](crate::principal::Uses)). The first one after a count was taken puts the key on a
//!    list.
//! 2. Every [`INTERVAL`] the list goes into the [`Book`], batches of it are sealed and written. One
//!    that failed, or whose outcome is unknown, is sent again as it is and under the same number,
//!    so that it counts once; nothing else is sealed before.
//! 3. So a key costs at most one write in an interval, and a node holds at most [`MOST`] keys whose
//!    usage was not written. What finds no room is dropped, and counted.
//! 4. Who reads takes what is in the book first and asks the store then. What the store has of this
//!    node's batches it says by their numbers: nothing is counted twice or missed.
//! 5. An hour's count has what was used in it, to within one [`INTERVAL`]: all that is written at
//!    once is put where its last use was. Uses that wait for a store that fails wait together, and
//!    so count where the last of them was.
//! 6. The uses that were taken are told to the metrics too: a request that is accepted pays for no
//!    count of its own.
//! 7. No use waits for the store, and no failure of it is a request's.

mod accepted;
mod book;
mod driver;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::timeout;

use super::policy::to_micros;
use crate::principal::Claims;
use crate::store::{
    ErasedStore, KeyUsage, Ledger, StoreError, StoredHours, StoredUsage, UsageBatch,
};
use crate::{Clock, KeyId, telemetry};

use accepted::Accepted;
use book::{Book, Bounds, Snapshot};
pub(super) use driver::drive;

/// Between two writes.
const INTERVAL: Duration = Duration::from_secs(1);

/// The most keys whose usage waits to be written, about 100 bytes each. Also the most that a
/// keyring counts for itself where its store keeps no usage: about 100 bytes each as well, and 12
/// more for each of the last 48 hours that a key was used in.
const MOST: usize = 1_000_000;

/// The most keys of a batch: a database writes them well within the patience of a keyring.
const BATCH: usize = 4096;

/// The usage of a keyring's keys: what it counts, and where that goes.
pub(super) struct Usage {
    clock: Arc<dyn Clock>,
    sink: Sink,
    patience: Duration,
    /// Keys with uses that are not in the book. Locked last, and shortly: requests come here.
    listed: Mutex<Vec<Arc<Claims>>>,
    book: Mutex<Book>,
    writing: Mutex<Writing>,
    dropped: AtomicU64,
    accepted: Accepted,
}

/// Where usage is kept.
enum Sink {
    Store(Arc<dyn ErasedStore>),
    /// The store keeps none.
    Own(Mutex<Ledger>),
}

/// How writing goes; times of the monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Writing {
    /// When everything had last been written.
    pub(super) finished_at: Option<Duration>,
    /// Since when it fails.
    pub(super) failing_since: Option<Duration>,
}

impl Usage {
    pub(super) fn new(
        store: &Arc<dyn ErasedStore>,
        clock: &Arc<dyn Clock>,
        patience: Duration,
    ) -> Self {
        let sink = if store.keeps_usage() {
            Sink::Store(Arc::clone(store))
        } else {
            Sink::Own(Mutex::new(Ledger::new(MOST)))
        };
        // Databases have no unsigned numbers: 63 bits.
        let node = rand::random::<u64>() >> 1;
        Self {
            clock: Arc::clone(clock),
            sink,
            patience,
            listed: Mutex::default(),
            book: Mutex::new(Book::new(node, Bounds { keys: MOST, batch: BATCH })),
            writing: Mutex::default(),
            dropped: AtomicU64::new(0),
            accepted: Accepted::default(),
        }
    }

    /// Counts a use at a time of the monotonic clock.
    pub(super) fn count(&self, key: &Arc<Claims>, now: Duration) {
        if key.uses.count(micros(now)) {
            self.list(key);
        }
    }

    /// Notes that a use that was counted had to wait for the store's answer.
    pub(super) fn looked_up(&self) {
        self.accepted.add_looked_up();
    }

    /// What was counted here and may not be in the store yet. Nothing is awaited.
    #[cfg(any(test, feature = "dashboard"))]
    pub(super) fn here(&self, ids: &[KeyId]) -> Vec<KeyUsage> {
        self.snapshot(ids).alone()
    }

    /// The usage of these keys by all nodes.
    pub(super) async fn total(&self, ids: &[KeyId]) -> Result<Vec<KeyUsage>, StoreError> {
        // In this order: what is written meanwhile has a number that the store then tells.
        let here = self.snapshot(ids);
        let stored = self.sink.usage(self.node(), ids.to_vec()).await?;
        Ok(here.on_top_of(&stored))
    }

    /// The requests of a key by the hour, of all nodes. An hour may be there several times.
    pub(super) async fn hours(
        &self,
        id: &KeyId,
        since: SystemTime,
    ) -> Result<Vec<(SystemTime, u64)>, StoreError> {
        // In this order, as above.
        let here = self.snapshot(std::slice::from_ref(id));
        let stored = self.sink.hourly_usage(self.node(), id.clone(), since).await?;
        Ok(here.hours_on_top_of(stored))
    }

    /// Writes what was counted, one batch after the other, until one fails.
    pub(super) async fn flush(&self) {
        {
            let mut book = self.book.lock();
            self.gather(&mut book);
            book.seal();
        }
        self.accepted.tell();
        while let Some(batch) = self.first() {
            let sequence = batch.sequence;
            match timeout(self.patience, self.sink.add_usage(batch)).await {
                Ok(Ok(dropped)) => self.written(sequence, dropped),
                Ok(Err(error)) => return self.failed(&error),
                Err(_) => return self.failed(&StoreError::transient("it did not answer in time")),
            }
        }
        self.writing.lock().finished_at = Some(self.clock.monotonic());
    }

    /// How many keys have uses that the store may not have.
    pub(super) fn pending(&self) -> usize {
        let book = self.book.lock();
        book.len() + self.listed.lock().len()
    }

    /// How many uses were dropped, as there was no room to keep them.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn writing(&self) -> Writing {
        *self.writing.lock()
    }

    #[cold]
    fn list(&self, key: &Arc<Claims>) {
        let mut listed = self.listed.lock();
        if !key.uses.list() {
            return;
        }
        if listed.len() < MOST {
            listed.push(Arc::clone(key));
            return;
        }
        drop(listed);
        let (requests, _) = key.uses.take();
        self.accepted.add(requests);
        self.drop_uses(requests);
    }

    /// Takes the counts of all listed keys into the book.
    fn gather(&self, book: &mut Book) {
        // As much room as was needed last: no request waits while the list grows.
        let fresh = Vec::with_capacity(self.listed.lock().len());
        let listed = std::mem::replace(&mut *self.listed.lock(), fresh);
        let (wall, monotonic) = (self.clock.wall(), self.clock.monotonic());
        let mut dropped = 0_u64;
        for key in listed {
            let (requests, last) = key.uses.take();
            self.accepted.add(requests);
            let used_at = used_at(wall, monotonic, last);
            if requests > 0 && !book.add(&key.key_id, requests, used_at) {
                dropped = dropped.saturating_add(requests);
            }
        }
        self.drop_uses(dropped);
    }

    fn snapshot(&self, ids: &[KeyId]) -> Snapshot {
        let mut book = self.book.lock();
        self.gather(&mut book);
        book.of(ids)
    }

    fn node(&self) -> u64 {
        self.book.lock().node()
    }

    fn first(&self) -> Option<UsageBatch> {
        self.book.lock().first()
    }

    fn written(&self, sequence: u64, dropped: u64) {
        self.book.lock().written(sequence);
        self.drop_uses(dropped);
        if self.writing.lock().failing_since.take().is_some() {
            telemetry::usage_written_again();
        }
    }

    fn failed(&self, error: &StoreError) {
        let mut writing = self.writing.lock();
        let first = writing.failing_since.is_none();
        writing.failing_since.get_or_insert(self.clock.monotonic());
        drop(writing);
        telemetry::usage_not_written(error, first);
    }

    fn drop_uses(&self, requests: u64) {
        if requests > 0 {
            self.dropped.fetch_add(requests, Ordering::Relaxed);
            telemetry::usage_dropped(requests);
        }
    }
}

impl Sink {
    /// Returns how many uses found no room.
    async fn add_usage(&self, batch: UsageBatch) -> Result<u64, StoreError> {
        match self {
            Self::Store(store) => store.add_usage(batch).await.map(|()| 0),
            Self::Own(ledger) => Ok(ledger.lock().add(&batch)),
        }
    }

    async fn usage(&self, node: u64, ids: Vec<KeyId>) -> Result<StoredUsage, StoreError> {
        match self {
            Self::Store(store) => store.usage(node, ids).await,
            Self::Own(ledger) => Ok(ledger.lock().read(node, &ids)),
        }
    }

    async fn hourly_usage(
        &self,
        node: u64,
        id: KeyId,
        since: SystemTime,
    ) -> Result<StoredHours, StoreError> {
        match self {
            Self::Store(store) => store.hourly_usage(node, id, since).await,
            Self::Own(ledger) => Ok(ledger.lock().hours(node, &id, since)),
        }
    }
}

/// When it was on the calendar, in whole microseconds, that the monotonic clock showed `last`.
fn used_at(wall: SystemTime, monotonic: Duration, last: u64) -> SystemTime {
    let ago = Duration::from_micros(micros(monotonic).saturating_sub(last));
    to_micros(wall.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
