use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tower_layer::Layer;

use super::accounts::Accounts;
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
        let limits = Limits::of("accounts");
        let rules = Rules {
            accounts: Accounts::new(Arc::new(directory), limits, Arc::new(SystemClock)),
            caching: Arc::new(CacheControl::vary([&X_ON_BEHALF_OF])),
            header: X_ON_BEHALF_OF,
        };
        Self { rules: Arc::new(rules) }
    }

    /// How long a request waits for the directory before it is 503. 250 ms unless set.
    ///
    /// A layer that was cloned before has a cache of its own from here on, and so for
    /// [`Self::with_clock`]: set both before the layer is used.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        rules.accounts = rules.accounts.with_deadline(deadline);
        self
    }

    /// Reads the time from this clock, for tests.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        rules.accounts = rules.accounts.with_clock(Arc::new(clock));
        self
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

    /// The header that names the account.
    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    pub(crate) fn header_name(&self) -> &HeaderName {
        &self.rules.header
    }

    /// Forgets what was learnt about an account, for every platform and in both modes.
    ///
    /// To be called once a change to it is committed: a request that begins after this has returned
    /// asks the directory again. Other processes notice within ten seconds, or at once if a task of
    /// theirs listens to the changes and calls this:
    ///
    /// ```
    /// use keygate::on_behalf_of::OnBehalfOfLayer;
    /// use keygate::AccountId;
    /// use tokio::sync::mpsc;
    ///
    /// /// The layer's clones share what was learnt: this one is not mounted.
    /// async fn follow(mut changed: mpsc::Receiver<AccountId>, layer: OnBehalfOfLayer) {
    ///     while let Some(account) = changed.recv().await {
    ///         layer.invalidate(&account);
    ///     }
    ///     // Whatever else has changed: nobody will tell.
    ///     layer.invalidate_all();
    /// }
    /// ```
    pub fn invalidate(&self, account: &AccountId) {
        self.rules.accounts.invalidate(account);
    }

    /// Forgets what was learnt about every account, as [`Self::invalidate`] does for one.
    ///
    /// For a change that touches many, or where some may have been missed. The directory is asked
    /// again for each account that is acted for, once.
    pub fn invalidate_all(&self) {
        self.rules.accounts.invalidate_all();
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
