use std::time::{Duration, SystemTime};

/// The precise reason why a request was refused, for logs, metrics and envelopes.
///
/// Clients see an [`ErrorCode`](super::ErrorCode) instead: an unknown, a revoked and a malformed
/// key all look the same to them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The request did not come over HTTPS and had to.
    InsecureTransport,
    /// No credential was sent.
    MissingCredential,
    /// More than one credential was sent.
    AmbiguousCredentials,
    /// What was sent is not in the form of a key of this service.
    MalformedCredential,
    /// The key is well-formed and for a mode that this deployment does not serve.
    WrongMode,
    /// The key is well-formed and of a kind that opens nothing here, such as a publishable key.
    WrongKind,
    /// No such key was ever issued.
    UnknownKey,
    /// The key was revoked.
    Revoked,
    /// The key's time is over.
    Expired {
        /// The first moment at which it was refused.
        at: SystemTime,
    },
    /// The key's time has not come.
    NotYetValid {
        /// The first moment at which it is accepted.
        from: SystemTime,
    },
    /// The store answered with a record that was not asked for.
    ForeignRecord,
    /// The store or the directory failed, or did not answer in time.
    LookupFailed,
    /// The store or the directory has been failing; it was not asked.
    CircuitOpen,
    /// The key lacks a scope.
    InsufficientScope,
    /// A quota is used up.
    RateLimited,
    /// The limiter failed, and requests that it cannot count are to be refused.
    LimiterFailed,
    /// The client's address has presented too many credentials that were refused.
    TooManyFailures {
        /// Until the next one is looked at.
        wait: Duration,
    },
    /// The password of who manages keys is not the one that was sent, or the user is another.
    WrongPassword,
    /// The header that names a connected account is empty, repeated or not an id.
    MalformedOnBehalfOf,
    /// The account is unknown or not connected to the caller's.
    UnconnectedAccount,
    /// The account is connected and not verified.
    UnverifiedAccount,
    /// The header `Idempotency-Key` is empty, repeated or too long, or has odd characters.
    MalformedIdempotencyKey,
    /// A request with this idempotency key is still being carried out.
    IdempotencyKeyInUse,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// The answer that was given under this idempotency key was not kept.
    AnswerNotKept,
    /// The store of idempotency keys failed, or did not answer in time: nothing was carried out.
    IdempotencyStoreFailed,
    /// Layers are missing or in the wrong order.
    Misconfigured {
        /// What is missing, for the one who mounted them.
        what: &'static str,
    },
}

impl Refusal {
    /// A short constant name, fit for a metric's label.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::InsecureTransport => "insecure_transport",
            Self::MissingCredential => "missing_credential",
            Self::AmbiguousCredentials => "ambiguous_credentials",
            Self::MalformedCredential => "malformed_credential",
            Self::WrongMode => "wrong_mode",
            Self::WrongKind => "wrong_kind",
            Self::UnknownKey => "unknown_key",
            Self::Revoked => "revoked",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::ForeignRecord => "foreign_record",
            Self::LookupFailed => "lookup_failed",
            Self::CircuitOpen => "circuit_open",
            Self::InsufficientScope => "insufficient_scope",
            Self::RateLimited => "rate_limited",
            Self::LimiterFailed => "limiter_failed",
            Self::TooManyFailures { .. } => "too_many_failures",
            Self::WrongPassword => "wrong_password",
            Self::MalformedOnBehalfOf => "malformed_on_behalf_of",
            Self::UnconnectedAccount => "unconnected_account",
            Self::UnverifiedAccount => "unverified_account",
            Self::MalformedIdempotencyKey => "malformed_idempotency_key",
            Self::IdempotencyKeyInUse => "idempotency_key_in_use",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::AnswerNotKept => "answer_not_kept",
            Self::IdempotencyStoreFailed => "idempotency_store_failed",
            Self::Misconfigured { .. } => "misconfigured",
        }
    }
}
