use tokio::sync::mpsc;

use crate::KeyHash;

/// What a store's feed tells. See [`ChangeFeed`] for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The record with this stored hash was added or changed.
    Key(KeyHash),
    /// Any record may have changed: the table was emptied or loaded anew.
    All,
    /// A token sent by [`KeyStore::prove`](super::KeyStore::prove), of this node or another.
    Proof(u64),
}

/// The changes that a store hears of, from the moment it was asked.
///
/// A feed that may have missed something ends: the keyring then asks for a new one and trusts
/// what it has cached only within `max_staleness`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use keygate::store::{Change, ChangeFeed};
///
/// let (sender, mut feed) = ChangeFeed::channel(8);
/// sender.send(Change::Proof(1)).await.unwrap();
/// assert_eq!(feed.next().await, Some(Change::Proof(1)));
///
/// drop(sender);
/// assert_eq!(feed.next().await, None);
/// # }
/// ```
#[derive(Debug)]
pub struct ChangeFeed {
    changes: mpsc::Receiver<Change>,
}

impl ChangeFeed {
    /// A feed that holds up to `capacity` changes that were not taken yet, and the sender of it.
    ///
    /// A store that finds it full drops the sender, which ends the feed.
    #[must_use]
    pub fn channel(capacity: usize) -> (mpsc::Sender<Change>, Self) {
        let (sender, changes) = mpsc::channel(capacity.max(1));
        (sender, Self { changes })
    }

    /// The next change; `None` when the feed has ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await
    }
}
