//! A task that forgets what tells nothing any more, and gives back what was leased and not spent.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::lease::Stale;
use super::link::Terms;
use super::script::{Ask, What};
use super::{RedisLimiter, Shared, lease};
use crate::Clock;
use crate::rate_limit::bucket::nanos;

/// How often leases that are over are looked for.
const ROUND: Duration = Duration::from_nanos(lease::LIFE / 2);
/// In how many rounds one is gone where nothing is leased.
const IDLE_ROUNDS: u32 = 20;

/// Sees to it that there is such a task. It ends when nothing is known, and with the limiter.
pub(super) fn start(limiter: &RedisLimiter, clock: &Arc<dyn Clock>) {
    let RedisLimiter { config, shared } = limiter;
    if shared.tended.load(Ordering::SeqCst) {
        return;
    }
    let Ok(runtime) = Handle::try_current() else { return };
    if !shared.tended.swap(true, Ordering::SeqCst) {
        let task = Task { shared: Arc::downgrade(shared), missed: true };
        runtime.spawn(task.run(config.terms.clone(), Arc::clone(clock)));
    }
}

struct Task {
    shared: Weak<Shared>,
    /// Whether its end leaves the limiter without a task that it believes to have.
    missed: bool,
}

impl Task {
    async fn run(mut self, terms: Terms, clock: Arc<dyn Clock>) {
        for round in 1_u32.. {
            sleep(ROUND).await;
            let Some(shared) = self.shared.upgrade() else { return };
            if !shared.leasing.load(Ordering::Relaxed) && round % IDLE_ROUNDS != 0 {
                continue;
            }
            shared.give_back(&terms, nanos(clock.monotonic())).await;
            if shared.near.len() > 0 {
                continue;
            }
            // Who notes something asks for a task afterwards, and the task gives notice before it
            // looks whether there is anything: one of the two sees the other.
            shared.tended.store(false, Ordering::SeqCst);
            if shared.near.len() == 0 || shared.tended.swap(true, Ordering::SeqCst) {
                self.missed = false;
                return;
            }
        }
    }
}

impl Shared {
    /// Gives back what was not spent. What cannot be given back is lost: it comes back by itself.
    async fn give_back(&self, terms: &Terms, now: u64) {
        let mut asks = Vec::new();
        self.near.sweep(now, |known| {
            let Some(leased) = known.lease() else { return };
            if let Some(Stale { measure, count, moment }) = leased.lease.take_stale(now) {
                let what = What::GiveBack(measure.interval() * u64::from(count), moment);
                asks.push(Ask { name: Box::from(&*leased.name), measure, what });
            }
        });
        for ask in &asks {
            if self.link.is_open() {
                return;
            }
            // Once, whatever becomes of it: given back twice, it would be admitted twice.
            let _ = self.link.ask(std::slice::from_ref(ask), terms).await;
        }
    }
}

/// The runtime may end before the limiter does: the next one has to start another task.
impl Drop for Task {
    fn drop(&mut self) {
        if self.missed
            && let Some(shared) = self.shared.upgrade()
        {
            shared.tended.store(false, Ordering::SeqCst);
        }
    }
}
