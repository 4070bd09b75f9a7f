use proptest::prelude::*;

use super::oracle::{Draw, Oracle, quotas};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// A million arrivals in all.
    #[test]
    fn l1_decisions_are_those_of_the_oracle(
        seed in any::<u64>(),
        quotas in proptest::collection::vec(quotas(), 1..4),
        start in prop_oneof![0..1_000_000_000_000_u64, (1_u64 << 62) - 1_000_000..1 << 62],
    ) {
        let (mut draw, mut oracle, mut bucket) = (Draw(seed), Oracle::default(), Bucket::FULL);
        let (mut now, mut quota) = (start, quotas[0]);
        for _ in 0..1_000 {
            if draw.below(50) == 0 {
                quota = quotas[usize::try_from(draw.below(quotas.len() as u64)).unwrap()];
            }
            let (interval, burst) = (quota.interval_nanos(), u64::from(quota.burst_size()));
            let step = match draw.below(8) {
                0 => quota.full_nanos(),
                1 => 2 * interval,
                _ => interval / 4,
            };
            now = (now + draw.below(step)).min(1 << 62);
            let most = match draw.below(3) {
                0 => 1,
                1 => 3,
                _ => 2 * burst,
            };
            let cost = 1 + draw.below(most);
            let cost = NonZeroU32::new(u32::try_from(cost).unwrap_or(u32::MAX)).unwrap();

            let (pace, burst) = (quota.interval_nanos(), quota.burst_size());
            let expected = oracle.ask((pace, burst), cost.get(), now);
            let after = bucket.charge(quota, cost, now);
            bucket = after.unwrap_or(bucket.under(quota, now));
            let standing = bucket.standing(quota, cost, now);
            let seen = match after {
                Some(_) => Ok(u128::from(standing.remaining)),
                None => Err(u128::from(standing.wait)),
            };
            prop_assert_eq!(seen, expected);
        }
    }

    /// The wait that is shown is exact: one nanosecond earlier is too early.
    #[test]
    fn l2_a_request_after_its_wait_is_admitted_and_none_before(
        quota in quotas(),
        costs in proptest::collection::vec(1..100_u32, 1..20),
        now in 0..1_000_000_000_000_000_u64,
    ) {
        let mut bucket = Bucket::FULL;
        for cost in costs.iter().cycle().take(200) {
            let cost = NonZeroU32::new(*cost).unwrap();
            if let Some(after) = bucket.charge(quota, cost, now) {
                bucket = after;
                continue;
            }
            let wait = bucket.standing(quota, cost, now).wait;
            prop_assert!(bucket.charge(quota, cost, now + wait).is_some());
            prop_assert!(bucket.charge(quota, cost, now + wait - 1).is_none());
        }
    }
}

const ONE: NonZeroU32 = NonZeroU32::MIN;
const SECOND: u64 = 1_000_000_000;

#[test]
fn a_bucket_shows_what_is_left_when_it_is_full_and_when_the_next_is_admitted() {
    let quota = Quota::per_minute(60).burst(3);
    let now = 5 * SECOND;
    let mut bucket = Bucket::FULL;
    let mut seen = Vec::new();
    for at in [now, now, now, now, now + SECOND / 2, now + SECOND, now + 60 * SECOND] {
        let after = bucket.charge(quota, ONE, at);
        bucket = after.unwrap_or(bucket);
        let Standing { remaining, refill, wait, .. } = bucket.standing(quota, ONE, at);
        seen.push((after.is_some(), remaining, refill, wait));
    }
    assert_eq!(
        seen,
        [
            (true, 2, SECOND, 0),
            (true, 1, 2 * SECOND, 0),
            (true, 0, 3 * SECOND, SECOND),
            (false, 0, 3 * SECOND, SECOND),
            (false, 0, 5 * SECOND / 2, SECOND / 2),
            (true, 0, 3 * SECOND, SECOND),
            (true, 2, SECOND, 0),
        ]
    );
}

#[test]
fn a_cost_above_the_burst_takes_the_whole_burst() {
    let quota = Quota::per_second(10).burst(5);
    let after = Bucket::FULL.charge(quota, NonZeroU32::MAX, SECOND).unwrap();
    assert_eq!(after.standing(quota, ONE, SECOND).remaining, 0);
    assert_eq!(after.standing(quota, NonZeroU32::MAX, SECOND).wait, SECOND / 2);
    assert!(after.charge(quota, NonZeroU32::MAX, SECOND + SECOND / 2).is_some());
}

#[test]
fn a_changed_quota_keeps_the_used_fraction() {
    let (small, large) = (Quota::per_minute(10), Quota::per_hour(1000));
    let used = NonZeroU32::new(4).unwrap();
    let bucket = Bucket::FULL.charge(small, used, SECOND).unwrap();
    assert_eq!(bucket.standing(large, ONE, SECOND).remaining, 600);
    let back = bucket.under(large, SECOND).under(small, SECOND);
    assert_eq!(back.standing(small, ONE, SECOND).remaining, 6);
}

#[test]
fn the_largest_quotas_at_the_end_of_time_neither_wrap_nor_panic() {
    let longest = Duration::from_nanos(1 << 62);
    let quotas = [
        Quota::try_new(1, longest, 1).unwrap(),
        Quota::try_new(u32::MAX, longest / 2, u32::MAX).unwrap(),
        Quota::try_new(1, Duration::from_nanos(1 << 30), u32::MAX).unwrap(),
        Quota::try_new(1_000_000_000, Duration::from_secs(1), u32::MAX).unwrap(),
    ];
    let end = nanos(Duration::MAX);
    for quota in quotas {
        for cost in [ONE, NonZeroU32::MAX] {
            let all = Bucket::FULL.charge(quota, NonZeroU32::MAX, end).unwrap();
            assert!(all.charge(quota, cost, end).is_none());
            let standing = all.standing(quota, cost, end);
            assert_eq!((standing.remaining, standing.refill), (0, quota.full_nanos()));
            for other in quotas {
                assert!(all.charge(other, cost, end).is_none());
            }
        }
    }
}

#[test]
fn addresses_of_one_network_are_one_and_ipv4_in_ipv6_is_ipv4() {
    let who = |text: &str| Who::address(text.parse().unwrap());
    assert_eq!(who("2001:db8::1"), who("2001:db8::ffff:ffff:ffff:ffff"));
    assert_ne!(who("2001:db8::1"), who("2001:db8:0:1::1"));
    assert_eq!(who("::ffff:192.0.2.1"), who("192.0.2.1"));
    assert_ne!(who("192.0.2.2"), who("192.0.2.1"));
}

#[test]
fn a_bucket_in_the_table_takes_40_bytes() {
    assert_eq!((size_of::<Owner>(), size_of::<Bucket>()), (24, 16));
}
