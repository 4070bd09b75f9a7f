use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use tower_layer::Layer;

#[cfg(feature = "redis")]
use super::RedisLimiter;
use super::headers::Family;
use super::limit::{CostOf, RequestHead};
use super::limiter::{Answer, Asked, Charge, Limiter, Verdict};
use super::local::LocalLimiter;
use super::{Limit, Plans, Quota, RateLimit};
use crate::client_ip::TrustedProxies;
use crate::decision::{Decision, Hook};
use crate::tally::Tally;
use crate::{Clock, SystemClock};

/// A request notes in one word which of them it was charged to.
const MOST_LIMITS: usize = 64;

/// Limits how often callers call; see [the module](super).
///
/// The layer's constructor makes the buckets, all clones share them, and no setter makes new ones.
#[derive(Debug, Clone)]
#[must_use]
pub struct RateLimitLayer {
    config: Arc<Config>,
}

#[derive(Clone)]
pub(crate) struct Config {
    /// Sorted by the ids of their buckets, which is the order in which they are locked.
    pub(crate) limits: Vec<Limit>,
    pub(crate) plans: Option<Plans>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) cost: Cost,
    pub(crate) family: Family,
    pub(crate) most: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limiter: Arc<dyn Limiter>,
    pub(crate) admitted: Tally,
    pub(crate) uncounted: Tally,
    pub(crate) hook: Hook,
}

#[derive(Clone)]
pub(crate) enum Cost {
    Same(NonZeroU32),
    By(Arc<CostOf>),
}

impl RateLimitLayer {
    /// Counts each key, together with its successors by rotation.
    ///
    /// A key's own quota goes before its plan's, and that before this one. Needs an `AuthLayer`
    /// outside; callers whom it lets through without a key are counted by their address.
    pub fn per_key(quota: Quota) -> Self {
        Self::new(Limit::per_key(quota))
    }

    /// Counts each account, whichever of its keys it uses.
    ///
    /// A key's own quota goes before its plan's, and that before this one. Needs an `AuthLayer`
    /// outside; callers whom it lets through without a key are counted by their address.
    pub fn per_account(quota: Quota) -> Self {
        Self::new(Limit::per_account(quota))
    }

    /// Counts each client address, IPv6 by its network of 64 bits. Needs no `AuthLayer`.
    ///
    /// Behind proxies set [`Self::trusted_proxies`], or all clients share the proxy's bucket.
    pub fn per_client_ip(quota: Quota) -> Self {
        Self::new(Limit::per_client_ip(quota))
    }

    /// Counts all requests of the service together. Needs no `AuthLayer`.
    pub fn global(quota: Quota) -> Self {
        Self::new(Limit::global(quota))
    }

    /// Names the limit that the constructor made; `default` unless set.
    ///
    /// The name stands in the IETF headers, and tells limits that count the same apart in Redis.
    /// Characters other than `A-Z a-z 0-9 _ - . : /` become `_`.
    ///
    /// ```
    /// use keygate::{Quota, RateLimitLayer};
    ///
    /// let api = RateLimitLayer::per_key(Quota::per_minute(300));
    /// let exports = RateLimitLayer::per_key(Quota::per_minute(5)).named("exports");
    /// ```
    pub fn named(self, name: &str) -> Self {
        self.set(|config| {
            for limit in config.limits.iter_mut().filter(|limit| limit.negotiable) {
                limit.label.rename(name);
            }
        })
    }

    /// Has the limit that the constructor made count and refuse nobody, as [`Limit::shadow`] does
    /// others.
    pub fn shadow(self) -> Self {
        self.set(|config| {
            for limit in config.limits.iter_mut().filter(|limit| limit.negotiable) {
                limit.shadow = true;
            }
        })
    }

