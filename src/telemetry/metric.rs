//! Counters and gauges, where the feature `metrics` is on.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

pub(crate) fn feed_up(up: bool) {
    gauge!("keygate_feed_up").set(f64::from(u8::from(up)));
}

pub(crate) fn feed_lost() {
    counter!("keygate_feed_lost_total").increment(1);
}

pub(crate) fn circuit_open(of: &'static str, open: bool) {
    gauge!("keygate_circuit_open", "of" => of).set(f64::from(u8::from(open)));
}

/// How a look-up ended, or that none was made.
pub(crate) fn looked_up(of: &'static str, outcome: &'static str) {
    counter!("keygate_lookups_total", "of" => of, "outcome" => outcome).increment(1);
}

/// So many decisions of this kind, with this outcome.
pub(crate) fn decided(by: &'static str, outcome: &'static str, times: u64) {
    counter!("keygate_decisions_total", "by" => by, "outcome" => outcome).increment(times);
}

/// So many requests for which the cache of keys had this.
pub(crate) fn cache_answered(result: &'static str, times: u64) {
    counter!("keygate_cache_total", "result" => result).increment(times);
}

/// So many decisions of a limit.
pub(crate) fn limited(limit: &str, outcome: &'static str, times: u64) {
    counter!("keygate_limit_decisions_total", "limit" => limit.to_owned(), "outcome" => outcome)
        .increment(times);
}

/// How long the key store took for an answer.
pub(crate) fn store_took(operation: &'static str, outcome: &'static str, took: Duration) {
    histogram!("keygate_store_seconds", "operation" => operation, "outcome" => outcome)
        .record(took.as_secs_f64());
}

/// Somebody had failed so often that nothing was looked at.
pub(crate) fn attempt_limited(of: &'static str) {
    counter!("keygate_attempts_limited_total", "of" => of).increment(1);
}

pub(crate) fn usage_dropped(requests: u64) {
    counter!("keygate_usage_dropped_total").increment(requests);
}

pub(crate) fn usage_flush_failed() {
    counter!("keygate_usage_flush_failures_total").increment(1);
}

#[cfg(feature = "idempotency")]
pub(crate) fn idempotency_store_up(up: bool) {
    gauge!("keygate_idempotency_store_up").set(f64::from(u8::from(up)));
}

/// How a request with an idempotency key went on.
#[cfg(feature = "idempotency")]
pub(crate) fn idempotency(outcome: &'static str) {
    counter!("keygate_idempotency_total", "outcome" => outcome).increment(1);
}

#[cfg(feature = "redis")]
pub(crate) fn limiter_up(up: bool) {
    gauge!("keygate_limiter_up").set(f64::from(u8::from(up)));
}

#[cfg(feature = "redis")]
pub(crate) fn limiter_lost() {
    counter!("keygate_limiter_lost_total").increment(1);
}

/// Redis did not decide, for this reason.
#[cfg(feature = "redis")]
pub(crate) fn limiter_failed(reason: &'static str) {
    counter!("keygate_limiter_failures_total", "reason" => reason).increment(1);
}

/// A request was decided without Redis, in this way.
#[cfg(feature = "redis")]
pub(crate) fn limiter_fell_back(to: &'static str) {
    counter!("keygate_limiter_fallbacks_total", "to" => to).increment(1);
}
