use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{self, Instant, MissedTickBehavior};

use super::{Inner, PROOFS};
use crate::Clock;
use crate::cache::Session;
use crate::store::{Change, ChangeFeed, ErasedStore, StoreError};
use crate::telemetry;

/// The longest pause before a lost feed is asked for again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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
    /// The feed broke, or fell silent. Whether it had ever brought a proof back.
    Broken { was_proven: bool },
}

impl FeedDriver {
    pub(super) fn new(keyring: &Arc<Inner>, stop: watch::Receiver<bool>, round: Duration) -> Self {
        Self {
            store: Arc::clone(&keyring.store),
            clock: Arc::clone(&keyring.clock),
            keyring: Arc::downgrade(keyring),
            stop,
            round,
            patience: round * PROOFS,
        }
    }

    pub(super) async fn run(mut self) {
        let mut failures = 0_u32;
        while let End::Broken { was_proven } = self.session().await {
            // One that breaks as soon as it stands is asked for less and less often.
            failures = if was_proven { 1 } else { failures.saturating_add(1) };
            tokio::select! {
                biased;
                _ = self.stop.changed() => return,
                () = time::sleep(pause(failures)) => {}
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
            Ok(Ok(None)) => return End::Stopped,
            Ok(Ok(Some(feed))) => return self.listen(feed).await,
            Ok(Err(error)) => error,
            Err(_) => StoreError::transient("it gave no feed in time"),
        };
        telemetry::feed_failed(&error);
        End::Broken { was_proven: false }
    }

    /// One session: from the moment the feed stands until it breaks.
    async fn listen(&mut self, feed: ChangeFeed) -> End {
        let Some(keyring) = self.keyring.upgrade() else { return End::Stopped };
        let session = keyring.cache.proofs().begin_session();
        drop(keyring);
        let end = self.listen_in(session, feed).await;
        if let (End::Broken { .. }, Some(keyring)) = (&end, self.keyring.upgrade()) {
            keyring.cache.proofs().end_session();
            telemetry::feed_lost();
        }
        end
    }

    async fn listen_in(&mut self, session: Session, mut feed: ChangeFeed) -> End {
        // Numbers of one node must not be taken for another's.
        let mut token = Token { number: rand::random(), sent_at: Duration::ZERO };
        let mut rounds = time::interval(self.round);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        let (mut sending, mut was_proven, mut heard) = (None, false, Instant::now());
        loop {
            tokio::select! {
                biased;
                _ = self.stop.changed() => return End::Stopped,
                change = feed.next() => {
                    let Some(keyring) = self.keyring.upgrade() else { return End::Stopped };
                    match change {
                        Some(Change::Key(hash)) => keyring.forget(hash),
                        Some(Change::Proof(number)) if number == token.number => {
                            keyring.cache.proofs().proven(session, token.sent_at);
                            (was_proven, heard) = (true, Instant::now());
                        }
                        Some(Change::Proof(_)) => {}
                        None => return End::Broken { was_proven },
                    }
                }
                _ = rounds.tick() => {
                    if heard.elapsed() >= self.patience {
                        return End::Broken { was_proven };
                    }
                    // A token that is still on its way is given up: only the newest counts.
                    token = Token { number: token.number.wrapping_add(1), sent_at: clock.monotonic() };
                    sending = Some(store.prove(token.number));
                }
                Some(sent) = poll_some(&mut sending) => {
                    sending = None;
                    if let Err(error) = sent {
                        telemetry::feed_failed(&error);
                    }
                }
            }
        }
    }
}

/// Waits for the future if there is one, else for ever: `select!` takes the branch when it is ready.
async fn poll_some<F: Future + Unpin>(future: &mut Option<F>) -> Option<F::Output> {
    match future {
        Some(future) => Some(future.await),
        None => std::future::pending().await,
    }
}

/// 1/16 s, doubled at each failure, at most [`LONGEST_PAUSE`]; between half of it and all of it.
fn pause(failures: u32) -> Duration {
    let doubled = Duration::from_millis(62) * 2_u32.saturating_pow(failures.min(5));
    let longest = doubled.min(LONGEST_PAUSE);
    longest.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_a_second() {
        for failures in 1..100 {
            let pause = pause(failures);
            assert!(pause >= Duration::from_millis(62) && pause <= LONGEST_PAUSE, "{pause:?}");
        }
        assert!(pause(50) >= LONGEST_PAUSE / 2);
    }
}
