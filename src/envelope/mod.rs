//! An id for each request, and one form for every error of the service.
//!
//! [`EnvelopeLayer`] is the outermost of this crate's layers. CORS goes outside it, as does
//! whatever changes bodies (compression).
//!
//! 1. Each request gets a [`RequestId`]: in its extensions, in the header `x-request-id` of every
//!    response, in every error, in the log. It is made by [`RequestIds`]; what the client sent
//!    under that name is removed unless
//!    [`accept_incoming_request_ids`](EnvelopeLayer::accept_incoming_request_ids) says otherwise.
//! 2. Errors are written by the service's [`Envelope`](crate::error::Envelope): this crate's
//!    refusals, the application's [`ApiError`](crate::ApiError)s, a framework's 404, 405 and
//!    rejections, and panics. An error type of the inner service passes through: there is no
//!    response to write.
//! 3. A panic below, in `call` or in the future, is 500 `internal`. What it said is not sent and
//!    not logged here (the process's panic hook prints it as always).
//! 4. What becomes of a response, by the first that applies:
//!    1. its status is below 400, or its extensions hold [`AsIs`]: untouched but for the id;
//!    2. its extensions hold an `ApiError`: written from it;
//!    3. it has a `Content-Encoding`, a `Content-Type` other than `text/plain; charset=utf-8`, or a
//!       body of unknown size or of more than 8 KiB: the application's own, untouched;
//!    4. it has no `Content-Type` and no body: written from its status;
//!    5. it is that `text/plain`: written from its status; for 4xx the text becomes the message
//!       (at most 1 KiB, key texts taken out), for 5xx it goes to the log only.
//!
//!    A body without a `Content-Type` is the application's own as well.
//! 5. When an error is written all headers stay but `Content-Type`, `Content-Length`,
//!    `Content-Encoding`, `Transfer-Encoding`, `ETag` and `Last-Modified`; then come the headers
//!    that the final status demands (see [`error`](crate::error), rule 5). HEAD gets GET's headers
//!    and no body; where GET's message is a text that HEAD does not have, no `Content-Length`.
//! 6. With the feature `tracing` each request has a span at info, `request`, target
//!    `keygate::request`: `method`, `path` without query, `request_id`, `status`, `key_id`,
//!    `account`, `mode` (`live` or `test`), `on_behalf_of` and `outcome`: `ok`, `refused` (4xx that
//!    has a [`Refusal`](crate::Refusal)), `client_error` (another 4xx) or `failed` (5xx, or no
//!    response). Each finished request leaves one line at info with the same fields, the `code` of
//!    an error and the precise `refusal`. Where nobody listens this costs one check.
//! 7. No key is logged: of the request only method and path are, and a segment of the path that
//!    holds what could be a key (two words and 22 or more letters and digits, joined by `_`) is
//!    written `[redacted]`.
//! 8. Of two such layers the outer gives the id and leaves the line, the inner writes the errors.
//!
//! The layer works on any service of `http` requests whose response body is an
//! [`ErrorBody`](crate::ErrorBody):
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use keygate::EnvelopeLayer;
//! use tower::{Layer, Service, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // It answers a bare 404, as routers do.
//! let router = service_fn(async |_: Request<()>| {
//!     let mut response = Response::new(Full::<Bytes>::default());
//!     *response.status_mut() = StatusCode::NOT_FOUND;
//!     Ok::<_, std::convert::Infallible>(response)
//! });
//! let mut service = EnvelopeLayer::standard().layer(router);
//!
//! let response = service.call(Request::new(())).await.unwrap();
//! assert_eq!(response.status(), StatusCode::NOT_FOUND);
//! let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
//! let body = response.into_body().collect().await.unwrap().to_bytes();
//! let message = "No such resource.";
//! assert_eq!(
//!     std::str::from_utf8(&body).unwrap(),
//!     format!(r#"{{"error":{{"type":"not_found","code":"not_found","message":"{message}","requestId":"{id}"}}}}"#),
//! );
//! # }
//! ```

mod exchange;
mod future;
mod layer;
mod request_id;
mod request_ids;
pub(crate) mod rule;
mod service;
#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use layer::EnvelopeLayer;
pub use request_id::{InvalidRequestId, RequestId};
pub use request_ids::{RequestIds, ShortRequestIds, UlidRequestIds};
pub use rule::AsIs;
#[cfg(any(feature = "openapi", feature = "utoipa"))]
pub(crate) use rule::by_status;
pub use service::EnvelopeService;
