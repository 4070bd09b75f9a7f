//! What a limiter decides, told in as few lines as can be. It judges all of them.

use std::time::Duration;

use proptest::prelude::*;

use crate::Quota;

/// GCRA as its inventors wrote it, on numbers that cannot overflow.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Oracle {
    pub(crate) arrival: u128,
    pub(crate) full: u128,
}

impl Oracle {
    /// The requests left, or the wait; times in nanoseconds.
    pub(crate) fn ask(&mut self, quota: (u64, u32), cost: u32, now: u64) -> Result<u128, u128> {
        let (used, full) = (self.used(quota, now), self.full);
        let needed = used + u128::from(quota.0) * u128::from(cost.min(quota.1));
        if needed > full {
            return Err(needed - full);
        }
        self.arrival = u128::from(now) + needed;
        Ok((full - needed) / u128::from(quota.0))
    }

    /// How much is gone, from now on under this interval and burst.
    pub(crate) fn used(&mut self, (interval, burst): (u64, u32), now: u64) -> u128 {
        let (now, full) = (u128::from(now), u128::from(interval) * u128::from(burst));
        let mut used = self.arrival.saturating_sub(now);
        if self.full != 0 && self.full != full {
            used = (used * full).div_ceil(self.full).min(full);
        }
        (self.arrival, self.full) = (now + used, full);
        used
    }
}

/// Splitmix64: steps of a case are drawn from its seed, which is quicker than drawing a list.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }
}

pub(crate) fn quotas() -> impl Strategy<Value = Quota> {
    let periods = prop_oneof![1_000..10_000_000_000_u64, 1..=u64::MAX >> 2];
    let counts = prop_oneof![1..50_u32, any::<u32>()];
    let bursts = prop_oneof![1..50_u32, any::<u32>()];
    (counts, periods, bursts).prop_filter_map("a quota", |(count, period, burst)| {
        Quota::try_new(count, Duration::from_nanos(period), burst).ok()
    })
}
