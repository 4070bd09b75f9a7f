//! Time as an argument: the only file that reads a clock.
//!
//! 1. *Wall* time decides what people agreed on: expiry, "not before", timestamps,
//!    `X-RateLimit-Reset`.
//! 2. *Monotonic* time decides how long something has lasted: ages of cached answers, limits.
//!
//! A step of the wall clock (NTP, an operator) therefore never opens or closes a rate limit.
//!
//! ```
//! use keygate::{Clock, ManualClock};
//! use std::time::Duration;
//!
//! let clock = ManualClock::new();
//! let (wall, monotonic) = (clock.wall(), clock.monotonic());
//! clock.advance(Duration::from_mins(1));
//! assert_eq!(clock.wall(), wall + Duration::from_mins(1));
//! assert_eq!(clock.monotonic(), monotonic + Duration::from_mins(1));
//! ```

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// Tells the time, of both kinds. See [the module](self) for an example.
pub trait Clock: Send + Sync + 'static {
    /// The time people see on a calendar. It may jump.
    fn wall(&self) -> SystemTime;

    /// The time since some fixed moment. It never goes back.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks; see [`Clock`].
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemClock;

/// A clock that moves only when told to, for tests; see [the module](self).
///
/// Clones share one time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<Mutex<(SystemTime, Duration)>>,
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn monotonic(&self) -> Duration {
        // One origin for the process, so that readings of two `SystemClock`s compare.
        static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        let origin = *ORIGIN;
        Instant::now().saturating_duration_since(origin)
    }
}

/// So that [`Keyring::clock`](crate::Keyring::clock) can be handed to the layers.
impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn wall(&self) -> SystemTime {
        C::wall(self)
    }

    fn monotonic(&self) -> Duration {
        C::monotonic(self)
    }
}

impl ManualClock {
    /// Starts at 2001-09-09 01:46:40 UTC, and an hour after the monotonic origin.
    #[must_use]
    pub fn new() -> Self {
        Self::at(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
    }

    /// Starts at `wall`, and an hour after the monotonic origin.
    #[must_use]
    pub fn at(wall: SystemTime) -> Self {
        Self { now: Arc::new(Mutex::new((wall, Duration::from_hours(1)))) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock();
        now.0 += by;
        now.1 += by;
    }

    /// Sets the wall clock alone, forward or back, as an operator would.
    pub fn jump_wall(&self, to: SystemTime) {
        self.now.lock().0 = to;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> SystemTime {
        self.now.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.now.lock().1
    }
}
