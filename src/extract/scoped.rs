use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;

use crate::auth::authorize;
use crate::{ApiError, Principal, Requirement};

/// A caller who holds the scopes that `R` requires: a scope, `AllOf` or `AnyOf`.
///
/// Anyone else is answered 403 `insufficient_scope`, which names what is missing, before the body
/// is read; an anonymous caller 401. A route outside of `AuthLayer`, or a scope that the keyring's
/// catalogue does not have, is 500 `misconfigured`.
///
/// ```
/// use keygate::{AnyOf, Scoped, scopes};
///
/// scopes! {
///     /// Everything a key can be issued with.
///     pub catalogue SCOPES;
///     /// List and retrieve payment links.
///     pub LinksRead = "links:read";
///     /// Create, update and archive payment links.
///     pub LinksWrite = "links:write";
/// }
///
/// async fn list(caller: Scoped<LinksRead>) -> String {
///     format!("the links of {}", caller.account())
/// }
///
/// async fn head(_: Scoped<AnyOf<(LinksRead, LinksWrite)>>) {}
///
/// let routes: axum::Router = axum::Router::new()
///     .route("/links", axum::routing::get(list))
///     .route("/links/count", axum::routing::get(head));
/// ```
pub struct Scoped<R: Requirement> {
    principal: Principal,
    requirement: PhantomData<fn() -> R>,
}

impl<R: Requirement> Scoped<R> {
    /// The caller that is among a request's extensions, if it holds what `R` requires.
    pub(crate) fn of(extensions: &Extensions) -> Result<Self, ApiError> {
        let principal = authorize::<R>(extensions)?.clone();
        Ok(Self { principal, requirement: PhantomData })
    }

    /// The caller alone, to hand on to functions that need no proof of a scope.
    #[must_use]
    pub fn into_principal(self) -> Principal {
        self.principal
    }
}

impl<R: Requirement> Deref for Scoped<R> {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl<R: Requirement, S: Send + Sync> FromRequestParts<S> for Scoped<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(&parts.extensions)
    }
}

impl<R: Requirement> Clone for Scoped<R> {
    fn clone(&self) -> Self {
        Self { principal: self.principal.clone(), requirement: PhantomData }
    }
}

impl<R: Requirement> fmt::Debug for Scoped<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scoped").field(&self.principal).finish()
    }
}
