//! Limits that several instances share, on real servers that fail.

mod cluster;
mod fleet;
mod names;
mod outage;
mod processes;
mod refusals;
mod start;
mod tls;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use keygate::rate_limit::{Fallback, RedisLimiter};
use keygate::test_util::principal;
use keygate::{ApiError, Mode, Quota, RateLimitLayer};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

/// Half of it is one of two nodes' share.
const MINUTE: Quota = Quota::per_minute(60);

/// Far more than a decision takes on a busy machine, where it is not about time.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of a request.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    /// What the envelope writes into `Retry-After`.
    wait: Option<u64>,
    took: Duration,
}

/// Who decided a request under [`MINUTE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Redis,
    /// This node, by half of the quota.
    Half,
    /// Nobody, and it went on.
    Nobody,
    /// Nobody, and it is to come again.
    Unavailable,
}

impl Answer {
    fn number(&self, name: &str) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.parse().ok()
    }

    fn by(&self) -> By {
        match (self.status, self.number("x-ratelimit-limit")) {
            (200 | 429, Some(60)) => By::Redis,
            (200 | 429, Some(30)) => By::Half,
            (200, None) => By::Nobody,
            (503, None) => By::Unavailable,
            _ => panic!("{self:?}"),
        }
    }
}

/// Sends a request of an account's only key.
async fn call(layer: &RateLimitLayer, account: &str) -> Answer {
    let service = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut request = Request::new(());
    request.extensions_mut().insert(principal(account, Mode::Test, []));
    let began = Instant::now();
    let response = layer.layer(service).oneshot(request).await.unwrap();
    let took = began.elapsed();
    let error = response.extensions().get::<ApiError>();
    let wait = error.and_then(ApiError::retry_after);
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), wait, took }
}

/// A node of a fleet of two, with this fallback.
async fn node(url: &str, fallback: Fallback) -> RateLimitLayer {
    let limiter = RedisLimiter::connect(url).await.unwrap().fallback(fallback);
    RateLimitLayer::per_key(MINUTE).limiter(limiter)
}

/// A node that waits as long as it takes.
async fn patient(url: &str) -> RedisLimiter {
    RedisLimiter::connect(url).await.unwrap().deadline(PATIENCE).fallback(Fallback::Closed)
}
