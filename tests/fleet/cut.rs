//! R3: whatever becomes of the feed, a revocation is felt within `max_staleness` and a deadline,
//! and those after it at once again.

use std::cell::OnceCell;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::checker::{Verdict, Withdrawal, delays, percentile, violations};
use crate::load::Key;
use crate::nodes::Fleet;
use crate::postgres::{Server, database, run};
use crate::proxy::{Proxy, Wire};
use crate::revoke::revoke_under_fire;
use crate::{DEADLINE, MAX_STALENESS, alone};

/// What is promised while the feed is down.
const BOUND: Duration = MAX_STALENESS.saturating_add(DEADLINE);

/// Between two requests with a key on each node.
const PROBE: Duration = Duration::from_millis(20);

/// Far more than a notification takes.
const SOON: Duration = Duration::from_secs(1);

/// How long Postgres is away.
const OUTAGE: Duration = Duration::from_secs(2);

/// Requests that a stopped node finds when it goes on.
const WAITING: usize = 20;

/// Ends the connections that listen, as an operator or a load balancer does.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ILIKE 'LISTEN%'";

/// Holds the promise, says how long the last acceptance elsewhere was after the revocation.
#[track_caller]
fn judge(what: &str, fleet: &Fleet, withdrawals: &[Withdrawal]) -> Duration {
    let log = fleet.journal.attempts();
    assert_eq!(violations(&log, withdrawals, BOUND), [], "{what}");
    let late = percentile(&delays(&log, withdrawals), 100);
    println!("R3: {what}: last acceptance {late:.1?} after the return of revoke");
    late
}

/// Revocations are felt at once again, within a few tries: a node notices a dead feed late.
async fn is_resynchronised(fleet: &Fleet, keys: &[Key]) {
    let mut late = Vec::new();
    for key in keys {
        let withdrawal = revoke_under_fire(fleet, key, PROBE, async || {}).await;
        late = delays(&fleet.journal.attempts(), &[withdrawal]);
        if late.iter().all(|late| *late <= SOON) {
            return;
        }
    }
    panic!("still late: {late:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_half_open_feeds_and_poolers_that_swallow_listen() {
    let _alone = alone().await;
    let Some(database) = database("fleet_cut").await else { return };
    let (half_open, pooler) =
        (Proxy::start(database.url()).await, Proxy::start(database.url()).await);
    pooler.set(Wire::NoNotifications);
    let fleet = Fleet::start(&[database.url(), &half_open.url(), &pooler.url()]).await;
    let keys = fleet.issue(0, 0, 4).await;
    let cut = async || half_open.set(Wire::Dead);
    let withdrawal = revoke_under_fire(&fleet, &keys[0], PROBE, cut).await;
    let late = judge("half-open, or LISTEN swallowed", &fleet, &[withdrawal]);
    assert!(late > SOON, "nothing was cut");
    half_open.set(Wire::Open);
    pooler.set(Wire::Open);
    is_resynchronised(&fleet, &keys[1..]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_one_notification_lost() {
    let _alone = alone().await;
    let Some(database) = database("fleet_lost").await else { return };
    let proxy = Proxy::start(database.url()).await;
    let fleet = Fleet::start(&[database.url(), &proxy.url(), database.url()]).await;
    let keys = fleet.issue(0, 0, 3).await;
    let lose = async || {
        // Nothing can be lost on the way to a node that does not listen yet.
        proxy.listens().await;
        proxy.set(Wire::OneLost);
    };
    let withdrawal = revoke_under_fire(&fleet, &keys[0], PROBE, lose).await;
    proxy.lost().await;
    let late = judge("one notification lost", &fleet, &[withdrawal]);
    // Noticed by the next proof, long before the bound.
    assert!(late <= MAX_STALENESS / 2, "{late:?}");
    is_resynchronised(&fleet, &keys[1..]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_listening_connections_ended() {
    let _alone = alone().await;
    let Some(database) = database("fleet_ended").await else { return };
    let fleet = Fleet::start(&[database.url(); 3]).await;
    let keys = fleet.issue(0, 0, 3).await;
    let cut = async || run(database.url(), CUT).await;
    let withdrawal = revoke_under_fire(&fleet, &keys[0], PROBE, cut).await;
    judge("listening connections ended", &fleet, &[withdrawal]);
    is_resynchronised(&fleet, &keys[1..]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_v1_postgres_killed_and_started_again() {
    let _alone = alone().await;
    let Some(mut server) = Server::start().await else { return };
    let url = server.url();
    let fleet = Fleet::start(&[&*url; 3]).await;
    let keys = fleet.issue(0, 0, 3).await;
    let killed = OnceCell::new();
    let restart = async || {
        killed.set(fleet.journal.now()).unwrap();
        server.kill();
        sleep(OUTAGE).await;
        server.restart().await;
    };
    let withdrawal = revoke_under_fire(&fleet, &keys[0], PROBE, restart).await;
    judge("Postgres killed and started again", &fleet, &[withdrawal]);
    // The key was cached everywhere: it was served throughout.
    let log = fleet.journal.attempts();
    let outage = *killed.get().unwrap()..withdrawal.good_until;
    let failed = log.iter().filter(|attempt| attempt.verdict == Verdict::Unavailable);
    let failed: Vec<_> = failed.filter(|failed| outage.contains(&failed.started)).collect();
    assert!(failed.is_empty(), "{failed:?}");
    is_resynchronised(&fleet, &keys[1..]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_a_node_stopped_and_continued() {
    let _alone = alone().await;
    let Some(database) = database("fleet_stopped").await else { return };
    let fleet = Fleet::start(&[database.url(); 3]).await;
    let keys = fleet.issue(0, 0, 3).await;
    let stop = async || fleet.nodes[2].signal("STOP").await;
    let revoke = revoke_under_fire(&fleet, &keys[0], PROBE, stop);
    let resume = async {
        // Sent to a node that stands still, and answered when it goes on.
        sleep(BOUND / 2).await;
        let clients = (0..WAITING).map(|_| (fleet.client(2), keys[0].clone()));
        let attempts = clients.map(|(client, key)| async move { client.attempt(&key).await });
        let waiting: JoinSet<_> = attempts.collect();
        sleep(BOUND / 2 + SOON).await;
        let continued = fleet.journal.now();
        fleet.nodes[2].signal("CONT").await;
        let verdicts = waiting.join_all().await;
        (continued, verdicts)
    };
    let (withdrawal, (continued, verdicts)) = tokio::join!(revoke, resume);
    assert!(continued > withdrawal.returned + BOUND);
    assert_eq!(verdicts, [Verdict::Refused; WAITING]);
    judge("a node stopped for longer than the bound", &fleet, &[withdrawal]);
    is_resynchronised(&fleet, &keys[1..]).await;
}
