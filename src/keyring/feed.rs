use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{self, Instant, MissedTickBehavior};

use super::health::FeedState;
use super::{Inner, PROOFS};
use crate::cache::Session;
use crate::store::{Change, ChangeFeed, ErasedStore, StoreError};
use crate::{Clock, backoff};

/// Listens to the changes that other nodes make, and keeps proving that it still hears them.
///
/// Silence looks the same whether nothing happened or the line is dead. So each round a token of
/// this node's own is sent through the store; only when it comes back is everything cached
/// trusted for another `max_staleness`, counted from when the token was *sent*. A feed that brings
/// none back for as many rounds is given up, and another one asked for.
pub(super) struct FeedDriver {
    store: Arc<dyn ErasedStore>,
    clock: Arc<dyn Clock>,
    /// Weak, so that the task ends with the last keyring.
    keyring: Weak<Inner>,
    state: Arc<FeedState>,
    /// Changes, or closes, when the keyring shuts down or is gone.
    stop: watch::Receiver<bool>,
    round: Duration,
    /// How long a feed may bring no proof back.
    patience: Duration,
}

/// A token on its way through the store.
#[derive(Clone, Copy)]
struct Token {
    number: u64,
    sent_at: Duration,
}

enum End {
    /// The keyring is gone or shut down, or the store has no feed.
    Stopped,
    /// The feed broke or fell silent, or there was none to be had.
    Broken {
        /// Whether it had ever brought a proof back.
        was_proven: bool,
        error: StoreError,
    },
}

impl FeedDriver {
    pub(super) fn new(keyring: &Arc<Inner>) -> Self {
        let round = keyring.feed_round;
        Self {
            store: Arc::clone(&keyring.store),
            clock: Arc::clone(&keyring.clock),
            keyring: Arc::downgrade(keyring),
            state: Arc::clone(&keyring.feed_state),
            stop: keyring.stop.subscribe(),
            round,
            patience: round * PROOFS,
        }
    }

    pub(super) async fn run(mut self) {
        self.state.started();
        self.follow().await;
        self.state.stopped();
    }

    async fn follow(&mut self) {
        let mut failures = 0_u32;
        while let End::Broken { was_proven, error } = self.session().await {
            self.state.lost(self.clock.monotonic(), &error);
            // One that breaks as soon as it stands is asked for less and less often.
            failures = if was_proven { 1 } else { failures.saturating_add(1) };
            tokio::select! {
                biased;
                _ = self.stop.changed() => return,
                () = time::sleep(backoff::pause(failures)) => {}
            }
        }
    }

    /// Subscribes, and listens until the feed breaks or nobody wants to hear of it any more.
    async fn session(&mut self) -> End {
        let subscription = tokio::select! {
            biased;
            _ = self.stop.changed() => return End::Stopped,
            subscription = time::timeout(self.patience, self.store.subscribe()) => subscription,
        };
        let error = match subscription {
            Ok(Ok(None)) => {
                self.state.absent();
                return End::Stopped;
            }
            Ok(Ok(Some(feed))) => return self.listen(feed).await,
            Ok(Err(error)) => error,
            Err(_) => silent("it gave no feed in time"),
        };
        End::Broken { was_proven: false, error }
    }

    /// One session: from the moment the feed stands until it breaks.
    async fn listen(&mut self, feed: ChangeFeed) -> End {
        let Some(keyring) = self.keyring.upgrade() else { return End::Stopped };
        let session = keyring.cache.proofs().begin_session();
        drop(keyring);
        let end = self.listen_in(session, feed).await;
        if let (End::Broken { .. }, Some(keyring)) = (&end, self.keyring.upgrade()) {
            keyring.cache.proofs().end_session();
        }
        end
    }

    async fn listen_in(&mut self, session: Session, mut feed: ChangeFeed) -> End {
        // Numbers of one node must not be taken for another's.
        let mut token = Token { number: rand::random(), sent_at: Duration::ZERO };
        let mut rounds = time::interval(self.round);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        let (mut sending, mut unsent) = (None, None);
        let (mut was_proven, mut heard) = (false, Instant::now());
        loop {
            tokio::select! {
                biased;
                _ = self.stop.changed() => return End::Stopped,
                change = feed.next() => {
                    let Some(keyring) = self.keyring.upgrade() else { return End::Stopped };
                    match change {
                        Some(Change::Key(hash)) => keyring.forget(hash),
                        Some(Change::All) => keyring.forget_all(),
                        Some(Change::Proof(number)) if number == token.number => {
                            keyring.cache.proofs().proven(session, token.sent_at);
                            self.state.proven(token.sent_at);
                            (was_proven, heard) = (true, Instant::now());
                        }
                        Some(Change::Proof(_)) => {}
                        None => return End::Broken { was_proven, error: silent("its feed ended") },
                    }
                }
                _ = rounds.tick() => {
                    if heard.elapsed() >= self.patience {
                        let error = unsent.take();
                        let error = error.unwrap_or_else(|| silent("no proof came back in time"));
                        return End::Broken { was_proven, error };
                    }
                    // A token that is still on its way is given up: only the newest counts.
                    token = Token { number: token.number.wrapping_add(1), sent_at: clock.monotonic() };
                    sending = Some(store.prove(token.number));
                }
                Some(sent) = poll_some(&mut sending) => {
                    // An error is told if the feed is given up: it may come back by itself.
                    (sending, unsent) = (None, sent.err());
                }
            }
        }
    }
}

fn silent(what: &'static str) -> StoreError {
    StoreError::transient(what)
}

/// Waits for the future if there is one, else for ever.
///
/// `select!` takes the branch when it is ready.
async fn poll_some<F: Future + Unpin>(future: &mut Option<F>) -> Option<F::Output> {
    match future {
        Some(future) => Some(future.await),
        None => std::future::pending().await,
    }
}
