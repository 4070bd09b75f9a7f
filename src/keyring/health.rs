use std::time::Duration;

use parking_lot::Mutex;

use super::Keyring;
use crate::Clock;
use crate::store::StoreError;
use crate::telemetry;

/// How a keyring and its store are, for a health page; see [`Keyring::health`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether changes made on other nodes are heard of.
    pub feed: FeedHealth,
    /// How many look-ups are under way, those included that nobody waits for any more.
    pub lookups: usize,
    /// Whether so many look-ups hang that keys which are not cached get 503 at once.
    pub circuit_open: bool,
    /// Whether usage is written.
    pub usage: UsageHealth,
}

/// The change feed of a keyring's store. See [`Keyring::health`] for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedHealth {
    /// The keyring has not been used yet.
    NotStarted,
    /// It was asked for, and no proof has come back so far.
    Starting,
    /// The store has none: changes made elsewhere are felt within `max_staleness`.
    Absent,
    /// It stands.
    Standing {
        /// How long ago the last proof that came back was sent.
        last_proof: Duration,
    },
    /// It broke, fell silent or cannot be had: changes made elsewhere are felt within
    /// `max_staleness`.
    Lost {
        /// For how long.
        since: Duration,
    },
    /// The keyring was shut down: as if it was lost.
    Stopped,
}

/// How the writing of usage goes. See [`Keyring::health`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageHealth {
    /// How many keys have uses that were not written yet, as far as is known.
    pub pending: usize,
    /// How many uses were dropped since the start, as there was no room to keep them.
    pub dropped: u64,
    /// How long ago everything had been written; `None` if never.
    pub last_flush: Option<Duration>,
    /// For how long writing has been failing.
    pub failing: Option<Duration>,
}

impl Keyring {
    /// How this keyring is now. It asks nobody and waits for nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use keygate::keyring::FeedHealth;
    /// use keygate::{KeyFormat, Keyring, MemoryStore};
    ///
    /// let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
    /// let health = keys.health();
    /// assert_eq!(health.feed, FeedHealth::NotStarted);
    /// assert!(!health.circuit_open && health.usage.failing.is_none());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        let now = self.clock().monotonic();
        let ago = |at: Duration| now.saturating_sub(at);
        let (usage, cache) = (&self.inner().usage, &self.inner().cache);
        let writing = usage.writing();
        Health {
            feed: self.inner().feed_state.read(now),
            lookups: cache.running(),
            circuit_open: cache.circuit_open(),
            usage: UsageHealth {
                pending: usage.pending(),
                dropped: usage.dropped(),
                last_flush: writing.finished_at.map(ago),
                failing: writing.failing_since.map(ago),
            },
        }
    }
}

/// What is known of the feed. Each change of it leaves one line in the log.
#[derive(Debug)]
pub(super) struct FeedState(Mutex<State>);

#[derive(Debug, Clone, Copy)]
enum State {
    NotStarted,
    Starting,
    Absent,
    Standing { proven_at: Duration },
    Lost { since: Duration },
    Stopped,
}

impl FeedState {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::NotStarted))
    }

    pub(super) fn started(&self) {
        *self.0.lock() = State::Starting;
    }

    pub(super) fn absent(&self) {
        *self.0.lock() = State::Absent;
    }

    /// Nobody listens any more.
    pub(super) fn stopped(&self) {
        let mut state = self.0.lock();
        if !matches!(*state, State::Absent | State::Stopped) {
            *state = State::Stopped;
            telemetry::feed_stopped();
        }
    }

    /// A proof came back that was sent then.
    pub(super) fn proven(&self, sent_at: Duration) {
        let before = std::mem::replace(&mut *self.0.lock(), State::Standing { proven_at: sent_at });
        if !matches!(before, State::Standing { .. }) {
            telemetry::feed_stands();
        }
    }

    /// It broke, or could not be had.
    pub(super) fn lost(&self, now: Duration, error: &StoreError) {
        let mut state = self.0.lock();
        let first = !matches!(*state, State::Lost { .. });
        if first {
            *state = State::Lost { since: now };
        }
        drop(state);
        telemetry::feed_lost(error, first);
    }

    fn read(&self, now: Duration) -> FeedHealth {
        match *self.0.lock() {
            State::NotStarted => FeedHealth::NotStarted,
            State::Starting => FeedHealth::Starting,
            State::Absent => FeedHealth::Absent,
            State::Standing { proven_at } => {
                FeedHealth::Standing { last_proof: now.saturating_sub(proven_at) }
            }
            State::Lost { since } => FeedHealth::Lost { since: now.saturating_sub(since) },
            State::Stopped => FeedHealth::Stopped,
        }
    }
}
