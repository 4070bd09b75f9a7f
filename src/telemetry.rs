//! The only file with the names of spans, events and fields. Silent without the feature `tracing`.
//!
//! 1. `EnvelopeLayer` opens the span `request` (target `keygate::request`, level info) for each
//!    request, with `method`, `path` (no query), `request_id`, and later `key_id` and `on_behalf_of`.
//! 2. Each finished request leaves one event `request finished` at info, with the same fields,
//!    `status`, and for a refusal its precise reason in `refusal`. It stands outside the span, so
//!    that no field is written twice.
//! 3. Nothing here is ever given a key: callers pass ids, reasons and paths without key texts.

#[cfg(feature = "tracing")]
pub(crate) use on::{
    RequestTrace, buckets_overflowed, directory_failed, failed, failed_with_text, feed_failed,
    feed_lost, foreign_record, inner_service_failed, lookup_failed, misconfigured, panicked,
    record_principal, requests_are_logged,
};

#[cfg(not(feature = "tracing"))]
pub(crate) use off::{
    RequestTrace, buckets_overflowed, directory_failed, failed, failed_with_text, feed_failed,
    feed_lost, foreign_record, inner_service_failed, lookup_failed, misconfigured, panicked,
    record_principal, requests_are_logged,
};

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

#[cfg(feature = "tracing")]
mod on {
    use std::cell::RefCell;
    use std::error::Error;
    use std::mem;

    use tracing::field::Empty;
    use tracing::{Level, Span, error, info, info_span, warn};

    use super::Outcome;
    use crate::KeyId;
    use crate::store::StoreError;

    const TARGET: &str = "keygate::request";

    thread_local! {
        /// The caller of the request that this thread is working on; none while it works on none
        /// that is logged. It carries the key's id from a layer inside to the one outside without
        /// an entry in the response's extensions.
        static CALLER: RefCell<Option<Caller>> = const { RefCell::new(None) };
    }

    #[derive(Default)]
    struct Caller {
        key_id: Option<String>,
        on_behalf_of: Option<String>,
    }

    /// The span and the final line of a request.
    pub(crate) struct RequestTrace {
        method: String,
        path: String,
        request_id: String,
        span: Span,
        caller: Caller,
    }

    /// Whether anybody listens: without a listener a request costs this one check.
    #[inline]
    pub(crate) fn requests_are_logged() -> bool {
        tracing::enabled!(target: TARGET, Level::INFO)
    }

    impl RequestTrace {
        pub(crate) fn start(method: &str, path: &str, request_id: &str) -> Self {
            let span = info_span!(
                target: TARGET,
                "request",
                method,
                path,
                request_id,
                status = Empty,
                key_id = Empty,
                on_behalf_of = Empty,
            );
            let (method, path) = (method.to_owned(), path.to_owned());
            let request_id = request_id.to_owned();
            Self { method, path, request_id, span, caller: Caller::default() }
        }

        /// Runs a step of the request inside its span. The step must not unwind.
        pub(crate) fn scope<R>(&mut self, step: impl FnOnce() -> R) -> R {
            let outer = CALLER.replace(Some(mem::take(&mut self.caller)));
            let result = self.span.in_scope(step);
            self.caller = CALLER.replace(outer).unwrap_or_default();
            result
        }

        /// Closes the span and leaves the line.
        pub(crate) fn finish(self, outcome: Outcome<'_>) {
            if let Some(status) = outcome.status {
                self.span.record("status", status);
            }
            drop(self.span);
            info!(
                target: TARGET,
                method = self.method,
                path = self.path,
                status = outcome.status,
                key_id = self.caller.key_id,
                on_behalf_of = self.caller.on_behalf_of,
                request_id = self.request_id,
                code = outcome.code,
                refusal = outcome.refusal,
                "request finished"
            );
        }
    }

