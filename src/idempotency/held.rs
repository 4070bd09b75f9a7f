use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::flights::First;
use super::keeper::{Keeper, Unanswered};
use super::{Finish, Lease};
use crate::{backoff, telemetry};

/// A lease is renewed so many times within its length.
const RENEWALS: u32 = 3;

/// For so many leases it is tried to keep an answer.
const TRIES_FOR: u32 = 10;

/// A lease that is held. It is renewed for as long as this is there.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) lease: Lease,
    keeper: Arc<Keeper>,
    times: Times,
    holder: Option<watch::Sender<Holder>>,
    /// Others of the operation do not ask the store while it runs here.
    _first: First,
}

/// How long things take at the most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) lease: Duration,
    pub(super) keep: Duration,
    /// Until the store has to answer.
    pub(super) deadline: Duration,
}

/// What the one who asked for a lease does with it. That one is gone when its sender is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nothing so far.
    Asks,
    /// The operation is carried out.
    Runs,
    /// Its answer is being kept: whether the lease was lost is found out by that.
    Settles,
}

impl Held {
    /// Takes a lease that was given, and that [`renew`] sees to.
    pub(super) fn new(
        lease: Lease,
        (keeper, times): (Arc<Keeper>, Times),
        holder: watch::Sender<Holder>,
        first: First,
    ) -> Self {
        say(&holder, Holder::Runs);
        Self { lease, keeper, times, holder: Some(holder), _first: first }
    }

    /// Leaves the lease as it is: it runs out.
    pub(super) fn stop_renewing(&mut self) {
        self.holder = None;
    }

    /// Frees the key. Where the store fails, it is free when the lease has ended.
    pub(super) async fn release(self) {
        self.settle();
        let _ = self.keeper.release(self.lease, self.times.deadline).await;
    }

    /// Keeps the answer. Where the store fails that goes on behind the one who waits for it, and
    /// until it is done or given up the lease is renewed.
    pub(super) async fn finish(self, answer: Bytes) {
        self.settle();
        let finish = Finish::new(self.lease, answer, self.times.keep);
        if let Ok(is_mine) = self.keeper.finish(finish.clone(), self.times.deadline).await {
            self.settled(is_mine);
        } else {
            let keeper = Arc::clone(&self.keeper);
            keeper.tasks.spawn(self.finish_later(finish));
        }
    }

    async fn finish_later(self, finish: Finish) {
        let until = Instant::now() + self.times.lease.saturating_mul(TRIES_FOR);
        let mut failures = 1;
        while Instant::now() < until {
            sleep(backoff::pause(failures)).await;
            match self.keeper.finish(finish.clone(), self.times.deadline).await {
                Ok(is_mine) => return self.settled(is_mine),
                Err(Unanswered) => failures += 1,
            }
        }
        telemetry::answer_not_kept();
    }

    fn settled(&self, is_mine: bool) {
        // Whoever renewed it is gone before this if it was lost, and has said so.
        let is_told = self.holder.as_ref().is_some_and(watch::Sender::is_closed);
        if !is_mine && !is_told {
            telemetry::lease_lost();
        }
    }

    fn settle(&self) {
        if let Some(holder) = &self.holder {
            say(holder, Holder::Settles);
        }
    }
}

/// Wakes nobody. A task that is woken waits for its turn on the thread of the one who woke it, and
/// the handler that comes first may keep that thread busy.
fn say(to: &watch::Sender<Holder>, what: Holder) {
    to.send_if_modified(|holder| {
        *holder = what;
        false
    });
}

/// Renews a lease for as long as its holder is there, or until it is lost.
///
/// To be called before the handler runs: then it waits for a timer, which any thread serves, by the
/// time that the handler may keep its own busy.
pub(super) async fn renew(
    lease: Lease,
    keeper: &Keeper,
    times: Times,
    holder: &mut watch::Receiver<Holder>,
) {
    let pause = times.lease / RENEWALS;
    let mut failures = 0;
    loop {
        let wait = if failures == 0 { pause } else { backoff::pause(failures).min(pause) };
        tokio::select! {
            biased;
            () = gone(holder) => return,
            () = sleep(wait) => {}
        }
        match keeper.renew(lease, times.lease, times.deadline).await {
            Ok(true) => failures = 0,
            Ok(false) => {
                // Else it is found out by the keeping of the answer.
                if holder.has_changed().is_ok() && *holder.borrow() == Holder::Runs {
                    telemetry::lease_lost();
                    return;
                }
                return gone(holder).await;
            }
            // It may come back before the lease has ended.
            Err(Unanswered) => failures += 1,
        }
    }
}

async fn gone(holder: &mut watch::Receiver<Holder>) {
    while holder.changed().await.is_ok() {}
}
