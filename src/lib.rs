//! API keys for tower and axum.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
pub mod envelope;
pub mod error;
#[cfg(feature = "axum")]
pub mod extract;
mod key;
mod principal;
pub mod rate_limit;
pub mod scope;
mod telemetry;

pub use clock::{Clock, ManualClock, SystemClock};
pub use envelope::EnvelopeLayer;
pub use error::{ApiError, ErrorBody, ErrorCode, ErrorType, Refusal};
#[cfg(feature = "axum")]
pub use extract::{Json, not_found};
pub use key::{InvalidKeyId, KeyId};
pub use principal::{AccountId, InvalidAccountId, KeyKind, Mode, Principal};
pub use rate_limit::{PlanName, Quota};
pub use scope::{InvalidScope, ScopeName, ScopeSet};
