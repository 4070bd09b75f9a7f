//! L1, L2, L7: one oracle judges what this process decides and what Redis does.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::timed::{Forgetful, Timed};
use super::*;
use crate::rate_limit::bucket::oracle::{Draw, Oracle, quotas};
use crate::rate_limit::local::LocalLimiter;

/// Microseconds: some day in 2026, as a Redis would tell it.
const START: u64 = 1_790_000_000_000_000;
const MICRO: u64 = 1_000;

/// By how many of its units Redis may round a changed quota up.
const SLACK: u128 = 4;

/// A limiter under judgement.
struct Judged<'l, L> {
    limiter: &'l L,
    fixtures: Vec<Fixture>,
    /// What is gone of each bucket at least and at most: the same but for rounding.
    buckets: Vec<(Oracle, Oracle)>,
    /// Where it counts, unless in this process.
    redis: Option<&'l Timed>,
    /// Since the start, in microseconds.
    now: u64,
}

impl<'l, L: Limiter> Judged<'l, L> {
    fn new(limiter: &'l L, limits: usize, redis: Option<&'l Timed>) -> Self {
        let fixtures = (0..limits).map(|limit| Fixture::named(&format!("limit{limit}"))).collect();
        Self { limiter, fixtures, buckets: vec![<_>::default(); limits], redis, now: 0 }
    }

    /// The interval and burst that are counted by, and the unit.
    fn counted_by(&self, quota: Quota) -> ((u64, u32), u64) {
        let burst = quota.burst_size();
        match self.redis.map(|_| Measure::of(quota)) {
            None => ((quota.interval_nanos(), burst), 0),
            Some(measure) => ((measure.nanos(measure.interval()), burst), measure.nanos(1)),
        }
    }

    /// Charges all limits, and holds the answer against what each oracle says.
    async fn ask(&mut self, caller: u32, quotas: &[Quota], cost: u32) -> Counted {
        let now = self.now * MICRO;
        if let Some(timed) = self.redis {
            timed.now.store(START + self.now, Ordering::SeqCst);
        }
        let charges = self.fixtures.iter().zip(quotas).enumerate();
        let charges = charges
            .map(|(of, (fixture, quota))| Charge { of, ..fixture.charge(Who::V4(caller), *quota) });
        let charges: Vec<_> = charges.collect();
        let cost = NonZeroU32::new(cost).unwrap();
        let asked = Asked { cost, now, most: 1_000_000, clock: &self.fixtures[0].shared };
        let answer = counted(verdict(self.limiter, &charges, asked).await);
        let counted_by: Vec<_> = quotas.iter().map(|quota| self.counted_by(*quota)).collect();
        self.judge(answer, &counted_by, cost.get());
        answer
    }

    fn judge(&mut self, answer: Counted, counted_by: &[((u64, u32), u64)], cost: u32) {
        let now = self.now * MICRO;
        let (mut fits_at_least, mut fits_at_most) = (true, true);
        let (mut waits, mut lefts) = ((0, 0), (u128::MAX, u128::MAX));
        for ((low, high), (quota, unit)) in self.buckets.iter_mut().zip(counted_by) {
            let changed = low.full != 0 && low.full != u128::from(quota.0) * u128::from(quota.1);
            let used = (low.used(*quota, now), high.used(*quota, now));
            let full = low.full;
            let slack = if changed && used.1 > 0 { SLACK * u128::from(*unit) } else { 0 };
            let used = (used.0, (used.1 + slack).min(full));
            high.arrival = u128::from(now) + used.1;
            let takes = u128::from(quota.0) * u128::from(cost.min(quota.1));
            fits_at_most &= used.0 + takes <= full;
            fits_at_least &= used.1 + takes <= full;
            waits.0 = waits.0.max((used.0 + takes).saturating_sub(full));
            waits.1 = waits.1.max((used.1 + takes).saturating_sub(full));
            if answer.admitted {
                low.arrival += takes;
                high.arrival += takes;
                let left = |used: u128| full.saturating_sub(used + takes) / u128::from(quota.0);
                lefts = (lefts.0.min(left(used.1)), lefts.1.min(left(used.0)));
            }
        }
        assert!(fits_at_most || !answer.admitted, "too much: {answer:?} at {now}, {counted_by:?}");
        assert!(
            !fits_at_least || answer.admitted,
            "too little: {answer:?} at {now}, {counted_by:?}"
        );
        let Standing { remaining, refill, wait, .. } = answer.standing;
        let within = |(low, high): (u128, u128), is: u128| low <= is && is <= high;
        if answer.admitted {
            assert!(within(lefts, remaining.into()), "{remaining} is not in {lefts:?}");
        } else {
            assert!(within(waits, wait.into()), "{wait} is not in {waits:?}, {counted_by:?}");
        }
        let (low, high) = self.buckets[answer.of];
        let gone = |oracle: Oracle| oracle.arrival.saturating_sub(now.into());
        assert!(within((gone(low), gone(high)), refill.into()), "{refill}: {low:?} {high:?}");
    }
}

