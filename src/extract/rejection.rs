use axum::response::{IntoResponse, Response};

use crate::ApiError;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        crate::error::respond(self, &http::Extensions::new())
    }
}
