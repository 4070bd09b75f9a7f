use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED, TRANSFER_ENCODING,
};
use http::{Extensions, HeaderMap, HeaderName, Response, StatusCode, response};

use super::headers::finish;
use super::number;
use super::{ApiError, Envelope, ErrorBody, Refusal, Rendered, RequestContext, StandardEnvelope};
use crate::envelope::RequestId;
use crate::telemetry;

/// What describes the body that an error replaces.
static OF_THE_OLD_BODY: [HeaderName; 6] =
    [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING, ETAG, LAST_MODIFIED];

/// The response of a layer that refuses.
///
/// With an `EnvelopeLayer` outside (its mark is among the request's extensions) the error travels
/// in the response's extensions and is written there; without one it is written here.
pub(crate) fn respond<B: ErrorBody>(error: ApiError, request: &Extensions) -> Response<B> {
    if request.get::<RequestId>().is_none() {
        return respond_alone(error);
    }
    report(&error);
    let mut response = Response::new(B::from_bytes(Bytes::new()));
    *response.status_mut() = error.status();
    reserve(response.headers_mut(), &error);
    response.extensions_mut().insert(error);
    response
}

/// More than a map begins with, and all that a limit and an envelope write.
const HEADERS_OF_A_LIMIT: usize = 12;

/// Spares the map of a refusal its growth. Only a limit's has as many headers.
fn reserve(headers: &mut HeaderMap, error: &ApiError) {
    if error.status() == StatusCode::TOO_MANY_REQUESTS {
        headers.reserve(HEADERS_OF_A_LIMIT);
    }
}

/// The response of one who does not know the request: the standard envelope without an id.
///
/// An `EnvelopeLayer` outside finds the error in the extensions and writes it anew.
pub(crate) fn respond_alone<B: ErrorBody>(error: ApiError) -> Response<B> {
    report(&error);
    let rendered = StandardEnvelope.render(&error, &RequestContext::new(None));
    let (mut parts, ()) = Response::new(()).into_parts();
    reserve(&mut parts.headers, &error);
    write(parts, error, rendered, Portion::All)
}

/// How much of an error is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Portion {
    /// Headers and body.
    All,
    /// To HEAD: GET's headers and no body.
    Headers,
    /// To HEAD, where GET's body has a text that HEAD's has not: the length is not known.
    HeadersWithoutLength,
}

/// Puts an error as it was rendered in the place of a response's body.
///
/// All headers stay but those that describe the old body.
pub(crate) fn write<B: ErrorBody>(
    mut parts: response::Parts,
    error: ApiError,
    rendered: Rendered,
    portion: Portion,
) -> Response<B> {
    for name in &OF_THE_OLD_BODY {
        parts.headers.remove(name);
    }
    parts.status = rendered.status;
    parts.headers.insert(CONTENT_TYPE, rendered.content_type);
    if portion != Portion::HeadersWithoutLength {
        parts.headers.insert(CONTENT_LENGTH, number(rendered.body.len() as u64));
    }
    finish(&mut parts.headers, rendered.status, &error);
    parts.extensions.insert(error);
    let body = if portion == Portion::All { rendered.body } else { Bytes::new() };
    Response::from_parts(parts, B::from_bytes(body))
}

/// Tells the operator what the client is not told.
fn report(error: &ApiError) {
    if let Some(refusal) = error.refusal() {
        telemetry::refused(refusal.as_str());
    }
    if let Some(Refusal::Misconfigured { what }) = error.refusal() {
        telemetry::misconfigured(what);
    } else if let Some(source) = std::error::Error::source(error) {
        telemetry::failed(error.code(), source);
    }
}
