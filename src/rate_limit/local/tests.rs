use std::num::NonZeroU32;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use super::*;
use crate::principal::Lineage;
use crate::rate_limit::bucket::nanos;
use crate::rate_limit::label::{By, Label};
use crate::{Clock, KeyId, ManualClock, Quota};

const ONE: NonZeroU32 = NonZeroU32::MIN;
const MOST: usize = 2_000_000;

/// A limit with a clock of its own.
struct Fixture {
    label: Label,
    buckets: Arc<Buckets>,
    clock: ManualClock,
    shared: Arc<dyn Clock>,
    most: usize,
}

impl Fixture {
    fn new() -> Self {
        let clock = ManualClock::new();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let label = Label::new(By::Key, "default");
        Self { label, buckets: Arc::new(Buckets::new()), clock, shared, most: MOST }
    }

    fn ask_at(&self, who: Who<'_>, quota: Quota, now: u64) -> Counted {
        let asked = Asked { cost: ONE, now, most: self.most, clock: &self.shared };
        charge_one(&self.charge(0, who, quota), asked)
    }

    fn charge<'r>(&'r self, of: usize, who: Who<'r>, quota: Quota) -> Charge<'r> {
        Charge { of, label: &self.label, buckets: &self.buckets, who, account: None, quota }
    }

    fn ask(&self, who: Who<'_>, quota: Quota) -> bool {
        self.ask_at(who, quota, nanos(self.clock.monotonic())).admitted
    }

    fn sweep_at(&self, now: u64) {
        for shard in &self.buckets.shards {
            self.buckets.sweep(shard, now);
        }
    }

    fn allocated(&self) -> usize {
        let tables: usize = self.buckets.shards.iter().map(|s| s.0.lock().allocated()).sum();
        tables + SHARDS * size_of::<Aligned>()
    }
}

