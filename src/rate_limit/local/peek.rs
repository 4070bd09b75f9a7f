use std::hash::BuildHasher;

use super::Buckets;
use crate::rate_limit::bucket::{Bucket, Who};

impl Buckets {
    /// The bucket that a charge would go to, and whether newcomers share it. Nothing is charged.
    pub(crate) fn peek(&self, who: Who<'_>, most: usize) -> (Bucket, bool) {
        let hash = self.hasher.hash_one(who);
        let shard = self.shard(hash).lock();
        match shard.find(hash, who) {
            Some(index) => (shard.get(index), false),
            None if self.len() < most => (Bucket::FULL, false),
            None => (*self.overflow.lock(), true),
        }
    }
}
