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

use super::Quota;

/// The arrival time after a request of this cost, if it is admitted.
///
/// All times are absolute, at most 2⁶² + the time in which a bucket fills; `cost` is at most the
/// burst. Both are held by [`Bucket`](super::bucket::Bucket).
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
