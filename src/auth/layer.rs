use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderName, Response};
use tower_layer::Layer;

use super::credential::Sources;
use super::guard::Guard;
use super::watch::{Watch, Watched};
use super::{Auth, CacheControl};
use crate::client_ip::TrustedProxies;
use crate::decision::{Decision, Hook};
use crate::error::{Challenges, respond};
use crate::tally::Tally;
use crate::{ApiError, ErrorBody, Keyring, Mode, Quota, Refusal, Scope, telemetry};

/// The realm of a service that names none.
const REALM: &str = "api";

/// Verifies the API key of each request; see [the module](super) for the rules.
///
/// It is its own builder. Clones share the keyring, and whatever they wrap shares it too.
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is mounted"]
pub struct AuthLayer {
    rules: Arc<Rules>,
}

/// What one `AuthLayer` was told.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) keyring: Keyring,
    pub(super) sources: Sources,
    /// The one mode that is served; both without it.
    pub(super) mode: Option<Mode>,
    pub(super) publishable: bool,
    pub(super) anonymous: bool,
    pub(super) https: bool,
    /// `None` until somebody has said who they are.
    pub(super) proxies: Option<TrustedProxies>,
    pub(super) guard: Guard,
    pub(super) anonymous_count: Tally,
    pub(super) watch: Watch,
    challenges: Challenges,
    caching: Option<Arc<CacheControl>>,
    caching_anonymous: Option<Arc<CacheControl>>,
}

impl AuthLayer {
    /// Asks for a secret key of this keyring as `Authorization: Bearer …`, live or test.
    pub fn new(keyring: Keyring) -> Self {
        let rules = Rules {
            guard: Guard::new(Arc::clone(keyring.clock())),
            keyring,
            sources: Sources::default(),
            mode: None,
            publishable: false,
            anonymous: false,
            https: false,
            proxies: None,
            anonymous_count: Tally::default(),
            watch: None,
            challenges: Challenges::of_realm(REALM),
            caching: None,
            caching_anonymous: None,
        };
        Self { rules: Arc::new(rules) }
    }

    /// Reads the key from one more header too, such as `x-api-key`.
    ///
    /// Its whole value is the key. A request that has it beside `Authorization` is refused as
    /// ambiguous. Responses become `Cache-Control: private` unless the handler says otherwise, and
    /// their `Vary` names the headers that were read.
    ///
    /// # Panics
    ///
    /// If the text is no name of a header.
    pub fn header<N>(self, name: N) -> Self
    where
        N: TryInto<HeaderName>,
        N::Error: std::error::Error,
    {
        let name = header_name(name);
        self.with(|rules| rules.sources.add(name))
    }

    /// Serves keys of this mode only, as a deployment does that is production or sandbox.
    ///
    /// Keys of the other mode are 401, without a look-up. Both are served unless this is called.
    pub fn mode(self, mode: Mode) -> Self {
        self.with(|rules| rules.mode = Some(mode))
    }

    /// Accepts publishable keys too.
    ///
    /// For routes that anyone may call who has seen the page's source.
    ///
    /// They are 401 otherwise, without a look-up.
    pub fn allow_publishable(self) -> Self {
        self.with(|rules| rules.publishable = true)
    }

    /// Lets requests without any credential through, marked [`Anonymous`](super::Anonymous).
    ///
    /// A bad credential is still 401 and a failing store 503. Handlers take `Option<Principal>`.
    ///
    /// A [`RateLimitLayer`](crate::RateLimitLayer) inside counts such callers by their address:
    /// serve with `into_make_service_with_connect_info::<SocketAddr>()`, and in tests put a
    /// [`Peer`](crate::Peer) into the request's extensions.
    ///
    /// Routes with different rules are routers with different layers. Of routers that are merged
    /// exactly one has a fallback, the one with the strictest layers:
    ///
    /// ```
    /// # #[cfg(feature = "axum")] {
    /// # use axum::{Router, routing::get};
    /// # use keygate::{AuthLayer, Keyring};
    /// # fn routes(keys: Keyring) -> Router {
    /// # async fn handler() {}
    /// let keyed = Router::new()
    ///     .route("/links", get(handler))
    ///     .fallback(keygate::not_found)
    ///     .layer(AuthLayer::new(keys.clone()));
    /// let open = Router::new()
    ///     .route("/prices", get(handler))
    ///     .layer(AuthLayer::new(keys).allow_anonymous());
    /// Router::new().nest("/api/v1", keyed.merge(open))
    /// # } }
    /// ```
    pub fn allow_anonymous(self) -> Self {
        self.with(|rules| rules.anonymous = true)
    }

    /// Refuses what did not come over HTTPS with 403 `https_required`, before the key is looked at.
    ///
    /// What counts is the connection itself ([`Peer`](crate::client_ip::Peer)) or, if its peer is
    /// one of the [`trusted_proxies`](Self::trusted_proxies), what that proxy says. A request whose
    /// peer is not known is 500 `misconfigured`.
    pub fn require_https(self) -> Self {
        self.with(|rules| rules.https = true)
    }

    /// Believes these proxies about the client's address and about HTTPS; none unless set.
    ///
    /// Call it also where there are none, with [`TrustedProxies::none`]: until it is called, a peer
    /// that sends `X-Forwarded-For` is taken for a load balancer that nobody has named, and
    /// [failed authentications](Self::failed_attempts) behind it are not limited.
    ///
    /// ```
    /// # fn layer(keys: keygate::Keyring) -> Result<(), Box<dyn std::error::Error>> {
    /// use keygate::AuthLayer;
    ///
    /// let layer = AuthLayer::new(keys).trusted_proxies("10.0.0.0/8".parse()?).require_https();
    /// # let _ = layer;
    /// # Ok(()) }
    /// ```
    pub fn trusted_proxies(self, proxies: TrustedProxies) -> Self {
        self.with(|rules| rules.proxies = Some(proxies))
    }

