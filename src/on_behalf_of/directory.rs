use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::{AccountId, Mode, ScopeSet};

/// Who is connected to whom: the application's knowledge; see [the module](super).
pub trait AccountDirectory: Send + Sync + 'static {
    /// How `account` is connected to `platform` in this mode; `None` if it is not, or if there is
    /// no such account.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] if it cannot be told. The request is answered 503, and nothing is cached.
    ///
    /// # Cancel safety
    ///
    /// The future is not dropped when the client goes, but after eight deadlines.
    fn connection(
        &self,
        platform: &AccountId,
        account: &AccountId,
        mode: Mode,
    ) -> impl Future<Output = Result<Option<Connection>, DirectoryError>> + Send;
}

/// A connected account, as its platform sees it.
///
/// See [the module](super) for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Whether it has been verified. One that has not may do nothing.
    pub verified: bool,
    /// What it may do. A request may do what the key may do as well.
    pub capabilities: ScopeSet,
}

/// Why a directory could not answer. Opaque: the cause is [`Error::source`].
#[derive(Debug)]
pub struct DirectoryError(Box<dyn Error + Send + Sync>);

impl DirectoryError {
    /// Takes the cause. It is logged and never sent.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the directory of accounts could not answer")
    }
}

impl Error for DirectoryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

type Answer<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Connection>, DirectoryError>> + Send + 'a>>;

/// An [`AccountDirectory`] without its type, so that the layer has no parameter.
pub(super) trait ErasedDirectory: Send + Sync {
    fn ask<'a>(&'a self, platform: &'a AccountId, account: &'a AccountId, mode: Mode)
    -> Answer<'a>;
}

impl<D: AccountDirectory> ErasedDirectory for D {
    fn ask<'a>(
        &'a self,
        platform: &'a AccountId,
        account: &'a AccountId,
        mode: Mode,
    ) -> Answer<'a> {
        Box::pin(self.connection(platform, account, mode))
    }
}
