//! Spans and events, where the feature `tracing` is on.

use std::cell::RefCell;
use std::error::Error;
use std::mem;

use tracing::field::Empty;
use tracing::{Level, Span, debug, error, info, info_span, warn};

use super::Outcome;
use crate::store::StoreError;
use crate::{AccountId, KeyId, Principal, ScopeName};

const TARGET: &str = "keygate::request";

thread_local! {
    /// The caller of the request that this thread is working on; none while it works on none
    /// that is logged. It carries the caller from a layer inside to the one outside without
    /// an entry in the response's extensions.
    static CALLER: RefCell<Option<Caller>> = const { RefCell::new(None) };
}

/// None until a layer has said who calls.
type Caller = Option<Principal>;

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
            account = Empty,
            mode = Empty,
            on_behalf_of = Empty,
            outcome = Empty,
        );
        let (method, path) = (method.to_owned(), path.to_owned());
        let request_id = request_id.to_owned();
        Self { method, path, request_id, span, caller: None }
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
        self.span.record("outcome", outcome.word());
        drop(self.span);
        let caller = self.caller.as_ref();
        info!(
            target: TARGET,
            method = self.method,
            path = self.path,
            status = outcome.status,
            key_id = caller.map(|caller| caller.key_id().as_str()),
            account = caller.map(|caller| caller.account().as_str()),
            mode = caller.map(|caller| caller.mode().as_str()),
            on_behalf_of = caller.and_then(Principal::on_behalf_of).map(AccountId::as_str),
            request_id = self.request_id,
            outcome = outcome.word(),
            code = outcome.code,
            refusal = outcome.refusal,
            "request finished"
        );
    }
}

/// Notes whose request this is, in its span and for its line. Ids only.
#[inline]
pub(crate) fn record_principal(principal: &Principal) {
    CALLER.with_borrow_mut(|caller| {
        let Some(caller) = caller else { return };
        let span = Span::current();
        // A field that is recorded twice is written twice: a platform that acts for an account has
        // been noted before.
        if caller.as_ref().is_none_or(|noted| noted.key_id() != principal.key_id()) {
            span.record("key_id", principal.key_id().as_str());
            span.record("account", principal.account().as_str());
            span.record("mode", principal.mode().as_str());
        }
        if let Some(account) = principal.on_behalf_of() {
            span.record("on_behalf_of", account.as_str());
        }
        *caller = Some(principal.clone());
    });
}

/// A request was refused, for this reason.
#[inline]
pub(crate) fn refused(refusal: &'static str) {
    debug!(target: "keygate", refusal, "refused");
}

