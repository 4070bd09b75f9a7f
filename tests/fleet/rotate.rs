//! R5: a rotated key is good until its overlap ends, on every node, and not longer.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::checker::{Verdict, violations};
use crate::load::Load;
use crate::nodes::Fleet;
use crate::{alone, postgres};

const ROTATIONS: usize = 5;

const OVERLAP: Duration = Duration::from_secs(3);

/// By when every node has heard of a rotation; shorter than the overlap.
const SPREAD: Duration = Duration::from_secs(1);

const PROBE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r5_a_rotated_key_is_good_until_its_overlap_ends() {
    let _alone = alone().await;
    let Some(database) = postgres::database("fleet_r5").await else { return };
    let fleet = Fleet::start(&[database.url(); 3]).await;
    let keys = fleet.issue(0, 0, ROTATIONS).await;
    let (warm, mut warmed) = mpsc::channel(64);
    let mut probes = JoinSet::new();
    for key in &keys {
        for client in fleet.clients(1) {
            probes.spawn(client.probe(key.clone(), PROBE, warm.clone()));
        }
    }
    for _ in 0..3 * ROTATIONS {
        warmed.recv().await.unwrap();
    }
    let (mut withdrawals, mut successors) = (Vec::new(), Vec::new());
    for key in &keys {
        let number = ROTATIONS + key.number;
        let (withdrawal, successor) = fleet.rotate(0, (key, number), OVERLAP).await;
        // Everywhere at once: nobody has ever asked for it.
        for client in fleet.clients(1) {
            assert_eq!(client.ask(&successor).await, Verdict::Accepted);
        }
        withdrawals.push(withdrawal);
        successors.push(successor);
    }
    let load = Load::start(fleet.clients(1), &successors, PROBE);
    probes.join_all().await;
    load.stop().await;
    let log = fleet.journal.attempts();
    assert_eq!(violations(&log, &withdrawals, SPREAD), []);
    println!("R5: {ROTATIONS} rotations: old keys good for {OVERLAP:?} on all nodes, then refused");
}
