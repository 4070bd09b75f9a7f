//! How long an answer is believed, as a table.

use std::time::Duration;

use crate::cache::proof::{Freshness, Proofs};

const STALENESS: u64 = 10_000;

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn proofs() -> Proofs {
    Proofs::new(at(STALENESS))
}

fn good(until: u64) -> Freshness {
    Freshness { until, outlived: false }
}

fn outlived(until: u64) -> Freshness {
    Freshness { until, outlived: true }
}

#[test]
fn without_a_feed_it_counts_from_when_it_was_asked() {
    let proofs = proofs();
    assert_eq!(proofs.freshness(proofs.asking_at(at(500))), good(500 + STALENESS));
}

#[test]
fn within_a_session_it_counts_from_the_last_proof() {
    let proofs = proofs();
    let session = proofs.begin_session();
    let asked = proofs.asking_at(at(500));
    for (sent, from) in [(400, 500), (3_000, 3_000), (2_000, 3_000), (6_000, 6_000)] {
        proofs.proven(session, at(sent));
        assert_eq!(proofs.freshness(asked), good(from + STALENESS), "proof sent at {sent}");
    }
}

#[test]
fn after_its_session_it_counts_from_that_sessions_last_proof() {
    let proofs = proofs();
    let first = proofs.begin_session();
    let asked = proofs.asking_at(at(500));
    proofs.proven(first, at(3_000));
    proofs.end_session();
    assert_eq!(proofs.freshness(asked), outlived(3_000 + STALENESS));
    let second = proofs.begin_session();
    proofs.proven(second, at(8_000));
    assert_eq!(proofs.freshness(asked), outlived(3_000 + STALENESS));
    proofs.proven(first, at(9_000));
    assert_eq!(proofs.freshness(asked), outlived(3_000 + STALENESS), "a late proof counts nothing");
    proofs.end_session();
    proofs.begin_session();
    assert_eq!(proofs.freshness(asked), outlived(3_000 + STALENESS), "nor do two reconnections");
}

#[test]
fn what_was_asked_while_the_feed_was_down_counts_from_then() {
    let proofs = proofs();
    let first = proofs.begin_session();
    proofs.proven(first, at(3_000));
    proofs.end_session();
    let asked = proofs.asking_at(at(5_000));
    assert_eq!(proofs.freshness(asked), good(5_000 + STALENESS));
    let second = proofs.begin_session();
    proofs.proven(second, at(9_000));
    assert_eq!(proofs.freshness(asked), outlived(5_000 + STALENESS));
}

#[test]
fn a_session_without_a_proof_leaves_what_was_asked_in_it_to_itself() {
    let proofs = proofs();
    proofs.begin_session();
    let asked = proofs.asking_at(at(700));
    proofs.end_session();
    assert_eq!(proofs.freshness(asked), outlived(700 + STALENESS));
}

#[test]
fn a_feed_that_flaps_takes_no_memory_and_forgets_only_old_proofs() {
    let proofs = proofs();
    let session = proofs.begin_session();
    let asked = proofs.asking_at(at(500));
    proofs.proven(session, at(3_000));
    for sent in 0..1_000 {
        proofs.end_session();
        let session = proofs.begin_session();
        proofs.proven(session, at(4_000 + sent));
    }
    assert_eq!(proofs.freshness(asked), outlived(500 + STALENESS), "less, never more");
}

#[test]
fn times_are_rounded_so_that_nothing_looks_newer_than_it_is() {
    let proofs = proofs();
    let session = proofs.begin_session();
    let asked = proofs.asking_at(Duration::from_micros(1_999));
    assert_eq!(asked.millis(), 1);
    proofs.proven(session, Duration::from_micros(2_999));
    assert_eq!(proofs.freshness(asked), good(2 + STALENESS));
}
