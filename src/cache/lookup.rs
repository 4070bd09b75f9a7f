//! One look-up: its permit, its patience and what becomes of its answer.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::entry::{Entry, Kind};
use super::flight::Crew;
use super::gate::{Gate, Pass};
use super::proof::Moment;
use super::{Answer, CacheKey, LoadError, LoadFailed, LoadingCache};
use crate::telemetry;
use crate::unwind::{Panicked, caught};

/// Deadlines after which a look-up that still hangs is dropped, and with it its connection.
pub(crate) const PATIENCE: u32 = 8;

impl<K: CacheKey, V: Clone + Send + Sync + 'static> LoadingCache<K, V> {
    /// Runs in a task of its own: a caller who hangs up ends nothing.
    pub(super) async fn look_up<F, Fut>(self: Arc<Self>, crew: Crew<K, V>, pass: Pass, loader: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Answer<V>, LoadFailed>> + Send + 'static,
    {
        let mut asked = None;
        let work = async {
            // After the permit and before the store: see the rules.
            asked = Some(self.proofs().asking_at(self.clock.monotonic()));
            loader().await
        };
        let outcome = attend(&self.gate, pass, work).await;
        telemetry::looked_up(self.gate.of(), label(&outcome));
        match (outcome, asked) {
            (Ok(answer), Some(asked)) => self.land(crew, answer, asked),
            (Ok(_), None) => crew.land(Err(LoadError::Failed), || {}),
            (Err(error), _) => crew.land(Err(error), || {}),
        }
    }

    fn land(&self, crew: Crew<K, V>, answer: Answer<V>, asked: Moment) {
        let (kind, value) = match answer {
            Answer::Positive(value) => (Kind::Positive, value),
            Answer::Negative(value) => (Kind::Negative, value),
        };
        let flight = Arc::clone(&crew.flight);
        let learnt = (flight.key.clone(), value.clone());
        let entry = Arc::new(Entry::new(learnt, kind, flight.note, asked));
        crew.land(Ok(value), || self.keep(flight.bits, entry));
    }
}

/// How a look-up ended, in a word for a metric.
fn label<V>(outcome: &Result<Answer<V>, LoadError>) -> &'static str {
    match outcome {
        Ok(Answer::Positive(_)) => "found",
        Ok(Answer::Negative(_)) => "not_found",
        Err(error) => error.outcome(),
    }
}

/// Asks the store as far as the gate allows.
async fn attend<V>(
    gate: &Gate,
    pass: Pass,
    work: impl Future<Output = Result<V, LoadFailed>>,
) -> Result<V, LoadError> {
    let work = survived(work);
    match pass {
        Pass::Queue => attend_with_permit(gate, gate.permit().await?, work).await,
        Pass::Granted(permit) => attend_with_permit(gate, permit, work).await,
        Pass::Probe(probe) => {
            // Its caller gives up at the deadline, and so does it: the next one must not wait.
            let outcome = timeout(gate.deadline(), work).await.unwrap_or(Err(LoadError::TimedOut));
            if outcome.is_ok() {
                probe.succeeded();
            }
            outcome
        }
    }
}

async fn attend_with_permit<V>(
    gate: &Gate,
    _permit: OwnedSemaphorePermit,
    work: impl Future<Output = Result<V, LoadError>>,
) -> Result<V, LoadError> {
    let mut work = pin!(work);
    let deadline: Duration = gate.deadline();
    if let Ok(outcome) = timeout(deadline, work.as_mut()).await {
        return outcome;
    }
    // The callers have their 503. The answer may still come, and is worth keeping then.
    let (recovered, _overdue) = gate.overdue();
    tokio::select! {
        biased;
        outcome = work => outcome,
        () = recovered => Err(LoadError::TimedOut),
        () = sleep(deadline * (PATIENCE - 1)) => Err(LoadError::TimedOut),
    }
}

/// Turns a panic of the store into an error of this look-up.
async fn survived<V>(work: impl Future<Output = Result<V, LoadFailed>>) -> Result<V, LoadError> {
    match caught(work).await {
        Ok(outcome) => outcome.map_err(|LoadFailed| LoadError::Failed),
        Err(Panicked) => Err(LoadError::Panicked),
    }
}
