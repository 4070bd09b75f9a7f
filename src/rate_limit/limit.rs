use std::num::NonZeroU32;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, Uri};

use super::Quota;
use super::bucket::Who;
use super::local::Buckets;
use crate::Principal;
use crate::auth::Anonymous;
use crate::client_ip::{TrustedProxies, client_ip};

/// What is missing where a limit counts callers and nobody said who calls.
const NO_CALLER: &str = "RateLimitLayer found neither a Principal nor the mark of an anonymous \
     caller: mount AuthLayer outside it";
/// What is missing where a limit counts addresses.
const NO_ADDRESS: &str = "RateLimitLayer found no address of the peer: serve with \
     `into_make_service_with_connect_info::<SocketAddr>()`, or have the acceptor set a `Peer`";

/// A further limit for [`RateLimitLayer::and`](super::RateLimitLayer::and): the same quota for
/// everyone.
///
/// Clones share their buckets.
///
/// ```
/// use keygate::{Limit, Quota, RateLimitLayer};
///
/// let layer = RateLimitLayer::per_key(Quota::per_minute(300))
///     .and(Limit::per_account(Quota::per_minute(1_000)).named("account"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Limit {
    pub(crate) by: By,
    pub(crate) quota: Quota,
    pub(crate) name: Arc<str>,
    pub(crate) buckets: Arc<Buckets>,
    /// Whether a key's own quota and its plan's go before this one.
    pub(crate) negotiable: bool,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Key,
    Account,
    ClientIp,
}

/// A request without its body, for [`RateLimitLayer::cost_by`](super::RateLimitLayer::cost_by).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'r> {
    /// Its method.
    pub method: &'r Method,
    /// Its target, as the layer sees it: nested routers cut off their prefix.
    pub uri: &'r Uri,
    /// Its headers.
    pub headers: &'r HeaderMap,
    /// Its extensions: the [`Principal`], and with axum the `MatchedPath`.
    pub extensions: &'r Extensions,
}

/// How much a request is charged.
pub(crate) type CostOf = dyn Fn(RequestHead<'_>) -> NonZeroU32 + Send + Sync;

impl Limit {
    /// Counts each key, together with its successors by rotation.
    pub fn per_key(quota: Quota) -> Self {
        Self::new(By::Key, quota, "key")
    }

    /// Counts each account, whichever of its keys it uses.
    pub fn per_account(quota: Quota) -> Self {
        Self::new(By::Account, quota, "account")
    }

    /// Counts each client address, IPv6 by its network of 64 bits.
    pub fn per_client_ip(quota: Quota) -> Self {
        Self::new(By::ClientIp, quota, "client-ip")
    }

    /// Names it in the IETF headers; `key`, `account` or `client-ip` unless set.
    ///
    /// Characters other than `A-Z a-z 0-9 _ - . : /` become `_`.
    pub fn named(mut self, name: &str) -> Self {
        let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
        self.name = name.replace(|c: char| !fit(c), "_").into();
        self
    }

    fn new(by: By, quota: Quota, name: &str) -> Self {
        let buckets = Arc::new(Buckets::new());
        Self { by, quota, name: name.into(), buckets, negotiable: false }
    }

    /// Whose bucket a request is charged to, and under which quota; or what is missing.
    pub(crate) fn bucket<'r>(
        &self,
        head: RequestHead<'r>,
        proxies: &TrustedProxies,
        plan_quota: impl FnOnce(&Principal) -> Option<Quota>,
    ) -> Result<(Who<'r>, Quota), &'static str> {
        let caller = match self.by {
            By::ClientIp => None,
            By::Key | By::Account => head.extensions.get::<Principal>(),
        };
        if let Some(caller) = caller {
            let who = match self.by {
                By::Account => Who::Account(caller.account()),
                _ => Who::Lineage(caller.lineage()),
            };
            let own = || caller.quota().copied().or_else(|| plan_quota(caller));
            let own = if self.negotiable { own() } else { None };
            return Ok((who, own.unwrap_or(self.quota)));
        }
        if self.by != By::ClientIp && head.extensions.get::<Anonymous>().is_none() {
            return Err(NO_CALLER);
        }
        let address = client_ip(head.headers, head.extensions, proxies).ok_or(NO_ADDRESS)?;
        Ok((Who::address(address), self.quota))
    }
}
