use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::ApiError;

/// As many bytes as most errors take: their text is written without growing.
const MOST_ERRORS: usize = 256;

/// Writes errors in the form that the clients of a service know.
///
/// [`StandardEnvelope`](super::StandardEnvelope) and [`ProblemDetails`](super::ProblemDetails) are
/// ready made. One of your own sees every detail of the error, and may send another status:
///
/// ```
/// use http::StatusCode;
/// use keygate::error::{ApiError, Envelope, ErrorCode, Rendered, RequestContext};
///
/// #[derive(serde::Serialize)]
/// struct Body<'a> {
///     code: String,
///     request_id: Option<&'a str>,
/// }
///
/// struct Shouting;
///
/// impl Envelope for Shouting {
///     fn render(&self, error: &ApiError, context: &RequestContext<'_>) -> Rendered {
///         let status = match error.status() {
///             StatusCode::BAD_REQUEST => StatusCode::UNAUTHORIZED,
///             other => other,
///         };
///         let code = error.code().to_uppercase();
///         Rendered::json(status, &Body { code, request_id: context.request_id() })
///     }
/// }
///
/// let error = ApiError::new(ErrorCode::AmbiguousCredentials);
/// let rendered = Shouting.render(&error, &RequestContext::new(Some("req_1")));
/// assert_eq!(rendered.status, StatusCode::UNAUTHORIZED);
/// assert_eq!(&rendered.body[..], br#"{"code":"AMBIGUOUS_CREDENTIALS","request_id":"req_1"}"#);
/// ```
///
/// Challenge, `Cache-Control: no-store` and `Retry-After` are not its business: they are added
/// afterwards, by the status that it chose.
pub trait Envelope: Send + Sync + 'static {
    /// Writes one error.
    fn render(&self, error: &ApiError, context: &RequestContext<'_>) -> Rendered;
}

/// An error as it will be sent; see [`Envelope`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The status that is sent.
    pub status: StatusCode,
    /// The body's `Content-Type`.
    pub content_type: HeaderValue,
    /// The body.
    pub body: Bytes,
}

/// What an [`Envelope`] may say about the request.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext<'r> {
    request_id: Option<&'r str>,
}

impl Rendered {
    /// A body in JSON, with `Content-Type: application/json`. Fields keep the order in which they
    /// are declared.
    ///
    /// A value that cannot be serialised (a map whose keys are no strings) is sent as `{}`.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let content_type = HeaderValue::from_static("application/json");
        let mut text = Vec::with_capacity(MOST_ERRORS);
        let body = match serde_json::to_writer(&mut text, body) {
            Ok(()) => text.into(),
            Err(_) => Bytes::from_static(b"{}"),
        };
        Self { status, content_type, body }
    }
}

impl<'r> RequestContext<'r> {
    /// A context for tests of an envelope; the layers make their own.
    #[must_use]
    pub fn new(request_id: Option<&'r str>) -> Self {
        Self { request_id }
    }

    /// The request's id; none without an `EnvelopeLayer`.
    #[must_use]
    pub fn request_id(&self) -> Option<&'r str> {
        self.request_id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_body_that_cannot_be_serialised_is_an_empty_object() {
        let body = BTreeMap::from([((1, 2), 3)]);
        assert_eq!(&Rendered::json(StatusCode::OK, &body).body[..], b"{}");
    }
}