    /// Has this function told of each decision, and of what a limit in shadow mode would refuse.
    ///
    /// It runs on the request's way and must not block. [`decision`](crate::decision) has the rules
    /// and an example. Nobody is told unless set.
    pub fn on_decision(self, tell: impl Fn(&Decision<'_>) + Send + Sync + 'static) -> Self {
        self.set(|config| config.hook = Hook::new(tell))
    }

    /// Applies a further limit: a request is charged to all of them or to none.
    ///
    /// The headers show the one with the fewest requests left, on a refusal the one with the
    /// longest wait. A limit that the layer has already is not added again.
    ///
    /// # Panics
    ///
    /// At the 65th limit.
    pub fn and(self, limit: Limit) -> Self {
        self.set(|config| {
            assert!(config.limits.len() < MOST_LIMITS, "a layer has at most {MOST_LIMITS} limits");
            if config.limits.iter().all(|other| other.buckets.id() != limit.buckets.id()) {
                config.limits.push(limit);
                config.limits.sort_by_key(|limit| limit.buckets.id());
            }
        })
    }

    /// Gives keys of a plan the plan's quota, unless they have their own.
    ///
    /// A key whose plan is not among them has the layer's quota.
    pub fn plans(self, plans: Plans) -> Self {
        self.set(|config| config.plans = Some(plans))
    }

    /// Charges each request that much; 1 unless set.
    ///
    /// More than the burst takes the whole burst.
    pub fn cost(self, cost: NonZeroU32) -> Self {
        self.set(|config| config.cost = Cost::Same(cost))
    }

    /// Charges each request what the function says.
    ///
    /// More than the burst takes the whole burst.
    ///
    /// ```
    /// use keygate::{Quota, RateLimitLayer};
    /// use std::num::NonZeroU32;
    ///
    /// const SEARCH: NonZeroU32 = NonZeroU32::new(10).unwrap();
    /// let layer = RateLimitLayer::per_key(Quota::per_minute(300)).cost_by(|request| {
    ///     if request.uri.path().ends_with("/search") { SEARCH } else { NonZeroU32::MIN }
    /// });
    /// ```
    pub fn cost_by(
        self,
        cost: impl Fn(RequestHead<'_>) -> NonZeroU32 + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.cost = Cost::By(Arc::new(cost)))
    }

    /// Adds `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10.
    pub fn ietf_headers(self) -> Self {
        self.set(|config| config.family = Family::WithIetf)
    }

    /// Believes these proxies about client addresses; none unless set.
    pub fn trusted_proxies(self, proxies: TrustedProxies) -> Self {
        self.set(|config| config.proxies = proxies)
    }

    /// How many callers each limit remembers at a time; 1,000,000 unless set.
    ///
    /// A caller is forgotten when its bucket is full again. When there are more, newcomers share
    /// one bucket: nobody is let go of to make room.
    pub fn max_buckets(self, most: usize) -> Self {
        self.set(|config| config.most = most)
    }

    /// Replaces the system's clock. To be called before the first request.
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.set(|config| config.clock = Arc::new(clock))
    }

    /// Counts in Redis, together with other instances; in this process's memory unless set.
    ///
    /// Limits that count alike then need names of their own: [`Self::named`], [`Limit::named`].
    /// See [`RedisLimiter`] for an example.
    #[cfg(feature = "redis")]
    pub fn limiter(self, redis: RedisLimiter) -> Self {
        self.set(|config| config.limiter = Arc::new(redis))
    }

    /// What a document says about it; `None` if it refuses nobody.
    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    pub(crate) fn outline(&self) -> Option<super::Outline> {
        let mut in_force = self.config.limits.iter().filter(|limit| !limit.shadow).peekable();
        in_force.peek()?;
        let has_ietf_headers = self.config.family == Family::WithIetf;
        let lost = self.config.limiter.without_counting();
        Some(super::Outline {
            has_ietf_headers,
            counts_all: lost != Some(Verdict::Uncounted) && in_force.any(Limit::counts_all),
            may_be_unavailable: lost == Some(Verdict::Unavailable),
        })
    }

    /// Counts elsewhere.
    #[cfg(test)]
    pub(crate) fn with_limiter(self, limiter: impl Limiter) -> Self {
        self.set(|config| config.limiter = Arc::new(limiter))
    }

    fn new(mut limit: Limit) -> Self {
        limit.negotiable = true;
        let config = Config {
            limits: vec![limit.named("default")],
            plans: None,
            proxies: TrustedProxies::none(),
            cost: Cost::Same(NonZeroU32::MIN),
            family: Family::Common,
            most: 1_000_000,
            clock: Arc::new(SystemClock),
            limiter: Arc::new(LocalLimiter),
            admitted: Tally::default(),
            uncounted: Tally::default(),
            hook: Hook::default(),
        };
        Self { config: Arc::new(config) }
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::new(inner, Config::mounted(&self.config))
    }
}

impl Config {
    /// The configuration of a service: its own, or one that says what is wrong with it.
    fn mounted(this: &Arc<Self>) -> Arc<Self> {
        let mut limits = this.limits.iter().map(|limit| (&limit.label, &limit.buckets));
        match this.limiter.adopt(&mut limits) {
            Ok(()) => Arc::clone(this),
            Err(what) => {
                Arc::new(Self { limiter: Arc::new(Misconfigured(what)), ..Self::clone(this) })
            }
        }
    }
}

/// Stands where limits cannot be counted.
#[derive(Debug)]
struct Misconfigured(&'static str);

impl Limiter for Misconfigured {
    fn charge(&self, _: &[Charge<'_>], _: Asked<'_>) -> Answer {
        Answer::Now(Verdict::Misconfigured(self.0))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("limits", &self.limits)
            .field("plans", &self.plans)
            .field("proxies", &self.proxies)
            .field("family", &self.family)
            .field("max_buckets", &self.most)
            .finish_non_exhaustive()
    }
}
