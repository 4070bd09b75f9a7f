use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

use super::{Aligned, Buckets, due};
use crate::Clock;
use crate::rate_limit::bucket::nanos;

/// How long buckets that are full again stay while nobody new calls.
const IDLE: Duration = Duration::from_secs(10);
/// Between two sweeps that newcomers cause at the cap, in nanoseconds.
const CROWD_EVERY: u64 = 15_000_000;
/// How many places such a sweep looks at, about.
const CROWD_PLACES: usize = 16_384;

/// Sees to it that a task sweeps while nobody calls. Without a runtime only newcomers sweep.
///
/// The task ends when there is nothing left to sweep, and with the limit.
pub(super) fn start(buckets: &Arc<Buckets>, clock: &Arc<dyn Clock>) {
    if buckets.tended.load(Ordering::SeqCst) {
        return;
    }
    let Ok(runtime) = Handle::try_current() else { return };
    if !buckets.tended.swap(true, Ordering::SeqCst) {
        let task = Task { buckets: Arc::downgrade(buckets), missed: true };
        runtime.spawn(task.run(Arc::clone(clock)));
    }
}

struct Task {
    buckets: Weak<Buckets>,
    /// Whether its end leaves the limit without a task that it believes to have.
    missed: bool,
}

impl Task {
    async fn run(mut self, clock: Arc<dyn Clock>) {
        loop {
            tokio::time::sleep(IDLE).await;
            let Some(buckets) = self.buckets.upgrade() else { return };
            for shard in &buckets.shards {
                buckets.sweep(shard, nanos(clock.monotonic()));
                tokio::task::yield_now().await;
            }
            if buckets.len() > 0 {
                continue;
            }
            // A newcomer adds to the count before it asks for a task, and the task gives notice
            // before it looks at the count: one of the two sees the other.
            buckets.tended.store(false, Ordering::SeqCst);
            if buckets.len() == 0 || buckets.tended.swap(true, Ordering::SeqCst) {
                self.missed = false;
                return;
            }
        }
    }
}

/// The runtime may end before the limit does: the next one has to start another task.
impl Drop for Task {
    fn drop(&mut self) {
        if self.missed
            && let Some(buckets) = self.buckets.upgrade()
        {
            buckets.tended.store(false, Ordering::SeqCst);
        }
    }
}

impl Buckets {
    pub(super) fn sweep(&self, shard: &Aligned, now: u64) -> usize {
        let mut shard = shard.0.lock();
        shard.pass(now);
        let places = shard.places();
        self.release(shard.sweep(&self.hasher));
        places
    }

    /// Makes room at the cap: some shards in turn, so that no single request pays for all.
    pub(super) fn sweep_for_newcomers(&self, now: u64) {
        if !due(&self.next_crowd_sweep, now, CROWD_EVERY) {
            return;
        }
        let mut places = 0;
        for _ in 0..self.shards.len() {
            let turn = self.crowd_sweep_at.fetch_add(1, Ordering::Relaxed) % self.shards.len();
            places += self.shards.get(turn).map_or(0, |shard| self.sweep(shard, now));
            if places >= CROWD_PLACES {
                return;
            }
        }
    }
}
