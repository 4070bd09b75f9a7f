//! Changes of the application's own tables, told by the store of the keys.

mod driver;
mod pending;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::KeyHash;
use crate::store::{Change, StoreError};
use driver::Driver;
use pending::Pending;

/// Within which time a change is felt although the feed is down, unless set.
const MAX_STALENESS: Duration = Duration::from_secs(10);

/// Tells what changed in tables of the application's own.
///
/// What a service keeps in memory beside its keys, the state of its connected accounts or its
/// plans, must not be older there than the keys are. A store on a database tells such changes as it
/// tells those of keys: the application's triggers name a *topic* and an *item*, and a watch of
/// that topic hears of them on every node.
///
/// 1. The first thing told is [`Changed::Anything`], once the watch hears the database: load all.
///    Nothing that is committed after that is missed.
/// 2. Then each change is told as its item. One item may be told several times.
/// 3. Silence is not trusted: the watch sends proofs through the database and waits for them. While
///    they do not come, and while there is no feed, it tells `Anything` every quarter of
///    [`Self::max_staleness`], so that asking again keeps that bound.
/// 4. Who is slow misses nothing: what piles up turns into one `Anything`.
///
/// ```no_run
/// use keygate::store::{Changed, Watch};
///
/// async fn keep(mut watch: Watch) {
///     loop {
///         match watch.changed().await {
///             Changed::Item(account) => println!("load {account} again"),
///             _ => println!("load all of them again"),
///         }
///     }
/// }
/// ```
///
/// Dropping it ends its work.
pub struct Watch {
    pending: Arc<Pending>,
    max_staleness: Duration,
    start: Start,
    task: Option<AbortHandle>,
}

/// What a [`Watch`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Changed {
    /// This item was added, changed or removed.
    Item(String),
    /// Any item may have changed: load all.
    Anything,
}

/// What a database tells of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Told {
    Item(String),
    Anything,
    /// A token that came back.
    Proof(u64),
}

/// A store that tells of topics. Its feeds keep the rules of
/// [`KeyStore::subscribe`](crate::store::KeyStore::subscribe) and
/// [`prove`](crate::store::KeyStore::prove).
pub(in crate::store) trait Topics: Send + Sync + 'static {
    /// Begins to listen to a topic.
    fn subscribe_to(
        &self,
        topic: &str,
    ) -> impl Future<Output = Result<mpsc::Receiver<Told>, StoreError>> + Send;

    /// Sends a token that every feed brings back.
    fn send_proof(&self, token: u64) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The topic of the keys themselves. Its items are stored hashes in hexadecimal digits.
pub(in crate::store) const KEYS: &str = "keys";

/// What a keyring is told where its topic is [`KEYS`].
pub(in crate::store) fn key_change(told: Told) -> Change {
    match told {
        // An item that is no hash was told by somebody who meant something.
        Told::Item(hash) => KeyHash::from_hex(&hash).map_or(Change::All, Change::Key),
        Told::Anything => Change::All,
        Told::Proof(token) => Change::Proof(token),
    }
}

/// Makes the work of a watch, told where to put its news and how stale they may be.
type Start = Box<dyn Fn(Arc<Pending>, Duration) -> Work + Send + Sync>;
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Watch {
    pub(in crate::store) fn of<T: Topics + Clone>(topics: T, topic: &str) -> Self {
        let topic: Arc<str> = topic.into();
        Self {
            pending: Arc::default(),
            max_staleness: MAX_STALENESS,
            start: Box::new(move |pending, max_staleness| {
                let (topics, topic) = (topics.clone(), Arc::clone(&topic));
                Box::pin(Driver::new(topics, topic, pending, max_staleness).run())
            }),
            task: None,
        }
    }

    /// Within which time a change is felt although the feed is down. 10 s unless set.
    ///
    /// At least 40 ms. It counts for a watch that was not asked yet.
    #[must_use]
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness.max(Duration::from_millis(40));
        self
    }

    /// Waits for the next change. The first call starts the watch.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime with timers.
    pub async fn changed(&mut self) -> Changed {
        self.task.get_or_insert_with(|| {
            let work = (self.start)(Arc::clone(&self.pending), self.max_staleness);
            tokio::spawn(work).abort_handle()
        });
        self.pending.next().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("max_staleness", &self.max_staleness).finish_non_exhaustive()
    }
}
