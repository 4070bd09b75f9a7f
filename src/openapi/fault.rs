use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::access::Access;
use crate::{ApiError, ErrorCode, Refusal, ScopeName};

/// The start of 2025, in seconds: when the key of an example expired.
const LONG_AGO: u64 = 1_735_689_600;

/// A way in which a request fails, as a document knows it: by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    InsecureTransport,
    AmbiguousCredentials,
    MissingKey,
    InvalidKey,
    ExpiredKey,
    TooManyFailures,
    KeysUnavailable,
    RateLimited,
    LimitsUnavailable,
    MalformedOnBehalfOf,
    UnconnectedAccount,
    UnverifiedAccount,
    AccountsUnavailable,
    InsufficientScope,
    InvalidPath,
    NotFound,
    InvalidBody,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidField,
    MalformedIdempotencyKey,
    IdempotencyKeyInUse,
    AnswerNotKept,
    IdempotencyKeyReused,
    IdempotencyUnavailable,
}

impl Fault {
    /// The error that it is answered with, before an envelope writes it.
    pub(super) fn error(self, access: &Access) -> ApiError {
        let second = Duration::from_secs(1);
        match self {
            Self::InsecureTransport => Refusal::InsecureTransport.into(),
            Self::AmbiguousCredentials => Refusal::AmbiguousCredentials.into(),
            Self::MissingKey => Refusal::MissingCredential.into(),
            Self::InvalidKey => Refusal::UnknownKey.into(),
            Self::ExpiredKey => {
                let at = SystemTime::UNIX_EPOCH + Duration::from_secs(LONG_AGO);
                Refusal::Expired { at }.into()
            }
            Self::TooManyFailures => Refusal::TooManyFailures { wait: second }.into(),
            Self::KeysUnavailable | Self::AccountsUnavailable => Refusal::LookupFailed.into(),
            Self::RateLimited => ApiError::rate_limited(second),
            Self::LimitsUnavailable => Refusal::LimiterFailed.into(),
            Self::MalformedOnBehalfOf => Refusal::MalformedOnBehalfOf.into(),
            Self::UnconnectedAccount => Refusal::UnconnectedAccount.into(),
            Self::UnverifiedAccount => Refusal::UnverifiedAccount.into(),
            Self::InsufficientScope => {
                let scopes = access.example().iter();
                ApiError::insufficient_scope(
                    scopes.filter_map(|scope| ScopeName::parse(scope).ok()),
                )
            }
            Self::InvalidPath | Self::InvalidBody => ApiError::new(ErrorCode::InvalidBody),
            Self::NotFound => ApiError::not_found(),
            Self::BodyTooLarge => ApiError::new(ErrorCode::BodyTooLarge),
            Self::UnsupportedMediaType => ApiError::new(ErrorCode::UnsupportedMediaType),
            Self::InvalidField => ApiError::new(ErrorCode::InvalidField),
            Self::MalformedIdempotencyKey => Refusal::MalformedIdempotencyKey.into(),
            Self::IdempotencyKeyInUse => Refusal::IdempotencyKeyInUse.into(),
            Self::AnswerNotKept => Refusal::AnswerNotKept.into(),
            Self::IdempotencyKeyReused => Refusal::IdempotencyKeyReused.into(),
            Self::IdempotencyUnavailable => Refusal::IdempotencyStoreFailed.into(),
        }
    }

    /// Whether the request was counted before.
    pub(super) fn is_limited(self) -> bool {
        !matches!(
            self,
            Self::InsecureTransport
                | Self::AmbiguousCredentials
                | Self::MissingKey
                | Self::InvalidKey
                | Self::ExpiredKey
                | Self::TooManyFailures
                | Self::KeysUnavailable
                | Self::LimitsUnavailable
        )
    }

    /// The name of its example.
    pub(super) fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => String::new(),
        }
    }
}
