//! The arithmetic is governor's; the state is ours.
//!
//! A governor limiter counts in nanoseconds since its own start, so the state of one means nothing
//! to another. Here each decision makes a limiter of its own, on the stack, around a bucket's time:
//! its clock reads zero when the limiter starts and the time of the request afterwards. So all of
//! them count in the same absolute time, whatever their quotas, and nothing has to be kept for each
//! quota. Making one costs a multiplication.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota as Rate, RateLimiter};

use crate::Quota;

/// The arrival time after a request of this cost, if it is admitted.
///
/// All times are absolute, at most 2⁶² + the time in which a bucket fills; `cost` is at most the
/// burst. Both are held by [`Bucket`](super::Bucket).
pub(crate) fn admit(quota: Quota, arrival: u64, cost: NonZeroU32, now: u64) -> Option<u64> {
    let rate = Rate::with_period(Duration::from_nanos(quota.interval_nanos()))?
        .allow_burst(quota.burst_count());
    let reading = Cell::new(0);
    let store = Dry { before: arrival, after: Cell::new(arrival) };
    let limiter: RateLimiter<_, _, _, NoOpMiddleware<Nanos>> =
        RateLimiter::new(rate, store, Reading(&reading));
    reading.set(now);
    let outcome = limiter.check_n(cost);
    let after = limiter.into_state_store().after.get();
    matches!(outcome, Ok(Ok(()))).then_some(after)
}

/// Shows governor the state before and keeps the one after apart: the caller writes it, or not.
struct Dry {
    before: u64,
    after: Cell<u64>,
}

impl StateStore for Dry {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &Self::Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, after) = decide(Some(Nanos::new(self.before)))?;
        self.after.set(after.as_u64());
        Ok(outcome)
    }
}

/// The time that it is set to.
struct Reading<'c>(&'c Cell<u64>);

impl Clock for Reading<'_> {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often it is read, and says which time it was.
    struct Counting<'c>(&'c Cell<u64>, &'c Cell<u32>);

    impl Clock for Counting<'_> {
        type Instant = Nanos;

        fn now(&self) -> Nanos {
            self.1.set(self.1.get() + 1);
            Nanos::new(self.0.get())
        }
    }

    #[test]
    fn governor_reads_the_clock_once_to_start_and_once_to_decide() {
        let (time, reads) = (Cell::new(0), Cell::new(0));
        let rate = Rate::per_second(NonZeroU32::MIN);
        let store = Dry { before: 0, after: Cell::new(0) };
        let limiter: RateLimiter<_, _, _, NoOpMiddleware<Nanos>> =
            RateLimiter::new(rate, store, Counting(&time, &reads));
        assert_eq!(reads.get(), 1);
        time.set(7_000_000_000);
        assert_eq!(limiter.check_n(NonZeroU32::MIN), Ok(Ok(())));
        assert_eq!(reads.get(), 2);
        assert_eq!(limiter.into_state_store().after.get(), 8_000_000_000);
    }

    #[test]
    fn all_limiters_count_in_the_same_absolute_time() {
        // The state that one quota left means the same to another, however late it is.
        let (seconds, minutes) = (Quota::per_second(10), Quota::per_minute(30));
        for now in [0, 1, 1_000_000_000, 1 << 61, 1 << 62] {
            let after = admit(seconds, now, NonZeroU32::MIN, now);
            assert_eq!(after, Some(now + 100_000_000), "{now}");
            let after = admit(minutes, now + 100_000_000, NonZeroU32::MIN, now);
            assert_eq!(after, Some(now + 2_100_000_000), "{now}");
        }
    }
}
