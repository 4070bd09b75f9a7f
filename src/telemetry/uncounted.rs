//! The names of `metric` without what they do.

use std::time::Duration;

#[inline]
pub(crate) fn feed_up(_up: bool) {}

#[inline]
pub(crate) fn feed_lost() {}

#[inline]
pub(crate) fn circuit_open(_of: &'static str, _open: bool) {}

#[inline]
pub(crate) fn looked_up(_of: &'static str, _outcome: &'static str) {}

#[inline]
pub(crate) fn decided(_by: &'static str, _outcome: &'static str, _times: u64) {}

#[inline]
pub(crate) fn cache_answered(_result: &'static str, _times: u64) {}

#[inline]
pub(crate) fn limited(_limit: &str, _outcome: &'static str, _times: u64) {}

#[inline]
pub(crate) fn store_took(_operation: &'static str, _outcome: &'static str, _took: Duration) {}

#[inline]
pub(crate) fn attempt_limited(_of: &'static str) {}

#[inline]
pub(crate) fn usage_dropped(_requests: u64) {}

#[inline]
pub(crate) fn usage_flush_failed() {}

#[cfg(feature = "idempotency")]
#[inline]
pub(crate) fn idempotency_store_up(_up: bool) {}

#[cfg(feature = "idempotency")]
#[inline]
pub(crate) fn idempotency(_outcome: &'static str) {}

#[cfg(feature = "redis")]
#[inline]
pub(crate) fn limiter_up(_up: bool) {}

#[cfg(feature = "redis")]
#[inline]
pub(crate) fn limiter_lost() {}

#[cfg(feature = "redis")]
#[inline]
pub(crate) fn limiter_failed(_reason: &'static str) {}

#[cfg(feature = "redis")]
#[inline]
pub(crate) fn limiter_fell_back(_to: &'static str) {}
