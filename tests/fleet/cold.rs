//! Many cold keys at once, after every node was started again.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::alone;
use crate::checker::{Attempt, Verdict, percentile};
use crate::load::{Client, Key};
use crate::nodes::Fleet;
use crate::postgres::Server;

const KEYS: usize = 1_000;

/// Clients at once, of each node.
const CLIENTS: usize = 8;

/// Uses every key once on every node.
async fn use_all(fleet: &Fleet, keys: &[Key]) {
    let mut clients = JoinSet::new();
    for (number, client) in fleet.clients(CLIENTS).into_iter().enumerate() {
        let keys: Vec<_> = keys.iter().skip(number % CLIENTS).step_by(CLIENTS).cloned().collect();
        clients.spawn(use_each(client, keys));
    }
    clients.join_all().await;
}

async fn use_each(client: Client, keys: Vec<Key>) {
    for key in keys {
        client.ask(&key).await;
    }
}

/// The statements so far that looked a key up by its hash.
pub(crate) fn look_ups(server: &Server) -> usize {
    let log = server.log();
    let of_keys = log.lines().filter(|line| line.contains("FROM keygate_keys"));
    of_keys.filter(|line| line.contains("WHERE hash = $1")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cold_keys_after_a_restart_take_one_look_up_each() {
    let _alone = alone().await;
    let Some(server) = Server::start_with(&["log_statement = all"]).await else { return };
    let url = server.url();
    let mut fleet = Fleet::start(&[&*url; 3]).await;
    let keys = fleet.issue(0, 0, KEYS).await;
    fleet.restart(&[&*url; 3]).await;
    let before = look_ups(&server);
    let began = fleet.journal.now();
    use_all(&fleet, &keys).await;
    let took = fleet.journal.now().saturating_sub(began);
    let log = fleet.journal.attempts();
    let count = |verdict| log.iter().filter(|attempt| attempt.verdict == verdict).count();
    let (accepted, late) = (count(Verdict::Accepted), count(Verdict::Unavailable));
    assert_eq!(accepted, 3 * KEYS);
    let look_ups = look_ups(&server) - before;
    // Past eight deadlines a look-up is given up, and who comes again begins another.
    assert!((3 * KEYS..=3 * KEYS + late).contains(&look_ups), "{look_ups} look-ups, {late} late");
    let mut times: Vec<Duration> = log.iter().map(Attempt::took).collect();
    times.sort_unstable();
    let [p50, p99] = [50, 99].map(|percent| percentile(&times, percent));
    println!(
        "cold keys: {KEYS} on each of three nodes started again, {CLIENTS} clients each: {took:.1?} \
         in all, p50 {p50:.1?}, p99 {p99:.1?}, {look_ups} look-ups, {late} told to come again"
    );
}
