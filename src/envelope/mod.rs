//! The outermost layer.

/// The id of a request, among its extensions: an `EnvelopeLayer` stands outside.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestId;
