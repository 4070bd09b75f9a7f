//! The limiter itself; what is seen through layers and real outages is in `tests/it`.

mod leases;
mod memory;
mod oracle;
mod outage;
mod timed;

#[path = "../../../../tests/it/support/redis.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
pub(super) mod server;
#[path = "../../../../tests/it/support/throwaway.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod throwaway;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::ConnectionLike;
use redis::{Cmd, Pipeline, RedisError, RedisFuture, Value};

use super::*;
use crate::rate_limit::bucket::{Standing, Who, nanos};
use crate::rate_limit::label::By;
use crate::{Clock, ManualClock, Quota};

const ONE: NonZeroU32 = NonZeroU32::MIN;
const MINUTE: Quota = Quota::per_minute(60);

/// A limit, and a clock of this process.
struct Fixture {
    label: Label,
    buckets: Arc<Buckets>,
    clock: ManualClock,
    shared: Arc<dyn Clock>,
    most: usize,
}

impl Fixture {
    fn new() -> Self {
        Self::named("default")
    }

    fn named(name: &str) -> Self {
        let clock = ManualClock::new();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let label = Label::new(By::ClientIp, name);
        Self { label, buckets: Arc::new(Buckets::new()), clock, shared, most: 1_000 }
    }

    fn charge<'r>(&'r self, who: Who<'r>, quota: Quota) -> Charge<'r> {
        Charge { of: 0, label: &self.label, buckets: &self.buckets, who, account: None, quota }
    }

    fn asked(&self, cost: NonZeroU32) -> Asked<'_> {
        let now = nanos(self.clock.monotonic());
        Asked { cost, now, most: self.most, clock: &self.shared }
    }

    async fn ask(&self, limiter: &impl Limiter, quota: Quota, cost: u32) -> Verdict {
        let cost = NonZeroU32::new(cost).unwrap();
        verdict(limiter, &[self.charge(Who::V4(1), quota)], self.asked(cost)).await
    }
}

async fn verdict(limiter: &impl Limiter, charges: &[Charge<'_>], asked: Asked<'_>) -> Verdict {
    match limiter.charge(charges, asked) {
        Answer::Now(verdict) => verdict,
        Answer::Later(verdict) => verdict.await,
    }
}

fn counted(verdict: Verdict) -> Counted {
    let Verdict::Counted(counted) = verdict else { panic!("{verdict:?}") };
    counted
}

/// A Redis in this process that says what it is told to, and counts how often it was asked.
#[derive(Clone)]
struct Scripted {
    asked: Arc<AtomicUsize>,
    says: Arc<Mutex<Says>>,
}

enum Says {
    Error(&'static str),
    Lost,
    Nothing,
    Numbers(Vec<i64>),
}

impl Scripted {
    fn new(says: Says) -> Self {
        Self { asked: Arc::default(), says: Arc::new(Mutex::new(says)) }
    }

    fn says(&self, says: Says) {
        *self.says.lock() = says;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn limiter(&self) -> RedisLimiter {
        RedisLimiter::over(self.clone())
    }
}

impl ConnectionLike for Scripted {
    fn req_packed_command<'a>(&'a mut self, _: &'a Cmd) -> RedisFuture<'a, Value> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = match &*self.says.lock() {
            Says::Error(line) => redis::parse_redis_value(format!("-{line}\r\n").as_bytes()),
            Says::Lost => {
                Err(RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe)))
            }
            Says::Numbers(all) => Ok(Value::Array(all.iter().copied().map(Value::Int).collect())),
            Says::Nothing => return Box::pin(std::future::pending()),
        };
        Box::pin(std::future::ready(answer))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        _: &'a Pipeline,
        _: usize,
        _: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        unreachable!("each decision is one command")
    }

    fn get_db(&self) -> i64 {
        0
    }
}
