use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::auth::caller;
use crate::{ApiError, Principal, Refusal};

/// Anonymous callers get 401, a route outside of `AuthLayer` answers 500 `misconfigured`.
impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let principal = caller(&parts.extensions)?.cloned();
        principal.ok_or_else(|| Refusal::MissingCredential.into())
    }
}

/// `None` for anonymous callers.
///
/// A route outside of `AuthLayer` answers 500 `misconfigured` here too.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ApiError> {
        Ok(caller(&parts.extensions)?.cloned())
    }
}
