//! What happens on each request, counted so that no request pays for a metric.
//!
//! A metric's recorder is asked once a second, by a task that a count starts and that ends when it
//! has told what was counted; one whose runtime ends tells it then. In between a count is one atomic
//! step in memory that few threads share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::telemetry;

/// How long what was counted waits to be told.
const INTERVAL: Duration = Duration::from_secs(1);

/// A power of two.
const SHARDS: usize = 8;

/// Counts one thing. Nothing without the feature `metrics`.
///
/// A clone begins at 0: it is another layer's.
#[derive(Default)]
pub(crate) struct Tally(Arc<Counted>);

#[derive(Default)]
struct Counted {
    shards: [Shard; SHARDS],
    /// Whether there is a task that will tell.
    attended: AtomicBool,
}

/// Two lines of the processor's cache: they are often fetched together.
#[derive(Default)]
#[repr(align(128))]
struct Shard(AtomicU64);

impl Tally {
    /// Counts once. `tell` hands what was counted to a metric, within a second.
    #[inline]
    pub(crate) fn count<T>(&self, tell: impl FnOnce() -> T)
    where
        T: Fn(u64) + Send + 'static,
    {
        if !telemetry::COUNTS {
            return;
        }
        // A count is added before a task is asked for, and a task gives notice before it takes what
        // was counted: one of the two sees the other.
        self.0.shard().fetch_add(1, Ordering::SeqCst);
        if !self.0.attended.load(Ordering::SeqCst) {
            self.attend(tell());
        }
    }

    #[cold]
    fn attend(&self, tell: impl Fn(u64) + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else { return tell(self.0.take()) };
        if !self.0.attended.swap(true, Ordering::SeqCst) {
            // Outside of the task, which may be dropped before it begins.
            let attendant = Attendant { counted: Arc::clone(&self.0), tell };
            runtime.spawn(async move {
                tokio::time::sleep(INTERVAL).await;
                drop(attendant);
            });
        }
    }
}

/// The task's hold on what it attends to. It tells at its end, and so does one whose runtime ends
/// first: what was counted shortly before a shutdown is told too.
struct Attendant<T: Fn(u64)> {
    counted: Arc<Counted>,
    tell: T,
}

impl<T: Fn(u64)> Drop for Attendant<T> {
    fn drop(&mut self) {
        self.counted.attended.store(false, Ordering::SeqCst);
        (self.tell)(self.counted.take());
    }
}

impl Counted {
    fn shard(&self) -> &AtomicU64 {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
        }
        // Any will do for a thread that is about to end.
        let mine = MINE.try_with(|mine| *mine).unwrap_or_default();
        let [first, ..] = &self.shards;
        &self.shards.get(mine).unwrap_or(first).0
    }

    fn take(&self) -> u64 {
        self.shards.iter().map(|shard| shard.0.swap(0, Ordering::SeqCst)).sum()
    }
}

impl Clone for Tally {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tally")
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use std::thread;

    use super::*;

    /// A tally and what was told of it.
    fn bench() -> (Arc<Tally>, Arc<AtomicU64>) {
        Default::default()
    }

    fn count(tally: &Tally, told: &Arc<AtomicU64>, times: u64) {
        (0..times).for_each(|_| tally.count(|| teller(Arc::clone(told))));
    }

    fn teller(told: Arc<AtomicU64>) -> impl Fn(u64) + Send + 'static {
        move |counted| {
            told.fetch_add(counted, Ordering::SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_counted_is_told_within_a_second_again_and_again() {
        let (tally, told) = bench();
        for round in 1..=3 {
            count(&tally, &told, 100);
            assert_eq!(told.load(Ordering::SeqCst), (round - 1) * 100, "not one by one");
            tokio::time::sleep(INTERVAL * 2).await;
            assert_eq!(told.load(Ordering::SeqCst), round * 100);
        }
        assert!(!tally.0.attended.load(Ordering::SeqCst), "nobody waits for nothing");
    }

    #[test]
    fn without_a_runtime_it_is_told_at_once() {
        let (tally, told) = bench();
        count(&tally, &told, 2);
        assert_eq!(told.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_runtime_that_ends_tells_what_was_counted() {
        let (tally, told) = bench();
        for round in 1..=2 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let runtime = runtime.unwrap();
            runtime.block_on(async { count(&tally, &told, 3) });
            assert_eq!(told.load(Ordering::SeqCst), (round - 1) * 3, "not one by one");
            drop(runtime);
            assert_eq!(told.load(Ordering::SeqCst), round * 3);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_lost_between_threads() {
        const EACH: u64 = 20_000;
        let ((tally, told), runtime) = (bench(), Handle::current());
        let work = || {
            let _runtime = runtime.enter();
            count(&tally, &told, EACH);
        };
        thread::scope(|scope| [0, 1].map(|_| scope.spawn(work)).map(|it| it.join().unwrap()));
        // Something that is lost never comes: then the figures say so.
        let patience = tokio::time::Instant::now() + INTERVAL * 30;
        while told.load(Ordering::SeqCst) < 2 * EACH && tokio::time::Instant::now() < patience {
            tokio::task::yield_now().await;
        }
        assert_eq!(told.load(Ordering::SeqCst), 2 * EACH);
    }
}
