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
mod tests;

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
