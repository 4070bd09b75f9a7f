//! G3: while no key changes, usage that is flushed each second costs no look-up.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::sleep;

use crate::checker::Verdict;
use crate::cold::look_ups;
use crate::load::{Key, Load};
use crate::nodes::Fleet;
use crate::postgres::Server;
use crate::{MAX_STALENESS, alone, size};

/// By when every key has been used everywhere, unless something is broken.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g3_active_keys_stay_cached_while_their_usage_is_written() {
    let _alone = alone().await;
    let Some(server) = Server::start_with(&["log_statement = all"]).await else { return };
    let url = server.url();
    let fleet = Fleet::start(&[&*url; 3]).await;
    let keys = fleet.issue(0, 0, size(1_000, 200)).await;
    let time = Duration::from_secs(size(60, 12) as u64);
    // Two clients of each node, each key about once in two seconds.
    let pace = Duration::from_secs(4) / u32::try_from(keys.len()).unwrap();
    let load = Load::start(fleet.clients(2), &keys, pace);
    // By then each session has had a proof, and usage is written.
    sleep(MAX_STALENESS / 2).await;
    used_everywhere(&fleet, &keys).await;
    let before = (look_ups(&server), usage_writes(&server), fleet.journal.attempts().len());
    sleep(time).await;
    let after = (look_ups(&server), usage_writes(&server), fleet.journal.attempts().len());
    load.stop().await;
    let log = fleet.journal.attempts();
    assert!(log[before.2..].iter().all(|attempt| attempt.verdict == Verdict::Accepted));
    assert!(before.0 >= 3 * keys.len(), "the log shows look-ups: {}", before.0);
    let (look_ups, writes, requests) = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
    println!(
        "G3: {} keys on three nodes for {time:?}: {look_ups} look-ups, {writes} writes of usage, \
         {requests} requests",
        keys.len()
    );
    assert_eq!(look_ups, 0);
    // Each node writes about once a second.
    assert!(writes as u64 >= time.as_secs(), "{writes}");
}

/// Waits until every node has accepted every key from now on: all are cached, however slow the
/// machine.
async fn used_everywhere(fleet: &Fleet, keys: &[Key]) {
    let from = fleet.journal.now();
    let mut waited_for: HashSet<_> = (0..fleet.nodes.len())
        .flat_map(|node| keys.iter().map(move |key| (node, key.number)))
        .collect();
    let mut seen = 0;
    while !waited_for.is_empty() {
        sleep(Duration::from_millis(100)).await;
        let log = fleet.journal.attempts();
        for attempt in &log[seen..] {
            if attempt.verdict == Verdict::Accepted && attempt.started > from {
                waited_for.remove(&(attempt.node, attempt.key));
            }
        }
        seen = log.len();
        assert!(fleet.journal.now() < from + PATIENCE, "never accepted: {waited_for:?}");
    }
}

/// The statements so far that wrote usage.
fn usage_writes(server: &Server) -> usize {
    let log = server.log();
    log.lines().filter(|line| line.contains("INTO keygate_usage ")).count()
}
