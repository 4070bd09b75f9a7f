//! Which responses become an envelope: the one pure function that decides, and the error by status.

#[cfg(test)]
mod tests;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode, response};
use http_body::SizeHint;

use crate::error::redact::{cut, redact};
use crate::{ApiError, ErrorCode, ErrorType};

/// The largest text that is read to become a message, in bytes.
const MAX_TEXT: u64 = 8 * 1024;

/// The longest message made of a text, in bytes.
const MAX_MESSAGE: usize = 1024;

/// Keeps a response with an error status as it is, but for the request's id.
///
/// Needed only for what looks like a framework's own answer: an empty body, or
/// `text/plain; charset=utf-8`. With axum:
///
/// ```
/// use axum::Extension;
/// use axum::response::IntoResponse;
/// use http::StatusCode;
/// use keygate::envelope::AsIs;
///
/// async fn robots() -> impl IntoResponse {
///     (StatusCode::GONE, Extension(AsIs), "no robots here")
/// }
/// # let _ = robots();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsIs;

/// What becomes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rewrite {
    /// The application's own: only the request's id is added.
    Keep,
    /// Written from the `ApiError` in its extensions.
    FromError,
    /// Written from its status.
    FromStatus,
    /// Written from its status and its text.
    FromText,
}

/// Decides by the parts, the body's size and the request's method, in this order: see
/// [the module](super), rule 4.
pub(crate) fn decide(parts: &response::Parts, size: &SizeHint, method: &Method) -> Rewrite {
    let error_status = parts.status.is_client_error() || parts.status.is_server_error();
    if !error_status || parts.extensions.get::<AsIs>().is_some() {
        return Rewrite::Keep;
    }
    if parts.extensions.get::<ApiError>().is_some() {
        return Rewrite::FromError;
    }
    let Some(length) = length(&parts.headers, size, method).filter(|length| *length <= MAX_TEXT)
    else {
        return Rewrite::Keep;
    };
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Rewrite::Keep;
    }
    match parts.headers.get(CONTENT_TYPE) {
        None if length == 0 => Rewrite::FromStatus,
        Some(kind) if kind.as_bytes().eq_ignore_ascii_case(b"text/plain; charset=utf-8") => {
            Rewrite::FromText
        }
        _ => Rewrite::Keep,
    }
}

/// How long the body is, where that is known. The answer to HEAD has no body any more: what its
/// header says counts.
fn length(headers: &HeaderMap, size: &SizeHint, method: &Method) -> Option<u64> {
    let declared = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    match *method {
        Method::HEAD => declared().or(size.exact()),
        _ => size.exact(),
    }
}

/// The error that a bare status stands for.
pub(crate) fn by_status(status: StatusCode) -> ApiError {
    let code = match status {
        StatusCode::BAD_REQUEST => ErrorCode::InvalidBody,
        StatusCode::UNAUTHORIZED => ErrorCode::InvalidApiKey,
        StatusCode::FORBIDDEN => ErrorCode::Forbidden,
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::CONFLICT => ErrorCode::Conflict,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedMediaType,
        StatusCode::UNPROCESSABLE_ENTITY => ErrorCode::InvalidField,
        StatusCode::TOO_MANY_REQUESTS => ErrorCode::RateLimitExceeded,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            ErrorCode::Unavailable
        }
        status if status.is_server_error() => ErrorCode::Internal,
        status => return uncommon(status),
    };
    ApiError::new(code).with_status(status)
}

/// A 4xx without a code in the table: named by its phrase, as in 410 `gone`.
fn uncommon(status: StatusCode) -> ApiError {
    let phrase = status.canonical_reason().unwrap_or("Invalid Request");
    let code = phrase.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    ApiError::custom(status, ErrorType::InvalidRequest, code, format!("{phrase}."))
}

/// The error that a status and a text stand for: to a client's fault the text is the message, of
/// the service's own nothing is told.
pub(super) fn by_text(status: StatusCode, text: &str) -> ApiError {
    let (error, text) = (by_status(status), text.trim());
    if !status.is_client_error() || text.is_empty() {
        return error;
    }
    error.with_message(cut(&redact(text), MAX_MESSAGE).into_owned())
}
