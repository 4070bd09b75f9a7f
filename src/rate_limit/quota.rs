use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// The longest time, in nanoseconds, that an empty bucket may take to fill: 146 years.
///
/// Time of the limiter, a full bucket and a cost of one more are added up in 64 bits.
const LONGEST: u64 = 1 << 62;

/// A rate and a burst: `Quota::per_minute(300)` admits 300 at once and then 300 a minute.
///
/// In `t` seconds it admits at most `burst + rate × t`, so up to 600 in the first minute. The
/// interval between two admissions of a client who has used up the burst is the period divided by
/// the count, rounded up to a whole nanosecond.
///
/// ```
/// use keygate::Quota;
/// use std::time::Duration;
///
/// const STARTER: Quota = Quota::per_minute(300);
/// assert_eq!(STARTER.burst_size(), 300);
/// assert_eq!(STARTER.interval(), Duration::from_millis(200));
///
/// let gentle = Quota::per_second(10).burst(1);
/// assert_eq!(gentle.to_string(), "10 in 1s, burst 1");
///
/// let custom = Quota::try_new(1_000_000, Duration::from_hours(24), 5_000)?;
/// assert_eq!(custom.count(), 1_000_000);
/// # Ok::<(), keygate::rate_limit::InvalidQuota>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    count: NonZeroU32,
    burst: NonZeroU32,
    period: u64,
    interval: u64,
}

/// Why a rate and a burst are no [`Quota`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidQuota {
    /// A count of 0 admits nothing: revoke the key instead.
    #[error("a quota's count is at least 1")]
    ZeroCount,
    /// A burst of 0 admits nothing: revoke the key instead.
    #[error("a quota's burst is at least 1")]
    ZeroBurst,
    /// The period is 0, or shorter than one nanosecond for each request.
    #[error("a quota admits at most one request each nanosecond")]
    TooFast,
    /// An empty bucket would take longer than 2⁶² ns (146 years) to fill.
    #[error("a quota's bucket fills within 146 years: lower the burst or the period")]
    TooSlow,
}

