use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::super::bucket::{Bucket, Owner, Who};

/// Buckets under one lock.
#[derive(Default)]
pub(super) struct Shard {
    table: HashTable<Entry>,
    /// The latest time of which this shard knows.
    latest: u64,
    /// How many have come since the last sweep.
    newcomers: usize,
}

struct Entry {
    owner: Owner,
    bucket: Bucket,
}

impl Shard {
    /// Lets the time pass to `now`, unless it is later already.
    pub(super) fn pass(&mut self, now: u64) -> u64 {
        self.latest = self.latest.max(now);
        self.latest
    }

    pub(super) fn find(&self, hash: u64, who: Who<'_>) -> Option<usize> {
        self.table.find_bucket_index(hash, |entry| entry.owner.as_who() == who)
    }

    pub(super) fn get(&self, index: usize) -> Bucket {
        self.table.get_bucket(index).map_or(Bucket::FULL, |entry| entry.bucket)
    }

    /// `who` it belongs to was [found](Self::find) there.
    pub(super) fn set(&mut self, index: usize, who: Who<'_>, bucket: Bucket) {
        if let Some(entry) = self.table.get_bucket_mut(index) {
            entry.bucket = bucket;
            entry.owner.share(who);
        }
    }

    /// Adds a bucket that is not there yet. Returns how many others were swept out.
    ///
    /// Each newcomer pays for looking at four of those who are there, whether or not they leave.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        who: Who<'_>,
        bucket: Bucket,
        hasher: &DefaultHashBuilder,
    ) -> usize {
        self.newcomers += 1;
        let swept = if self.newcomers * 4 > self.table.len() + 64 { self.sweep(hasher) } else { 0 };
        let entry = Entry { owner: who.to_owner(), bucket };
        self.table.insert_unique(hash, entry, |entry| hasher.hash_one(entry.owner.as_who()));
        swept
    }

    /// Forgets the buckets that are full again. Returns how many.
    pub(super) fn sweep(&mut self, hasher: &DefaultHashBuilder) -> usize {
        let (before, now) = (self.table.len(), self.latest);
        self.table.retain(|entry| !entry.bucket.is_full(now));
        self.newcomers = 0;
        let left = self.table.len();
        if self.table.capacity() > 4 * left + 64 {
            self.table.shrink_to(2 * left, |entry| hasher.hash_one(entry.owner.as_who()));
        }
        before - left
    }

    /// How many buckets a sweep would look at.
    pub(super) fn places(&self) -> usize {
        self.table.num_buckets()
    }

    /// The bytes of the table, without the texts of ids.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.table.allocation_size()
    }
}
