//! What this node knows of buckets in Redis: how full they are at best, and what it has leased.

use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;

use super::lease::Lease;
use super::measure::Measure;
use crate::rate_limit::bucket::{Owner, Standing, Who};
use crate::rate_limit::mark::LimitId;

/// A power of two: far more than threads that could meet.
const SHARDS: usize = 64;

/// A bounded table. Where there is no room nothing is remembered, and Redis is asked.
pub(super) struct Near {
    hasher: DefaultHashBuilder,
    shards: Box<[Mutex<Shard>]>,
    count: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    table: HashTable<Entry>,
    /// How many have come since the last sweep.
    newcomers: usize,
}

/// Whose bucket, under which limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Whose<'r> {
    pub(super) limit: LimitId,
    pub(super) who: Who<'r>,
}

struct Entry {
    limit: LimitId,
    owner: Owner,
    known: Known,
}

/// What is known of one bucket.
#[derive(Debug, Default)]
pub(super) struct Known {
    level: Option<Level>,
    /// Of those that may be leased.
    lease: Option<Box<Leased>>,
}

/// A lease, and the bucket's name in Redis: a sweep has nobody to ask for it.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) lease: Lease,
    pub(super) name: Arc<str>,
}

/// How full a bucket of a refused request was. All that others can do is take out more.
#[derive(Debug, Clone, Copy)]
struct Level {
    measure: Measure,
    /// When it is full again, in this node's time.
    full_at: u64,
}

impl Near {
    pub(super) fn new() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            count: AtomicUsize::new(0),
        }
    }

    /// Looks at what is known of a bucket, if anything is.
    pub(super) fn look<R>(
        &self,
        whose: Whose<'_>,
        look: impl FnOnce(&mut Known) -> R,
    ) -> Option<R> {
        let hash = self.hasher.hash_one(whose);
        let mut shard = self.shard(hash).lock();
        shard
            .table
            .find_mut(hash, |entry| entry.whose() == whose)
            .map(|entry| look(&mut entry.known))
    }

    /// Changes the lease of a bucket, if there is one.
    pub(super) fn lease(&self, whose: Whose<'_>, change: impl FnOnce(&mut Lease)) {
        self.look(whose, |known| known.lease.as_mut().map(|leased| change(&mut leased.lease)));
    }

    /// As [`Self::look`], and makes room for a bucket of which nothing is known yet.
    pub(super) fn note<R>(
        &self,
        whose: Whose<'_>,
        room: Room,
        note: impl FnOnce(&mut Known) -> R,
    ) -> Option<R> {
        let hash = self.hasher.hash_one(whose);
        let mut shard = self.shard(hash).lock();
        if let Some(entry) = shard.table.find_mut(hash, |entry| entry.whose() == whose) {
            return Some(note(&mut entry.known));
        }
        shard.newcomers += 1;
        if shard.newcomers * 4 > shard.table.len() + 64 {
            let swept = shard.sweep(&self.hasher, room.now);
            self.count.fetch_sub(swept, Ordering::Relaxed);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= room.most {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut known = Known::default();
        let noted = note(&mut known);
        let entry = Entry { limit: whose.limit, owner: whose.who.to_owner(), known };
        shard.table.insert_unique(hash, entry, |entry| self.hasher.hash_one(entry.whose()));
        Some(noted)
    }

    /// Forgets what tells nothing any more. Before that, `each` sees all that is known.
    pub(super) fn sweep(&self, now: u64, mut each: impl FnMut(&mut Known)) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            for entry in &mut shard.table {
                each(&mut entry.known);
            }
            let swept = shard.sweep(&self.hasher, now);
            self.count.fetch_sub(swept, Ordering::Relaxed);
        }
    }

    /// Of how many buckets something is known.
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    #[allow(clippy::indexing_slicing, reason = "the index is below the number of shards")]
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // Bits that the table itself does not look at: it takes the lowest and the seven highest.
        &self.shards[(hash >> 48) as usize % SHARDS]
    }
}

/// For how many buckets there is room, and the time, to see who may leave.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) most: usize,
    pub(super) now: u64,
}

impl Shard {
    /// Returns how many left.
    fn sweep(&mut self, hasher: &DefaultHashBuilder, now: u64) -> usize {
        let before = self.table.len();
        self.table.retain(|entry| !entry.known.is_idle(now));
        self.newcomers = 0;
        let left = self.table.len();
        if self.table.capacity() > 4 * left + 64 {
            self.table.shrink_to(2 * left, |entry| hasher.hash_one(entry.whose()));
        }
        before - left
    }
}

impl Known {
    /// Redis told when the bucket is full again, of a request that it refused.
    pub(super) fn refused(&mut self, measure: Measure, full_at: u64) {
        self.told(measure, full_at);
        self.level.get_or_insert(Level { measure, full_at });
    }

    /// Redis told when the bucket is full again. Answers may overtake one another: what counts is
    /// the latest moment. Under another quota it is another bucket, also when the old one returns.
    pub(super) fn told(&mut self, measure: Measure, full_at: u64) {
        self.level = self.level.filter(|level| level.measure == measure);
        if let Some(level) = &mut self.level {
            level.full_at = level.full_at.max(full_at);
        }
        if let Some(leased) = &mut self.lease {
            leased.lease.told(full_at);
        }
    }

    /// How the bucket stands at best, if that is known.
    pub(super) fn standing(
        &self,
        measure: Measure,
        cost: NonZeroU32,
        now: u64,
    ) -> Option<Standing> {
        let level = self.level.filter(|level| level.measure == measure)?;
        Some(measure.standing(level.full_at.saturating_sub(now), cost))
    }

    pub(super) fn lease(&mut self) -> Option<&mut Leased> {
        self.lease.as_deref_mut()
    }

    pub(super) fn lease_or_new(&mut self, name: impl FnOnce() -> String) -> &mut Leased {
        self.lease.get_or_insert_with(|| {
            Box::new(Leased { lease: Lease::default(), name: name().into() })
        })
    }

    fn is_idle(&self, now: u64) -> bool {
        let standing = self.level.map(|l| self.standing(l.measure, NonZeroU32::MIN, now));
        let admits = standing.flatten().is_none_or(|standing| standing.wait == 0);
        admits && self.lease.as_ref().is_none_or(|leased| leased.lease.is_idle(now))
    }
}

impl Entry {
    fn whose(&self) -> Whose<'_> {
        Whose { limit: self.limit, who: self.owner.as_who() }
    }
}

impl fmt::Debug for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near").field("len", &self.len()).finish_non_exhaustive()
    }
}
