use std::time::Duration;

use super::{ApiError, ErrorCode, Refusal};

/// When to come again after a look-up failed: a failing store is probed once a second.
const LOOKUP_AGAIN: Duration = Duration::from_secs(1);

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
            | Refusal::ForeignRecord => ErrorCode::InvalidApiKey,
            Refusal::LookupFailed | Refusal::CircuitOpen => ErrorCode::Unavailable,
            Refusal::InsufficientScope => ErrorCode::InsufficientScope,
            Refusal::RateLimited => ErrorCode::RateLimitExceeded,
            Refusal::MalformedOnBehalfOf => ErrorCode::InvalidHeader,
            Refusal::UnconnectedAccount | Refusal::UnverifiedAccount => ErrorCode::Forbidden,
            Refusal::Misconfigured { .. } => ErrorCode::Misconfigured,
        };
        let error = ApiError::new(code).with_refusal(refusal);
        match code {
            ErrorCode::Unavailable => error.with_retry_after(LOOKUP_AGAIN),
            ErrorCode::InvalidHeader => error.with_message(
                "The header that names the connected account must be sent once and name one.",
            ),
            _ => error,
        }
    }
}
