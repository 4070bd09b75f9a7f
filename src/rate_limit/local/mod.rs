//! Buckets in the memory of this process.
//!
//! 1. A bucket is read and written under the lock of its shard and nowhere else. Nobody holds one
//!    outside, so removing one that is full again cannot lose a charge.
//! 2. A shard's time never goes back, so a request that read the clock before a sweep and comes
//!    after it is counted at the time of the sweep.
//! 3. Several limits lock their shards in the order of the limits' ids, ask each bucket, and write
//!    all or none. A limit's overflow bucket is locked after its shard.
//! 4. At the cap nothing is evicted: newcomers share the overflow bucket.

mod peek;
mod shard;
mod sweep;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hashbrown::DefaultHashBuilder;
use parking_lot::{Mutex, MutexGuard};

use self::shard::Shard;
use super::bucket::{Bucket, Who};
use super::limiter::{Answer, Asked, Charge, Counted, Limiter, Verdict};
use super::mark::LimitId;
use crate::telemetry;

/// A power of two: far more than threads that could meet.
const SHARDS: usize = 64;
/// Between two lines of the log about newcomers that share a bucket, in nanoseconds.
const WARN_EVERY: u64 = 60_000_000_000;

/// The limiter of one process.
#[derive(Debug)]
pub(crate) struct LocalLimiter;

/// The buckets of one limit.
pub(crate) struct Buckets {
    id: LimitId,
    hasher: DefaultHashBuilder,
    shards: Box<[Aligned]>,
    /// In all shards; changed before a bucket is inserted and after it is removed.
    count: AtomicUsize,
    overflow: Mutex<Bucket>,
    overflowed: AtomicU64,
    next_warning: AtomicU64,
    next_crowd_sweep: AtomicU64,
    crowd_sweep_at: AtomicUsize,
    /// Whether there is a task that sweeps while nobody calls.
    tended: AtomicBool,
}

/// A line of the processor's cache for each shard, so that two locks never share one.
#[repr(align(64))]
#[derive(Default)]
struct Aligned(Mutex<Shard>);

/// A bucket under lock.
struct Held<'b> {
    buckets: &'b Buckets,
    shard: MutexGuard<'b, Shard>,
    hash: u64,
    place: Place<'b>,
}

enum Place<'b> {
    /// In the table, at this index.
    Known(usize),
    /// Nowhere; a place in the count is reserved.
    New,
    /// There was no room.
    Overflow(MutexGuard<'b, Bucket>),
}

