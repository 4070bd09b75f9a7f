use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tower_layer::Layer;

use super::accounts::Accounts;
use super::directory::ErasedDirectory;
use super::{AccountDirectory, OnBehalfOf};
use crate::auth::{CacheControl, header_name};
use crate::cache::Limits;
use crate::{AccountId, Clock, Refusal, SystemClock};

/// The header, unless another one is named.
const X_ON_BEHALF_OF: HeaderName = HeaderName::from_static("x-on-behalf-of");

/// Lets a platform act for the accounts connected to it; see [the module](super).
///
/// It is its own builder. Clones share what was learnt from the directory, so that one of them can
/// [`invalidate`](Self::invalidate) for all that are mounted.
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is mounted"]
pub struct OnBehalfOfLayer {
    rules: Arc<Rules>,
}

/// What one `OnBehalfOfLayer` was told, and what it has learnt.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) accounts: Accounts,
    pub(super) caching: Arc<CacheControl>,
    header: HeaderName,
}

impl OnBehalfOfLayer {
    /// Asks this directory about the account that `x-on-behalf-of` names.
    pub fn new(directory: impl AccountDirectory) -> Self {
        Self::with_limits(Arc::new(directory), &Limits::default(), Arc::new(SystemClock))
    }

    /// As [`Self::new`], with a clock of the caller's and a time after which a silent directory is
    /// 503; 250 ms unless set.
    pub fn with_clock(
        directory: impl AccountDirectory,
        clock: impl Clock,
        deadline: Duration,
    ) -> Self {
        let limits = Limits { deadline, ..Limits::default() };
        Self::with_limits(Arc::new(directory), &limits, Arc::new(clock))
    }

    /// Reads the account from this header instead.
    ///
    /// # Panics
    ///
    /// If the text is no name of a header.
    pub fn header<N>(mut self, name: N) -> Self
    where
        N: TryInto<HeaderName>,
        N::Error: std::error::Error,
    {
        let rules = Arc::make_mut(&mut self.rules);
        rules.header = header_name(name);
        rules.caching = Arc::new(CacheControl::vary([&rules.header]));
        self
    }

    /// Forgets what was learnt about an account, in both modes.
    ///
    /// To be called once a change to it is committed: a request that begins after this has returned
    /// asks the directory again. Other processes notice within ten seconds.
    pub fn invalidate(&self, platform: &AccountId, account: &AccountId) {
        self.rules.accounts.invalidate(platform, account);
    }

    fn with_limits(
        directory: Arc<dyn ErasedDirectory>,
        limits: &Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let rules = Rules {
            accounts: Accounts::new(directory, limits, clock),
            caching: Arc::new(CacheControl::vary([&X_ON_BEHALF_OF])),
            header: X_ON_BEHALF_OF,
        };
        Self { rules: Arc::new(rules) }
    }
}

impl<S> Layer<S> for OnBehalfOfLayer {
    type Service = OnBehalfOf<S>;

    fn layer(&self, inner: S) -> Self::Service {
        OnBehalfOf::new(inner, Arc::clone(&self.rules))
    }
}

impl Rules {
    /// The account that the request names, if it has the header. The form is checked, no more.
    pub(super) fn account(&self, headers: &HeaderMap) -> Result<Option<AccountId>, Refusal> {
        let mut lines = headers.get_all(&self.header).iter();
        let Some(line) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(Refusal::MalformedOnBehalfOf);
        }
        let account = line.to_str().ok().and_then(|text| AccountId::parse(text).ok());
        account.map(Some).ok_or(Refusal::MalformedOnBehalfOf)
    }
}
