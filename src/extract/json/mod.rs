mod problem;
#[cfg(test)]
mod tests;
mod tree;

use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ApiError, ErrorCode};
use tree::Tree;

/// A body in JSON, as an extractor and as a response.
///
/// What it refuses is an [`ApiError`], so that the service's own envelope says it:
///
/// 1. 415 `unsupported_media_type`: the `Content-Type` is neither `application/json` nor
///    `application/…+json`.
/// 2. 413 `body_too_large`: above axum's `DefaultBodyLimit` (2 MB unless set).
/// 3. 400 `invalid_body`: the whole body is no JSON. This is found before any field is judged.
/// 4. 422 `invalid_field`: a field is missing, of another type, given twice, or unknown to a type
///    with `#[serde(deny_unknown_fields)]`. It is named with its path, as in `items[2].price`;
///    `body` stands for the whole. Values that were sent are not repeated.
///
/// ```
/// use keygate::{ApiError, Json};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct NewLink {
///     amount: String,
/// }
///
/// async fn create(Json(link): Json<NewLink>) -> Result<Json<String>, ApiError> {
///     Ok(Json(link.amount))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use axum::extract::FromRequest;
///
/// let request = http::Request::post("/links")
///     .header("content-type", "application/json")
///     .body(axum::body::Body::from(r#"{"sum":"1.00"}"#))
///     .unwrap();
/// let error = Json::<NewLink>::from_request(request, &()).await.err().unwrap();
/// assert_eq!(error.status(), 422);
/// assert_eq!(error.fields()[0].name, "sum");
/// assert_eq!(error.message(), "sum: is not a known field");
/// # let _ = create;
/// # }
/// ```
///
/// As a response it is `application/json`; a value that cannot be serialised is 500 `internal`.
/// `Option<Json<T>>` is `None` for a request without a `Content-Type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Json<T> {
    /// Reads a body that was taken out of its request.
    ///
    /// # Errors
    ///
    /// 400 `invalid_body` or 422 `invalid_field`: rules 3 and 4 of [`Json`].
    pub fn from_bytes(body: &[u8]) -> Result<Self, ApiError> {
        let tree: Tree = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
        Ok(Self(T::deserialize(tree)?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(ErrorCode::UnsupportedMediaType)
                .with_message("Send the body as `Content-Type: application/json`."));
        }
        let body =
            Bytes::from_request(request, state).await.map_err(|rejection| {
                match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(ErrorCode::BodyTooLarge),
                    _ => ApiError::new(ErrorCode::InvalidBody),
                }
            })?;
        Self::from_bytes(&body)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, ApiError> {
        if !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                ([(CONTENT_TYPE, json)], body).into_response()
            }
            Err(error) => ApiError::new(ErrorCode::Internal).with_source(error).into_response(),
        }
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers.get(CONTENT_TYPE).map(HeaderValue::to_str) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.strip_prefix("application/") {
        Some(subtype) => subtype == "json" || subtype.ends_with("+json"),
        None => false,
    }
}

/// Says where the text stops being JSON, and not what stands there.
fn not_json(error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    ApiError::new(ErrorCode::InvalidBody)
        .with_message(format!("The body is not valid JSON at line {line}, column {column}."))
}
