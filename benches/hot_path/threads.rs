//! Two threads against one: what the keys' shared state costs where both use it.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use keygate::Quota;
use tower::Service;

use crate::keys::{MANY, Random, credentials};
use crate::rounds::{RUNTIME, at_once, median, request, value};
use crate::stacks::{bare, pair};
use crate::table::{Target, at_least};

const ROUNDS: usize = 40;
const REQUESTS: usize = 10_000;

/// Not to be reached by two threads with one key.
const BOUNDLESS: Quota = Quota::per_second(50_000_000).burst(4_000);

pub fn compare() -> Vec<Target> {
    let cases = [
        ("2 threads, bare (this machine's best)", bare(), MANY),
        ("2 threads, 100,000 keys", pair(MANY, BOUNDLESS), MANY),
        ("2 threads, one hot key", pair(MANY, BOUNDLESS), 1),
    ];
    let credentials = credentials(MANY);
    for (_, service, keys) in &cases {
        let mut service = service.clone();
        for credential in &credentials[..*keys] {
            RUNTIME.block_on(service.call(request(value(credential)))).unwrap();
        }
    }
    let mut gains = cases.each_ref().map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (gains, (_, service, keys)) in gains.iter_mut().zip(&cases) {
            let alone = run::<1>(service, &credentials[..*keys]);
            let together = run::<2>(service, &credentials[..*keys]);
            gains.push(2.0 * alone.as_secs_f64() / together.as_secs_f64());
        }
    }
    let [best, many, hot] = gains.map(median);
    vec![
        at_least(cases[0].0, best, 0.0, None),
        at_least(cases[1].0, many, 1.9, None),
        at_least(cases[2].0, hot, 1.0, Some(1.3)),
    ]
}

/// The longest time that one of the threads took for its requests.
fn run<const THREADS: usize>(service: &Router, credentials: &[String]) -> Duration {
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        let work = |seed| {
            let (mut service, start) = (service.clone(), &start);
            move || {
                let mut random = Random(seed);
                let draw = |_| value(&credentials[random.below(credentials.len())]);
                let values: Vec<_> = (0..REQUESTS).map(draw).collect();
                start.wait();
                let start = Instant::now();
                at_once(async {
                    for value in values {
                        let Ok(response) = service.call(request(value)).await;
                        assert!(response.status().is_success());
                    }
                });
                start.elapsed()
            }
        };
        let threads = (0..THREADS as u64).map(|seed| scope.spawn(work(seed)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    })
}
