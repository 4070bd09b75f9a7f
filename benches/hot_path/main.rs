//! What keygate costs on a request whose key is known, beside what one would use instead.
//!
//! `cargo bench --bench hot_path` prints a table and what it says of the targets, then criterion's
//! reports of the main variants. Times move with the machine and with its other work: the variants
//! take turns in short rounds, each figure is the median of one figure per round, and what counts
//! are ratios and allocations. `HOT_PATH=table` leaves criterion out, `HOT_PATH=http`, `memory` and
//! `threads` do one part, `HOT_PATH=run:NAME` only calls one variant, for a profiler, and
//! `HOT_PATH_REQUESTS` says how often.
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
    clippy::excessive_nesting,
    reason = "a bench prints, reads the clock, and has nobody to report an error to"
)]

mod counting;
mod http;
mod keys;
mod memory;
mod rivals;
mod rounds;
mod stacks;
mod table;
mod threads;

use std::time::Duration;

use criterion::Criterion;

use rounds::Variant;

/// Those with a report by criterion.
const MAIN: [&str; 6] = [
    stacks::BARE,
    stacks::PAIR,
    stacks::ENVELOPE,
    rivals::BY_HAND,
    rivals::WITH_TOWER_GOVERNOR,
    rivals::JWT_LIMITED,
];

fn main() {
    let part = std::env::var("HOT_PATH").unwrap_or_default();
    if let Some(name) = part.strip_prefix("run:") {
        return run(name);
    }
    let wanted = |name| part.is_empty() || part == name || (part == "table" && name != "criterion");
    let mut targets = Vec::new();
    if wanted("tower") {
        let results = rounds::interleaved(&mut variants(|_| true));
        table::print(&results);
        targets.extend(table::targets(&results));
    }
    if wanted("http") {
        targets.extend(http::compare());
    }
    if wanted("threads") {
        targets.extend(threads::compare());
    }
    if wanted("memory") {
        targets.push(memory::per_key());
    }
    table::print_targets(&targets);
    if wanted("criterion") {
        criterion();
    }
}

fn variants(wanted: impl Fn(&str) -> bool) -> Vec<Box<dyn Variant>> {
    let all = stacks::ALL.iter().chain(rivals::ALL);
    all.filter(|(name, _)| wanted(name)).map(|(name, make)| make(name)).collect()
}

fn criterion() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("hot path");
    for variant in &mut variants(|name| MAIN.contains(&name)) {
        group.bench_function(variant.name(), |bencher| {
            bencher.iter_custom(|requests| variant.round(requests).time);
        });
    }
    group.finish();
    criterion.final_summary();
}

fn run(name: &str) {
    let requests = std::env::var("HOT_PATH_REQUESTS").map_or(200_000, |n| n.parse().unwrap());
    for variant in &mut variants(|other| other == name) {
        variant.round(requests);
    }
}
