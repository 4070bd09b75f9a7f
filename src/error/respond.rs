use http::{Extensions, Response};

use super::{ApiError, ErrorBody};

/// The response of a layer that refuses.
///
/// With an `EnvelopeLayer` outside (its mark is among the request's extensions) the error travels
/// in the response's extensions and is written there; without one it is written here.
pub(crate) fn respond<B: ErrorBody>(error: ApiError, _request: &Extensions) -> Response<B> {
    let mut response = Response::new(B::from_bytes(bytes::Bytes::new()));
    *response.status_mut() = error.status();
    response.extensions_mut().insert(error);
    response
}
