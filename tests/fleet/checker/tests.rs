use std::time::Duration;

use super::{Attempt, Verdict, Violation, Withdrawal, delays, percentile, violations};

const SPREAD: Duration = Duration::from_millis(100);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A request for key 1.
const fn attempt(node: usize, started: u64, finished: u64, verdict: Verdict) -> Attempt {
    Attempt { node, key: 1, started: ms(started), finished: ms(finished), verdict }
}

const fn yes(node: usize, started: u64, finished: u64) -> Attempt {
    attempt(node, started, finished, Verdict::Accepted)
}

const fn no(node: usize, started: u64, finished: u64) -> Attempt {
    attempt(node, started, finished, Verdict::Refused)
}

const fn none(node: usize, started: u64, finished: u64) -> Attempt {
    attempt(node, started, finished, Verdict::Unavailable)
}

/// Key 1 is revoked on node 0; the verb is called at 1,000 ms and returns at 1,010 ms.
fn revoked() -> Withdrawal {
    Withdrawal::revoked(1, 0, ms(1_000), ms(1_010))
}

fn late(attempt: Attempt, by: u64) -> Violation {
    Violation::Late { attempt, by: ms(by) }
}

#[test]
fn logs_of_a_revocation() {
    let own = no(0, 2_000, 2_001);
    let cases: &[(&str, &[Attempt], &[Violation])] = &[
        ("used until the end", &[yes(0, 1, 2), yes(0, 990, 999), own], &[]),
        ("begun before it returned, answered after", &[yes(0, 1_010, 5_000), own], &[]),
        ("begun after it returned", &[yes(0, 1_011, 1_012), own], &[late(yes(0, 1_011, 1_012), 1)]),
        ("elsewhere within the spread", &[yes(1, 1_110, 1_200), no(1, 1_201, 1_202)], &[]),
        (
            "elsewhere after it",
            &[yes(1, 1_111, 1_112), no(1, 1_201, 1_202)],
            &[late(yes(1, 1_111, 1_112), 1)],
        ),
        ("refused while the verb ran", &[no(0, 990, 1_001), no(0, 1_002, 1_003)], &[]),
        (
            "refused before it was called",
            &[no(1, 990, 999), own],
            &[Violation::Early(no(1, 990, 999))],
        ),
        (
            "accepted again, within the spread",
            &[no(1, 1_020, 1_021), yes(1, 1_022, 1_023)],
            &[Violation::Revived(yes(1, 1_022, 1_023))],
        ),
        // Which one was decided first cannot be told.
        ("accepted beside a refusal", &[no(1, 1_020, 1_025), yes(1, 1_022, 1_030)], &[]),
        (
            "refused here, accepted there",
            &[no(1, 1_020, 1_021), yes(2, 1_022, 1_023)],
            &[Violation::Unwatched { key: 1, node: 2 }],
        ),
        (
            "never tried again",
            &[yes(0, 1, 2), none(0, 3_000, 3_001)],
            &[Violation::Unwatched { key: 1, node: 0 }],
        ),
        (
            "503 promises nothing",
            &[none(1, 500, 600), none(1, 3_000, 3_001), own],
            &[Violation::Unwatched { key: 1, node: 1 }],
        ),
        ("refused early enough", &[no(1, 1_030, 1_031)], &[]),
    ];
    for (what, log, expected) in cases {
        assert_eq!(violations(log, &[revoked()], SPREAD), *expected, "{what}");
    }
}

#[test]
fn logs_of_a_rotation_with_overlap() {
    // Good until 3,000 ms; bad from 3,010 ms, everywhere: all have heard of it by then.
    let rotation = Withdrawal::rotated(1, 0, (ms(1_000), ms(1_010)), ms(2_000));
    let cases: &[(&str, &[Attempt], &[Violation])] = &[
        ("good in between", &[yes(1, 2_999, 3_005), no(1, 3_011, 3_012)], &[]),
        ("refused in between", &[no(1, 2_000, 2_001)], &[Violation::Early(no(1, 2_000, 2_001))]),
        (
            "accepted past its time on any node",
            &[yes(2, 3_011, 3_012), no(2, 3_020, 3_021)],
            &[late(yes(2, 3_011, 3_012), 1)],
        ),
    ];
    for (what, log, expected) in cases {
        assert_eq!(violations(log, &[rotation], SPREAD), *expected, "{what}");
    }
    // A shorter overlap than the spread: nodes may not have heard of it yet.
    let short = Withdrawal::rotated(1, 0, (ms(1_000), ms(1_010)), ms(20));
    assert_eq!(violations(&[yes(1, 1_100, 1_101), no(1, 1_102, 1_103)], &[short], SPREAD), []);
}

#[test]
fn a_key_that_nobody_withdrew_is_never_refused() {
    let other = Attempt { key: 2, ..no(0, 5_000, 5_001) };
    assert_eq!(violations(&[other], &[revoked()], SPREAD), [Violation::Early(other)]);
    let other = Attempt { key: 2, ..yes(0, 5_000, 5_001) };
    assert_eq!(violations(&[other], &[revoked()], SPREAD), []);
}

#[test]
fn delays_count_to_the_end_of_the_last_acceptance_elsewhere() {
    let log = [
        yes(0, 1_005, 1_500),
        yes(1, 500, 600),
        yes(1, 1_000, 1_022),
        no(1, 1_030, 1_031),
        yes(2, 900, 950),
        Attempt { key: 2, ..yes(1, 1_900, 1_950) },
    ];
    assert_eq!(delays(&log, &[revoked()]), [ms(0), ms(12)]);
}

#[test]
fn percentiles_are_values_of_the_list() {
    let hundred: Vec<_> = (1..=100).map(ms).collect();
    for (percent, expected) in [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)] {
        assert_eq!(percentile(&hundred, percent), ms(expected), "{percent}");
    }
    assert_eq!(percentile(&[ms(7)], 99), ms(7));
}