impl Quota {
    /// `count` each second, and as many at once.
    ///
    /// # Panics
    ///
    /// If `count` is 0 or over 10⁹. In a `const` that is a compile error; for numbers from outside
    /// there is [`Self::try_new`].
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        Self::literal(count, 1_000_000_000, count)
    }

    /// `count` each minute, and as many at once.
    ///
    /// # Panics
    ///
    /// If `count` is 0. In a `const` that is a compile error; for numbers from outside there is
    /// [`Self::try_new`].
    #[must_use]
    pub const fn per_minute(count: u32) -> Self {
        Self::literal(count, 60 * 1_000_000_000, count)
    }

    /// `count` each hour, and as many at once.
    ///
    /// # Panics
    ///
    /// If `count` is 0. In a `const` that is a compile error; for numbers from outside there is
    /// [`Self::try_new`].
    #[must_use]
    pub const fn per_hour(count: u32) -> Self {
        Self::literal(count, 3600 * 1_000_000_000, count)
    }

    /// The same rate, with up to `burst` at once.
    ///
    /// # Panics
    ///
    /// If `burst` is 0, or so large that an empty bucket would take over 146 years to fill. In a
    /// `const` that is a compile error; for numbers from outside there is [`Self::try_new`].
    #[must_use]
    pub const fn burst(self, burst: u32) -> Self {
        Self::literal(self.count.get(), self.period, burst)
    }

    /// `count` in each `period`, with up to `burst` at once: for numbers from outside.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if a number is 0, the rate above one a nanosecond, or an empty bucket would
    /// take over 146 years to fill.
    pub fn try_new(count: u32, period: Duration, burst: u32) -> Result<Self, InvalidQuota> {
        let period = u64::try_from(period.as_nanos()).map_err(|_| InvalidQuota::TooSlow)?;
        Self::checked(count, period, burst)
    }

    /// How many are admitted in each [`period`](Self::period), in the long run.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count.get()
    }

    /// The time in which [`count`](Self::count) are admitted, in the long run.
    #[must_use]
    pub const fn period(&self) -> Duration {
        Duration::from_nanos(self.period)
    }

    /// How many are admitted at once.
    #[must_use]
    pub const fn burst_size(&self) -> u32 {
        self.burst.get()
    }

    /// The time that one request's worth takes to come back, rounded up to a whole nanosecond.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval)
    }

    pub(crate) const fn interval_nanos(&self) -> u64 {
        self.interval
    }

    pub(crate) const fn burst_count(&self) -> NonZeroU32 {
        self.burst
    }

    /// The nanoseconds in which an empty bucket fills; at most 2⁶².
    pub(crate) const fn full_nanos(&self) -> u64 {
        self.interval * self.burst.get() as u64
    }

    /// What one of `nodes` admits that share it: as much each, and at least one at once.
    #[cfg(feature = "redis")]
    pub(crate) fn share(self, nodes: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(self.burst.get() / nodes).unwrap_or(NonZeroU32::MIN);
        let slower = |span: u64| span.saturating_mul(nodes.get().into()).min(LONGEST);
        Self { burst, period: slower(self.period), interval: slower(self.interval), ..self }
    }

    #[allow(
        clippy::panic,
        reason = "documented where it is public, and a compile error in a const"
    )]
    const fn literal(count: u32, period: u64, burst: u32) -> Self {
        match Self::checked(count, period, burst) {
            Ok(quota) => quota,
            Err(InvalidQuota::ZeroCount) => panic!("a quota's count is at least 1"),
            Err(InvalidQuota::ZeroBurst) => panic!("a quota's burst is at least 1"),
            Err(InvalidQuota::TooFast) => panic!("a quota admits at most one each nanosecond"),
            Err(InvalidQuota::TooSlow) => panic!("a quota's bucket fills within 146 years"),
        }
    }

    const fn checked(count: u32, period: u64, burst: u32) -> Result<Self, InvalidQuota> {
        let Some(count) = NonZeroU32::new(count) else { return Err(InvalidQuota::ZeroCount) };
        let Some(burst) = NonZeroU32::new(burst) else { return Err(InvalidQuota::ZeroBurst) };
        if period < count.get() as u64 {
            return Err(InvalidQuota::TooFast);
        }
        let interval = period.div_ceil(count.get() as u64);
        match interval.checked_mul(burst.get() as u64) {
            Some(full) if full <= LONGEST => Ok(Self { count, burst, period, interval }),
            _ => Err(InvalidQuota::TooSlow),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}, burst {}", self.count, self.period(), self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_constructs_and_what_does_not() {
        let year = Duration::from_secs(365 * 86_400);
        let cases = [
            ("smallest", 1, Duration::from_nanos(1), 1, None),
            ("one a nanosecond", 1_000_000_000, SECOND, u32::MAX, None),
            ("as slow as can be", 1, Duration::from_nanos(LONGEST), 1, None),
            ("no count", 0, SECOND, 1, Some(InvalidQuota::ZeroCount)),
            ("no burst", 1, SECOND, 0, Some(InvalidQuota::ZeroBurst)),
            ("no period", 1, Duration::ZERO, 1, Some(InvalidQuota::TooFast)),
            ("two a nanosecond", 2, Duration::from_nanos(1), 1, Some(InvalidQuota::TooFast)),
            ("too slow", 1, Duration::from_nanos(LONGEST + 1), 1, Some(InvalidQuota::TooSlow)),
            ("burst too large", 1, year, 147, Some(InvalidQuota::TooSlow)),
            ("overflow", 1, year, u32::MAX, Some(InvalidQuota::TooSlow)),
            ("longest period", 1, Duration::MAX, 1, Some(InvalidQuota::TooSlow)),
        ];
        for (name, count, period, burst, problem) in cases {
            assert_eq!(Quota::try_new(count, period, burst).err(), problem, "{name}");
        }
    }

    #[test]
    fn the_interval_is_rounded_up_so_that_the_rate_is_never_exceeded() {
        assert_eq!(Quota::per_second(3).interval(), Duration::from_nanos(333_333_334));
        assert_eq!(Quota::per_minute(300).interval(), Duration::from_millis(200));
        assert_eq!(Quota::per_hour(u32::MAX).interval(), Duration::from_nanos(839));
    }

    #[test]
    fn a_quota_knows_what_it_was_made_of() {
        let quota = Quota::per_hour(1000).burst(50);
        assert_eq!((quota.count(), quota.burst_size()), (1000, 50));
        assert_eq!(quota.period(), Duration::from_hours(1));
        assert_eq!(quota.to_string(), "1000 in 3600s, burst 50");
    }

    #[cfg(feature = "redis")]
    #[test]
    fn shares_add_up_to_the_whole_and_admit_at_least_one() {
        let nodes = |n| NonZeroU32::new(n).unwrap();
        let quota = Quota::per_minute(300).burst(100);
        assert_eq!(quota.share(nodes(1)), quota);
        let third = quota.share(nodes(3));
        assert_eq!((third.burst_size(), third.interval()), (33, Duration::from_millis(600)));
        let tenth = Quota::per_second(2).share(nodes(10));
        assert_eq!((tenth.burst_size(), tenth.interval()), (1, Duration::from_secs(5)));
        let slowest = Quota::try_new(1, Duration::from_nanos(LONGEST), 1).unwrap();
        assert_eq!(slowest.share(nodes(u32::MAX)).full_nanos(), LONGEST);
    }

    #[test]
    #[should_panic(expected = "at least 1")]
    fn a_literal_that_admits_nothing_panics() {
        let _ = Quota::per_minute(0);
    }
}
