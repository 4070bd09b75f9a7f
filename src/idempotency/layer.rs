use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION,
    CONTENT_TYPE, ETAG, LAST_MODIFIED, LINK, LOCATION, VARY,
};
use tower_layer::Layer;

use super::held::Times;
use super::keeper::Keeper;
use super::rule::Keeping;
use super::{Idempotency, IdempotencyStore, ServerErrors};
use crate::auth::header_name;

/// Headers that are kept of every answer.
const KEPT: [HeaderName; 11] = [
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LOCATION,
    CONTENT_TYPE,
    ETAG,
    LAST_MODIFIED,
    LINK,
    LOCATION,
    VARY,
];

/// The shortest lease. A shorter one would be spent on renewing it.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// The longest time that anything is kept or held for: far from where a database's calendar ends.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// Carries a mutating request with an `Idempotency-Key` out once; see [the module](super).
///
/// It is its own builder. Clones share the store and what is known of it, and so does whatever they
/// wrap; setters change what the clone is told and never make state anew.
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is mounted"]
pub struct IdempotencyLayer {
    config: Arc<Config>,
}

/// What one layer was told, and what it shares with its clones.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) keeper: Arc<Keeper>,
    pub(super) times: Times,
    pub(super) sharing: Sharing,
    pub(super) namespace: Arc<str>,
    pub(super) max_body: usize,
    pub(super) keeping: Keeping,
    pub(super) headers: Vec<HeaderName>,
}

/// Who has one set of idempotency keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    Lineage,
    Account,
}

impl IdempotencyLayer {
    /// Keeps idempotency keys in this store.
    pub fn new(store: impl IdempotencyStore) -> Self {
        let config = Config {
            keeper: Arc::new(Keeper::new(store)),
            times: Times {
                lease: Duration::from_secs(30),
                keep: Duration::from_hours(24),
                deadline: Duration::from_millis(250),
            },
            sharing: Sharing::Lineage,
            namespace: "".into(),
            max_body: 1 << 20,
            keeping: Keeping { server_errors: ServerErrors::Kept, max_response: 1 << 20 },
            headers: KEPT.into(),
        };
        Self { config: Arc::new(config) }
    }

    /// How long a key stays taken after its process was killed: 30 seconds unless set, from one
    /// second to a year.
    ///
    /// It is renewed three times within that, for as long as the handler runs. A process that is
    /// stopped for longer and then goes on may find that the operation was begun again.
    pub fn lease(self, lease: Duration) -> Self {
        self.set(|config| config.times.lease = lease.clamp(SHORTEST_LEASE, LONGEST))
    }

    /// How long an answer is kept, from when it was given: 24 hours unless set, up to a year.
    pub fn keep(self, keep: Duration) -> Self {
        self.set(|config| config.times.keep = keep.min(LONGEST))
    }

    /// How long a request waits for the store before it is 503: 250 ms unless set, up to a year.
    pub fn deadline(self, deadline: Duration) -> Self {
        self.set(|config| config.times.deadline = deadline.min(LONGEST))
    }

    /// Lets all keys of an account share their idempotency keys.
    ///
    /// Unless set, a key shares them with its successors by rotation only.
    pub fn per_account(self) -> Self {
        self.set(|config| config.sharing = Sharing::Account)
    }

    /// Keeps the keys of this service apart from those of another one on the same store.
    ///
    /// Needed where two services accept the same API keys and have paths in common.
    pub fn namespace(self, name: &str) -> Self {
        self.set(|config| config.namespace = name.into())
    }

    /// The largest body of a request with an idempotency key, in bytes: 1 MiB unless set. A larger
    /// one is 413 `body_too_large`. What reads the body then has its own limit: axum's
    /// `DefaultBodyLimit` is 2 MB.
    pub fn max_body(self, bytes: usize) -> Self {
        self.set(|config| config.max_body = bytes)
    }

    /// The largest body of an answer that is kept, in bytes: 1 MiB unless set.
    ///
    /// Of a larger one, and of one that streams, only the fact is kept: a request that comes again
    /// is 409 `answer_not_kept`, and the operation does not run a second time.
    pub fn max_response(self, bytes: u64) -> Self {
        self.set(|config| config.keeping.max_response = bytes)
    }

    /// Keeps this header of answers too.
    ///
    /// Kept unless set: `Cache-Control`, `Content-Disposition`, `-Encoding`, `-Language`,
    /// `-Location`, `-Type`, `ETag`, `Last-Modified`, `Link`, `Location` and `Vary`.
    ///
    /// # Panics
    ///
    /// If the text is no name of a header.
    pub fn header<N>(self, name: N) -> Self
    where
        N: TryInto<HeaderName>,
        N::Error: std::error::Error,
    {
        let name = header_name(name);
        self.set(|config| config.headers.push(name))
    }

    /// What becomes of answers with a status of 500 or more: they are kept unless set, as
    /// [Stripe] does it.
    ///
    /// After an error nobody knows how far the handler came. Kept, it is what a retry gets, and the
    /// operation never runs twice; released, a retry may repeat what was done before the error.
    /// That suits handlers whose failures leave nothing behind, such as those that do everything in
    /// one transaction.
    ///
    /// [Stripe]: https://docs.stripe.com/api/idempotent_requests
    pub fn server_errors(self, server_errors: ServerErrors) -> Self {
        self.set(|config| config.keeping.server_errors = server_errors)
    }

    /// Waits for handlers whose clients have hung up, and for answers that the store did not take
    /// yet.
    ///
    /// To be called at the end, after the last connection was served, and with a limit: a handler
    /// may run for ever.
    ///
    /// ```
    /// # use keygate::idempotency::{IdempotencyLayer, MemoryIdempotencyStore};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::time::Duration;
    /// use tokio::time::timeout;
    ///
    /// let layer = IdempotencyLayer::new(MemoryIdempotencyStore::new());
    /// // axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    /// let all_done = timeout(Duration::from_secs(3), layer.shutdown()).await;
    /// assert!(all_done.is_ok());
    /// # }
    /// ```
    pub async fn shutdown(&self) {
        self.config.keeper.tasks.ended().await;
    }

    /// How long answers are kept.
    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    pub(crate) fn keeps_for(&self) -> Duration {
        self.config.times.keep
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }

    #[cfg(test)]
    pub(super) fn config(&self) -> &Arc<Config> {
        &self.config
    }
}

impl<S> Layer<S> for IdempotencyLayer {
    type Service = Idempotency<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Idempotency::new(inner, Arc::clone(&self.config))
    }
}
