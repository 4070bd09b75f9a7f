//! R1: on the node that was told, nothing that begins after `revoke` has returned is accepted.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::checker::violations;
use crate::load::{Client, Key};
use crate::nodes::Fleet;
use crate::{alone, postgres, size};

const REVOKES: usize = 100;

/// Clients at once, each sending as fast as it is answered.
const CLIENTS: usize = 4;

/// Added to the count of requests when the key was revoked.
const REVOKED: usize = 1 << 32;

/// Uses the key until it was revoked and `after` requests more. Says how far it is.
async fn use_up(client: Client, key: Key, after: usize, sent: watch::Sender<usize>) {
    let mut left = after;
    while left > 0 {
        client.attempt(&key).await;
        sent.send_modify(|sent| *sent += 1);
        if *sent.borrow() >= REVOKED {
            left -= 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_nothing_that_begins_after_a_revocation_is_accepted() {
    let _alone = alone().await;
    let Some(database) = postgres::database("fleet_r1").await else { return };
    let fleet = Fleet::start(&[database.url()]).await;
    let keys = fleet.issue(0, 0, REVOKES).await;
    // Of the requests of one key, half before its revocation.
    let half = size(1_000, 40) / 2;
    let began = fleet.journal.now();
    let mut withdrawals = Vec::new();
    for key in &keys {
        let sent = watch::Sender::new(0);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let after = half / CLIENTS;
            clients.spawn(use_up(fleet.client(0), key.clone(), after, sent.clone()));
        }
        sent.subscribe().wait_for(|sent| *sent >= half).await.unwrap();
        withdrawals.push(fleet.revoke(0, key).await);
        sent.send_modify(|sent| *sent += REVOKED);
        clients.join_all().await;
    }
    let log = fleet.journal.attempts();
    let took = fleet.journal.now().saturating_sub(began);
    assert!(log.len() >= 2 * half * REVOKES, "{} requests", log.len());
    assert_eq!(violations(&log, &withdrawals, Duration::ZERO), []);
    let rate = log.len() as f64 / took.as_secs_f64();
    println!(
        "R1: 0 of {} requests accepted that began after a revocation had returned, {REVOKES} \
         revocations, {CLIENTS} connections on one process, {rate:.0} requests/s",
        log.len()
    );
}
