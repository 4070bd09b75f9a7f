//! How often a caller may call.
//!
//! 1. **What is admitted.** [`Quota::per_minute(300)`](Quota::per_minute) admits 300 at once and
//!    then 300 a minute: in any `t` at most `burst + rate × t`, so up to 600 in the first minute.
//!    What is left comes back bit by bit, not at the end of a window (GCRA).
//! 2. **Whose bucket.** [`RateLimitLayer::per_key`] counts a key together with its successors by
//!    rotation, so that an overlap shares one quota; [`per_account`](RateLimitLayer::per_account)
//!    all keys of an account; [`per_client_ip`](RateLimitLayer::per_client_ip) an address, IPv6 by
//!    its network of 64 bits, IPv4 in IPv6 as IPv4; [`global`](RateLimitLayer::global) all requests
//!    together. The first two count a caller whom `AuthLayer` lets through without a key by its
//!    address. [`Limit::on`] makes a limit of one route.
//! 3. **Which quota.** The key's own, else its plan's ([`Plans`]), else the layer's. A changed
//!    quota holds from the next request and keeps the used fraction: who has used up half has used
//!    up half of the new one. Addresses and [further limits](RateLimitLayer::and) have the quota
//!    they were made with.
//! 4. **What it costs.** 1, or what [`cost`](RateLimitLayer::cost) or
//!    [`cost_by`](RateLimitLayer::cost_by) say. A cost above the burst takes the whole burst.
//! 5. **Several limits** charge a request to all of them or to none. The headers show the one with
//!    the fewest requests left, on a refusal the one with the longest wait.
//! 6. **Headers** stand on every response from the layer inward, on a 404 or 429 too, and on the
//!    500 of a panic if an `EnvelopeLayer` stands outside. `X-RateLimit-Limit` is the burst,
//!    `-Remaining` the requests of cost 1 that would be admitted now, `-Reset` the Unix second at
//!    which the bucket is full again. [`ietf_headers`](RateLimitLayer::ietf_headers) adds
//!    `RateLimit-Policy: "default";q=300;w=60` and `RateLimit: "default";r=247;t=1`: `q` and `r`
//!    are the same numbers, `w` the seconds in which an empty bucket fills.
//! 7. **A refusal** is 429 with `Retry-After`: whole seconds, rounded up, at least 1, until a
//!    request of this cost is admitted. `t` is the same figure.
//! 8. **A layer mounted twice** charges once. Its clones and those that setters return share their
//!    buckets; two that were constructed apart share nothing.
//! 9. **Memory.** A caller takes about 90 bytes until its bucket is full again. At
//!    [`max_buckets`](RateLimitLayer::max_buckets) nobody is let go of: newcomers share one bucket.
//!    What is full again is swept out by newcomers, and inside a tokio runtime (with its timer) by
//!    a task while nobody calls.
//! 10. **Time** is monotonic: a step of the wall clock changes `X-RateLimit-Reset` and no decision.
//! 11. **A layer that finds no caller**, or no address where it needs one, answers 500
//!     `misconfigured` and logs what is missing.
//! 12. **Several instances** admit one quota each, unless they count together in a Redis
//!     ([`RedisLimiter`], feature `redis`): then all of the above holds for them together.
//! 13. **A limit in [shadow mode](Limit::shadow)** is charged by itself, refuses nobody and is in no
//!     header. What it would refuse is counted, logged at debug and told to
//!     [`on_decision`](RateLimitLayer::on_decision). In Redis it is asked for together with the
//!     others, and a request waits for both.
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use keygate::{ManualClock, Peer, Quota, RateLimitLayer};
//! use std::{convert::Infallible, time::Duration};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let clock = ManualClock::new();
//! let service = ServiceBuilder::new()
//!     .layer(RateLimitLayer::per_client_ip(Quota::per_minute(2)).with_clock(clock.clone()))
//!     .service(service_fn(|_request| async {
//!         Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default()))
//!     }));
//! let call = || {
//!     let mut request = Request::new(());
//!     request.extensions_mut().insert(Peer { addr: ([192, 0, 2, 1], 4711).into(), tls: false });
//!     service.clone().oneshot(request)
//! };
//!
//! let first = call().await.unwrap();
//! assert_eq!(first.headers()["x-ratelimit-limit"], "2");
//! assert_eq!(first.headers()["x-ratelimit-remaining"], "1");
//! assert_eq!(call().await.unwrap().status(), 200);
//!
//! let refused = call().await.unwrap();
//! assert_eq!(refused.status(), 429);
//! assert_eq!(refused.headers()["retry-after"], "30");
//! assert_eq!(refused.headers()["x-ratelimit-remaining"], "0");
//!
//! clock.advance(Duration::from_secs(30));
//! assert_eq!(call().await.unwrap().status(), 200);
//! # }
//! ```
//!
//! # Metrics
//!
//! With the feature `metrics`, and those of the limiter with `redis` too. The layers of a process
//! share one set.
//!
//! | name | kind | tells |
//! | --- | --- | --- |
//! | `keygate_limit_decisions_total{limit,outcome}` | counter | what was decided about requests |
//! | `keygate_limiter_up` | gauge | 1 while the limiter's Redis decides, else 0 |
//! | `keygate_limiter_lost_total` | counter | how often it was lost, or was not there at the start |
//! | `keygate_limiter_failures_total{reason}` | counter | requests that it was asked about in vain |
//! | `keygate_limiter_fallbacks_total{to}` | counter | requests that were decided without it |
//!
//! `limit` is the [name](Limit::named) of the limit that refused or would have, and for everything
//! else of the layer's own; `outcome` is `admitted`, `refused`, `would_refuse` (a limit in
//! [shadow mode](Limit::shadow), beside what became of the request), `uncounted` (no limit counts it,
//! or Redis could not and [lets it through](Fallback::Open)), `unavailable` or `misconfigured`. What
//! is admitted is told once a second, and what is left when tokio's runtime ends.
//!
//! `reason` is `timeout`, `connection`, `refused` (an error of Redis) or `broken`; `to` is `local`,
//! `open` or `closed`.

mod attempts;
mod bucket;
mod decide;
mod future;
mod headers;
pub(crate) mod label;
mod layer;
mod limit;
mod limiter;
mod local;
mod mark;
mod plan;
mod quota;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod service;
mod verdicts;

#[cfg(feature = "redis")]
pub use self::redis::{Fallback, InvalidRedis, RedisLimiter};
pub(crate) use attempts::{Attempt, Attempts};
pub use future::ResponseFuture;
pub use layer::RateLimitLayer;
pub use limit::{Limit, RequestHead};
pub use plan::{InvalidPlanName, PlanName, Plans};
pub use quota::{InvalidQuota, Quota};
pub use service::RateLimit;

/// What a `RateLimitLayer` was told, as far as it shows from outside.
#[cfg(any(feature = "openapi", feature = "utoipa"))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outline {
    /// Whether the headers of the IETF's draft are sent too.
    pub(crate) has_ietf_headers: bool,
    /// Whether every request is charged to some limit.
    pub(crate) counts_all: bool,
    /// Whether requests are answered 503 while nobody can count them.
    pub(crate) may_be_unavailable: bool,
}

#[cfg(test)]
mod tests;
