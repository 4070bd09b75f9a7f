use std::collections::HashMap;

use super::{KeyUsage, StoredUsage, UsageBatch};
use crate::KeyId;

/// Usage in memory, by the rule of the port.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    keys: HashMap<KeyId, KeyUsage>,
    /// The last batch of each node; one keyring of this process is one.
    written: HashMap<u64, u64>,
    most: usize,
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
            if let Some(usage) = self.keys.get_mut(&used.id) {
                usage.add(used);
            } else if self.keys.len() < self.most {
                self.keys.entry(used.id.clone()).or_default().add(used);
            } else {
                dropped = dropped.saturating_add(used.requests);
            }
        }
        dropped
    }

    pub(crate) fn read(&self, node: u64, ids: &[KeyId]) -> StoredUsage {
        let written = self.written.get(&node).copied().unwrap_or_default();
        let used = |id: &KeyId| Some((id.clone(), *self.keys.get(id)?));
        StoredUsage { written, keys: ids.iter().filter_map(used).collect() }
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
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::store::KeyUse;

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
}
