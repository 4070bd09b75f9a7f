//! One language of errors: why a request was refused, what is said, how it is written.
//!
//! 1. A [`Refusal`] is the precise reason. It goes to the log, never to the client.
//! 2. An [`ErrorCode`] is what programs match on. One table ties code, type, status and sentence.
//! 3. An [`ApiError`] is what is sent: a code with its details.
//! 4. An `Envelope` writes it. Only `EnvelopeLayer` and `respond` call one.

mod api_error;
mod body;
mod code;
mod refusal;
mod refused;
mod respond;

pub use api_error::{ApiError, FieldError};
pub use body::ErrorBody;
pub use code::{ErrorCode, ErrorType};
pub use refusal::Refusal;
pub(crate) use respond::respond;
