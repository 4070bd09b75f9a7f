//! The names of `log` without what they do.

use std::error::Error;

use super::Outcome;
use crate::store::StoreError;
use crate::{KeyId, Principal, ScopeName};

/// Nothing: it has the methods of its namesake, so that callers need not know.
pub(crate) struct RequestTrace;

#[inline]
pub(crate) fn requests_are_logged() -> bool {
    false
}

#[allow(clippy::unused_self, reason = "the signatures are those of the other module")]
impl RequestTrace {
    pub(crate) fn start(_method: &str, _path: &str, _request_id: &str) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn scope<R>(&mut self, step: impl FnOnce() -> R) -> R {
        step()
    }

    pub(crate) fn finish(self, _outcome: Outcome<'_>) {}
}

#[inline]
pub(crate) fn record_principal(_principal: &Principal) {}

#[inline]
pub(crate) fn refused(_refusal: &'static str) {}

#[inline]
pub(crate) fn lookup_failed(_error: &StoreError, _failures: Option<u64>) {}

#[inline]
pub(crate) fn foreign_record(_key: &KeyId) {}

#[inline]
pub(crate) fn feed_stands() {}

#[inline]
pub(crate) fn feed_lost(_error: &StoreError, _first: bool) {}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[inline]
pub(crate) fn watch_failed(_topic: &str, _error: &StoreError, _first: bool) {}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[inline]
pub(crate) fn watch_stands(_topic: &str) {}

#[inline]
pub(crate) fn circuit_opened(_of: &'static str) {}

#[inline]
pub(crate) fn circuit_closed(_of: &'static str) {}

#[inline]
pub(crate) fn usage_not_written(_error: &StoreError, _first: bool) {}

#[inline]
pub(crate) fn usage_written_again() {}

#[inline]
pub(crate) fn usage_lost(_keys: usize) {}

#[inline]
pub(crate) fn buckets_overflowed(_requests: u64, _most: usize) {}

#[cfg(feature = "redis")]
#[inline]
pub(crate) fn limiter_lost(_error: &(dyn Error + 'static)) {}

#[cfg(feature = "redis")]
#[inline]
pub(crate) fn limiter_found() {}

#[cfg(feature = "redis")]
#[inline]
pub(crate) fn limiter_refused(_error: &(dyn Error + 'static)) {}

#[inline]
pub(crate) fn attempts_unlimited(_why: &'static str) {}

#[inline]
pub(crate) fn misconfigured(_what: &'static str) {}

#[inline]
pub(crate) fn failed(_code: &str, _source: &(dyn Error + 'static)) {}

#[inline]
pub(crate) fn directory_failed(_source: &(dyn Error + 'static), _failures: Option<u64>) {}

#[inline]
pub(crate) fn failed_with_text(_status: u16, _text: &str) {}

#[inline]
pub(crate) fn panicked() {}

#[inline]
pub(crate) fn hook_panicked() {}

#[inline]
pub(crate) fn lacks_shadow_scopes(_missing: &[ScopeName]) {}

#[inline]
pub(crate) fn over_shadow_limit(_limit: &str) {}

#[inline]
pub(crate) fn inner_service_failed() {}

/// Nothing, with the methods of its namesake.
#[cfg(feature = "idempotency")]
#[derive(Default)]
pub(crate) struct CurrentSpan;

#[cfg(feature = "idempotency")]
#[allow(clippy::unused_self, reason = "the signatures are those of the other module")]
impl CurrentSpan {
    pub(crate) fn get() -> Self {
        Self
    }

    #[inline]
    pub(crate) fn scope<R>(&self, step: impl FnOnce() -> R) -> R {
        step()
    }
}

#[cfg(feature = "idempotency")]
#[inline]
pub(crate) fn idempotency_store_failed(_error: &StoreError, _first: bool) {}

#[cfg(feature = "idempotency")]
#[inline]
pub(crate) fn idempotency_store_works() {}

#[cfg(feature = "idempotency")]
#[inline]
pub(crate) fn lease_lost() {}

#[cfg(feature = "idempotency")]
#[inline]
pub(crate) fn answer_not_kept() {}

#[cfg(feature = "idempotency")]
#[inline]
pub(crate) fn finished_without_client(_status: Option<u16>) {}

#[cfg(feature = "idempotency")]
#[inline]
pub(crate) fn idempotency_key_ignored() {}
