use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, Uri};

use super::Quota;
use super::bucket::Who;
use super::label::{By, Label};
use super::local::Buckets;
use crate::AccountId;
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
#[derive(Clone)]
#[must_use]
pub struct Limit {
    pub(crate) label: Label,
    pub(crate) quota: Quota,
    pub(crate) buckets: Arc<Buckets>,
    /// Whether a key's own quota and its plan's go before this one.
    pub(crate) negotiable: bool,
    /// Whether it is counted and refuses nobody.
    pub(crate) shadow: bool,
    /// Which requests it counts: all, or those of which this is true.
    applies: Option<Arc<Applies>>,
}

/// Whose bucket a request is charged to.
pub(crate) struct Payer<'r> {
    pub(crate) who: Who<'r>,
    pub(crate) account: Option<&'r AccountId>,
    pub(crate) quota: Quota,
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

/// Whether a limit counts a request.
type Applies = dyn Fn(RequestHead<'_>) -> bool + Send + Sync;

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

    /// Counts all requests of the service together.
    pub fn global(quota: Quota) -> Self {
        Self::new(By::Service, quota, "global")
    }

    /// Counts only the requests of which the function says so; all unless set.
    ///
    /// So a route has a limit of its own. Give it a name too. Routers that are nested see their
    /// paths without the prefix that they are nested at; axum's `MatchedPath` has it.
    ///
    /// ```
    /// use keygate::{Limit, Quota, RateLimitLayer};
    ///
    /// let exports = Limit::per_key(Quota::per_minute(5))
    ///     .named("exports")
    ///     .on(|request| request.method == "POST" && request.uri.path() == "/exports");
    /// let layer = RateLimitLayer::per_key(Quota::per_minute(300)).and(exports);
    /// ```
    pub fn on(mut self, applies: impl Fn(RequestHead<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.applies = Some(Arc::new(applies));
        self
    }

    /// Counts and refuses nobody: for a limit that is tried out first.
    ///
    /// Whom it would refuse the metrics tell, the log at debug, and
    /// [`RateLimitLayer::on_decision`](super::RateLimitLayer::on_decision). It is in no header, and
    /// it is charged whatever the layer's other limits say of the request. Where it cannot tell
    /// whom to count, that is logged and the request goes on.
    ///
    /// ```
    /// use keygate::{Limit, Quota, RateLimitLayer};
    ///
    /// let stricter = Limit::per_account(Quota::per_minute(100)).named("stricter").shadow();
    /// let layer = RateLimitLayer::per_key(Quota::per_minute(300)).and(stricter);
    /// ```
    pub fn shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// Names it; `key`, `account`, `client-ip` or `global` unless set.
    ///
    /// The name stands in the IETF headers, and tells limits that count the same apart in Redis.
    /// Characters other than `A-Z a-z 0-9 _ - . : /` become `_`.
    pub fn named(mut self, name: &str) -> Self {
        self.label.rename(name);
        self
    }

    fn new(by: By, quota: Quota, name: &str) -> Self {
        let buckets = Arc::new(Buckets::new());
        let label = Label::new(by, name);
        Self { label, quota, buckets, negotiable: false, shadow: false, applies: None }
    }

    /// Whether no request is left out.
    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    pub(crate) fn counts_all(&self) -> bool {
        self.applies.is_none()
    }

    /// Whether it counts this request.
    pub(crate) fn counts(&self, head: RequestHead<'_>) -> bool {
        self.applies.as_ref().is_none_or(|applies| applies(head))
    }

    /// Whose bucket a request is charged to, and under which quota; or what is missing.
    pub(crate) fn bucket<'r>(
        &self,
        head: RequestHead<'r>,
        proxies: &TrustedProxies,
        plan_quota: impl FnOnce(&Principal) -> Option<Quota>,
    ) -> Result<Payer<'r>, &'static str> {
        let caller = match self.label.by {
            By::Service => return Ok(self.payer(Who::Everyone)),
            By::ClientIp => None,
            By::Key | By::Account => head.extensions.get::<Principal>(),
        };
        if let Some(caller) = caller {
            let who = match self.label.by {
                By::Account => Who::Account(caller.account()),
                _ => Who::lineage(caller.lineage_with_bits()),
            };
            let own = || caller.quota().copied().or_else(|| plan_quota(caller));
            let own = if self.negotiable { own() } else { None };
            let quota = own.unwrap_or(self.quota);
            return Ok(Payer { who, account: Some(caller.account()), quota });
        }
        if self.label.by != By::ClientIp && head.extensions.get::<Anonymous>().is_none() {
            return Err(NO_CALLER);
        }
        let address = client_ip(head.headers, head.extensions, proxies).ok_or(NO_ADDRESS)?;
        Ok(self.payer(Who::address(address)))
    }

    /// Somebody whom no key is known of.
    fn payer<'r>(&self, who: Who<'r>) -> Payer<'r> {
        Payer { who, account: None, quota: self.quota }
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("label", &self.label)
            .field("quota", &self.quota)
            .field("buckets", &self.buckets)
            .finish_non_exhaustive()
    }
}