    /// How many failed authentications a client address has; 100 at once and then one a second
    /// unless set. [The module](super#failed-authentications) says what counts.
    ///
    /// ```
    /// # fn layer(keys: keygate::Keyring) {
    /// use keygate::{AuthLayer, Quota};
    ///
    /// let layer = AuthLayer::new(keys).failed_attempts(Quota::per_minute(10).burst(20));
    /// # let _ = layer;
    /// # }
    /// ```
    pub fn failed_attempts(self, quota: Quota) -> Self {
        self.with(|rules| rules.guard = rules.guard.clone().quota(quota))
    }

    /// Lets an address fail as often as it likes.
    ///
    /// # Security
    ///
    /// Whoever tries keys then has a look-up for each. For services behind something that limits
    /// attempts itself.
    pub fn allow_unlimited_failed_attempts(self) -> Self {
        self.with(|rules| rules.guard = rules.guard.clone().switched_off())
    }

    /// Has this function told of each decision about a key, and of what is refused further inside
    /// for want of a scope or a connected account.
    ///
    /// It runs on the request's way and must not block. [`decision`](crate::decision) has the rules
    /// and an example. Nobody is told unless set.
    pub fn on_decision(self, tell: impl Fn(&Decision<'_>) + Send + Sync + 'static) -> Self {
        self.watched(|watched| watched.hook = Hook::new(tell))
    }

    /// Does not enforce a scope yet: a caller who lacks it is counted and let through.
    ///
    /// For a scope that routes begin to demand while keys without it are in use: the metrics, the
    /// log at debug and [`Self::on_decision`] tell whom it would refuse. It holds for
    /// [`Scoped`](crate::extract::Scoped) and [`RequireScope`](crate::RequireScope) inside this
    /// layer, where nothing else is missing: of `AnyOf` all alternatives must be in shadow mode.
    /// A layer further inside decides for itself. All scopes are enforced unless set.
    ///
    /// ```
    /// # fn layer(keys: keygate::Keyring) {
    /// keygate::scopes! {
    ///     catalogue SCOPES;
    ///     /// List refunds.
    ///     RefundsRead = "refunds:read";
    /// }
    ///
    /// let layer = keygate::AuthLayer::new(keys).shadow_scope(RefundsRead);
    /// # let _ = layer;
    /// # }
    /// ```
    ///
    /// # Security
    ///
    /// Every caller with a good key passes where nothing but this scope is demanded. A key that is
    /// unknown, revoked or expired is refused as ever.
    pub fn shadow_scope<S: Scope>(self, _scope: S) -> Self {
        self.watched(|watched| watched.shadow.push(S::NAME))
    }

    /// Names the realm of the challenge that goes with a 401; `api` unless set.
    ///
    /// Characters that a header cannot carry are left out, quotes are escaped.
    pub fn realm(self, realm: &str) -> Self {
        self.with(|rules| rules.challenges = Challenges::of_realm(realm))
    }

    /// What a document says about it.
    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    pub(crate) fn outline(&self) -> super::Outline {
        let Rules { keyring, sources, anonymous, https, guard, watch, .. } = &*self.rules;
        let shadow = watch.as_ref().map(|watched| watched.shadow.clone());
        super::Outline {
            headers: sources.others().to_vec(),
            anonymous: *anonymous,
            https: *https,
            limits_failures: !guard.is_off(),
            scopes: keyring.catalogue(),
            shadow: shadow.unwrap_or_default(),
        }
    }

    fn watched(self, set: impl FnOnce(&mut Watched)) -> Self {
        self.with(|rules| {
            let mut watched = rules.watch.as_deref().cloned().unwrap_or_default();
            set(&mut watched);
            rules.watch = Some(Arc::new(watched));
        })
    }

    fn with(mut self, set: impl FnOnce(&mut Rules)) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        set(rules);
        rules.set_caching();
        self
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Auth::new(inner, Arc::clone(&self.rules))
    }
}

impl Rules {
    /// The answer to a request that was refused.
    pub(super) fn refuse<B: ErrorBody>(
        &self,
        refusal: Refusal,
        request: &Extensions,
    ) -> Response<B> {
        telemetry::decided("auth", refusal.as_str(), 1);
        self.tell_refused(&refusal, request);
        let challenge = self.challenges.of(&refusal);
        respond(ApiError::from(refusal).with_challenge(challenge), request)
    }

    /// What is said to caches; `None` where `Authorization` says it already.
    pub(super) fn caching(&self) -> Option<Arc<CacheControl>> {
        self.caching.clone()
    }

    /// The same for a request without a credential: it is everyone's.
    pub(super) fn caching_anonymous(&self) -> Option<Arc<CacheControl>> {
        self.caching_anonymous.clone()
    }

    fn set_caching(&mut self) {
        let others = self.sources.others();
        let vary = CacheControl::vary([AUTHORIZATION].iter().chain(others));
        self.caching_anonymous = self.anonymous.then(|| Arc::new(vary.clone()));
        self.caching = match others {
            [] => self.caching_anonymous.clone(),
            _ => Some(Arc::new(vary.private())),
        };
    }
}

/// The name of a header that the service's author wrote down.
#[allow(clippy::panic, reason = "documented: a typing error, seen when the layer is made")]
pub(crate) fn header_name<N>(name: N) -> HeaderName
where
    N: TryInto<HeaderName>,
    N::Error: std::error::Error,
{
    name.try_into().unwrap_or_else(|error| panic!("no name of a header: {error}"))
}