/// Asks one caller's buckets so often, under quotas that change and at moments that matter.
async fn case<L: Limiter>(judged: &mut Judged<'_, L>, seed: u64, quotas: &[Quota], steps: usize) {
    let (mut draw, limits) = (Draw(seed), judged.fixtures.len());
    *judged = Judged::new(judged.limiter, limits, judged.redis);
    let caller = u32::try_from(seed >> 32).unwrap();
    let pick = |draw: &mut Draw| quotas[usize::try_from(draw.below(quotas.len() as u64)).unwrap()];
    let mut counted: Vec<_> = (0..limits).map(|_| pick(&mut draw)).collect();
    let mut wait = 0;
    for _ in 0..steps {
        if draw.below(40) == 0 {
            let which = usize::try_from(draw.below(limits as u64)).unwrap();
            counted[which] = pick(&mut draw);
        }
        let quota = counted[usize::try_from(draw.below(limits as u64)).unwrap()];
        let (interval, burst) = (quota.interval_nanos(), u64::from(quota.burst_size()));
        judged.now += match draw.below(8) {
            0 => draw.below(quota.full_nanos() / MICRO + 2),
            1 => draw.below(2 * interval / MICRO + 2),
            2 => 0,
            // To the moment of the next admission, and the last one before it.
            3 => wait / MICRO,
            4 | 5 => u64::div_ceil(wait, MICRO),
            _ => draw.below(interval / MICRO / 4 + 1),
        };
        // The longest quotas end after the clock does.
        judged.now = judged.now.min((1 << 52) - 1);
        let most = [1, 3, 2 * burst][usize::try_from(draw.below(3)).unwrap()];
        let cost = u32::try_from(1 + draw.below(most)).unwrap_or(u32::MAX);
        wait = judged.ask(caller, &counted, cost).await.standing.wait;
    }
}

/// Draws so many cases of so many steps. The seed of one that fails is in its message.
async fn cases<L: Limiter>(judged: &mut Judged<'_, L>, cases: usize, steps: usize) {
    let mut runner = TestRunner::deterministic();
    for _ in 0..cases {
        let drawn = proptest::collection::vec(quotas(), 1..4).new_tree(&mut runner).unwrap();
        case(judged, rand::random(), &drawn.current(), steps).await;
    }
}

fn sized(full: usize, quick: usize) -> usize {
    if std::env::var("KEYGATE_SIZE").is_ok_and(|size| size == "full") { full } else { quick }
}

#[tokio::test]
async fn l1_this_process_decides_as_the_oracle_does_under_several_limits_too() {
    for limits in 1..=3 {
        cases(&mut Judged::new(&LocalLimiter, limits, None), sized(1_000, 100), 300).await;
    }
}

#[tokio::test]
async fn l1_redis_decides_as_the_oracle_does_under_several_limits_too() {
    let Some(database) = server::database().await else { return };
    for limits in 1..=3 {
        let timed = Timed::connect(database.url(), START).await;
        let (forgetful, mindful) = (Forgetful(timed.clone()), timed.limiter());
        cases(&mut Judged::new(&forgetful, limits, Some(&timed)), sized(1_200, 16), 300).await;
        cases(&mut Judged::new(&mindful, limits, Some(&timed)), sized(300, 8), 300).await;
    }
}

#[tokio::test]
async fn l2_who_sleeps_exactly_as_long_as_redis_says_is_admitted_and_nobody_before() {
    let Some(database) = server::database().await else { return };
    let timed = Timed::connect(database.url(), START).await;
    let limiter = Forgetful(timed.clone());
    let mut runner = TestRunner::deterministic();
    for caller in 0..u32::try_from(sized(1_000, 100)).unwrap() {
        let quota = quotas().new_tree(&mut runner).unwrap().current();
        let mut judged = Judged::new(&limiter, 1, Some(&timed));
        let cost = 1 + caller % 7;
        assert!(judged.ask(caller, &[quota], u32::MAX).await.admitted, "the whole burst");
        let wait = judged.ask(caller, &[quota], cost).await.standing.wait;
        judged.now += u64::div_ceil(wait, MICRO) - 1;
        assert!(!judged.ask(caller, &[quota], cost).await.admitted, "{quota}: too early");
        judged.now += 1;
        assert!(judged.ask(caller, &[quota], cost).await.admitted, "{quota}: {wait}");
    }
}

#[tokio::test]
async fn l7_a_clock_that_is_set_back_refuses_nobody_for_longer_than_the_bucket_takes_to_fill() {
    let Some(database) = server::database().await else { return };
    let timed = Timed::connect(database.url(), START).await;
    // Without what this node remembers, which goes by another clock.
    let ask = async |fixture: &Fixture| counted(fixture.ask(&timed.limiter(), MINUTE, 1).await);
    let fixture = Fixture::new();
    for _ in 0..60 {
        assert!(ask(&fixture).await.admitted);
    }
    let hour = 3_600_000_000;
    timed.now.fetch_sub(hour, Ordering::SeqCst);
    let refused = ask(&fixture).await;
    assert!(!refused.admitted);
    assert!(refused.standing.wait <= MINUTE.interval_nanos());
    assert!(refused.standing.refill <= MINUTE.full_nanos());
    timed.now.fetch_add(refused.standing.wait / MICRO, Ordering::SeqCst);
    assert!(ask(&fixture).await.admitted, "by the clock as it is now");
    assert!(!ask(&fixture).await.admitted);
}
