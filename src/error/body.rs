use bytes::Bytes;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt, Either, Full};

/// A response body that a layer can make out of the bytes of an error.
///
/// Implemented for axum's `Body`, `Full`, `Either` and the boxed bodies of `http-body-util`.
/// Implement it for a body of your own to put this crate's layers around a service that answers
/// with it.
#[diagnostic::on_unimplemented(
    message = "keygate's layers cannot write an error into the body `{Self}`",
    label = "an inner layer changed the response's body to this type",
    note = "mount layers that change the body (`TraceLayer`, body limits, compression) outside keygate's layers, or map the body back: `.map_response(|response| response.map(axum::body::Body::new))`",
    note = "`EnvelopeLayer` opens a span for each request, so no `TraceLayer` is needed for that"
)]
pub trait ErrorBody: Sized {
    /// The body that holds just these bytes.
    fn from_bytes(bytes: Bytes) -> Self;
}

impl ErrorBody for Full<Bytes> {
    fn from_bytes(bytes: Bytes) -> Self {
        Self::new(bytes)
    }
}

/// The errors are on the right.
impl<L, R: ErrorBody> ErrorBody for Either<L, R> {
    fn from_bytes(bytes: Bytes) -> Self {
        Self::Right(R::from_bytes(bytes))
    }
}

impl<E> ErrorBody for BoxBody<Bytes, E> {
    fn from_bytes(bytes: Bytes) -> Self {
        Full::new(bytes).map_err(|never| match never {}).boxed()
    }
}

impl<E> ErrorBody for UnsyncBoxBody<Bytes, E> {
    fn from_bytes(bytes: Bytes) -> Self {
        Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
    }
}

#[cfg(feature = "axum")]
impl ErrorBody for axum::body::Body {
    fn from_bytes(bytes: Bytes) -> Self {
        Self::from(bytes)
    }
}
