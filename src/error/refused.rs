use std::time::Duration;

use super::{ApiError, ErrorCode, Refusal};

/// When to come again: a failing store is probed once a second, and hardly any handler runs longer.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// What the client is told about a refusal: the one table of reason and answer.
///
/// ```
/// use keygate::{ApiError, Refusal};
///
/// let unknown = ApiError::from(Refusal::UnknownKey);
/// let revoked = ApiError::from(Refusal::Revoked);
/// assert_eq!(unknown.to_string(), revoked.to_string());
/// assert_eq!(ApiError::from(Refusal::LookupFailed).retry_after(), Some(1));
/// ```
impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::InsecureTransport => ErrorCode::HttpsRequired,
            Refusal::AmbiguousCredentials => ErrorCode::AmbiguousCredentials,
            Refusal::MissingCredential
            | Refusal::MalformedCredential
            | Refusal::WrongMode
            | Refusal::WrongKind
            | Refusal::UnknownKey
            | Refusal::Revoked
            | Refusal::Expired { .. }
            | Refusal::NotYetValid { .. }
            | Refusal::ForeignRecord
            | Refusal::WrongPassword => ErrorCode::InvalidApiKey,
            Refusal::LookupFailed
            | Refusal::CircuitOpen
            | Refusal::LimiterFailed
            | Refusal::IdempotencyStoreFailed => ErrorCode::Unavailable,
            Refusal::InsufficientScope => ErrorCode::InsufficientScope,
            Refusal::RateLimited | Refusal::TooManyFailures { .. } => ErrorCode::RateLimitExceeded,
            Refusal::MalformedOnBehalfOf | Refusal::MalformedIdempotencyKey => {
                ErrorCode::InvalidHeader
            }
            Refusal::IdempotencyKeyInUse => ErrorCode::InProgress,
            Refusal::IdempotencyKeyReused => ErrorCode::KeyReused,
            Refusal::AnswerNotKept => ErrorCode::AnswerNotKept,
            Refusal::UnconnectedAccount | Refusal::UnverifiedAccount => ErrorCode::Forbidden,
            Refusal::Misconfigured { .. } => ErrorCode::Misconfigured,
        };
        let wait = match (code, &refusal) {
            (_, Refusal::TooManyFailures { wait }) => Some(*wait),
            (ErrorCode::Unavailable | ErrorCode::InProgress, _) => Some(COME_AGAIN),
            _ => None,
        };
        let message = match &refusal {
            Refusal::TooManyFailures { .. } => {
                Some("Too many failed attempts from this address. Retry after the indicated time.")
            }
            Refusal::MalformedOnBehalfOf => {
                Some("The header that names the connected account must be sent once and name one.")
            }
            Refusal::MalformedIdempotencyKey => Some(
                "The header Idempotency-Key must be sent once, with 1 to 255 visible ASCII \
                 characters.",
            ),
            _ => None,
        };
        let mut error = ApiError::new(code).with_refusal(refusal);
        if let Some(message) = message {
            error = error.with_message(message);
        }
        match wait {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}
