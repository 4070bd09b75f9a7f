//! API keys for tower and axum.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[allow(dead_code, unused_imports, reason = "the keyring comes next")]
mod cache;
pub mod clock;
pub mod error;
mod key;
mod principal;
pub mod rate_limit;
pub mod scope;

pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{ApiError, ErrorBody, ErrorCode, ErrorType, Refusal};
pub use key::{
    ApiKey, InvalidKeyFormat, InvalidKeyHash, InvalidKeyId, InvalidPepper, KeyFormat, KeyHash,
    KeyId, ModeWords, NoRandomness, Pepper,
};
pub use principal::{AccountId, InvalidAccountId, KeyKind, Mode, Principal};
pub use rate_limit::{PlanName, Quota};
pub use scope::{
    AllOf, AnyOf, Catalogue, InvalidScope, Requirement, Scope, ScopeDefinition, ScopeName, ScopeSet,
};
