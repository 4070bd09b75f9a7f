use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::usage::HOUR;
use super::{KeyUsage, KeyUse, StoredHours, StoredUsage, UsageBatch};
use crate::KeyId;

/// How many hours of a key are kept, the latest ones that it was used in. No clock is asked: one
/// that jumps takes nobody's figures.
const HOURS: usize = 48;

/// A key is given room for one hour, and then for a multiple of so many.
const STEP: usize = 8;

/// Usage in memory, by the rule of the port.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    keys: HashMap<KeyId, Line>,
    /// The last batch of each node; one keyring of this process is one.
    written: HashMap<u64, u64>,
    most: usize,
}

/// What is known of a key.
#[derive(Debug, Clone, Default)]
struct Line {
    usage: KeyUsage,
    /// In their order, [`HOURS`] at the most.
    hours: Vec<Hour>,
}

/// The requests of an hour in 12 bytes, as there may be 48 of each of a million keys.
#[derive(Debug, Clone, Copy)]
struct Hour {
    /// Counted from 1970: good for 490,000 years.
    number: u32,
    /// A number of eight bytes that needs not begin at a multiple of them.
    requests: [u8; 8],
}

impl Ledger {
    /// One for so many keys at the most.
    pub(crate) fn new(most: usize) -> Self {
        Self { keys: HashMap::new(), written: HashMap::new(), most }
    }

    /// Adds a batch, unless it is in already. Returns how many requests found no room.
    pub(crate) fn add(&mut self, batch: &UsageBatch) -> u64 {
        let written = self.written.entry(batch.node).or_default();
        if batch.sequence <= *written {
            return 0;
        }
        *written = batch.sequence;
        let mut dropped = 0_u64;
        for used in &batch.keys {
            if let Some(line) = self.keys.get_mut(&used.id) {
                line.add(used);
            } else if self.keys.len() < self.most {
                self.keys.entry(used.id.clone()).or_default().add(used);
            } else {
                dropped = dropped.saturating_add(used.requests);
            }
        }
        dropped
    }

    pub(crate) fn read(&self, node: u64, ids: &[KeyId]) -> StoredUsage {
        let used = |id: &KeyId| Some((id.clone(), self.keys.get(id)?.usage));
        StoredUsage { written: self.written(node), keys: ids.iter().filter_map(used).collect() }
    }

    pub(crate) fn hours(&self, node: u64, id: &KeyId, since: SystemTime) -> StoredHours {
        let hours = self.keys.get(id).map_or(&[][..], |line| &line.hours);
        let told = hours.iter().map(|hour| (hour.begins(), hour.requests()));
        let hours = told.filter(|(begins, _)| *begins >= since).collect();
        StoredHours { written: self.written(node), hours }
    }

    fn written(&self, node: u64) -> u64 {
        self.written.get(&node).copied().unwrap_or_default()
    }
}

impl Line {
    fn add(&mut self, used: &KeyUse) {
        self.usage.add(used);
        let number = Hour::number_of(used.hour());
        match self.hours.binary_search_by_key(&number, |hour| hour.number) {
            Ok(place) => {
                if let Some(hour) = self.hours.get_mut(place) {
                    hour.requests = hour.requests().saturating_add(used.requests).to_ne_bytes();
                }
            }
            Err(place) => self.insert(place, Hour::new(number, used.requests)),
        }
    }

    fn insert(&mut self, mut place: usize, hour: Hour) {
        if self.hours.len() >= HOURS {
            // Older than all that are kept.
            let Some(before) = place.checked_sub(1) else { return };
            self.hours.remove(0);
            place = before;
        }
        if self.hours.len() == self.hours.capacity() {
            // Most keys are used in bursts. Then by as much each time: to double would end far above
            // what is ever used.
            let taken = self.hours.len();
            self.hours.reserve_exact(if taken == 0 { 1 } else { STEP - taken % STEP });
        }
        self.hours.insert(place, hour);
    }
}

impl Hour {
    fn new(number: u32, requests: u64) -> Self {
        Self { number, requests: requests.to_ne_bytes() }
    }

    /// Of the hour that begins then.
    fn number_of(begins: SystemTime) -> u32 {
        let since = begins.duration_since(UNIX_EPOCH).unwrap_or_default();
        u32::try_from(since.as_secs() / HOUR.as_secs()).unwrap_or(u32::MAX)
    }

    fn begins(self) -> SystemTime {
        UNIX_EPOCH + HOUR * self.number
    }

    fn requests(self) -> u64 {
        u64::from_ne_bytes(self.requests)
    }
}

impl Default for Ledger {
    /// One with room for every key.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_full_ledger_goes_on_with_the_keys_that_it_has() {
        let mut ledger = Ledger::new(1);
        let key = |name: &str| KeyId::parse(name).unwrap();
        let batch = |sequence| {
            let uses = ["a", "b"].map(|name| KeyUse::new(key(name), 3, UNIX_EPOCH));
            UsageBatch::new(1, sequence, uses.into())
        };
        assert_eq!(ledger.add(&batch(1)), 3);
        assert_eq!(ledger.add(&batch(1)), 0, "it is in already");
        assert_eq!(ledger.add(&batch(2)), 3);
        let stored = ledger.read(1, &[key("a"), key("b")]);
        assert_eq!((stored.written, stored.keys.len()), (2, 1));
        assert_eq!(stored.keys[0].1.requests, 6);
    }

    #[test]
    fn the_latest_hours_of_a_key_are_kept() {
        let (mut ledger, id) = (Ledger::default(), KeyId::parse("a").unwrap());
        let hour = |number: u64| UNIX_EPOCH + Duration::from_hours(number);
        // As many as there is room for, then one after them and one before.
        for (sequence, number) in (1..).zip((100..148).chain([148, 99, 148])) {
            let used = KeyUse::new(id.clone(), 2, hour(number) + Duration::from_secs(3_599));
            ledger.add(&UsageBatch::new(1, sequence, vec![used]));
        }
        let hours = ledger.hours(1, &id, UNIX_EPOCH).hours;
        assert_eq!((hours.len(), hours[0], hours[47]), (48, (hour(101), 2), (hour(148), 4)));
        assert_eq!(ledger.hours(1, &id, hour(148)).hours, [(hour(148), 4)]);
        // A million keys that are used in every hour are to fit into memory.
        let kept = &ledger.keys[&id].hours;
        assert!(kept.capacity() * size_of_val(&kept[0]) <= 48 * 12, "{}", kept.capacity());
    }
}
