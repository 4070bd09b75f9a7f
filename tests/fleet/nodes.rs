//! Processes of one example on one database, and their operator.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::checker::Withdrawal;
use crate::load::{Client, Journal, Key, LONGEST};
use crate::process::Process;

const EXAMPLE: &str = "crypto_checkout";

/// A request that a key opens and that does next to nothing.
const PATH: &str = "/api/v1/payment_links";

const PASSWORD: &str = "open sesame";

pub(crate) struct Fleet {
    pub(crate) nodes: Vec<Process>,
    pub(crate) journal: Journal,
    operator: reqwest::Client,
}

impl Fleet {
    /// One process for each of these databases, all started at once.
    pub(crate) async fn start(databases: &[&str]) -> Self {
        Self::start_with(databases, &[]).await
    }

    /// The same with more in the environment, or something else.
    pub(crate) async fn start_with(databases: &[&str], more: &[(&str, &str)]) -> Self {
        let mut starting = JoinSet::new();
        for (number, url) in databases.iter().enumerate() {
            let all = environment(url).into_iter().chain(more.iter().copied());
            let all: Vec<_> =
                all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            starting.spawn(async move {
                let all: Vec<_> = all.iter().map(|(name, value)| (&**name, &**value)).collect();
                (number, Process::start(EXAMPLE, &all).await)
            });
        }
        let mut nodes = starting.join_all().await;
        nodes.sort_by_key(|(number, _)| *number);
        let operator = reqwest::Client::builder().no_proxy().build().unwrap();
        let nodes = nodes.into_iter().map(|(_, node)| node).collect();
        Self { nodes, journal: Journal::new(), operator }
    }

    /// Ends every process in good order and starts as many again.
    pub(crate) async fn restart(&mut self, databases: &[&str]) {
        for node in self.nodes.drain(..) {
            node.terminate().await;
            let (status, _) = node.end(Duration::from_mins(1)).await;
            assert!(status.success());
        }
        self.nodes = Self::start(databases).await.nodes;
    }

    /// Of a request that a key opens.
    pub(crate) fn url(&self, node: usize) -> String {
        format!("{}{PATH}", self.nodes[node].origin)
    }

    /// A client of a node, with a connection of its own.
    pub(crate) fn client(&self, node: usize) -> Client {
        Client::new(node, self.url(node), &self.journal)
    }

    /// So many clients of each node.
    pub(crate) fn clients(&self, each: usize) -> Vec<Client> {
        let nodes = (0..self.nodes.len()).flat_map(|node| std::iter::repeat_n(node, each));
        nodes.map(|node| self.client(node)).collect()
    }

    /// Issues keys on a node that are never limited, numbered from `first`.
    pub(crate) async fn issue(&self, node: usize, first: usize, count: usize) -> Vec<Key> {
        let never = json!({ "per_minute": 10_000_000 });
        let mut keys = Vec::new();
        for number in first..first + count {
            keys.push(self.issue_with(node, number, &never).await);
        }
        keys
    }

    /// Issues a key of this quota on a node.
    pub(crate) async fn issue_with(&self, node: usize, number: usize, quota: &Value) -> Key {
        let body =
            json!({ "name": "fleet", "mode": "test", "scopes": ["links:read"], "quota": quota });
        let issued = self.manage(node, "keys", &body).await.expect("it is issued");
        let text = |field: &str| issued[field].as_str().unwrap().to_owned();
        Key { number, id: text("id"), text: text("key") }
    }

    /// Revokes a key on a node. Tried again while the store fails: a revocation is only as good
    /// as its answer.
    pub(crate) async fn revoke(&self, node: usize, key: &Key) -> Withdrawal {
        let called = self.journal.now();
        let path = format!("keys/{}/revoke", key.id);
        while self.manage(node, &path, &json!({})).await.is_none() {
            assert!(self.journal.now() < called + LONGEST, "the store fails for {LONGEST:?}");
        }
        Withdrawal::revoked(key.number, node, called, self.journal.now())
    }

    /// Rotates a key on a node: the old one's end, and its successor.
    pub(crate) async fn rotate(
        &self,
        node: usize,
        (key, successor): (&Key, usize),
        overlap: Duration,
    ) -> (Withdrawal, Key) {
        let called = self.journal.now();
        let body = json!({ "overlap_seconds": overlap.as_secs() });
        let path = format!("keys/{}/rotate", key.id);
        let issued = self.manage(node, &path, &body).await.expect("it is rotated");
        let times = (called, self.journal.now());
        let text = |field: &str| issued[field].as_str().unwrap().to_owned();
        let successor = Key { number: successor, id: text("id"), text: text("key") };
        (Withdrawal::rotated(key.number, node, times, overlap), successor)
    }

    /// `None` is 503.
    async fn manage(&self, node: usize, path: &str, body: &Value) -> Option<Value> {
        let url = format!("{}/dashboard/api/{path}", self.nodes[node].origin);
        let request = self.operator.post(url).basic_auth("operator", Some(PASSWORD)).json(body);
        let answer = request.send().await.expect("the node answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        match status {
            200 | 201 => Some(serde_json::from_str(&text).unwrap()),
            503 => None,
            other => panic!("{other}: {text}"),
        }
    }
}

fn environment(database: &str) -> [(&str, &str); 4] {
    [
        ("DATABASE_URL", database),
        ("DASHBOARD_PASSWORD", PASSWORD),
        ("RUST_LOG", "warn"),
        // The clients here are many, and this is where they come from.
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ]
}
