use std::hash::BuildHasher;
use std::num::NonZeroU32;

use super::Buckets;
use crate::Quota;
use crate::rate_limit::bucket::{Bucket, Standing, Who};

impl Buckets {
    /// How a bucket stands; nothing is charged.
    pub(crate) fn peek(&self, who: Who<'_>, quota: Quota, now: u64) -> Standing {
        let hash = self.hasher.hash_one(who);
        let shard = self.shard(hash).lock();
        let bucket = shard.find(hash, who).map_or(Bucket::FULL, |index| shard.get(index));
        bucket.under(quota, now).standing(quota, NonZeroU32::MIN, now)
    }
}