    /// Notes whose request this is, in its span and for its line. Ids only.
    #[inline]
    pub(crate) fn record_principal(key_id: &str, on_behalf_of: Option<&str>) {
        CALLER.with_borrow_mut(|caller| {
            let Some(caller) = caller else { return };
            let span = Span::current();
            span.record("key_id", key_id);
            caller.key_id = Some(key_id.to_owned());
            if let Some(account) = on_behalf_of {
                span.record("on_behalf_of", account);
                caller.on_behalf_of = Some(account.to_owned());
            }
        });
    }

    /// The store could not answer a look-up; the clients that waited for it get 503.
    pub(crate) fn lookup_failed(error: &StoreError) {
        error!(target: "keygate", error = error as &(dyn Error + 'static), "a key look-up failed");
    }

    /// The store answered with a record that was not asked for: it was refused.
    pub(crate) fn foreign_record(key: &KeyId) {
        error!(target: "keygate", key_id = key.as_str(), "the key store answered with a foreign record");
    }

    /// The change feed broke. What is cached is trusted for `max_staleness`, then asked for again.
    pub(crate) fn feed_lost() {
        warn!(target: "keygate", "the change feed of the key store was lost; asking for a new one");
    }

    /// The change feed could not be had, or a proof could not be sent.
    pub(crate) fn feed_failed(error: &StoreError) {
        let error = error as &(dyn Error + 'static);
        warn!(target: "keygate", error, "the change feed of the key store failed");
    }

    /// Newcomers shared one bucket, as there were as many as allowed.
    pub(crate) fn buckets_overflowed(requests: u64, most: usize) {
        warn!(target: "keygate", requests, most, "too many buckets: newcomers share one");
    }

    /// The service is put together wrongly.
    pub(crate) fn misconfigured(what: &'static str) {
        error!(target: "keygate", what, "misconfigured");
    }

    /// An error with a cause was sent; the client was not told the cause.
    pub(crate) fn failed(code: &str, source: &(dyn Error + 'static)) {
        error!(target: "keygate", code, source, "failed");
    }

    /// The directory of accounts failed; the client was told to come again.
    pub(crate) fn directory_failed(source: &(dyn Error + 'static)) {
        error!(target: "keygate", source, "the directory of accounts failed");
    }

    /// The service answered 5xx with a text, which is not sent.
    pub(crate) fn failed_with_text(status: u16, text: &str) {
        error!(target: "keygate", status, text, "failed");
    }

    /// The service panicked. What it said stays out of the log: it may hold anything.
    pub(crate) fn panicked() {
        error!(target: "keygate", "panicked");
    }

    /// The service below returned an error instead of a response.
    pub(crate) fn inner_service_failed() {
        error!(target: "keygate", "the inner service returned an error instead of a response");
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use std::error::Error;

    use super::Outcome;
    use crate::KeyId;
    use crate::store::StoreError;

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
    pub(crate) fn record_principal(_key_id: &str, _on_behalf_of: Option<&str>) {}

    #[inline]
    pub(crate) fn lookup_failed(_error: &StoreError) {}

    #[inline]
    pub(crate) fn foreign_record(_key: &KeyId) {}

    #[inline]
    pub(crate) fn feed_lost() {}

    #[inline]
    pub(crate) fn feed_failed(_error: &StoreError) {}

    #[inline]
    pub(crate) fn buckets_overflowed(_requests: u64, _most: usize) {}

    #[inline]
    pub(crate) fn misconfigured(_what: &'static str) {}

    #[inline]
    pub(crate) fn failed(_code: &str, _source: &(dyn Error + 'static)) {}

    #[inline]
    pub(crate) fn directory_failed(_source: &(dyn Error + 'static)) {}

    #[inline]
    pub(crate) fn failed_with_text(_status: u16, _text: &str) {}

    #[inline]
    pub(crate) fn panicked() {}

    #[inline]
    pub(crate) fn inner_service_failed() {}
}
