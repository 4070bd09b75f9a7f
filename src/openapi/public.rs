use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

/// Says that everybody may call a handler, on purpose.
///
/// It looks at nothing of the request. A route without it and without a caller among its arguments
/// is undecided.
///
/// ```
/// use keygate::openapi::Public;
///
/// async fn prices(_: Public) -> &'static str {
///     "free"
/// }
/// # let _ = prices;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Public;

impl<S: Send + Sync> FromRequestParts<S> for Public {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self)
    }
}
