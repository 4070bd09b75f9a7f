use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long what was said is not said again.
const PAUSE: Duration = Duration::from_secs(10);

/// What happens often and is said seldom: once, and then with a number each [`PAUSE`].
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    /// The millisecond of the monotonic clock before which nothing is said.
    silent_until: AtomicU64,
    /// What happened since something was said.
    unsaid: AtomicU64,
}

impl Throttle {
    /// To be called each time that it happens. If it is to be said now: how often it has happened
    /// since it was last said, with this time.
    pub(crate) fn happened(&self, now: Duration) -> Option<u64> {
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        let (now, pause) = (millis(now), millis(PAUSE));
        let silent = self.silent_until.load(Ordering::Relaxed);
        if now < silent {
            return None;
        }
        // Of several at the same moment one says it, for all.
        let (until, relaxed) = (now.saturating_add(pause), Ordering::Relaxed);
        self.silent_until.compare_exchange(silent, until, relaxed, relaxed).ok()?;
        Some(self.unsaid.swap(0, Ordering::Relaxed))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_said_each_ten_seconds_with_its_number() {
        let throttle = Throttle::default();
        // (the millisecond, what is said then)
        let cases = [
            (0, Some(1)),
            (1, None),
            (9_999, None),
            (10_000, Some(3)),
            (10_000, None),
            (50_000, Some(2)),
            (59_999, None),
            (3_600_000, Some(2)),
        ];
        for (at, said) in cases {
            assert_eq!(throttle.happened(Duration::from_millis(at)), said, "{at}");
        }
    }
}
