//! `AuthLayer`: from a key on the wire to a [`Principal`](crate::Principal) in the request.
//!
//! 1. **Transport** first: with [`AuthLayer::require_https`] plain HTTP is 403, whatever the key.
//! 2. **Exactly one credential**: `Authorization: Bearer` or a header of the service's own. Two of
//!    them are 400, even when equal.
//! 3. **Form, mode and kind** are read off the text: no hash, no look-up.
//! 4. **The keyring** decides. A cached key is answered at once, without a task, a box or an await.
//! 5. Everything refused is 401 with `WWW-Authenticate` and looks the same from outside; a store
//!    that fails is 503 with `Retry-After`, never 401.
//! 6. The inner service runs with a [`Principal`](crate::Principal) or, where
//!    [`AuthLayer::allow_anonymous`] says so and no credential was sent, with [`Anonymous`] among
//!    the request's extensions. The header's value is marked sensitive before.
//!
//! CORS belongs outside of this layer: a preflight request has no key.
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
mod future;
mod gate;
mod layer;
mod require_scope;
mod service;
mod transport;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use authorize::{authorize, caller};
pub(crate) use cache_control::CacheControl;
pub use future::ResponseFuture;
pub(crate) use gate::{Gate, Question, admit, take_ready};
pub use layer::AuthLayer;
pub(crate) use layer::header_name;
pub use require_scope::{RequireScope, RequireScopeFuture, RequireScopeService};
pub use service::Auth;

/// The mark of a request that was let in without a key, among its extensions.
///
/// Set by [`AuthLayer::allow_anonymous`]. Handlers take `Option<Principal>` instead of asking for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anonymous;
