//! One language of errors: why a request was refused, what is said, how it is written.
//!
//! 1. A [`Refusal`] is the precise reason. It goes to the log, never to the client.
//! 2. An [`ErrorCode`] is what programs match on. One table ties code, type, status and sentence.
//! 3. An [`ApiError`] is what is sent: a code with its details. Handlers return it like the layers.
//! 4. An [`Envelope`] writes it: status, `Content-Type` and body. It sees every detail and may
//!    change the status. The only callers are `EnvelopeLayer` and, where none is mounted, the
//!    layer or handler that answers: then with [`StandardEnvelope`], without a request's id.
//! 5. What the final status demands is added afterwards, whatever the envelope: 401 a
//!    `WWW-Authenticate` ([RFC 6750]), 403 for want of a scope one that names it, 401, 403 and 429
//!    `Cache-Control: no-store`, 409, 429 and 503 `Retry-After` if it is known.
//! 6. A cause ([`ApiError::with_source`]) is logged and never sent.
//!
//! ```
//! use keygate::error::{ApiError, Envelope, ErrorCode, ErrorType, RequestContext, StandardEnvelope};
//! use http::StatusCode;
//!
//! // An error of the crate's table, and one of the application's own.
//! let table = ApiError::invalid_field("amount", "must be positive");
//! let own = ApiError::custom(
//!     StatusCode::PAYMENT_REQUIRED,
//!     ErrorType::InvalidRequest,
//!     "card_declined",
//!     "The card was declined.",
//! );
//! assert_eq!(table.code(), ErrorCode::InvalidField.as_str());
//!
//! let rendered = StandardEnvelope.render(&own, &RequestContext::new(Some("req_7")));
//! assert_eq!(rendered.status, StatusCode::PAYMENT_REQUIRED);
//! assert_eq!(
//!     &rendered.body[..],
//!     br#"{"error":{"type":"invalid_request","code":"card_declined","message":"The card was declined.","requestId":"req_7"}}"#,
//! );
//! ```
//!
//! [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750#section-3

mod api_error;
mod body;
mod code;
mod envelope;
mod headers;
mod number;
mod preset;
pub(crate) mod redact;
mod refusal;
mod refused;
mod respond;
#[cfg(test)]
mod tests;

pub use api_error::{ApiError, FieldError};
pub use body::ErrorBody;
pub use code::{ErrorCode, ErrorType};
pub use envelope::{Envelope, Rendered, RequestContext};
pub(crate) use headers::Challenges;
pub(crate) use number::number;
pub use preset::{ProblemDetails, StandardEnvelope};
pub use refusal::Refusal;
#[cfg(feature = "axum")]
pub(crate) use respond::respond_alone;
pub(crate) use respond::{Portion, respond, write};
