//! What a decision in Redis costs, beside a bare `PING` on the same connection.
//!
//! `cargo bench --bench limiter` prints each figure and its target. It starts a `redis-server` of
//! its own on loopback (`KEYGATE_REDIS_BIN`, else the one on the `PATH`), which it also stops to see
//! what a request pays then. Times move with the machine: `PING`s and decisions take turns in short
//! rounds, and what counts are ratios of their medians.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench prints, reads the clock, and has nobody to report an error to"
)]

mod server;
mod stack;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use keygate::rate_limit::{Fallback, RedisLimiter};
use keygate::{Limit, Quota, RateLimitLayer};
use redis::aio::MultiplexedConnection;
use tokio::runtime::{Builder, Runtime};

use server::Server;
use stack::Stack;

/// Of each kind, taking turns.
const ROUNDS: usize = 60;
const REQUESTS: usize = 200;

/// Never empty: what is measured is the way.
const WIDE: Quota = Quota::per_second(1_000_000_000).burst(1_000_000_000);

const DEADLINE: Duration = Duration::from_millis(50);

fn main() {
    // Connections and leases are served by another thread, as in a server.
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = Server::start();
    println!("\n{:<58} {:>10}   {:>10}", "", "is", "must");
    decisions(&runtime, &server);
    leased(&runtime, &server);
    outage(&runtime, &server);
}

/// One request after the other, then 64 at once.
fn decisions(runtime: &Runtime, server: &Server) {
    let connection = runtime.block_on(server.connect());
    // A busy machine must not fall back here.
    let limiter = RedisLimiter::over(connection.clone()).deadline(Duration::from_secs(10));
    let one = Stack::new(&RateLimitLayer::per_key(WIDE).limiter(limiter.clone()));
    let three = RateLimitLayer::per_key(WIDE)
        .named("first")
        .and(Limit::per_account(WIDE))
        .and(Limit::global(WIDE));
    let three = Stack::new(&three.limiter(limiter));
    for at_once in [1, 64] {
        let mut medians: [Vec<f64>; 3] = Default::default();
        for _ in 0..ROUNDS {
            medians[0].push(runtime.block_on(ping(&connection, at_once)));
            medians[1].push(runtime.block_on(one.round(REQUESTS, at_once)));
            medians[2].push(runtime.block_on(three.round(REQUESTS, at_once)));
        }
        let ratio = |which: usize| {
            median(medians[which].iter().zip(&medians[0]).map(|(one, ping)| one / ping).collect())
        };
        let name = if at_once == 1 { "one after the other" } else { "64 at once" };
        row(&format!("{name}: PING, µs"), median(medians[0].clone()) / 1e3, None);
        row("  a decision, µs", median(medians[1].clone()) / 1e3, None);
        // Of many at once a decision takes what the script takes of the server's one processor.
        row("  a decision / PING", ratio(1), (at_once == 1).then_some(1.5));
        row("  a decision on three limits / PING", ratio(2), None);
    }
}

/// Nanoseconds in the median.
async fn ping(connection: &MultiplexedConnection, at_once: usize) -> f64 {
    let ping = || {
        let mut connection = connection.clone();
        async move {
            let began = Instant::now();
            let () = redis::cmd("PING").query_async(&mut connection).await.unwrap();
            began.elapsed()
        }
    };
    stack::timed(REQUESTS, at_once, ping).await
}

fn leased(runtime: &Runtime, server: &Server) {
    let connection = runtime.block_on(server.connect());
    let lease = NonZeroU32::new(1_000_000).unwrap();
    let limiter = RedisLimiter::over(connection).deadline(Duration::from_secs(10)).lease(lease);
    let leased = RateLimitLayer::per_key(WIDE).named("leased").limiter(limiter.clone());
    let two = RateLimitLayer::per_key(WIDE).named("leased two");
    let two = two.and(Limit::per_account(WIDE).named("leased account")).limiter(limiter);
    let bare = runtime.block_on(Stack::bare().at_rest(20_000));
    let local = RateLimitLayer::per_key(WIDE);
    let local = runtime.block_on(Stack::new(&local).at_rest(20_000)) - bare;
    row("a decision in this process, ns in the median", local, None);
    for (name, layer) in [("a leased decision, ns", leased), ("  on two limits, ns", two)] {
        let stack = Stack::new(&layer);
        runtime.block_on(stack.at_rest(20_000));
        let added = runtime.block_on(stack.at_rest(200_000)) - bare;
        row(name, added, Some(1_000.0));
    }
}

fn outage(runtime: &Runtime, server: &Server) {
    let bare = runtime.block_on(Stack::bare().at_rest(20_000));
    for (name, fallback) in [
        ("Fallback::Closed", Fallback::Closed),
        ("Fallback::Open", Fallback::Open),
        ("Fallback::Local", Fallback::local(3)),
    ] {
        let connection = runtime.block_on(server.connect());
        let limiter = RedisLimiter::over(connection).deadline(DEADLINE).fallback(fallback);
        let stack = Stack::new(&RateLimitLayer::per_key(WIDE).limiter(limiter));
        runtime.block_on(stack.round(10, 1));
        server.signal("STOP");
        let late: Vec<_> = (0..3).map(|_| runtime.block_on(stack.round(1, 1)) / 1e6).collect();
        let most = late.iter().copied().fold(0.0, f64::max);
        row(&format!("{name}: Redis hangs, ms"), most, Some(DEADLINE.as_secs_f64() * 1e3 + 5.0));
        let added = runtime.block_on(stack.at_rest(50_000)) - bare;
        row("  the circuit is open, ns", added, Some(1_000.0));
        server.signal("CONT");
    }
}

fn row(name: &str, is: f64, must: Option<f64>) {
    let must = must.map_or_else(String::new, |must| {
        format!("{must:>10.1} {}", if is <= must { "ok" } else { "NO" })
    });
    println!("{name:<58} {is:>10.2}   {must}");
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
