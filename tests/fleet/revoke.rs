//! R2: a key that is revoked on one node is refused on the others, and how soon.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::checker::{Attempt, Withdrawal, delays, percentile, violations};
use crate::load::{Key, Load};
use crate::nodes::Fleet;
use crate::{MAX_STALENESS, alone, postgres};

const REVOKES: usize = 100;

/// The figure to reach, from the return of `revoke` to the end of the last accepted request.
const TARGET: Duration = Duration::from_millis(50);

/// Keys that stay good, used by two clients of each node.
const SURVIVORS: usize = 40;

/// Between two requests of one of those clients.
const PACE: Duration = Duration::from_millis(20);

/// Between two requests with the key that is revoked, on each node.
const PROBE: Duration = Duration::from_millis(4);

/// Uses a key on every node, and once all have it cached lets happen what a test is about, has it
/// revoked on the first node, and goes on until all refuse it.
pub(crate) async fn revoke_under_fire(
    fleet: &Fleet,
    key: &Key,
    every: Duration,
    before: impl AsyncFnOnce(),
) -> Withdrawal {
    let nodes = fleet.nodes.len();
    let (warm, mut warmed) = mpsc::channel(nodes * 8);
    let mut probes = JoinSet::new();
    for client in fleet.clients(1) {
        probes.spawn(client.probe(key.clone(), every, warm.clone()));
    }
    // So that the channel ends with the probes: a node may never accept the key.
    drop(warm);
    let mut waited_for: Vec<_> = (0..nodes).collect();
    while !waited_for.is_empty() {
        let node = warmed.recv().await.expect("every node accepts the key");
        waited_for.retain(|other| *other != node);
    }
    before().await;
    let withdrawal = fleet.revoke(0, key).await;
    probes.join_all().await;
    withdrawal
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_a_revocation_is_felt_on_every_node() {
    let _alone = alone().await;
    let Some(database) = postgres::database("fleet_r2").await else { return };
    let fleet = Fleet::start(&[database.url(); 3]).await;
    let survivors = fleet.issue(0, 0, SURVIVORS).await;
    let keys = fleet.issue(0, SURVIVORS, REVOKES).await;
    let load = Load::start(fleet.clients(2), &survivors, PACE);
    let began = fleet.journal.now();
    let mut withdrawals = Vec::new();
    for key in &keys {
        let withdrawal = revoke_under_fire(&fleet, key, PROBE, async || {}).await;
        let late = fleet.journal.now().saturating_sub(withdrawal.returned);
        assert!(late < MAX_STALENESS, "accepted for {late:?} more");
        withdrawals.push(withdrawal);
    }
    let took = fleet.journal.now().saturating_sub(began);
    load.stop().await;
    let log = fleet.journal.attempts();
    let delays = delays(&log, &withdrawals);
    assert_eq!(delays.len(), 2 * REVOKES);
    let [p50, p99, max] = [50, 99, 100].map(|percent| percentile(&delays, percent));
    println!(
        "R2: last acceptance on two other nodes after the return of revoke: p50 {p50:.1?}, p99 \
         {p99:.1?}, max {max:.1?}; {REVOKES} revocations, three processes, {:.0} requests/s in all",
        log.len() as f64 / took.as_secs_f64()
    );
    // Nothing was accepted late, no good key was refused, no key came back.
    assert_eq!(violations(&log, &withdrawals, max), []);
    // What any request takes at the same time is the machine's, and not the revocation's.
    let survived = |attempt: &&Attempt| attempt.key < SURVIVORS;
    let mut ordinary: Vec<_> = log.iter().filter(survived).map(Attempt::took).collect();
    ordinary.sort_unstable();
    let ordinary = percentile(&ordinary, 99);
    println!("    an ordinary request meanwhile: p99 {ordinary:.1?}");
    assert!(p99 <= TARGET + ordinary, "p99 {p99:?}, of ordinary requests {ordinary:?}");
}
