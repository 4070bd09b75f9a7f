//! `OnBehalfOfLayer`: a platform calls in the name of an account that is connected to it.
//!
//! 1. `x-on-behalf-of: ACCOUNT` scopes the request to that account. Without the header the request
//!    is the platform's own.
//! 2. An empty, repeated or malformed header is 400 `invalid_header`, never the platform itself.
//! 3. The application's [`AccountDirectory`] is asked whether the account is connected and verified,
//!    and what it may do. An unknown account, one of another platform's and one that is not verified
//!    get the same 403 `forbidden`.
//! 4. The handler sees a [`Principal`](crate::Principal) with the scopes that the key *and* the
//!    account have, so that a missing capability is 403, whatever the key.
//! 5. Answers are cached for ten seconds, refusals for five, until [`OnBehalfOfLayer::invalidate`]
//!    or [`OnBehalfOfLayer::invalidate_all`]; a directory that fails or is silent for 250 ms is 503.
//! 6. Routes outside this layer ignore the header: mount it on every router that platforms call. An
//!    anonymous caller who sends it gets 401.
//! 7. It stands inside the limits, so that one key cannot make unlimited look-ups:
//!
//! ```
//! use keygate::on_behalf_of::{AccountDirectory, Connection, DirectoryError, OnBehalfOfLayer};
//! use keygate::{AccountId, Mode, ScopeName, ScopeSet};
//!
//! struct Accounts;
//!
//! impl AccountDirectory for Accounts {
//!     async fn connection(
//!         &self,
//!         platform: &AccountId,
//!         account: &AccountId,
//!         _: Mode,
//!     ) -> Result<Option<Connection>, DirectoryError> {
//!         // Usually a row of a database; a failure of it is `DirectoryError::new(error)`.
//!         if (platform.as_str(), account.as_str()) != ("acct_platform", "acct_bakery") {
//!             return Ok(None);
//!         }
//!         let capabilities = ScopeSet::from_iter([ScopeName::from_static("wallet:read")]);
//!         Ok(Some(Connection { verified: true, capabilities }))
//!     }
//! }
//!
//! let on_behalf_of = OnBehalfOfLayer::new(Accounts);
//! // ServiceBuilder::new().layer(auth).layer(rate_limit).layer(on_behalf_of)
//! # let _: OnBehalfOfLayer = on_behalf_of;
//! ```

mod accounts;
mod directory;
mod future;
mod layer;
mod service;

#[cfg(test)]
mod tests;

pub use directory::{AccountDirectory, Connection, DirectoryError};
pub use future::ResponseFuture;
pub use layer::OnBehalfOfLayer;
pub use service::OnBehalfOf;