/// The store could not answer look-ups, so many since this was last said; the clients that waited
/// for them get 503. `None`: it was said lately.
pub(crate) fn lookup_failed(error: &StoreError, failures: Option<u64>) {
    let error = error as &(dyn Error + 'static);
    if let Some(failures) = failures {
        error!(target: "keygate", error, failures, "a key look-up failed");
    } else {
        debug!(target: "keygate", error, "a key look-up failed");
    }
}

/// The store answered with a record that was not asked for: it was refused.
pub(crate) fn foreign_record(key: &KeyId) {
    error!(target: "keygate", key_id = key.as_str(), "the key store answered with a foreign record");
}

/// Changes made on other nodes are heard of.
pub(crate) fn feed_stands() {
    info!(target: "keygate", "the change feed of the key store stands");
}

/// What is cached is trusted for `max_staleness`, then asked for again.
pub(crate) fn feed_lost(error: &StoreError, first: bool) {
    let error = error as &(dyn Error + 'static);
    if first {
        warn!(target: "keygate", error, "the change feed of the key store was lost; asking for a new one");
    } else {
        debug!(target: "keygate", error, "the change feed of the key store is still lost");
    }
}

/// The feed of an application's own table could not be had, or a proof of it could not be sent.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn watch_failed(topic: &str, error: &StoreError, first: bool) {
    let error = error as &(dyn Error + 'static);
    if first {
        warn!(target: "keygate", topic, error, "the change feed of a topic failed; asking for a new one");
    } else {
        debug!(target: "keygate", topic, error, "the change feed of a topic still fails");
    }
}

/// It is heard again.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn watch_stands(topic: &str) {
    info!(target: "keygate", topic, "the change feed of a topic stands again");
}

/// Look-ups hang: what is not cached is refused at once, but for a probe each second.
pub(crate) fn circuit_opened(of: &'static str) {
    error!(target: "keygate", of, "look-ups hang; the circuit is open");
}

pub(crate) fn circuit_closed(of: &'static str) {
    info!(target: "keygate", of, "the circuit is closed");
}

/// Usage could not be written. It is kept and tried again.
pub(crate) fn usage_not_written(error: &StoreError, first: bool) {
    let error = error as &(dyn Error + 'static);
    if first {
        warn!(target: "keygate", error, "usage could not be written; it is kept and tried again");
    } else {
        debug!(target: "keygate", error, "usage still cannot be written");
    }
}

pub(crate) fn usage_written_again() {
    info!(target: "keygate", "usage is written again");
}

/// The keyring has shut down, and the uses of so many keys were not written.
pub(crate) fn usage_lost(keys: usize) {
    warn!(target: "keygate", keys, "usage was not written before the end, and is lost");
}

/// Newcomers shared one bucket, as there were as many as allowed.
pub(crate) fn buckets_overflowed(requests: u64, most: usize) {
    warn!(target: "keygate", requests, most, "too many buckets: newcomers share one");
}

/// Failed authentications are not limited, for want of a client's address. Said once.
pub(crate) fn attempts_unlimited(why: &'static str) {
    warn!(target: "keygate", why, "failed authentications are not limited");
}

/// The limiter's Redis does not decide; until it does, requests are decided without it.
#[cfg(feature = "redis")]
pub(crate) fn limiter_lost(error: &(dyn Error + 'static)) {
    warn!(target: "keygate", error, "the limiter's Redis was lost; requests are decided without it");
}

/// It decides again.
#[cfg(feature = "redis")]
pub(crate) fn limiter_found() {
    info!(target: "keygate", "the limiter's Redis decides again");
}

/// It refused to decide one request while it decides others.
#[cfg(feature = "redis")]
pub(crate) fn limiter_refused(error: &(dyn Error + 'static)) {
    warn!(target: "keygate", error, "the limiter's Redis does not decide some requests");
}

/// The service is put together wrongly.
pub(crate) fn misconfigured(what: &'static str) {
    error!(target: "keygate", what, "misconfigured");
}

/// An error with a cause was sent; the client was not told the cause.
pub(crate) fn failed(code: &str, source: &(dyn Error + 'static)) {
    error!(target: "keygate", code, source, "failed");
}

/// The directory of accounts failed, so often since this was last said; the clients were told to
/// come again. `None`: it was said lately.
pub(crate) fn directory_failed(source: &(dyn Error + 'static), failures: Option<u64>) {
    if let Some(failures) = failures {
        error!(target: "keygate", source, failures, "the directory of accounts failed");
    } else {
        debug!(target: "keygate", source, "the directory of accounts failed");
    }
}

/// The service answered 5xx with a text, which is not sent.
pub(crate) fn failed_with_text(status: u16, text: &str) {
    error!(target: "keygate", status, text, "failed");
}

/// The service panicked. What it said stays out of the log: it may hold anything.
pub(crate) fn panicked() {
    error!(target: "keygate", "panicked");
}

/// What is told of decisions panicked; it is said once. What it said stays out of the log.
pub(crate) fn hook_panicked() {
    error!(target: "keygate", "the function of `on_decision` panics; decisions stand all the same");
}

/// A scope that is not enforced yet would have refused the request.
pub(crate) fn lacks_shadow_scopes(missing: &[ScopeName]) {
    debug!(target: "keygate", ?missing, "would be refused: the caller lacks scopes in shadow mode");
}

/// A limit that is not enforced yet would have refused the request.
pub(crate) fn over_shadow_limit(limit: &str) {
    debug!(target: "keygate", limit, "would be refused: over a limit in shadow mode");
}

/// The service below returned an error instead of a response.
pub(crate) fn inner_service_failed() {
    error!(target: "keygate", "the inner service returned an error instead of a response");
}

/// The span that a request runs in, for what goes on after its end.
#[cfg(feature = "idempotency")]
#[derive(Default)]
pub(crate) struct CurrentSpan(Option<Span>);

#[cfg(feature = "idempotency")]
impl CurrentSpan {
    pub(crate) fn get() -> Self {
        Self(requests_are_logged().then(Span::current))
    }

    pub(crate) fn scope<R>(&self, step: impl FnOnce() -> R) -> R {
        match &self.0 {
            Some(span) => span.in_scope(step),
            None => step(),
        }
    }
}

/// The store of idempotency keys failed; requests with a key get 503, and none is carried out.
#[cfg(feature = "idempotency")]
pub(crate) fn idempotency_store_failed(error: &StoreError, first: bool) {
    let error = error as &(dyn Error + 'static);
    if first {
        error!(target: "keygate", error, "the store of idempotency keys failed");
    } else {
        debug!(target: "keygate", error, "the store of idempotency keys still fails");
    }
}

#[cfg(feature = "idempotency")]
pub(crate) fn idempotency_store_works() {
    info!(target: "keygate", "the store of idempotency keys works again");
}

/// A lease ended while its handler ran, and another request has taken it over.
#[cfg(feature = "idempotency")]
pub(crate) fn lease_lost() {
    error!(target: "keygate", "a lease was not renewed in time: its operation may have run twice");
}

/// An operation was carried out, and the store did not take its answer for long.
#[cfg(feature = "idempotency")]
pub(crate) fn answer_not_kept() {
    error!(target: "keygate", "an answer could not be kept: its operation may run again");
}

/// An operation whose client had hung up was carried out.
#[cfg(feature = "idempotency")]
pub(crate) fn finished_without_client(status: Option<u16>) {
    info!(target: "keygate", status, "finished after the client had hung up");
}

/// A handler that does not ask for the idempotency key has answered a request that has one.
#[cfg(feature = "idempotency")]
pub(crate) fn idempotency_key_ignored() {
    warn!(
        target: "keygate",
        "a handler inside `IdempotencyLayer` ignores idempotency keys: let it take `Idempotent`"
    );
}
