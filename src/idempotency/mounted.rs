use std::sync::Arc;

use http::{Extensions, Method};

use super::exchange::Exchange;
use super::service::is_mutating;
use crate::Refusal;

/// What an extractor finds that no layer stands around.
const NO_LAYER: &str = "a handler takes `Idempotent` and no `IdempotencyLayer` ran for its route: \
                        put one around the router with `.layer(…)`, inside `AuthLayer`";

/// What a layer has left among a request's extensions.
#[derive(Clone)]
pub(crate) enum Mounted {
    /// The request has a key.
    Keyed(Arc<Exchange>),
    /// It has none.
    Unkeyed,
}

/// That there is a layer and no key. It has no size, so that inserting it allocates no box.
#[derive(Clone, Copy)]
struct Unkeyed;

#[derive(Clone)]
struct Keyed(Arc<Exchange>);

impl Mounted {
    /// What there is to know for an extractor: `None` if the request is an ordinary one.
    ///
    /// A request that could have a key and has met no layer is the service's mistake.
    pub(crate) fn expect(
        method: &Method,
        extensions: &Extensions,
    ) -> Result<Option<Arc<Exchange>>, Refusal> {
        if !is_mutating(method) {
            return Ok(None);
        }
        match Self::find(extensions) {
            Some(Self::Keyed(exchange)) => Ok(Some(exchange)),
            Some(Self::Unkeyed) => Ok(None),
            None => Err(Refusal::Misconfigured { what: NO_LAYER }),
        }
    }

    pub(super) fn find(extensions: &Extensions) -> Option<Self> {
        if let Some(Keyed(exchange)) = extensions.get() {
            return Some(Self::Keyed(Arc::clone(exchange)));
        }
        extensions.get().map(|Unkeyed| Self::Unkeyed)
    }

    pub(super) fn mark(self, extensions: &mut Extensions) {
        match self {
            Self::Keyed(exchange) => {
                extensions.insert(exchange.demands());
                extensions.insert(Keyed(exchange));
            }
            Self::Unkeyed => drop(extensions.insert(Unkeyed)),
        }
    }
}
