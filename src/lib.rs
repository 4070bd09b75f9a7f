//! API keys for tower and axum.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod auth;
pub mod client_ip;
pub mod clock;
pub mod envelope;
pub mod error;
mod key;
mod principal;
pub mod rate_limit;
pub mod scope;
mod telemetry;

pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{ApiError, ErrorBody, ErrorCode, ErrorType, Refusal};
pub use key::{InvalidKeyId, KeyId};
pub use principal::{AccountId, InvalidAccountId, KeyKind, Mode, Principal};
pub use rate_limit::{Limit, PlanName, Plans, Quota, RateLimitLayer};
pub use scope::{InvalidScope, ScopeName, ScopeSet};
