use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::store::KeyUsage;
use crate::{KeyId, Keyring, KeyringError};

/// What a chart shows.
const HOURS: u32 = 24;
const HOUR: Duration = Duration::from_hours(1);

/// The most keys whose hours are kept: those of twenty pages, about a megabyte.
const MOST: usize = 1_000;

/// The requests of keys by the hour, kept for as long as they cannot have changed: a page that is
/// open looks every two seconds, and most of its keys have had no request since.
#[derive(Debug, Default)]
pub(super) struct Hours {
    kept: Mutex<HashMap<KeyId, Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    /// How often the key had been used altogether.
    requests: u64,
    /// The hour that was running, counted from 1970.
    running: u64,
    hours: Vec<(SystemTime, u64)>,
}

impl Hours {
    /// The last 24 hours of a key that has been used so far as `usage` says, oldest first.
    pub(super) async fn of(
        &self,
        id: &KeyId,
        usage: &KeyUsage,
        keyring: &Keyring,
    ) -> Result<Vec<(SystemTime, u64)>, KeyringError> {
        let now = keyring.clock().wall();
        let first = now.checked_sub(HOUR * HOURS).unwrap_or(UNIX_EPOCH);
        // A use is counted when it is written, which may be in the next hour.
        let is_recent = usage.last_used_at.is_some_and(|at| at + HOUR >= first);
        if !is_recent {
            return Ok((1..=HOURS).map(|hour| (first + HOUR * hour, 0)).collect());
        }
        let running = running(now);
        if let Some(hours) = self.kept(id, usage.requests, running) {
            return Ok(hours);
        }
        let hours = keyring.hourly_usage(id).await?.hours().to_vec();
        self.keep(id, Kept { requests: usage.requests, running, hours: hours.clone() });
        Ok(hours)
    }

    fn kept(&self, id: &KeyId, requests: u64, running: u64) -> Option<Vec<(SystemTime, u64)>> {
        let kept = self.kept.lock();
        let kept = kept.get(id)?;
        (kept.requests == requests && kept.running == running).then(|| kept.hours.clone())
    }

    fn keep(&self, id: &KeyId, hours: Kept) {
        // Further requests came between the two questions: it is asked for again the next time.
        let mut kept = self.kept.lock();
        if kept.len() >= MOST && !kept.contains_key(id) {
            kept.clear();
        }
        kept.insert(id.clone(), hours);
    }
}

fn running(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / HOUR.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;
    use crate::{Clock as _, KeyFormat, ManualClock, NewKey};

    fn keyring(clock: &ManualClock) -> Keyring {
        let format = KeyFormat::base62("ck", 32).unwrap();
        let builder = Keyring::builder(MemoryStore::new(), format).with_clock(clock.clone());
        builder.build().unwrap()
    }

    #[tokio::test]
    async fn k10_hours_are_asked_for_when_they_have_changed() {
        let clock = ManualClock::at(UNIX_EPOCH + 1_000 * HOUR);
        let keyring = keyring(&clock);
        let hours = Hours::default();
        let issued = keyring.issue(NewKey::named("n")).await.unwrap();
        let look = async || {
            let usage = keyring.usage(issued.id()).await.unwrap();
            let hours = hours.of(issued.id(), &usage, &keyring).await.unwrap();
            assert_eq!(hours.len(), 24);
            assert_eq!(
                hours[23].0,
                UNIX_EPOCH + HOUR * u32::try_from(running(clock.wall())).unwrap()
            );
            hours.iter().map(|(_, requests)| *requests).collect::<Vec<_>>()
        };
        assert_eq!(look().await, [0; 24]);
        keyring.verify(issued.key().expose()).await.unwrap();
        assert_eq!(look().await[23], 1);
        keyring.verify(issued.key().expose()).await.unwrap();
        assert_eq!((look().await[23], look().await[23]), (2, 2), "the second is a kept one");
        clock.advance(HOUR);
        assert_eq!(look().await[22..], [2, 0], "an hour later it is another hour");
        clock.advance(30 * HOUR);
        assert_eq!(look().await, [0; 24]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let hours = Hours::default();
        for number in 0..MOST * 2 {
            let id = KeyId::parse(&format!("key_{number}")).unwrap();
            hours.keep(&id, Kept { requests: 1, running: 1, hours: Vec::new() });
            assert!(hours.kept(&id, 1, 1).is_some());
            assert!(hours.kept(&id, 2, 1).is_none() && hours.kept(&id, 1, 2).is_none());
        }
        assert_eq!(hours.kept.lock().len(), MOST);
    }
}
