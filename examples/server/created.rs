//! 201 with what was made.

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use keygate::Json;
use schemars::JsonSchema;
use serde::Serialize;

/// A handler's result: a tuple of status and body would say nothing to the document.
pub(crate) struct Created<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> OperationOutput for Created<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<Response> {
        Json::<T>::operation_response(ctx, operation)
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, Response)> {
        let response = Self::operation_response(ctx, operation);
        response.map(|response| (Some(201), response)).into_iter().collect()
    }
}
