//! API keys for tower and axum.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod auth;
mod cache;
pub mod client_ip;
pub mod clock;
pub mod envelope;
pub mod error;
#[cfg(feature = "axum")]
pub mod extract;
mod key;
pub mod keyring;
#[cfg(feature = "dashboard")]
pub mod manage;
pub mod on_behalf_of;
mod principal;
pub mod rate_limit;
pub mod scope;
pub mod store;
mod telemetry;
#[cfg(any(test, feature = "test-util"))]
pub mod test_util;

pub use auth::{AuthLayer, RequireScope};
pub use client_ip::{Peer, TrustedProxies};
pub use clock::{Clock, ManualClock, SystemClock};
pub use envelope::EnvelopeLayer;
pub use error::{ApiError, ErrorBody, ErrorCode, ErrorType, Refusal};
#[cfg(feature = "axum")]
pub use extract::{Json, Scoped, not_found};
pub use key::{
    ApiKey, InvalidKeyFormat, InvalidKeyHash, InvalidKeyId, InvalidPepper, KeyFormat, KeyHash,
    KeyId, ModeWords, NoRandomness, Pepper,
};
pub use keyring::{
    InvalidKeyring, IssuedKey, KeyFilter, KeyPage, KeyUpdate, KeyUsage, Keyring, KeyringBuilder,
    KeyringError, NewKey,
};
pub use on_behalf_of::OnBehalfOfLayer;
pub use principal::{AccountId, InvalidAccountId, KeyKind, Mode, Principal};
pub use rate_limit::{Limit, PlanName, Plans, Quota, RateLimitLayer};
pub use scope::{
    AllOf, AnyOf, Catalogue, InvalidScope, Requirement, Scope, ScopeDefinition, ScopeName, ScopeSet,
};
pub use store::{KeyRecord, KeyStatus, KeyStore, MemoryStore};
