//! X1, X3: what becomes of requests while Redis does not decide, and when it is asked again.

use tokio::time::Instant;

use super::*;

const DEADLINE: Duration = Duration::from_millis(50);

fn admits() -> Says {
    Says::Numbers(vec![1, 1, 1_000_000_000, 0])
}

/// How the request was decided, and how long that took by tokio's clock.
async fn timed(limiter: &RedisLimiter, fixture: &Fixture) -> (Verdict, Duration) {
    let began = Instant::now();
    let verdict = fixture.ask(limiter, MINUTE, 1).await;
    (verdict, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn x1_a_redis_that_hangs_costs_the_deadline_three_times_and_then_nothing() {
    let (redis, fixture) = (Scripted::new(Says::Nothing), Fixture::new());
    let limiter = redis.limiter().fallback(Fallback::Closed);
    for number in 0..10 {
        let (verdict, took) = timed(&limiter, &fixture).await;
        assert_eq!(verdict, Verdict::Unavailable);
        assert_eq!(took, if number < 3 { DEADLINE } else { Duration::ZERO }, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn x1_each_fallback_decides_in_its_way() {
    let (redis, fixture) = (Scripted::new(Says::Error("LOADING")), Fixture::new());
    let closed = redis.limiter().fallback(Fallback::Closed);
    let open = closed.clone().fallback(Fallback::Open);
    let third = closed.clone().fallback(Fallback::local(3));
    for _ in 0..5 {
        assert_eq!(fixture.ask(&closed, MINUTE, 1).await, Verdict::Unavailable);
        assert_eq!(fixture.ask(&open, MINUTE, 1).await, Verdict::Uncounted);
    }
    for left in (0..20).rev() {
        let share = counted(fixture.ask(&third, MINUTE, 1).await);
        assert!(share.admitted);
        assert_eq!((share.standing.limit, share.standing.remaining), (20, left));
    }
    let refused = counted(fixture.ask(&third, MINUTE, 1).await);
    assert_eq!((refused.admitted, refused.standing.wait), (false, 3_000_000_000));
    // Unless set, one node has all of it.
    let other = Fixture::new();
    let whole = counted(other.ask(&redis.limiter(), MINUTE, 1).await);
    assert_eq!(whole.standing.limit, 60);
}

#[tokio::test(start_paused = true)]
async fn several_limits_fall_back_together() {
    let (redis, key, account) =
        (Scripted::new(Says::Lost), Fixture::named("key"), Fixture::named("account"));
    let limiter = redis.limiter().fallback(Fallback::local(2));
    let charges = [
        key.charge(Who::V4(1), MINUTE),
        Charge { of: 1, ..account.charge(Who::V4(1), Quota::per_minute(4)) },
    ];
    for (admitted, left) in [(true, 1), (true, 0), (false, 0)] {
        let decided = counted(verdict(&limiter, &charges, key.asked(ONE)).await);
        assert_eq!((decided.admitted, decided.of, decided.standing.remaining), (admitted, 1, left));
    }
}

#[tokio::test(start_paused = true)]
async fn x1_without_a_connection_nothing_is_waited_for_and_it_is_looked_for_in_the_background() {
    let (redis, fixture) = (Scripted::new(Says::Lost), Fixture::new());
    let limiter = redis.limiter().fallback(Fallback::Closed);
    let (verdict, took) = timed(&limiter, &fixture).await;
    assert_eq!((verdict, took), (Verdict::Unavailable, Duration::ZERO));
    let asked = redis.asked();
    for _ in 0..100 {
        assert_eq!(timed(&limiter, &fixture).await, (Verdict::Unavailable, Duration::ZERO));
    }
    assert_eq!(redis.asked(), asked, "requests do not look for it themselves");
    // Ten seconds bring one look a second or so, and more in the first.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!((10..30).contains(&(redis.asked() - asked)), "{} looks", redis.asked() - asked);
    redis.says(admits());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(counted(fixture.ask(&limiter, MINUTE, 1).await).admitted);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_closed_is_made_anew_before_its_request_is_decided() {
    let (redis, fixture) = (Scripted::new(admits()), Fixture::new());
    let limiter = redis.limiter().fallback(Fallback::Closed);
    assert!(counted(fixture.ask(&limiter, MINUTE, 1).await).admitted);
    redis.says(Says::Lost);
    let again = redis.clone();
    // By the time that somebody looks for it, it is there.
    let request = async { fixture.ask(&limiter, MINUTE, 1).await };
    let back = async move {
        while again.asked() < 2 {
            tokio::task::yield_now().await;
        }
        again.says(admits());
    };
    let (verdict, ()) = tokio::join!(request, back);
    assert!(counted(verdict).admitted);
    assert_eq!(redis.asked(), 4, "twice for the first request and the lost one, a look, and again");
}

/// How many of ten requests.
async fn admitted(fixture: &Fixture, limiter: &RedisLimiter, quota: Quota) -> u32 {
    let mut admitted = 0;
    for _ in 0..10 {
        admitted += u32::from(counted(fixture.ask(limiter, quota, 1).await).admitted);
    }
    admitted
}

#[tokio::test(start_paused = true)]
async fn x3_whatever_redis_refuses_is_decided_without_it_and_never_let_through() {
    for line in [
        "READONLY You can't write against a read only replica.",
        "LOADING Redis is loading the dataset in memory",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MOVED 3999 127.0.0.1:6381",
        "CROSSSLOT Keys in request don't hash to the same slot",
        "CLUSTERDOWN The cluster is down",
        "MASTERDOWN Link with MASTER is down",
        "NOSCRIPT No matching script.",
        "NOAUTH Authentication required.",
        "NOPERM this user has no permissions",
        "BUSY Redis is busy running a script.",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "ERR unknown command",
        "whatever",
    ] {
        let (redis, fixture) = (Scripted::new(Says::Error(line)), Fixture::new());
        let local = redis.limiter();
        let closed = local.clone().fallback(Fallback::Closed);
        assert_eq!(admitted(&fixture, &local, Quota::per_hour(4)).await, 4, "{line}");
        assert_eq!(fixture.ask(&closed, MINUTE, 1).await, Verdict::Unavailable, "{line}");
        if line.starts_with("MOVED") || line.starts_with("CROSSSLOT") {
            assert_eq!(redis.asked(), 11, "{line}: others may be decided there");
        } else {
            assert!(redis.asked() <= 2 * 4, "{line}: the circuit is open after three");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn x3_answers_that_are_none_are_decided_without_it() {
    for numbers in [vec![], vec![1], vec![2, 1, 0, 0], vec![1, 1, -1, 0], vec![1, 1, 0, 0, 0]] {
        let redis = Scripted::new(Says::Numbers(numbers));
        let limiter = redis.limiter().fallback(Fallback::Closed);
        assert_eq!(Fixture::new().ask(&limiter, MINUTE, 1).await, Verdict::Unavailable);
    }
}

#[tokio::test(start_paused = true)]
async fn failures_between_successes_do_not_open_the_circuit() {
    let (redis, fixture) = (Scripted::new(admits()), Fixture::new());
    let limiter = redis.limiter().fallback(Fallback::Closed);
    for _ in 0..10 {
        redis.says(Says::Error("MOVED 1 127.0.0.1:1"));
        for _ in 0..2 {
            assert_eq!(fixture.ask(&limiter, MINUTE, 1).await, Verdict::Unavailable);
        }
        redis.says(admits());
        assert!(counted(fixture.ask(&limiter, MINUTE, 1).await).admitted);
    }
}

#[test]
fn the_next_runtime_looks_for_redis_where_the_last_one_ended() {
    let (redis, fixture) = (Scripted::new(Says::Lost), Fixture::new());
    let limiter = redis.limiter().fallback(Fallback::Closed);
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let first = runtime();
    assert_eq!(first.block_on(fixture.ask(&limiter, MINUTE, 1)), Verdict::Unavailable);
    drop(first);
    redis.says(admits());
    runtime().block_on(async {
        let _ = fixture.ask(&limiter, MINUTE, 1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(counted(fixture.ask(&limiter, MINUTE, 1).await).admitted);
    });
}
