//! `AuthLayer`: from a key on the wire to a [`Principal`](crate::Principal) in the request.
//!
//! CORS belongs outside of this layer: a preflight request has no key.
//!
//! 1. **Transport** first: with [`AuthLayer::require_https`] plain HTTP is 403, whatever the key.
//! 2. **Exactly one credential**: `Authorization: Bearer` or a header of the service's own. Two of
//!    them are 400, even when equal.
//! 3. **Form, mode and kind** are read off the text: no hash, no look-up.
//! 4. **The keyring** decides. A cached key is answered at once, without a task, a box or an await.
//! 5. Everything refused is 401 with `WWW-Authenticate` and looks the same from outside; a store
//!    that fails is 503 with `Retry-After`, never 401.
//! 6. **Who fails too often** is 429 before a look-up: see
//!    [failed authentications](#failed-authentications).
//! 7. The inner service runs with a [`Principal`](crate::Principal) or, where
//!    [`AuthLayer::allow_anonymous`] says so and no credential was sent, with [`Anonymous`] among
//!    the request's extensions. The header's value is marked sensitive before.
//!
//! # Failed authentications
//!
//! Each client address may fail 100 times at once and then once a second, unless
//! [`AuthLayer::failed_attempts`] says otherwise. IPv6 is counted by its network of 64 bits, IPv4 in
//! IPv6 as IPv4.
//!
//! 1. **What counts** is a credential that was presented and refused, whatever is wrong with it:
//!    malformed, one of two, unknown, revoked, expired, for another mode, of another kind. None at
//!    all does not count, nor does plain HTTP, a store that fails (503), a missing scope, or a
//!    connected account that is refused.
//! 2. **Past the limit** an address gets 429 with `Retry-After`, before any look-up, for every
//!    credential but a key that is cached as good: those go on. So a good key that this process has
//!    not seen lately waits too, for as long as it is told. A request without a credential is
//!    answered as ever. No key's quota is touched.
//! 3. **At once** too: a look-up under way holds one of the failures that are left until it ends,
//!    also past the deadline, so all failures together never cause more look-ups than
//!    `burst + rate × t` of a store that answers. Where the store fails nobody knows whether the key
//!    was good: nothing is counted, and
//!    [`max_lookups`](crate::keyring::KeyringBuilder::max_lookups) is what bounds them. Requests with
//!    the same key hold one together. A client that hangs up has tried all the same. So an
//!    address that presents more good keys at the same moment than it has failures left, none of
//!    them cached, waits with some of them: raise the burst for a gateway of many keys.
//! 4. **Whose address.** The peer's, or the one that
//!    [trusted proxies](AuthLayer::trusted_proxies) vouch for. Where nobody has named the proxies, a
//!    peer that sends `X-Forwarded-For` may be one, and a bad client behind it must not shut out the
//!    others: nothing is limited for such a request, and one line of the log says so. Name them, or
//!    [`TrustedProxies::none`](crate::TrustedProxies::none), or that header is a way around the limit.
//! 5. **Without the peer's address** nothing is limited, which is logged once too. With axum serve
//!    with `into_make_service_with_connect_info::<SocketAddr>()`.
//! 6. **Each process** counts for itself, and each layer that was constructed apart. An address is
//!    forgotten when its failures have come back; beyond 100,000 addresses newcomers share one count.
//!
//! [`Keyring::verify`](crate::Keyring::verify) knows no address and limits nothing.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use keygate::store::MemoryStore;
//! use keygate::{AuthLayer, KeyFormat, Keyring, NewKey, Principal};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! type Body = Full<Bytes>;
//!
//! let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
//! let issued = keys.issue(NewKey::named("docs")).await?;
//!
//! // Any tower service will do; axum's `Router` takes the layer by `.layer(…)`.
//! let whoami = service_fn(async |request: Request<Body>| {
//!     let caller = request.extensions().get::<Principal>().map(|caller| caller.key_id().to_string());
//!     Ok::<_, Infallible>(Response::new(Body::from(caller.unwrap_or_default())))
//! });
//! let service = AuthLayer::new(keys).header("x-api-key").layer(whoami);
//!
//! let refused = service.clone().oneshot(Request::new(Body::default())).await?;
//! assert_eq!(refused.status(), 401);
//! assert_eq!(refused.headers()["www-authenticate"], "Bearer realm=\"api\"");
//!
//! let request = Request::builder().header("x-api-key", issued.key().expose());
//! let response = service.oneshot(request.body(Body::default())?).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(()) }
//! ```

mod authorize;
mod cache_control;
mod credential;
mod decision;
#[cfg(feature = "idempotency")]
mod demands;
mod future;
mod gate;
mod guard;
mod layer;
mod require_scope;
mod service;
mod transport;
mod watch;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use authorize::{authorize, caller};
#[cfg(feature = "idempotency")]
pub(crate) use authorize::{lacking, spares};
pub(crate) use cache_control::CacheControl;
#[cfg(feature = "idempotency")]
pub(crate) use demands::Demands;
pub use future::ResponseFuture;
pub(crate) use gate::{Gate, Question, admit, take_ready};
pub use layer::AuthLayer;
pub(crate) use layer::header_name;
pub use require_scope::{RequireScope, RequireScopeFuture, RequireScopeService};
pub use service::Auth;
pub(crate) use watch::refused_inside;

/// What an `AuthLayer` was told, as far as it shows from outside.
#[cfg(any(feature = "openapi", feature = "utoipa"))]
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    /// Those that a key is read from beside `Authorization`.
    pub(crate) headers: Vec<http::HeaderName>,
    pub(crate) anonymous: bool,
    pub(crate) https: bool,
    pub(crate) limits_failures: bool,
    pub(crate) scopes: crate::Catalogue,
    /// Those that are not enforced yet.
    pub(crate) shadow: Vec<crate::ScopeName>,
}

/// The mark of a request that was let in without a key, among its extensions.
///
/// Set by [`AuthLayer::allow_anonymous`].
///
/// Handlers take `Option<Principal>` instead of asking for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anonymous;
