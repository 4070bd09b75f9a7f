//! X1: Redis is dead, hangs or is slow. Requests are decided as configured, without delay once that
//! is known, and by Redis again when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::support::redis::{Server, ask};
use crate::support::{Kept, Lines, becomes};

const DEADLINE: Duration = Duration::from_millis(50);

/// One node for each way to go on without Redis.
struct Nodes([(RateLimitLayer, By); 3]);

impl Nodes {
    async fn on(url: &str) -> Self {
        Self([
            (node(url, Fallback::local(2)).await, By::Half),
            (node(url, Fallback::Open).await, By::Nobody),
            (node(url, Fallback::Closed).await, By::Unavailable),
        ])
    }

    async fn become_well(&self) {
        for (layer, _) in &self.0 {
            becomes(&By::Redis, async || call(layer, "acme").await.by()).await;
        }
    }

    /// Each is decided in its own way, and soon none waits.
    async fn fall_back(&self) {
        for (layer, fallback) in &self.0 {
            for _ in 0..3 {
                let answer = call(layer, "acme").await;
                assert_eq!(answer.by(), *fallback);
                assert!(answer.took < DEADLINE + PATIENCE, "{answer:?}");
            }
            let began = Instant::now();
            for _ in 0..100 {
                assert_eq!(call(layer, "acme").await.by(), *fallback);
            }
            let took = began.elapsed();
            assert!(took < 100 * DEADLINE / 4, "100 requests took {took:?}");
        }
    }
}

#[tokio::test]
async fn x1_a_redis_that_is_killed_and_comes_back_empty() {
    let Some(mut server) = Server::start().await else { return };
    let (lines, _kept) = Lines::kept();
    let nodes = Nodes::on(&server.url()).await;
    nodes.become_well().await;
    server.kill();
    nodes.fall_back().await;
    assert_eq!(lines.with("the limiter's Redis was lost"), 3, "once for each node");
    server.restart().await;
    nodes.become_well().await;
    assert_eq!(lines.with("decides again"), 3, "{}", lines.text());
}

#[tokio::test]
async fn x1_a_redis_that_hangs() {
    let Some(server) = Server::start().await else { return };
    let nodes = Nodes::on(&server.url()).await;
    nodes.become_well().await;
    server.pause();
    let began = Instant::now();
    nodes.fall_back().await;
    let took = began.elapsed();
    assert!(took >= 9 * DEADLINE, "three requests of each node have waited: {took:?}");
    server.resume();
    nodes.become_well().await;
}

#[tokio::test]
async fn x1_a_redis_that_is_slow() {
    let Some(server) = Server::start().await else { return };
    let proxy = Slow::start(&server.url()).await;
    let nodes = Nodes::on(&proxy.url).await;
    nodes.become_well().await;
    proxy.late.store(true, Ordering::SeqCst);
    nodes.fall_back().await;
    proxy.late.store(false, Ordering::SeqCst);
    nodes.become_well().await;
}

#[tokio::test]
async fn x1_one_request_is_late_by_the_deadline_and_no_more() {
    let Some(server) = Server::start().await else { return };
    let layer = node(&server.url(), Fallback::Closed).await;
    becomes(&By::Redis, async || call(&layer, "acme").await.by()).await;
    server.pause();
    let answer = call(&layer, "acme").await;
    assert_eq!(answer.by(), By::Unavailable);
    // A busy machine is late itself.
    assert!(answer.took >= DEADLINE && answer.took < 10 * DEADLINE, "{answer:?}");
}

#[tokio::test]
async fn x1_metrics_tell_of_the_outage_and_of_each_request_that_was_decided_without_redis() {
    let Some(mut server) = Server::start().await else { return };
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let layer = node(&server.url(), Fallback::local(2)).await;
    assert_eq!(kept.gauge("keygate_limiter_up"), Some(1.0));
    assert_eq!(call(&layer, "acme").await.by(), By::Redis);
    let fallbacks = || kept.counter("keygate_limiter_fallbacks_total,to=local");
    assert_eq!(fallbacks(), 0);
    server.pause();
    for _ in 0..10 {
        assert_eq!(call(&layer, "acme").await.by(), By::Half);
    }
    assert_eq!(fallbacks(), 10);
    assert_eq!(kept.counter("keygate_limiter_failures_total,reason=timeout"), 3);
    assert_eq!(kept.counter("keygate_limiter_lost_total"), 1);
    assert_eq!(kept.gauge("keygate_limiter_up"), Some(0.0));
    server.resume();
    becomes(&By::Redis, async || call(&layer, "acme").await.by()).await;
    assert_eq!(kept.gauge("keygate_limiter_up"), Some(1.0));
    server.kill();
    assert_eq!(call(&layer, "acme").await.by(), By::Half);
    assert_eq!(kept.counter("keygate_limiter_failures_total,reason=connection"), 1);
    assert_eq!(kept.counter("keygate_limiter_lost_total"), 2);
}

#[tokio::test]
async fn a_connection_that_redis_has_closed_costs_no_request() {
    let Some(server) = Server::start().await else { return };
    let layer = RateLimitLayer::per_key(MINUTE).limiter(patient(&server.url()).await);
    for left in (50..60).rev() {
        let answer = call(&layer, "acme").await;
        assert_eq!((answer.by(), answer.number("x-ratelimit-remaining")), (By::Redis, Some(left)));
        let closed: u64 =
            ask(&server.url(), &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        assert!(closed >= 1, "the limiter's connection");
    }
}

#[tokio::test]
async fn a_redis_that_is_restarted_or_flushed_forgets_and_admits_one_burst_more() {
    let Some(mut server) = Server::start().await else { return };
    let quota = Quota::per_hour(5);
    let layer = RateLimitLayer::per_account(quota).limiter(patient(&server.url()).await);
    let burst = async |account: &str| {
        let mut admitted = 0;
        for _ in 0..8 {
            admitted += u32::from(call(&layer, account).await.status == 200);
        }
        admitted
    };
    assert_eq!(burst("acme").await, 5);
    server.flush().await;
    assert_eq!(burst("acme").await, 0, "this node remembers that it was refused");
    assert_eq!(burst("other").await, 5, "and tells Redis the script again");
    server.restart().await;
    becomes(&200, async || call(&layer, "third").await.status).await;
    assert_eq!(burst("third").await, 4);
}

/// Hands on what comes, at once or far too late.
struct Slow {
    url: String,
    late: Arc<AtomicBool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Slow {
    async fn start(url: &str) -> Self {
        let (user, server) = url.rsplit_once('@').unwrap();
        let server = server.trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{user}@{}/", listener.local_addr().unwrap());
        let late = Arc::new(AtomicBool::new(false));
        let is_late = Arc::clone(&late);
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                let ((mut from_client, mut to_client), (from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let is_late = Arc::clone(&is_late);
                tokio::spawn(
                    async move { tokio::io::copy(&mut from_client, &mut to_server).await },
                );
                tokio::spawn(async move {
                    let (mut from_server, mut bytes) = (from_server, vec![0; 4096]);
                    while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
                        if is_late.load(Ordering::SeqCst) {
                            tokio::time::sleep(3 * DEADLINE).await;
                        }
                        if to_client.write_all(&bytes[..count]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, late, accepting }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
