//! How many look-ups run at once, and whether the store is worth asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::LoadError;
use crate::telemetry;

/// How often an open circuit lets one look-up through.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Permits for look-ups, and a circuit that is open while look-ups past their deadline hold them
/// all.
#[derive(Debug)]
pub(super) struct Gate {
    /// What is looked up, for logs and metrics.
    of: &'static str,
    permits: Arc<Semaphore>,
    most: usize,
    deadline: Duration,
    overdue: AtomicUsize,
    probe: Mutex<Probes>,
    recovered: Notify,
}

#[derive(Debug, Default)]
struct Probes {
    last: Option<Instant>,
    running: bool,
}

/// Leave to look up, once the turn comes.
#[derive(Debug)]
pub(super) enum Pass {
    Queue,
    /// Its turn is now.
    Granted(OwnedSemaphorePermit),
    Probe(Probe),
}

/// The one look-up that an open circuit lets through.
#[derive(Debug)]
pub(super) struct Probe(Arc<Gate>);

/// Held while a look-up past its deadline runs on.
#[derive(Debug)]
pub(super) struct Overdue<'g>(&'g Gate);

impl Gate {
    pub(super) fn new(of: &'static str, most: usize, deadline: Duration) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            of,
            permits: Arc::new(Semaphore::new(most)),
            most,
            deadline,
            overdue: AtomicUsize::new(0),
            probe: Mutex::default(),
            recovered: Notify::new(),
        }
    }

    /// Fails at once while the circuit is open, but for one probe each second.
    pub(super) fn admit(self: &Arc<Self>) -> Result<Pass, LoadError> {
        if !self.is_open() {
            return Ok(Pass::Queue);
        }
        let mut probe = self.probe.lock();
        let due = probe.last.is_none_or(|last| last.elapsed() >= PROBE_EVERY);
        if probe.running || !due {
            telemetry::looked_up(self.of, LoadError::CircuitOpen.outcome());
            return Err(LoadError::CircuitOpen);
        }
        *probe = Probes { last: Some(Instant::now()), running: true };
        Ok(Pass::Probe(Probe(Arc::clone(self))))
    }

    /// As [`Self::admit`] for a look-up that nobody waits for: it never queues, and leaves half of
    /// the permits to those that somebody does.
    pub(super) fn admit_spare(self: &Arc<Self>) -> Result<Pass, LoadError> {
        if self.is_open() {
            return self.admit();
        }
        if self.permits.available_permits() <= self.most / 2 {
            return Err(LoadError::TimedOut);
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        permit.map(Pass::Granted).map_err(|_| LoadError::TimedOut)
    }

    /// Waits for a permit, no longer than any caller would.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, LoadError> {
        let permit = timeout(self.deadline, Arc::clone(&self.permits).acquire_owned()).await;
        permit.map_err(|_| LoadError::TimedOut)?.map_err(|_| LoadError::Failed)
    }

    /// From now on this look-up counts towards an open circuit. The future resolves when a probe
    /// has found the store well again: what still hangs by then waits for an answer that was lost.
    pub(super) fn overdue(&self) -> (Notified<'_>, Overdue<'_>) {
        // In this order: a recovery seen after counting is a recovery that is heard.
        let recovered = self.recovered.notified();
        if self.overdue.fetch_add(1, Ordering::Relaxed) + 1 == self.most {
            telemetry::circuit_opened(self.of);
        }
        (recovered, Overdue(self))
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// What is looked up here.
    pub(super) fn of(&self) -> &'static str {
        self.of
    }

    /// Whether look-ups past their deadline hold all permits.
    pub(super) fn is_open(&self) -> bool {
        self.overdue.load(Ordering::Relaxed) >= self.most
    }

    /// How many look-ups run.
    pub(super) fn running(&self) -> usize {
        let probes = usize::from(self.probe.lock().running);
        self.most - self.permits.available_permits() + probes
    }

    #[cfg(test)]
    pub(super) fn free_permits(&self) -> usize {
        self.permits.available_permits()
    }
}

impl Probe {
    pub(super) fn succeeded(&self) {
        self.0.recovered.notify_waiters();
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.probe.lock().running = false;
    }
}

impl Drop for Overdue<'_> {
    fn drop(&mut self) {
        if self.0.overdue.fetch_sub(1, Ordering::Relaxed) == self.0.most {
            telemetry::circuit_closed(self.0.of);
        }
    }
}
