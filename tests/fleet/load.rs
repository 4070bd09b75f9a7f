//! Clients that send requests with keys and write down what became of them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::checker::{Attempt, Verdict};

/// How long anything is waited for, such as a key's refusal: past every bound.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// A key and its number in the log.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) number: usize,
    pub(crate) id: String,
    pub(crate) text: String,
}

/// The log of every client. Clones write into the same one.
#[derive(Clone)]
pub(crate) struct Journal {
    began: Instant,
    attempts: Arc<Mutex<Vec<Attempt>>>,
}

/// One client of one node, on one connection that is kept alive.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    node: usize,
    journal: Journal,
}

/// Clients that go on until this is stopped.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    clients: Vec<JoinHandle<()>>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), attempts: Arc::default() }
    }

    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn note(&self, attempt: Attempt) {
        self.attempts.lock().unwrap().push(attempt);
    }

    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().clone()
    }
}

impl Client {
    pub(crate) fn new(node: usize, url: String, journal: &Journal) -> Self {
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(1);
        let http = http.tcp_nodelay(true).build().unwrap();
        Self { http, url, node, journal: journal.clone() }
    }

    /// Sends one request, notes it and says what the verdict was.
    pub(crate) async fn attempt(&self, key: &Key) -> Verdict {
        let started = self.journal.now();
        let verdict = self.verdict(key).await;
        let (node, key, finished) = (self.node, key.number, self.journal.now());
        self.journal.note(Attempt { node, key, started, finished, verdict });
        verdict
    }

    /// Attempts until the node knows: a look-up that is too late for its caller is made all the
    /// same, and who comes again finds it.
    pub(crate) async fn ask(&self, key: &Key) -> Verdict {
        let end = self.journal.now() + LONGEST;
        while self.journal.now() < end {
            let verdict = self.attempt(key).await;
            if verdict != Verdict::Unavailable {
                return verdict;
            }
        }
        panic!("no verdict on {} within {LONGEST:?}", key.id);
    }

    async fn verdict(&self, key: &Key) -> Verdict {
        let request = self.http.get(&self.url).bearer_auth(&key.text);
        let request = request.header("x-forwarded-for", address_of_its_own());
        let Ok(answer) = request.send().await else { return Verdict::Unavailable };
        let status = answer.status().as_u16();
        // To the end, or the connection cannot be kept.
        let body = answer.bytes().await;
        match status {
            200 => Verdict::Accepted,
            401 => Verdict::Refused,
            503 => Verdict::Unavailable,
            other => panic!("{other}: {body:?}"),
        }
    }

    /// Tries the key again and again, until it has been refused a few times or for [`LONGEST`].
    /// `warm` is told once the node has accepted it three times, by when it is cached.
    pub(crate) async fn probe(self, key: Key, every: Duration, warm: mpsc::Sender<usize>) {
        let mut ticks = steady(every);
        let end = self.journal.now() + LONGEST;
        let (mut accepted, mut refused) = (0, 0);
        while refused < 3 && self.journal.now() < end {
            ticks.tick().await;
            match self.attempt(&key).await {
                Verdict::Accepted => accepted += 1,
                Verdict::Refused => refused += 1,
                Verdict::Unavailable => {}
            }
            if accepted == 3 {
                // Who does not listen any more knows already.
                let _ = warm.try_send(self.node);
            }
        }
    }
}

impl Load {
    /// Each client uses the keys in turn, one request each `every`.
    pub(crate) fn start(clients: Vec<Client>, keys: &[Key], every: Duration) -> Self {
        let stop = watch::Sender::new(false);
        let count = clients.len().max(1);
        let clients = clients.into_iter().enumerate().map(|(number, client)| {
            // They begin at different keys.
            let first = keys.len() * number / count;
            let keys: Vec<_> = keys[first..].iter().chain(&keys[..first]).cloned().collect();
            tokio::spawn(use_in_turn(client, keys, every, stop.subscribe()))
        });
        Self { clients: clients.collect(), stop }
    }

    /// Lets the requests under way end.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        for client in self.clients {
            client.await.unwrap();
        }
    }
}

async fn use_in_turn(
    client: Client,
    keys: Vec<Key>,
    every: Duration,
    stopped: watch::Receiver<bool>,
) {
    let mut ticks = steady(every);
    for key in keys.iter().cycle() {
        ticks.tick().await;
        if *stopped.borrow() {
            return;
        }
        client.attempt(key).await;
    }
}

/// As of one client among many behind a proxy: nobody fails often enough to be limited for it.
fn address_of_its_own() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, a, b, c] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

/// One that is late skips what it missed: the rate stays as it was named.
fn steady(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
