//! What is known without asking: refusals, and the names of limits.

use super::*;

/// What Redis says of a bucket of [`MINUTE`] from which so many requests are gone.
fn numbers(admitted: bool, gone: i64) -> Says {
    Says::Numbers(vec![i64::from(admitted), 1, gone * 1_000_000_000, 0])
}

#[tokio::test]
async fn a_refusal_is_remembered_until_the_request_could_be_admitted() {
    let (redis, fixture) = (Scripted::new(numbers(false, 60)), Fixture::new());
    let limiter = redis.limiter();
    let first = counted(fixture.ask(&limiter, MINUTE, 3).await);
    assert_eq!((first.admitted, first.standing.wait), (false, 3_000_000_000));
    for millis in [0, 1_999, 1_000] {
        fixture.clock.advance(Duration::from_millis(millis));
        let again = counted(fixture.ask(&limiter, MINUTE, 3).await);
        assert!(!again.admitted);
    }
    let last = counted(fixture.ask(&limiter, MINUTE, 3).await);
    assert_eq!((last.standing.wait, last.standing.remaining), (1_000_000, 2));
    assert_eq!(redis.asked(), 1);
    fixture.clock.advance(Duration::from_millis(1));
    redis.says(numbers(true, 60));
    assert!(counted(fixture.ask(&limiter, MINUTE, 3).await).admitted);
    assert_eq!(redis.asked(), 2);
}

#[tokio::test]
async fn a_smaller_cost_another_quota_and_another_caller_are_asked_for() {
    let (redis, fixture) = (Scripted::new(numbers(false, 58)), Fixture::new());
    let limiter = redis.limiter();
    let asks = async |quota, cost| {
        let before = redis.asked();
        let _ = fixture.ask(&limiter, quota, cost).await;
        redis.asked() - before
    };
    assert_eq!(asks(MINUTE, 3).await, 1);
    assert_eq!(asks(MINUTE, 3).await, 0);
    assert_eq!(asks(MINUTE, 9).await, 0, "there is even less for a larger one");
    assert_eq!(asks(MINUTE, 2).await, 1, "it may be in there");
    assert_eq!(asks(Quota::per_minute(61), 3).await, 1);
    assert_eq!(asks(MINUTE, 3).await, 1, "the quota has been another one meanwhile");
    let other = [fixture.charge(Who::V4(2), MINUTE)];
    let _ = verdict(&limiter, &other, fixture.asked(ONE)).await;
    assert_eq!(redis.asked(), 5);
}

#[tokio::test]
async fn several_limits_refuse_from_memory_only_if_all_of_them_are_known() {
    let (key, account) = (Fixture::named("key"), Fixture::named("account"));
    let redis = Scripted::new(Says::Numbers(vec![0, 1, 60_000_000_000, 0, 5_000_000_000, 0]));
    let limiter = redis.limiter();
    let both =
        [key.charge(Who::V4(1), MINUTE), Charge { of: 1, ..account.charge(Who::V4(1), MINUTE) }];
    for (cost, wait, of) in [(1, 1, 0), (1, 1, 0), (60, 60, 0)] {
        let asked = key.asked(NonZeroU32::new(cost).unwrap());
        let refused = counted(verdict(&limiter, &both, asked).await);
        assert_eq!((refused.admitted, refused.of), (false, of));
        assert_eq!(refused.standing.wait, wait * 1_000_000_000);
    }
    assert_eq!(redis.asked(), 1);
    let third = Fixture::named("third");
    let others = [both[0], Charge { of: 1, ..third.charge(Who::V4(1), MINUTE) }];
    let _ = verdict(&limiter, &others, key.asked(ONE)).await;
    assert_eq!(redis.asked(), 2, "the other limit may have it wait for longer");
}

#[tokio::test]
async fn memory_is_bounded_and_swept() {
    let (redis, fixture) =
        (Scripted::new(numbers(false, 60)), Fixture { most: 100, ..Fixture::new() });
    let limiter = redis.limiter();
    let refuse = async |caller| {
        let charge = [fixture.charge(Who::V4(caller), MINUTE)];
        assert!(!counted(verdict(&limiter, &charge, fixture.asked(ONE)).await).admitted);
    };
    for caller in 0..500 {
        refuse(caller).await;
    }
    assert_eq!(limiter.shared.near.len(), 100);
    assert_eq!(redis.asked(), 500);
    refuse(0).await;
    assert_eq!(redis.asked(), 500, "whoever was there first is remembered");
    refuse(499).await;
    assert_eq!(redis.asked(), 501, "whoever found no room is asked for");
    fixture.clock.advance(Duration::from_secs(1));
    limiter.shared.near.sweep(nanos(fixture.clock.monotonic()), |_| {});
    assert_eq!(limiter.shared.near.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_sweeps_while_nobody_calls_and_ends_when_nothing_is_left() {
    let (redis, fixture) = (Scripted::new(numbers(false, 60)), Fixture::new());
    let limiter = redis.limiter();
    for _ in 0..2 {
        assert!(!counted(fixture.ask(&limiter, MINUTE, 1).await).admitted);
        assert!(limiter.shared.tended.load(Ordering::SeqCst));
        fixture.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(limiter.shared.near.len(), 0);
        assert!(!limiter.shared.tended.load(Ordering::SeqCst));
    }
    assert!(!counted(fixture.ask(&limiter, MINUTE, 1).await).admitted);
    let shared = Arc::downgrade(&limiter.shared);
    drop(limiter);
    assert!(shared.upgrade().is_none(), "it does not keep the limiter");
}

#[test]
fn two_limits_of_one_name_are_found_and_two_of_other_names_or_prefixes_are_not() {
    let limiter = Scripted::new(Says::Nothing).limiter();
    let adopt = |limiter: &RedisLimiter, by, name: &str, buckets: &Arc<Buckets>| {
        let label = Label::new(by, name);
        limiter.adopt(&mut std::iter::once((&label, buckets)))
    };
    let (one, other) = (Arc::new(Buckets::new()), Arc::new(Buckets::new()));
    assert_eq!(adopt(&limiter, By::Key, "default", &one), Ok(()));
    assert_eq!(adopt(&limiter, By::Key, "default", &one), Ok(()), "mounted on two routes");
    assert_eq!(adopt(&limiter, By::Key, "default", &other), Err(ONE_NAME));
    assert_eq!(adopt(&limiter, By::Account, "default", &other), Ok(()));
    assert_eq!(adopt(&limiter, By::Key, "exports", &other), Ok(()));
    assert_eq!(adopt(&limiter.clone().prefix("other"), By::Key, "default", &other), Ok(()));
    drop(one);
    assert_eq!(adopt(&limiter, By::Key, "default", &other), Ok(()), "the first is gone");
}