impl Limiter for LocalLimiter {
    fn charge(&self, charges: &[Charge<'_>], asked: Asked<'_>) -> Answer {
        Answer::Now(Verdict::Counted(count(charges, asked)))
    }
}

/// Charges all buckets of this process, or none.
pub(crate) fn count(charges: &[Charge<'_>], asked: Asked<'_>) -> Counted {
    match charges {
        [one] => charge_one(one, asked),
        several => charge_all(several, asked),
    }
}

fn charge_one(charge: &Charge<'_>, asked: Asked<'_>) -> Counted {
    let Charge { of, buckets, who, quota, .. } = *charge;
    let mut held = buckets.hold(who, asked.most);
    let now = held.shard.pass(asked.now);
    let before = held.bucket().under(quota, now);
    let after = before.charge(quota, asked.cost, now);
    let kind = held.write(who, before, after);
    tend(charge, kind, asked);
    let standing = after.unwrap_or(before).standing(quota, asked.cost, now);
    Counted { admitted: after.is_some(), standing, of }
}

/// Several buckets, in the order of their limits' ids.
fn charge_all(charges: &[Charge<'_>], asked: Asked<'_>) -> Counted {
    debug_assert!(charges.is_sorted_by_key(|charge| charge.buckets.id));
    let mut held: Vec<_> =
        charges.iter().map(|charge| charge.buckets.hold(charge.who, asked.most)).collect();
    let now = held.iter_mut().fold(asked.now, |now, held| held.shard.pass(now));
    let asked_of: Vec<_> = charges
        .iter()
        .zip(&held)
        .map(|(charge, held)| {
            let before = held.bucket().under(charge.quota, now);
            (before, before.charge(charge.quota, asked.cost, now))
        })
        .collect();
    let admitted = asked_of.iter().all(|(_, after)| after.is_some());
    let kinds: Vec<_> = held
        .into_iter()
        .zip(charges)
        .zip(&asked_of)
        .map(|((held, charge), (before, after))| {
            held.write(charge.who, *before, after.filter(|_| admitted))
        })
        .collect();
    let standings = charges.iter().zip(kinds).zip(&asked_of).map(|((charge, kind), buckets)| {
        tend(charge, kind, asked);
        let (before, after) = *buckets;
        let bucket = after.filter(|_| admitted).unwrap_or(before);
        (charge.of, bucket.standing(charge.quota, asked.cost, now))
    });
    Counted::tightest(admitted, standings)
}

/// What is left to do for a bucket when no lock is held.
fn tend(charge: &Charge<'_>, written: Written, asked: Asked<'_>) {
    match written {
        Written::Known => {}
        Written::New => sweep::start(charge.buckets, asked.clock),
        Written::Overflow => charge.buckets.crowded(asked),
    }
}

/// Where a bucket was written.
#[derive(Clone, Copy)]
enum Written {
    Known,
    New,
    Overflow,
}

impl Buckets {
    pub(crate) fn new() -> Self {
        Self {
            id: LimitId::next(),
            hasher: DefaultHashBuilder::default(),
            shards: (0..SHARDS).map(|_| Aligned::default()).collect(),
            count: AtomicUsize::new(0),
            overflow: Mutex::new(Bucket::FULL),
            overflowed: AtomicU64::new(0),
            next_warning: AtomicU64::new(0),
            next_crowd_sweep: AtomicU64::new(0),
            crowd_sweep_at: AtomicUsize::new(0),
            tended: AtomicBool::new(false),
        }
    }

    pub(crate) fn id(&self) -> LimitId {
        self.id
    }

    /// How many callers are remembered.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    fn hold(&self, who: Who<'_>, most: usize) -> Held<'_> {
        let hash = self.hasher.hash_one(who);
        let shard = self.shard(hash).lock();
        let place = match shard.find(hash, who) {
            Some(index) => Place::Known(index),
            None if self.reserve(most) => Place::New,
            None => Place::Overflow(self.overflow.lock()),
        };
        Held { buckets: self, shard, hash, place }
    }

    #[allow(clippy::indexing_slicing, reason = "the index is below the number of shards")]
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // Bits that the table itself does not look at: it takes the lowest and the seven highest.
        &self.shards[(hash >> 48) as usize % SHARDS].0
    }

    fn reserve(&self, most: usize) -> bool {
        let room = self.count.fetch_add(1, Ordering::SeqCst) < most;
        if !room {
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
        room
    }

    fn release(&self, buckets: usize) {
        self.count.fetch_sub(buckets, Ordering::SeqCst);
    }

    fn crowded(&self, asked: Asked<'_>) {
        let requests = self.overflowed.fetch_add(1, Ordering::Relaxed) + 1;
        if due(&self.next_warning, asked.now, WARN_EVERY) {
            telemetry::buckets_overflowed(requests, asked.most);
        }
        self.sweep_for_newcomers(asked.now);
    }
}

impl Held<'_> {
    fn bucket(&self) -> Bucket {
        match &self.place {
            Place::Known(index) => self.shard.get(*index),
            Place::New => Bucket::FULL,
            Place::Overflow(bucket) => **bucket,
        }
    }

    /// Writes what the bucket is `after`, or what it was `before` under the quota of now.
    fn write(mut self, who: Who<'_>, before: Bucket, after: Option<Bucket>) -> Written {
        let bucket = after.unwrap_or(before);
        match self.place {
            Place::Known(index) => {
                self.shard.set(index, who, bucket);
                Written::Known
            }
            Place::New if after.is_none() => {
                self.buckets.release(1);
                Written::Known
            }
            Place::New => {
                let hasher = &self.buckets.hasher;
                let swept = self.shard.insert(self.hash, who, bucket, hasher);
                self.buckets.release(swept);
                Written::New
            }
            Place::Overflow(mut shared) => {
                *shared = bucket;
                Written::Overflow
            }
        }
    }
}

/// Whether the time has come, for one caller; sets the next time.
fn due(next: &AtomicU64, now: u64, every: u64) -> bool {
    let at = next.load(Ordering::Relaxed);
    now >= at
        && next.compare_exchange(at, now + every, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
