//! The way to Redis: how long it is waited for, whether it is asked at all, and how it is found
//! again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::circuit::{Circuit, Pass};
use super::failure::Failure;
use super::measure::Measure;
use super::script::{Ask, By, Reply, What, command, reply};
use super::wire::Wire;
use crate::backoff::pause;
use crate::unwind::caught;
use crate::{Quota, telemetry};

/// How long a start waits for Redis: a service comes up without it too.
const START: Duration = Duration::from_secs(1);
/// Between two lines of the log about what Redis refused while it did decide others.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// What a probe takes out of a bucket of its own, which is full again in between.
const PROBE: Quota = Quota::per_second(1_000_000);

#[derive(Debug)]
pub(super) struct Link {
    wire: Wire,
    circuit: Circuit,
    /// How often Redis was looked for since the circuit opened.
    attempts: watch::Sender<u64>,
    /// Whether there is a task that looks for it.
    recovering: AtomicBool,
    warned: Mutex<Option<Instant>>,
}

/// How Redis is asked.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) deadline: Duration,
    /// The name of a bucket that nobody else uses.
    pub(super) probe: Box<str>,
}

impl Link {
    /// A link that is not up yet.
    pub(super) fn down(wire: Wire) -> Self {
        Self::new(wire, Circuit::open())
    }

    /// A link that is taken to be up.
    pub(super) fn up(wire: Wire) -> Self {
        telemetry::limiter_stands();
        Self::new(wire, Circuit::closed())
    }

    fn new(wire: Wire, circuit: Circuit) -> Self {
        Self {
            wire,
            circuit,
            attempts: watch::Sender::new(0),
            recovering: AtomicBool::new(false),
            warned: Mutex::new(None),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.circuit.is_open()
    }

    /// Looks for Redis for the first time, and goes on in the background if it is not there.
    pub(super) async fn start(self: &Arc<Self>, terms: &Terms) -> Result<(), Failure> {
        let patient = Terms { deadline: START, ..terms.clone() };
        let outcome = self.attempt(&patient).await;
        match &outcome {
            Ok(()) => {
                telemetry::limiter_stands();
                self.circuit.close();
            }
            Err(failure) => {
                telemetry::limiter_lost(failure);
                self.recover(terms);
            }
        }
        outcome
    }

    /// Has the script decide, within the deadline.
    pub(super) async fn ask(
        self: &Arc<Self>,
        asks: &[Ask],
        terms: &Terms,
    ) -> Result<Reply, Failure> {
        let pass = self.circuit.pass().ok_or(Failure::NOT_CONNECTED)?;
        let deciding = timeout(terms.deadline, self.decide_or_try_again(asks, pass, terms));
        let outcome = deciding.await.unwrap_or(Err(Failure::TimedOut));
        match &outcome {
            Ok(_) => self.circuit.succeeded(),
            Err(failure) => {
                telemetry::limiter_failed(failure.word());
                self.failed(pass, failure, terms);
            }
        }
        outcome
    }

    /// A connection that turns out to be closed (idle for too long, a restart) is made anew, and
    /// what was asked on it is asked again, once. It may have been done on the old one already:
    /// then it is counted twice, never not at all.
    async fn decide_or_try_again(
        self: &Arc<Self>,
        asks: &[Ask],
        pass: Pass,
        terms: &Terms,
    ) -> Result<Reply, Failure> {
        let outcome = self.decide(asks).await;
        let lost = match outcome {
            Err(failure) if failure.is_lost() && asks.iter().all(may_be_done_twice) => failure,
            decided => return decided,
        };
        let mut attempts = self.attempts.subscribe();
        self.failed(pass, &lost, terms);
        // The sender is this link's own: it is there.
        if self.is_open() && (attempts.changed().await.is_err() || self.is_open()) {
            return Err(lost);
        }
        self.decide(asks).await
    }

    async fn decide(&self, asks: &[Ask]) -> Result<Reply, Failure> {
        match self.send(asks, By::Hash).await {
            // A Redis that was restarted or flushed; the source tells it again.
            Err(failure) if failure.is_no_script() => self.send(asks, By::Source).await,
            outcome => outcome,
        }
    }

    async fn send(&self, asks: &[Ask], by: By) -> Result<Reply, Failure> {
        reply(self.wire.send(command(asks, by)).await?, asks.len())
    }

    fn failed(self: &Arc<Self>, pass: Pass, failure: &Failure, terms: &Terms) {
        if self.circuit.failed(pass, failure) {
            self.wire.let_go();
            telemetry::limiter_lost(failure);
            self.recover(terms);
        } else if matches!(failure, Failure::Refused(_)) && self.may_warn() {
            telemetry::limiter_refused(failure);
        }
    }

    fn may_warn(&self) -> bool {
        let mut warned = self.warned.lock();
        let due = warned.is_none_or(|last| last.elapsed() >= WARN_EVERY);
        if due {
            *warned = Some(Instant::now());
        }
        due
    }

    /// Sees to it that somebody looks for Redis, once at a time.
    pub(super) fn recover(self: &Arc<Self>, terms: &Terms) {
        if self.recovering.load(Ordering::Acquire) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.recovering.swap(true, Ordering::AcqRel) {
            runtime.spawn(recovered(Arc::downgrade(self), terms.clone()));
        }
    }

    /// Connects, and has a bucket of its own charged: a Redis that is read-only, full or still
    /// loading answers other commands well.
    async fn attempt(&self, terms: &Terms) -> Result<(), Failure> {
        let measure = Measure::of(PROBE);
        let what = What::Charge(measure.interval());
        let probe = Ask { name: terms.probe.clone(), measure, what };
        let attempt = async {
            self.wire.renew().await?;
            let deciding = timeout(terms.deadline, self.decide(std::slice::from_ref(&probe)));
            deciding.await.unwrap_or(Err(Failure::TimedOut)).map(|_| ())
        };
        caught(attempt).await.unwrap_or(Err(Failure::Panicked))
    }
}

/// Whether nothing is admitted by it that was not counted.
fn may_be_done_twice(ask: &Ask) -> bool {
    !matches!(ask.what, What::GiveBack(..))
}

/// Looks for Redis until it decides again, or nobody wants it any more.
async fn recovered(link: Weak<Link>, terms: Terms) {
    let mut turn = Turn { link, held: true };
    for failures in 1.. {
        let Some(link) = turn.link.upgrade() else { return };
        let found = link.attempt(&terms).await.is_ok();
        if found {
            // Before the circuit closes: what fails from then on finds nobody looking.
            turn.end(&link);
            // Somebody may have begun to look just before it closed: that was told already.
            if link.is_open() {
                telemetry::limiter_found();
                link.circuit.close();
            }
        }
        link.attempts.send_modify(|attempts| *attempts += 1);
        if found {
            return;
        }
        drop(link);
        sleep(pause(failures)).await;
    }
}

/// The one task that looks for Redis; the runtime may end before the link does.
struct Turn {
    link: Weak<Link>,
    held: bool,
}

impl Turn {
    fn end(&mut self, link: &Link) {
        self.held = false;
        link.recovering.store(false, Ordering::Release);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.held
            && let Some(link) = self.link.upgrade()
        {
            link.recovering.store(false, Ordering::Release);
        }
    }
}
