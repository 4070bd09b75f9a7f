use std::num::NonZeroU32;

use crate::Quota;
use crate::rate_limit::bucket::Standing;

/// Up to here doubles, which are all the numbers that Lua has, count one by one.
const EXACT: u64 = 1 << 53;

/// A quota in the whole numbers that the script counts in.
///
/// They are nanoseconds, as in this process, or microseconds for a bucket that takes more than 104
/// days to fill: those of the longest quota stay below 2⁵³ too. Rounding makes such a quota slower
/// by at most a microsecond for each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    /// How many make a microsecond: 1000 or 1.
    rate: u32,
    interval: u64,
    burst: NonZeroU32,
}

impl Measure {
    pub(super) fn of(quota: Quota) -> Self {
        let burst = quota.burst_count();
        if quota.full_nanos() <= EXACT {
            return Self { rate: 1000, interval: quota.interval_nanos(), burst };
        }
        Self { rate: 1, interval: quota.interval_nanos().div_ceil(1000), burst }
    }

    pub(super) fn rate(self) -> u32 {
        self.rate
    }

    /// What one request takes.
    pub(super) fn interval(self) -> u64 {
        self.interval
    }

    /// What an empty bucket takes.
    pub(super) fn full(self) -> u64 {
        self.interval * u64::from(self.burst.get())
    }

    /// What a request of this cost takes: at most the whole burst.
    pub(super) fn cost(self, cost: NonZeroU32) -> u64 {
        self.interval * u64::from(cost.min(self.burst).get())
    }

    /// How long it takes until so much has come back, in nanoseconds.
    pub(super) fn nanos(self, gone: u64) -> u64 {
        gone.min(self.full()) * self.nanos_each()
    }

    /// What the caller of a request of this cost may know of a bucket from which that is gone, in
    /// nanoseconds.
    pub(super) fn standing(self, gone: u64, cost: NonZeroU32) -> Standing {
        Standing::of(self.burst, self.interval * self.nanos_each(), gone, cost)
    }

    fn nanos_each(self) -> u64 {
        1000 / u64::from(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn every_quota_is_counted_in_numbers_that_doubles_hold() {
        let longest = Duration::from_nanos(1 << 62);
        let cases = [
            ("quick", 1_000_000_000, Duration::from_secs(1), 1_000, 1000),
            ("usual", 300, Duration::from_secs(60), 300, 1000),
            ("a hundred days", 1_000, 100 * DAY, 1_000, 1000),
            ("a year", 1_000, 365 * DAY, 1_000, 1),
            ("longest", 1, longest, 1, 1),
            ("longest and finest", u32::MAX, longest / 2, u32::MAX, 1),
        ];
        for (name, count, period, burst, rate) in cases {
            let quota = Quota::try_new(count, period, burst.min(count)).unwrap();
            let measure = Measure::of(quota);
            assert_eq!(measure.rate(), rate, "{name}");
            assert!(measure.full() <= EXACT, "{name}");
            assert_eq!(measure.full() % measure.interval(), 0, "{name}: the burst is exact");
            assert!(measure.nanos(u64::MAX) >= quota.full_nanos(), "{name}: never quicker");
            assert_eq!(measure.cost(NonZeroU32::MAX), measure.full(), "{name}");
        }
    }

    #[test]
    fn a_bucket_stands_as_one_in_this_process_would() {
        let measure = Measure::of(Quota::per_minute(60).burst(3));
        let second = 1_000_000_000;
        let standing = measure.standing(3 * second, NonZeroU32::MIN);
        assert_eq!((standing.limit, standing.remaining), (3, 0));
        assert_eq!((standing.refill, standing.wait), (3 * second, second));
        assert_eq!(standing.window, 3 * second);
    }
}
