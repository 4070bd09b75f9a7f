//! The only folder with the names of spans, events, fields and metrics.
//!
//! It is silent without the feature `tracing`, and counts nothing without `metrics`.
//!
//! 1. `EnvelopeLayer` opens the span `request` (target `keygate::request`, level info) for each
//!    request, with `method`, `path` (no query), `request_id`, and later `key_id`, `account`, `mode`,
//!    `on_behalf_of`, `status` and `outcome`.
//! 2. Each finished request leaves one event `request finished` at info, with the same fields, for
//!    an error that the envelope wrote its `code`, and for a refusal its precise reason in
//!    `refusal`. It stands outside the span, so that no field is written twice. A refusal leaves its
//!    reason at debug too, also where no `EnvelopeLayer` stands outside.
//! 3. Nothing here is ever given a key: callers pass ids, reasons and paths without key texts.
//! 4. A state that lasts (the feed, the circuit, the limiter's Redis, the store of idempotency keys,
//!    the writing of usage) leaves a line when it changes, never one for each request or attempt.
//!    Look-ups that fail leave one in ten seconds at error, which says how many they were, and each
//!    one at debug.
//! 5. Metrics have few labels of few values. A request whose key is cached and whose limits are
//!    counted here touches none: the recorder is told of such requests once a second, by the writing
//!    of usage and by a [`Tally`](crate::tally::Tally). Whatever else happens asks the recorder that
//!    there is at that moment, so one that is installed late misses only what was before. What they
//!    are called and tell stands in the docs of [`keyring`](crate::keyring#metrics),
//!    [`rate_limit`](crate::rate_limit#metrics) and `idempotency`.

#[cfg(all(test, feature = "tracing"))]
pub(crate) mod captured;
#[cfg(feature = "tracing")]
mod log;
#[cfg(not(feature = "tracing"))]
#[path = "silent.rs"]
mod log;
#[cfg(feature = "metrics")]
mod metric;
#[cfg(not(feature = "metrics"))]
#[path = "uncounted.rs"]
mod metric;
mod throttle;

use crate::store::StoreError;

#[cfg(feature = "redis")]
pub(crate) use log::limiter_refused;
#[cfg(feature = "idempotency")]
pub(crate) use log::{
    CurrentSpan, answer_not_kept, finished_without_client, idempotency_key_ignored, lease_lost,
};
pub(crate) use log::{
    RequestTrace, attempts_unlimited, buckets_overflowed, directory_failed, failed,
    failed_with_text, foreign_record, hook_panicked, inner_service_failed, lacks_shadow_scopes,
    lookup_failed, misconfigured, over_shadow_limit, panicked, record_principal, refused,
    requests_are_logged, usage_lost,
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use log::{watch_failed, watch_stands};
#[cfg(feature = "idempotency")]
pub(crate) use metric::idempotency;
pub(crate) use metric::{
    attempt_limited, cache_answered, decided, limited, looked_up, store_took, usage_dropped,
};
#[cfg(feature = "redis")]
pub(crate) use metric::{limiter_failed, limiter_fell_back};
pub(crate) use throttle::Throttle;

/// Whether anything is counted for metrics: where nothing is, nobody need keep a number.
pub(crate) const COUNTS: bool = cfg!(feature = "metrics");

/// How a request ended.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "nobody writes the line"))]
pub(crate) struct Outcome<'a> {
    /// None where the service answered with an error of its own type instead of a response.
    pub(crate) status: Option<u16>,
    /// The envelope's code, for errors that it wrote.
    pub(crate) code: Option<&'a str>,
    /// The precise reason of a refusal.
    pub(crate) refusal: Option<&'static str>,
}

impl Outcome<'_> {
    /// How the request ended, in one of four words.
    #[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "nobody writes the line"))]
    fn word(&self) -> &'static str {
        match self.status {
            Some(..400) => "ok",
            Some(..500) if self.refusal.is_some() => "refused",
            Some(..500) => "client_error",
            _ => "failed",
        }
    }
}

/// Changes made on other nodes are heard of again, or for the first time.
pub(crate) fn feed_stands() {
    metric::feed_up(true);
    log::feed_stands();
}

/// Changes made on other nodes are not heard of. `first` if they were until now.
pub(crate) fn feed_lost(error: &StoreError, first: bool) {
    if first {
        metric::feed_up(false);
        metric::feed_lost();
    }
    log::feed_lost(error, first);
}

/// Nobody listens any more.
pub(crate) fn feed_stopped() {
    metric::feed_up(false);
}

/// So many look-ups hang that no more are made.
pub(crate) fn circuit_opened(of: &'static str) {
    metric::circuit_open(of, true);
    log::circuit_opened(of);
}

/// Look-ups are made again.
pub(crate) fn circuit_closed(of: &'static str) {
    metric::circuit_open(of, false);
    log::circuit_closed(of);
}

/// Usage could not be written. `first` if it could until now.
pub(crate) fn usage_not_written(error: &StoreError, first: bool) {
    metric::usage_flush_failed();
    log::usage_not_written(error, first);
}

/// Usage could be written, after it could not.
pub(crate) fn usage_written_again() {
    log::usage_written_again();
}

/// The store of idempotency keys failed. `first` if it answered until now.
#[cfg(feature = "idempotency")]
pub(crate) fn idempotency_store_failed(error: &StoreError, first: bool) {
    if first {
        metric::idempotency_store_up(false);
    }
    log::idempotency_store_failed(error, first);
}

/// The store of idempotency keys answers again.
#[cfg(feature = "idempotency")]
pub(crate) fn idempotency_store_works() {
    metric::idempotency_store_up(true);
    log::idempotency_store_works();
}

/// The limiter's Redis does not decide: requests are decided without it.
#[cfg(feature = "redis")]
pub(crate) fn limiter_lost(error: &(dyn std::error::Error + 'static)) {
    metric::limiter_up(false);
    metric::limiter_lost();
    log::limiter_lost(error);
}

/// It was there from the start.
#[cfg(feature = "redis")]
pub(crate) fn limiter_stands() {
    metric::limiter_up(true);
}

/// It decides again.
#[cfg(feature = "redis")]
pub(crate) fn limiter_found() {
    metric::limiter_up(true);
    log::limiter_found();
}
