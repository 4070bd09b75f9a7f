use axum::response::{IntoResponse, Response};

use crate::ApiError;
use crate::error::respond_alone;

/// Writes the standard envelope without a request's id; an `EnvelopeLayer` outside writes the error
/// anew in the service's own envelope, with the id.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        respond_alone(self)
    }
}

/// A handler for paths that do not exist: 404 `not_found`.
///
/// As the fallback of a nested router it makes that router's layers answer for unknown paths too,
/// so that a caller without a key gets the same 401 for them as for paths that exist. (axum itself
/// adds `Allow` to what a path answers to a method that it does not have, also to a 401.)
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
///
/// let api = Router::new()
///     .route("/links", get(async || "links"))
///     .fallback(keygate::not_found);
/// let app: Router = Router::new().nest("/api/v1", api);
/// # let _ = app;
/// ```
#[allow(clippy::unused_async, reason = "axum's handlers are async functions")]
pub async fn not_found() -> ApiError {
    ApiError::not_found()
}
