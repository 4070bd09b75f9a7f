//! X2: several processes on one Redis admit together what one of them would alone.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::load::{Journal, Key, LONGEST};
use crate::nodes::Fleet;
use crate::process::Process;
use crate::quota::{Ask, back, excess};
use crate::redis::{self, Server};
use crate::{alone, postgres, size};

const NODES: usize = 3;

/// How much a key may, unless few are better: this at once, and one a second.
const BURST: usize = 100;
const INTERVAL: Duration = Duration::from_secs(1);

/// Clients of each node at once, and the time between two requests of one.
const CLIENTS: usize = 2;
const PACE: Duration = Duration::from_millis(50);

/// How long a request waits for Redis, which the examples leave as it is. One that took as long may
/// have been decided without it.
const DEADLINE: Duration = Duration::from_millis(50);

/// How long Redis is away.
const OUTAGE: Duration = Duration::from_secs(3);

/// States of the limiter's Redis leave a line each.
const LOG: (&str, &str) = ("RUST_LOG", "warn,keygate=info,keygate::request=warn");
const LOST: &str = "the limiter's Redis was lost";
const FOUND: &str = "the limiter's Redis decides again";

/// A client of a node, on a connection of its own.
#[derive(Clone)]
struct Caller {
    http: reqwest::Client,
    url: String,
    key: String,
    node: usize,
    journal: Journal,
}

impl Caller {
    fn new(fleet: &Fleet, node: usize, key: &Key) -> Self {
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(1).build();
        let (key, journal) = (key.text.clone(), fleet.journal.clone());
        Self { http: http.unwrap(), url: fleet.url(node), key, node, journal }
    }

    async fn ask(&self) -> Ask {
        let started = self.journal.now();
        let answer = self.http.get(&self.url).bearer_auth(&self.key).send().await.unwrap();
        let admitted = match answer.status().as_u16() {
            200 => true,
            429 => false,
            status => panic!("{status}: {:?}", answer.text().await),
        };
        // To the end, or the connection cannot be kept.
        answer.bytes().await.unwrap();
        Ask { node: self.node, started, finished: self.journal.now(), admitted }
    }

    /// Asks again and again until then.
    async fn go_on(self, until: Duration) -> Vec<Ask> {
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut log = Vec::new();
        while self.journal.now() < until {
            ticks.tick().await;
            log.push(self.ask().await);
        }
        log
    }
}

/// A key with that burst, and one request with it to each node: it is cached everywhere then.
async fn a_warm_key(fleet: &Fleet, number: usize, burst: usize) -> (Key, Vec<Ask>) {
    let quota = json!({ "per_minute": 60, "burst": burst });
    let key = fleet.issue_with(0, number, &quota).await;
    let mut log = Vec::new();
    for node in 0..NODES {
        log.push(Caller::new(fleet, node, &key).ask().await);
    }
    assert!(log.iter().all(|ask| ask.admitted), "{log:?}");
    (key, log)
}

/// All clients of all nodes, until then.
async fn load(fleet: &Fleet, key: &Key, until: Duration) -> Vec<Ask> {
    let nodes = (0..NODES).flat_map(|node| std::iter::repeat_n(node, CLIENTS));
    let callers = nodes.map(|node| Caller::new(fleet, node, key).go_on(until));
    let callers: JoinSet<_> = callers.collect();
    callers.join_all().await.concat()
}

/// Uses up new keys on all nodes at once, numbered from `first`, and holds them to their quota, to
/// the request. A machine that stalls for so long that nodes decide without Redis shows nothing of
/// this: then another key is tried.
async fn is_exact(fleet: &Fleet, first: usize, intervals: usize) {
    for number in first..first + 3 {
        let before = times(fleet, LOST);
        let log = use_up(fleet, number, intervals).await;
        if times(fleet, LOST) == before {
            return judge(&log, intervals);
        }
        println!("X2: a node decided without Redis");
        let found = async {
            while times(fleet, FOUND) < times(fleet, LOST) {
                sleep(PACE).await;
            }
        };
        timeout(LONGEST, found).await.expect("each node finds it again");
    }
    panic!("a node lost Redis each time");
}

/// How often the nodes have said so.
fn times(fleet: &Fleet, what: &str) -> usize {
    let lines = fleet.nodes.iter().flat_map(Process::lines);
    lines.filter(|line| line.contains(what)).count()
}

