use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::flights::Flights;
use super::held::{self, Holder, Times};
use super::store::ErasedIdempotencyStore;
use super::tasks::Tasks;
use super::{Begin, Begun, Finish, IdempotencyStore, Lease};
use crate::store::StoreError;
use crate::telemetry;

/// How many requests ask for a lease at once, those included that nobody waits for any more.
const MOST_ASKING: usize = 256;

/// After so many deadlines a question is given up, and what it holds with it.
const GIVE_UP_AFTER: u32 = 8;

/// The store and how it is asked: all that the clones of a layer share.
pub(super) struct Keeper {
    store: Arc<dyn ErasedIdempotencyStore>,
    asking: Arc<Semaphore>,
    failing: AtomicBool,
    /// Whether it was said that a handler ignores keys.
    ignored: AtomicBool,
    pub(super) flights: Arc<Flights>,
    pub(super) tasks: Tasks,
}

/// A lease that is asked for.
struct Leasing {
    begin: Begin,
    times: Times,
    held: watch::Receiver<Holder>,
    permit: OwnedSemaphorePermit,
}

/// The store failed, or did not answer in time. It was logged where that is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unanswered;

impl Keeper {
    pub(super) fn new(store: impl IdempotencyStore) -> Self {
        Self {
            store: Arc::new(store),
            asking: Arc::new(Semaphore::new(MOST_ASKING)),
            failing: AtomicBool::new(false),
            ignored: AtomicBool::new(false),
            flights: Arc::default(),
            tasks: Tasks::new(),
        }
    }

    /// Asks for a lease, in a task of its own, which renews it for as long as the sender that comes
    /// with it is there. One that nobody takes is given back.
    pub(super) async fn begin(
        self: &Arc<Self>,
        begin: Begin,
        times: Times,
    ) -> Result<(Begun, watch::Sender<Holder>), Unanswered> {
        let by = Instant::now() + times.deadline;
        let asking = timeout_at(by, Arc::clone(&self.asking).acquire_owned()).await;
        let Ok(Ok(permit)) = asking else { return Err(self.too_late()) };
        let (holder, held) = watch::channel(Holder::Asks);
        let (tell, told) = oneshot::channel();
        let lease = Leasing { begin, times, held, permit };
        self.tasks.spawn(Arc::clone(self).lease(lease, tell));
        match timeout_at(by, told).await {
            Ok(told) => told.unwrap_or(Err(Unanswered)).map(|answer| (answer, holder)),
            Err(_) => Err(self.too_late()),
        }
    }

    async fn lease(
        self: Arc<Self>,
        leasing: Leasing,
        tell: oneshot::Sender<Result<Begun, Unanswered>>,
    ) {
        let Leasing { begin, times, mut held, permit } = leasing;
        let lease = begin.lease;
        let give_up = times.deadline.saturating_mul(GIVE_UP_AFTER);
        let answer = self.ask(self.store.begin(begin), give_up).await;
        drop(permit);
        let (is_given, is_unknown) = (answer == Ok(Begun::Leased), answer.is_err());
        // Whether it is heard is told by the holder.
        let _ = tell.send(answer);
        if is_given {
            held::renew(lease, &self, times, &mut held).await;
        }
        // After a failure nobody knows whether it was given.
        if (is_given || is_unknown) && *held.borrow() == Holder::Asks {
            let _ = self.release(lease, give_up).await;
        }
    }

    pub(super) async fn renew(
        &self,
        lease: Lease,
        lease_for: Duration,
        deadline: Duration,
    ) -> Result<bool, Unanswered> {
        self.ask(self.store.renew(lease, lease_for), deadline).await
    }

    pub(super) async fn finish(
        &self,
        finish: Finish,
        deadline: Duration,
    ) -> Result<bool, Unanswered> {
        self.ask(self.store.finish(finish), deadline).await
    }

    pub(super) async fn release(&self, lease: Lease, deadline: Duration) -> Result<(), Unanswered> {
        self.ask(self.store.release(lease), deadline).await
    }

    /// Says once that a handler below does not take `Idempotent`.
    pub(super) fn key_ignored(&self) {
        if !self.ignored.swap(true, Ordering::Relaxed) {
            telemetry::idempotency_key_ignored();
        }
    }

    async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
        limit: Duration,
    ) -> Result<T, Unanswered> {
        match timeout(limit, question).await {
            Ok(Ok(answer)) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    telemetry::idempotency_store_works();
                }
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(self.too_late()),
        }
    }

    fn too_late(&self) -> Unanswered {
        self.failed(&StoreError::transient("it did not answer in time"))
    }

    fn failed(&self, error: &StoreError) -> Unanswered {
        let first = !self.failing.swap(true, Ordering::Relaxed);
        telemetry::idempotency_store_failed(error, first);
        Unanswered
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("failing", &self.failing)
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}
