use std::collections::HashMap;
use std::time::SystemTime;

use super::{KeyUsage, KeyUse, StoredHours, StoredUsage, UsageBatch};
use crate::KeyId;

/// How many hours of a key are kept, the latest ones that it was used in. No clock is asked: one
/// that jumps takes nobody's figures.
const HOURS: usize = 48;

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
    hours: Vec<(SystemTime, u64)>,
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
        let hours = hours.iter().copied().filter(|(hour, _)| *hour >= since).collect();
        StoredHours { written: self.written(node), hours }
    }

    fn written(&self, node: u64) -> u64 {
        self.written.get(&node).copied().unwrap_or_default()
    }
}

impl Line {
    fn add(&mut self, used: &KeyUse) {
        self.usage.add(used);
        let place = match self.hours.binary_search_by_key(&used.hour(), |(hour, _)| *hour) {
            Ok(place) => place,
            Err(place) => {
                self.hours.insert(place, (used.hour(), 0));
                place
            }
        };
        if let Some((_, requests)) = self.hours.get_mut(place) {
            *requests = requests.saturating_add(used.requests);
        }
        if self.hours.len() > HOURS {
            self.hours.remove(0);
        }
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
    use std::time::{Duration, UNIX_EPOCH};

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
    }
}
