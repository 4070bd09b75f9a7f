use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::ManualClock;

const SECOND: Duration = Duration::from_secs(1);

fn attempts(quota: Quota) -> (Attempts, ManualClock) {
    let clock = ManualClock::new();
    (Attempts::new("tests", quota, Arc::new(clock.clone())), clock)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How many failures in a row are admitted.
fn failures_left(attempts: &Attempts, address: IpAddr) -> usize {
    (0..1_000).take_while(|_| attempts.fail(address).is_ok()).count()
}

fn undecided(attempts: &Attempts) -> usize {
    attempts.state.undecided.lock().values().map(HashMap::len).sum()
}

#[test]
fn an_address_has_its_burst_and_then_what_comes_back() {
    let (attempts, clock) = attempts(Quota::per_second(1).burst(3));
    let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
    assert_eq!(failures_left(&attempts, one), 3);
    assert_eq!(attempts.fail(one), Err(SECOND));
    assert_eq!(attempts.begin(one, 1).unwrap_err(), SECOND);
    clock.advance(SECOND / 2);
    assert_eq!(attempts.begin(one, 1).unwrap_err(), SECOND / 2);
    clock.advance(SECOND / 2);
    drop(attempts.begin(one, 1).unwrap());
    assert_eq!(failures_left(&attempts, one), 1, "what did not fail took nothing");
    assert_eq!(failures_left(&attempts, other), 3);
}

#[test]
fn h6_ipv6_is_counted_by_its_network_and_ipv4_in_it_as_ipv4() {
    for (one, other, shared) in [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("192.0.2.1", "::ffff:192.0.2.2", false),
        ("::ffff:192.0.2.1", "::1", false),
    ] {
        let (attempts, _) = attempts(Quota::per_hour(1));
        assert!(attempts.fail(address(one)).is_ok());
        assert_eq!(attempts.fail(address(other)).is_err(), shared, "{one} {other}");
    }
}

#[test]
fn attempts_under_way_hold_the_places_that_they_may_need() {
    let (attempts, clock) = attempts(Quota::per_second(1).burst(2));
    let client = address("192.0.2.1");
    let first = attempts.begin(client, 1).unwrap();
    let second = attempts.begin(client, 2).unwrap();
    assert_eq!(attempts.begin(client, 3).unwrap_err(), SECOND, "both may fail");
    let same = attempts.begin(client, 2).unwrap();
    second.fail();
    assert!(attempts.begin(client, 3).is_err(), "the other one is still being tried");
    drop(same);
    drop(first);
    let third = attempts.begin(client, 3).unwrap();
    assert!(attempts.begin(client, 4).is_err());
    third.fail();
    assert_eq!(attempts.begin(client, 4).unwrap_err(), SECOND);
    clock.advance(SECOND);
    drop(attempts.begin(client, 4).unwrap());
    assert_eq!(undecided(&attempts), 0);
}

#[test]
fn of_attempts_with_one_credential_the_last_one_answers_for_it() {
    let (attempts, _) = attempts(Quota::per_hour(1));
    let client = address("192.0.2.1");
    let one = attempts.begin(client, 7).unwrap();
    let two = attempts.begin(client, 7).unwrap();
    assert!(one.unless_shared().is_none());
    let two = two.unless_shared().unwrap();
    assert_eq!(undecided(&attempts), 1);
    two.fail();
    assert_eq!(undecided(&attempts), 0);
    assert_eq!(failures_left(&attempts, client), 0);
}

/// Two hundred failures of an address, by somebody who looks at no answer. Says how many were
/// looked up.
fn guess(attempts: &Attempts, first: u64) -> usize {
    let client = address("192.0.2.1");
    let looked_up = (first..first + 200).filter(|credential| {
        let Ok(attempt) = attempts.begin(client, *credential) else { return false };
        std::thread::yield_now();
        attempt.fail();
        // What is refused without a look-up takes from the same.
        let _ = attempts.fail(client);
        true
    });
    looked_up.count()
}

#[test]
fn l5_failures_of_sixteen_clients_at_once_keep_to_the_burst_too() {
    for burst in [1, 5, 100] {
        let (attempts, clock) = attempts(Quota::per_second(1).burst(burst));
        let looked_up = AtomicUsize::new(0);
        let count = |first| looked_up.fetch_add(guess(&attempts, first), Ordering::SeqCst);
        for seconds in 0..4 {
            std::thread::scope(|scope| {
                (0..16).for_each(|client| drop(scope.spawn(move || count(1_000 * client))));
            });
            let most = burst as usize + seconds;
            assert!(looked_up.load(Ordering::SeqCst) <= most, "{looked_up:?} of {most}");
            clock.advance(SECOND);
        }
        assert_eq!(undecided(&attempts), 0);
    }
}

#[test]
fn a_new_quota_is_one_for_the_same_failures() {
    let (attempts, _) = attempts(Quota::per_hour(4));
    let client = address("192.0.2.1");
    attempts.fail(client).unwrap();
    attempts.fail(client).unwrap();
    let wider = attempts.clone().quota(Quota::per_hour(8));
    assert_eq!(failures_left(&wider, client), 4, "half was used");
    assert!(attempts.fail(client).is_err());
}

#[test]
fn l4_memory_is_bounded_and_newcomers_share_what_is_beyond() {
    let (attempts, clock) = attempts(Quota::per_second(1).burst(3));
    let network = |number: u32| {
        IpAddr::V6(Ipv6Addr::from_bits(
            (u128::from(0x2001_0db8_u32) << 96) | (u128::from(number) << 64) | 1,
        ))
    };
    for number in 0..u32::try_from(MOST).unwrap() {
        attempts.fail(network(number)).unwrap();
    }
    let newcomers = MOST..3 * MOST;
    let admitted = newcomers
        .clone()
        .filter(|number| attempts.fail(network(u32::try_from(*number).unwrap())).is_ok());
    assert_eq!(admitted.count(), 3, "together");
    assert_eq!(attempts.state.buckets.len(), MOST);
    let looked_up = newcomers
        .filter(|number| attempts.begin(network(u32::try_from(*number).unwrap()), 1).is_ok());
    assert_eq!(looked_up.count(), 0, "nobody gets a look-up by being new");
    assert_eq!(failures_left(&attempts, network(0)), 2, "who was there has its own");
    clock.advance(3 * SECOND);
    for newcomer in ["192.0.2.1", "192.0.2.2"] {
        assert!(failures_left(&attempts, address(newcomer)) >= 3, "they make themselves room");
    }
    assert!(attempts.state.buckets.len() < MOST);
}
