//! Whose bucket it is, how full, and what a request does to it: pure.

mod gcra;

use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::Quota;
use crate::principal::Lineage;
use crate::{AccountId, KeyId};

/// Whom a bucket belongs to, borrowed from a request: asking clones nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who<'r> {
    /// A key and its successors by rotation, and the bits that it is found by.
    Lineage {
        id: &'r KeyId,
        bits: u32,
    },
    Account(&'r AccountId),
    V4(u32),
    /// The network of 64 bits: whoever has one address of it has them all.
    V6(u64),
    /// All callers together.
    Everyone,
}

/// Whom a bucket belongs to, as the table keeps it: 24 bytes.
#[derive(Debug, Clone)]
pub(crate) enum Owner {
    Lineage { id: KeyId, bits: u32 },
    Account(AccountId),
    V4(u32),
    V6(u64),
    Everyone,
}

/// How full a bucket is.
///
/// `arrival` is GCRA's theoretical arrival time, in nanoseconds of the monotonic clock: the bucket
/// is full again then. `full` is how long an empty one takes, under the quota that it was last
/// counted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket {
    arrival: u64,
    full: u64,
}

/// What a caller may know of a bucket at one moment; times in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The burst.
    pub(crate) limit: u32,
    /// How many requests of cost 1 would be admitted now.
    pub(crate) remaining: u32,
    /// Until the bucket is full again.
    pub(crate) refill: u64,
    /// Until another request of the same cost is admitted, if nobody asks meanwhile.
    pub(crate) wait: u64,
    /// In which an empty bucket fills.
    pub(crate) window: u64,
}

impl Who<'_> {
    /// An address as it is limited: IPv4 in IPv6 as IPv4, IPv6 by its network.
    pub(crate) fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6(u64::try_from(v6.to_bits() >> 64).unwrap_or_default()),
        }
    }

    pub(crate) fn to_owner(self) -> Owner {
        match self {
            Self::Lineage { id, bits } => Owner::Lineage { id: id.clone(), bits },
            Self::Account(id) => Owner::Account(id.clone()),
            Self::V4(address) => Owner::V4(address),
            Self::V6(network) => Owner::V6(network),
            Self::Everyone => Owner::Everyone,
        }
    }
}

impl<'r> Who<'r> {
    pub(crate) fn lineage(lineage: &'r Lineage) -> Self {
        Self::Lineage { id: lineage.id(), bits: lineage.bits() }
    }
}

impl Hash for Who<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        discriminant(self).hash(state);
        match self {
            Self::Lineage { bits, .. } => state.write_u32(*bits),
            // Without the text's end mark: nothing follows it.
            Self::Account(id) => state.write(id.as_str().as_bytes()),
            Self::V4(address) => state.write_u32(*address),
            Self::V6(network) => state.write_u64(*network),
            Self::Everyone => {}
        }
    }
}

impl Owner {
    pub(crate) fn as_who(&self) -> Who<'_> {
        match self {
            Self::Lineage { id, bits } => Who::Lineage { id, bits: *bits },
            Self::Account(id) => Who::Account(id),
            Self::V4(address) => Who::V4(*address),
            Self::V6(network) => Who::V6(*network),
            Self::Everyone => Who::Everyone,
        }
    }

    /// Shares the text of who the bucket belongs to, so that the next look at it need not read
    /// one.
    pub(crate) fn share(&mut self, who: Who<'_>) {
        if let (Self::Lineage { id: own, .. }, Who::Lineage { id, .. }) = (self, who)
            && !own.is_clone_of(id)
        {
            own.clone_from(id);
        }
    }
}

impl Bucket {
    /// Never used, under any quota.
    pub(crate) const FULL: Self = Self { arrival: 0, full: 1 };

    /// Whether it is as good as a new one.
    pub(crate) fn is_full(self, now: u64) -> bool {
        self.arrival <= now
    }

    /// The same bucket under `quota`: the used fraction stays, rounded up to a nanosecond.
    pub(crate) fn under(self, quota: Quota, now: u64) -> Self {
        let full = quota.full_nanos();
        let used = self.arrival.saturating_sub(now);
        if full == self.full || used == 0 {
            return Self { arrival: self.arrival, full };
        }
        let scaled = (u128::from(used) * u128::from(full)).div_ceil(u128::from(self.full.max(1)));
        // Used up is used up: never more, whatever was counted before.
        let scaled = u64::try_from(scaled).unwrap_or(full).min(full);
        Self { arrival: now + scaled, full }
    }

    /// Takes `cost` out, if it is in there. A cost above the burst takes the whole burst.
    pub(crate) fn charge(self, quota: Quota, cost: NonZeroU32, now: u64) -> Option<Self> {
        let bucket = self.under(quota, now);
        let cost = cost.min(quota.burst_count());
        let arrival = gcra::admit(quota, bucket.arrival, cost, now)?;
        Some(Self { arrival, ..bucket })
    }

    /// What the caller of a request of this cost may know, of a bucket [`under`](Self::under)
    /// `quota`.
    pub(crate) fn standing(self, quota: Quota, cost: NonZeroU32, now: u64) -> Standing {
        let used = self.under(quota, now).arrival.saturating_sub(now);
        Standing::of(quota.burst_count(), quota.interval_nanos(), used, cost)
    }
}

impl Standing {
    /// Of a bucket of `burst` intervals from which `used` is gone; `interval` is at least 1.
    pub(crate) fn of(burst: NonZeroU32, interval: u64, used: u64, cost: NonZeroU32) -> Self {
        let full = interval * u64::from(burst.get());
        let left = full.saturating_sub(used) / interval;
        let needed = used + interval * u64::from(cost.min(burst).get());
        Self {
            limit: burst.get(),
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            refill: used,
            wait: needed.saturating_sub(full),
            window: full,
        }
    }
}

/// A reading of the monotonic clock as the limiter counts: at most 146 years.
///
/// With a bucket's longest time to fill and a largest cost on top it still fits into 64 bits.
pub(crate) fn nanos(reading: Duration) -> u64 {
    const LAST: u64 = 1 << 62;
    u64::try_from(reading.as_nanos()).unwrap_or(LAST).min(LAST)
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}

#[cfg(test)]
pub(crate) mod oracle;
#[cfg(test)]
mod tests;
