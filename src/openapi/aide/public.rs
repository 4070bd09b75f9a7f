use std::convert::Infallible;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::FromRequestParts;
use http::request::Parts;

use super::super::access::Access;
use super::edit;

/// Says that everybody may call a handler, on purpose.
///
/// It looks at nothing of the request. A route without it and without a caller among its arguments
/// is [undecided](super::undecided).
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

impl OperationInput for Public {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        edit(operation, |mark| mark.demand(Access::Public));
    }
}
