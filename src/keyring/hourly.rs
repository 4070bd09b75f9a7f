use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Keyring, KeyringError};
use crate::KeyId;
use crate::store::hour_of;

const HOUR: Duration = Duration::from_hours(1);

/// How many hours are told of.
const HOURS: usize = 24;

/// The requests with a key in each of the last 24 hours. See [`Keyring::hourly_usage`] for an
/// example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourlyUsage([(SystemTime, u64); HOURS]);

impl Keyring {
    /// How often a key was used in each of the last 24 hours, on all nodes together.
    ///
    /// What this node counted is in it at once, what others counted once they have written it.
    /// A request may be counted in the next hour if it came within a second of its end, or while
    /// usage could not be written. A key that nobody knows has not been used.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use keygate::{KeyFormat, Keyring, ManualClock, MemoryStore, NewKey};
    ///
    /// let format = KeyFormat::base62("ck", 32)?;
    /// // Of the system's clock an hour might begin between two of these lines.
    /// let keys = Keyring::builder(MemoryStore::new(), format).with_clock(ManualClock::new()).build()?;
    /// let issued = keys.issue(NewKey::named("Till 4")).await?;
    /// keys.verify(issued.key().expose()).await.unwrap();
    ///
    /// let usage = keys.hourly_usage(issued.id()).await?;
    /// let requests: Vec<u64> = usage.hours().iter().map(|(_, requests)| *requests).collect();
    /// assert_eq!((requests.len(), requests[23]), (24, 1));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::find`].
    pub async fn hourly_usage(&self, id: &KeyId) -> Result<HourlyUsage, KeyringError> {
        let mut usage = HourlyUsage::until(self.clock().wall());
        let counted = self.read(self.inner().usage.hours(id, usage.since())).await?;
        usage.add(&counted);
        Ok(usage)
    }
}

impl HourlyUsage {
    /// The beginning of each hour, in UTC, and the requests in it: 24 of them, the oldest first,
    /// the running one last. See [`Keyring::hourly_usage`] for an example.
    #[must_use]
    pub fn hours(&self) -> &[(SystemTime, u64)] {
        &self.0
    }

    /// No requests, up to the hour of this moment.
    fn until(now: SystemTime) -> Self {
        let mut hours = [(UNIX_EPOCH, 0); HOURS];
        let mut hour = hour_of(now);
        for place in hours.iter_mut().rev() {
            place.0 = hour;
            // A clock that stands at 1970 has no hours before.
            hour = hour.checked_sub(HOUR).map_or(UNIX_EPOCH, |before| before.max(UNIX_EPOCH));
        }
        Self(hours)
    }

    fn since(&self) -> SystemTime {
        self.0.first().map_or(UNIX_EPOCH, |(hour, _)| *hour)
    }

    /// Adds what was counted. Hours that are not told of are left out.
    fn add(&mut self, counted: &[(SystemTime, u64)]) {
        for (hour, requests) in counted {
            // From behind: at the beginning of time several have the same beginning.
            if let Some(place) = self.0.iter_mut().rfind(|(own, _)| own == hour) {
                place.1 = place.1.saturating_add(*requests);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_hours_end_with_the_running_one() {
        // (now, the first hour, the last)
        let cases = [
            (86_400, 3_600, 86_400),
            (86_399, 0, 82_800),
            (86_400 * 9 + 3_599, 86_400 * 8 + 3_600, 86_400 * 9),
        ];
        for (now, first, last) in cases {
            let usage = HourlyUsage::until(at(now));
            assert_eq!((usage.hours()[0].0, usage.hours()[23].0), (at(first), at(last)), "{now}");
            assert!(usage.hours().windows(2).all(|pair| pair[0].0 + HOUR == pair[1].0), "{now}");
            assert_eq!(usage.since(), at(first));
        }
    }

    #[test]
    fn what_was_counted_is_added_in_its_place() {
        let mut usage = HourlyUsage::until(at(86_400));
        let counted = [
            (3_600, 1),
            (86_400, 2),
            (86_400, 3),
            (0, 4),
            (90_000, 5),
            (7_200, u64::MAX),
            (7_200, 1),
        ];
        usage.add(&counted.map(|(hour, requests)| (at(hour), requests)));
        let told: Vec<u64> = usage.hours().iter().map(|(_, requests)| *requests).collect();
        let mut expected = [0; 24];
        (expected[0], expected[1], expected[23]) = (1, u64::MAX, 5);
        assert_eq!(told, expected);
    }

    #[test]
    fn a_clock_at_its_beginning_has_hours_too() {
        let mut usage = HourlyUsage::until(at(7));
        usage.add(&[(at(0), 3)]);
        assert_eq!((usage.hours()[0].1, usage.hours()[23].1), (0, 3));
    }
}