/// A bucket begins to fill somewhere in the first request of its key. The load ends in the middle
/// between two requests' worth that come back, so that both its ends are clear.
async fn use_up(fleet: &Fleet, number: usize, intervals: usize) -> Vec<Ask> {
    let (key, mut log) = a_warm_key(fleet, number, BURST).await;
    let filling = log[0].finished;
    let until = filling + INTERVAL * u32::try_from(intervals).unwrap() + INTERVAL / 2;
    log.extend(load(fleet, &key, until).await);
    log
}

fn judge(log: &[Ask], intervals: usize) {
    let admitted = log.iter().filter(|ask| ask.admitted).count();
    let ended = log.iter().map(|ask| ask.finished).max().unwrap();
    let took = ended.saturating_sub(log[0].started);
    let late = |admitted| {
        let of_those = log.iter().filter(|ask| ask.admitted == admitted);
        of_those.filter(|ask| ask.finished.saturating_sub(ask.started) >= DEADLINE).count()
    };
    let least = BURST + intervals - late(false);
    let most = BURST + back(took, INTERVAL) + late(true);
    println!(
        "X2: {admitted} of {} requests to {NODES} nodes admitted in {took:.1?}; burst {BURST} and \
         one a second are {least} to {most}; {} took {DEADLINE:?} or longer",
        log.len(),
        late(true) + late(false),
    );
    assert!((least..=most).contains(&admitted));
    assert!(excess(log, BURST, INTERVAL) <= late(true));
    let refusing = |node| log.iter().any(|ask| ask.node == node && !ask.admitted);
    assert!((0..NODES).all(refusing), "every node was asked for more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_three_nodes_on_one_redis_admit_together_what_one_would() {
    let _alone = alone().await;
    let Some(database) = postgres::database("fleet_x2").await else { return };
    let Some(redis) = redis::database().await else { return };
    let more = [("REDIS_URL", redis.url()), LOG];
    let fleet = Fleet::start_with(&[database.url(); NODES], &more).await;
    is_exact(&fleet, 0, size(60, 9)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_x2_without_redis_each_node_counts_for_itself_and_then_they_count_together_again() {
    // So that what is there at once is used up wherever it is found.
    const FEW: usize = 20;
    let _alone = alone().await;
    let Some(database) = postgres::database("fleet_x1").await else { return };
    let Some(mut server) = Server::start().await else { return };
    let url = server.url();
    let fleet = Fleet::start_with(&[database.url(); NODES], &[("REDIS_URL", &url), LOG]).await;
    let (key, mut log) = a_warm_key(&fleet, 0, FEW).await;
    let began = log[0].started;
    let until = fleet.journal.now() + 4 * OUTAGE;
    let outage = async {
        sleep(OUTAGE).await;
        let lost = fleet.journal.now();
        server.kill();
        sleep(OUTAGE).await;
        server.restart().await;
        for node in &fleet.nodes {
            let there = timeout(LONGEST, node.line(FOUND)).await;
            assert!(there.is_ok(), "each node finds it again: {:#?}", node.lines());
        }
        (lost, fleet.journal.now())
    };
    let (more, (lost, found)) = tokio::join!(load(&fleet, &key, until), outage);
    assert!(found + INTERVAL < until, "it came back too late to show anything: {found:?}");
    log.extend(more);
    let admitted = log.iter().filter(|ask| ask.admitted).count();
    // In Redis a bucket, and a new one when it comes back empty; without it one in each node.
    let bursts = (2 + NODES) * FEW;
    let since = |moment, before| 1 + back(Duration::saturating_sub(moment, before), INTERVAL);
    let most = bursts + since(fleet.journal.now(), began) + NODES * since(found, lost);
    println!(
        "X1, X2: {admitted} of {} requests admitted through an outage of {:.1?}; {bursts} to {most} are \
         promised",
        log.len(),
        found.saturating_sub(lost),
    );
    assert!((bursts..=most).contains(&admitted));
    for node in &fleet.nodes {
        let lines = node.lines();
        let said = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
        assert_eq!((said(LOST), said(FOUND)), (1, 1), "{lines:#?}");
    }
    is_exact(&fleet, 1, 4).await;
}