/// Runs the work on 16 threads that start together, and adds up what they return.
fn on_16_threads(work: impl Fn(u64) -> u64 + Sync) -> u64 {
    let barrier = Barrier::new(16);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|thread| {
                let (work, barrier) = (&work, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    work(thread)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn l1_sixteen_threads_share_one_quota_to_the_last_request() {
    let limit = Fixture::new();
    let (quota, step, each) = (Quota::per_second(1000).burst(100), 10_000, 2_000);
    let time = AtomicU64::new(0);
    let admitted = on_16_threads(|_| {
        let ask = || limit.ask_at(Who::V4(1), quota, time.fetch_add(step, Ordering::SeqCst));
        (0..each).map(|_| u64::from(ask().admitted)).sum()
    });
    let passed = step * (16 * each - 1);
    assert_eq!(admitted, 100 + passed / quota.interval_nanos());
}

#[test]
fn sweeping_while_sixteen_threads_ask_admits_nothing_twice() {
    let limit = Fixture::new();
    // Full again after each interval, so that sweeps take the bucket away all the time.
    let (quota, step, each) = (Quota::per_second(20_000).burst(1), 5_000, 5_000);
    let time = AtomicU64::new(0);
    let admitted = on_16_threads(|thread| {
        let mut admitted = 0;
        for _ in 0..each {
            let now = time.fetch_add(step, Ordering::SeqCst);
            if thread % 4 == 0 {
                limit.sweep_at(now);
            } else {
                admitted += u64::from(limit.ask_at(Who::V4(1), quota, now).admitted);
            }
        }
        admitted
    });
    let passed = step * (16 * each - 1);
    let most = 1 + passed / quota.interval_nanos();
    assert!((most / 10..=most).contains(&admitted), "{admitted} of {most}");
}

#[test]
fn a_request_that_read_the_clock_before_a_sweep_is_counted_after_it() {
    let limit = Fixture::new();
    let (quota, second) = (Quota::per_second(1), 1_000_000_000);
    assert!(limit.ask_at(Who::V4(1), quota, 10 * second).admitted);
    limit.sweep_at(11 * second);
    assert_eq!(limit.buckets.len(), 0);
    assert!(limit.ask_at(Who::V4(1), quota, 10 * second).admitted);
    assert!(!limit.ask_at(Who::V4(1), quota, 11 * second).admitted, "counted at 11 s");
}

#[test]
fn changing_quotas_on_sixteen_threads_never_admits_more_than_the_larger() {
    let limit = Fixture::new();
    let quotas = [Quota::per_hour(100), Quota::per_hour(60)];
    let admitted = on_16_threads(|thread| {
        let quota = quotas[usize::from(thread % 2 == 0)];
        (0..1_000).map(|_| u64::from(limit.ask_at(Who::V4(1), quota, 0).admitted)).sum()
    });
    assert!((60..=100).contains(&admitted), "{admitted}");
}

#[test]
fn several_limits_are_charged_all_or_none_on_sixteen_threads() {
    let (wide, narrow) = (Fixture::new(), Fixture::new());
    let quota = Quota::per_hour(1_000);
    let charges =
        [wide.charge(0, Who::V4(1), quota), narrow.charge(1, Who::V4(1), Quota::per_hour(70))];
    let asked = Asked { cost: ONE, now: 0, most: MOST, clock: &wide.shared };
    let admitted =
        on_16_threads(|_| (0..100).map(|_| u64::from(charge_all(&charges, asked).admitted)).sum());
    assert_eq!(admitted, 70);
    let refused = charge_all(&charges, asked);
    assert_eq!((refused.of, refused.standing.limit), (1, 70), "the one with the longest wait");
    assert_eq!(wide.ask_at(Who::V4(1), quota, 0).standing.remaining, 1_000 - 71);
}

#[test]
fn l3_a_million_buckets_fit_into_128_mib_and_none_are_left_after_idling() {
    let limit = Fixture::new();
    let quota = Quota::per_minute(300);
    for network in 0..1_000_000 {
        assert!(limit.ask(Who::V6(network), quota));
    }
    assert_eq!(limit.buckets.len(), 1_000_000);
    // Beside the table a key has the text of its id, which a cached key shares: 16 + 26 bytes.
    let allocated = limit.allocated() + 1_000_000 * 42;
    assert!(allocated <= 128 << 20, "{allocated}");
    limit.clock.advance(Duration::from_mins(1));
    limit.sweep_at(nanos(limit.clock.monotonic()));
    assert_eq!(limit.buckets.len(), 0);
    assert!(limit.allocated() < 64 << 10, "{}", limit.allocated());
}

#[test]
fn newcomers_sweep_out_those_whose_buckets_are_full_again() {
    let limit = Fixture::new();
    let quota = Quota::per_second(1);
    for caller in 0..200_000 {
        limit.ask(Who::V4(caller), quota);
        limit.clock.advance(Duration::from_micros(100));
    }
    // 10,000 are not full at any time; a shard looks at its own after 16 newcomers and a quarter.
    assert!(limit.buckets.len() < 20_000, "{}", limit.buckets.len());
}

#[test]
fn l4_at_the_cap_newcomers_share_one_bucket_and_nobody_is_let_go_of() {
    let limit = Fixture { most: 100, ..Fixture::new() };
    let quota = Quota::per_hour(5);
    for caller in 0..100 {
        while limit.ask(Who::V4(caller), quota) {}
    }
    let newcomers = (0..100_000).filter(|network| limit.ask(Who::V6(*network), quota)).count();
    assert_eq!(newcomers, 5);
    assert_eq!(limit.buckets.len(), 100);
    assert_eq!(limit.buckets.overflowed.load(Ordering::Relaxed), 100_000);
    assert!((0..100).all(|caller| !limit.ask(Who::V4(caller), quota)));
    // When the others are full again, newcomers make themselves room.
    limit.clock.advance(Duration::from_hours(1));
    limit.ask(Who::V6(1), quota);
    assert!(limit.ask(Who::V6(2), quota));
    assert_eq!(limit.buckets.len(), 1);
}

#[test]
fn a_refusal_of_another_limit_leaves_no_bucket_behind() {
    let (first, second) = (Fixture::new(), Fixture::new());
    let quota = Quota::per_hour(1);
    assert!(second.ask_at(Who::V4(1), quota, 0).admitted);
    let charges = [first.charge(0, Who::V4(1), quota), second.charge(1, Who::V4(1), quota)];
    let asked = Asked { cost: ONE, now: 0, most: MOST, clock: &first.shared };
    assert!(!charge_all(&charges, asked).admitted);
    assert_eq!(first.buckets.len(), 0);
}

#[test]
fn a_new_quota_holds_from_the_request_that_it_refuses() {
    let limit = Fixture::new();
    assert!(limit.ask(Who::V4(1), Quota::per_hour(1)));
    let quicker = Quota::per_second(1);
    assert!(!limit.ask(Who::V4(1), quicker));
    limit.clock.advance(Duration::from_secs(1));
    assert!(limit.ask(Who::V4(1), quicker));
}

#[test]
fn different_kinds_of_callers_never_share_a_bucket() {
    let limit = Fixture::new();
    let key = Lineage::new(KeyId::parse("same").unwrap());
    let account = "same".parse().unwrap();
    let quota = Quota::per_hour(1);
    for who in [Who::lineage(&key), Who::Account(&account), Who::V4(7), Who::V6(7), Who::Everyone] {
        assert!(limit.ask(who, quota), "{who:?}");
        assert!(!limit.ask(who, quota), "{who:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn l3_a_task_sweeps_while_nobody_calls_and_ends_when_nothing_is_left() {
    let limit = Fixture::new();
    for round in 0..2 {
        assert!(limit.ask(Who::V4(1), Quota::per_second(1)), "{round}");
        assert!(limit.buckets.tended.load(Ordering::SeqCst), "{round}");
        limit.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(limit.buckets.len(), 0, "{round}");
        assert!(!limit.buckets.tended.load(Ordering::SeqCst), "{round}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_task_does_not_keep_the_buckets() {
    let limit = Fixture::new();
    limit.ask(Who::V4(1), Quota::per_second(1));
    let buckets = Arc::downgrade(&limit.buckets);
    drop(limit);
    assert!(buckets.upgrade().is_none());
}

#[test]
fn the_next_runtime_starts_a_task_of_its_own() {
    let limit = Fixture::new();
    for caller in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { limit.ask(Who::V4(caller), Quota::per_second(1)) });
        assert!(limit.buckets.tended.load(Ordering::SeqCst));
        drop(runtime);
        assert!(!limit.buckets.tended.load(Ordering::SeqCst));
    }
}
