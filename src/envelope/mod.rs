//! `EnvelopeLayer`: an id for each request, and one form for every error of the service.

mod exchange;
mod future;
mod layer;
mod redact;
mod request_id;
mod request_ids;
mod rule;
mod service;
#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use layer::EnvelopeLayer;
pub use request_id::{InvalidRequestId, RequestId};
pub use request_ids::{RequestIds, ShortRequestIds, UlidRequestIds};
pub use rule::AsIs;
pub use service::EnvelopeService;
