use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};

use super::pending::Pending;
use super::{Told, Topics};
use crate::backoff;
use crate::store::StoreError;
use crate::telemetry;
use crate::unwind::caught;

/// Proofs in each `max_staleness`.
const PROOFS: u32 = 4;

/// The work of one watch, in a task of its own.
pub(super) struct Driver<T> {
    topics: T,
    topic: Arc<str>,
    pending: Arc<Pending>,
    max_staleness: Duration,
    /// Whether it was told that the feed fails, and not yet that it stands again.
    is_failing: AtomicBool,
}

/// How a feed ended.
struct Ended {
    was_proven: bool,
}

impl<T: Topics> Driver<T> {
    pub(super) fn new(
        topics: T,
        topic: Arc<str>,
        pending: Arc<Pending>,
        max_staleness: Duration,
    ) -> Self {
        Self { topics, topic, pending, max_staleness, is_failing: AtomicBool::new(false) }
    }

    pub(super) async fn run(self) {
        tokio::join!(self.listen_for_ever(), self.poll_for_ever());
    }

    /// Where nothing proves that changes are told, says that there may have been some.
    async fn poll_for_ever(&self) {
        let mut rounds = self.rounds();
        // One round is spent on waiting for the next tick: together they are the bound.
        let patience = self.max_staleness / PROOFS * (PROOFS - 1);
        loop {
            rounds.tick().await;
            if self.pending.proven_at().is_none_or(|at| at.elapsed() >= patience) {
                self.pending.anything();
            }
        }
    }

    async fn listen_for_ever(&self) {
        let mut failures = 0_u32;
        loop {
            let was_proven = match caught(self.session()).await {
                Ok(Ok(Ended { was_proven })) => was_proven,
                Ok(Err(error)) => {
                    self.failed(&error);
                    false
                }
                // The panic hook has told of it.
                Err(_) => false,
            };
            if self.pending.proven_at().is_some() {
                self.pending.lost();
                // The last that it told may not have been the last that happened.
                self.pending.anything();
            }
            failures = if was_proven { 1 } else { failures.saturating_add(1) };
            sleep(backoff::pause(failures)).await;
        }
    }

    /// From asking for a feed until it ends or falls silent.
    async fn session(&self) -> Result<Ended, StoreError> {
        let feed = timeout(self.max_staleness, self.topics.subscribe_to(&self.topic)).await;
        let mut feed = feed.map_err(|_| StoreError::transient("it gave no feed in time"))??;
        // What is loaded from now on is followed by everything that happens to it. Until the first
        // proof nothing says that the feed would tell of it.
        self.pending.anything();
        Ok(self.listen(&mut feed).await)
    }

    async fn listen(&self, feed: &mut mpsc::Receiver<Told>) -> Ended {
        let mut rounds = self.rounds();
        let (mut token, mut sent_at) = (rand::random::<u64>(), Instant::now());
        let mut sending = Some(Box::pin(self.topics.send_proof(token)));
        let (mut was_proven, mut heard) = (false, Instant::now());
        loop {
            tokio::select! {
                biased;
                told = feed.recv() => match told {
                    Some(Told::Item(item)) => self.pending.item(item),
                    Some(Told::Anything) => self.pending.anything(),
                    Some(Told::Proof(number)) if number == token => {
                        self.proven(sent_at);
                        (was_proven, heard) = (true, Instant::now());
                    }
                    Some(Told::Proof(_)) => {}
                    None => return Ended { was_proven },
                },
                _ = rounds.tick() => {
                    if heard.elapsed() >= self.max_staleness {
                        return Ended { was_proven };
                    }
                    // A token that is still on its way is given up: only the newest counts.
                    (token, sent_at) = (token.wrapping_add(1), Instant::now());
                    sending = Some(Box::pin(self.topics.send_proof(token)));
                }
                Some(sent) = async { Some(sending.as_mut()?.await) } => {
                    sending = None;
                    if let Err(error) = sent {
                        self.failed(&error);
                    }
                }
            }
        }
    }

    fn failed(&self, error: &StoreError) {
        let first = !self.is_failing.swap(true, Ordering::Relaxed);
        telemetry::watch_failed(&self.topic, error, first);
    }

    fn proven(&self, sent_at: Instant) {
        self.pending.proven(sent_at);
        if self.is_failing.swap(false, Ordering::Relaxed) {
            telemetry::watch_stands(&self.topic);
        }
    }

    /// Ticks for the first time after one round.
    fn rounds(&self) -> Interval {
        let round = self.max_staleness / PROOFS;
        let mut rounds = interval_at(Instant::now() + round, round);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        rounds
    }
}
