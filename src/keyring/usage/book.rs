use std::collections::{HashMap, VecDeque};
use std::time::SystemTime;

use crate::KeyId;
use crate::store::{KeyUsage, KeyUse, StoredHours, StoredUsage, UsageBatch};

/// What this node has counted and the store may not have yet: pure.
///
/// Each key that is used goes into a batch with a number of its own, at once and for good. A batch
/// is *open* while uses are added to it; once *sealed* it stays as it is until the store says that
/// it has it. So one rule tells a reader what to add to the figures of the store, whatever became
/// of the batches since the book was read: what has a number above the one that they go up to.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Book {
    node: u64,
    bounds: Bounds,
    open: HashMap<KeyId, Open>,
    sealed: VecDeque<UsageBatch>,
    /// In all sealed batches.
    sealed_keys: usize,
    /// The number that the next key is given, and how many have it already.
    sequence: u64,
    numbered: usize,
}

/// How many keys there may be at the most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// In the book.
    pub(super) keys: usize,
    /// In one batch.
    pub(super) batch: usize,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    sequence: u64,
    requests: u64,
    last_used_at: SystemTime,
}

/// What the book has of some keys, by the numbers of the batches.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Snapshot(Vec<(KeyId, Vec<(u64, KeyUse)>)>);

impl Book {
    /// With nothing in it.
    pub(super) fn new(node: u64, bounds: Bounds) -> Self {
        Self {
            node,
            bounds,
            open: HashMap::new(),
            sealed: VecDeque::new(),
            sealed_keys: 0,
            sequence: 1,
            numbered: 0,
        }
    }

    pub(super) fn node(&self) -> u64 {
        self.node
    }

    /// How many keys have uses that the store may not have.
    pub(super) fn len(&self) -> usize {
        self.open.len() + self.sealed_keys
    }

    /// Adds uses of a key. Whether there was room for them.
    pub(super) fn add(&mut self, id: &KeyId, requests: u64, last_used_at: SystemTime) -> bool {
        if let Some(open) = self.open.get_mut(id) {
            open.requests = open.requests.saturating_add(requests);
            open.last_used_at = open.last_used_at.max(last_used_at);
            return true;
        }
        if self.len() >= self.bounds.keys {
            return false;
        }
        if self.numbered == self.bounds.batch {
            self.next_number();
        }
        self.numbered += 1;
        let open = Open { sequence: self.sequence, requests, last_used_at };
        self.open.insert(id.clone(), open);
        true
    }

    /// Seals what is open, unless something sealed is still to be written.
    pub(super) fn seal(&mut self) {
        if !self.sealed.is_empty() || self.open.is_empty() {
            return;
        }
        let open = std::mem::take(&mut self.open);
        let mut uses: Vec<_> = open.into_iter().map(|(id, open)| open.numbered(id)).collect();
        // By id, so that two nodes which write the same keys lock them in the same order.
        uses.sort_unstable_by(|(a, used_a), (b, used_b)| (a, &used_a.id).cmp(&(b, &used_b.id)));
        self.sealed_keys = uses.len();
        for batch in uses.chunk_by(|(a, _), (b, _)| a == b) {
            let sequence = batch.first().map_or(self.sequence, |(sequence, _)| *sequence);
            let keys = batch.iter().map(|(_, used)| used.clone()).collect();
            self.sealed.push_back(UsageBatch { node: self.node, sequence, keys });
        }
        self.next_number();
    }

    /// The batch to write first: always the same one until the store has it.
    pub(super) fn first(&self) -> Option<UsageBatch> {
        self.sealed.front().cloned()
    }

    /// The store has the batch with this number.
    pub(super) fn written(&mut self, sequence: u64) {
        if let Some(batch) = self.sealed.pop_front_if(|batch| batch.sequence == sequence) {
            self.sealed_keys -= batch.keys.len();
        }
    }

    /// What is in the book of these keys.
    pub(super) fn of(&self, ids: &[KeyId]) -> Snapshot {
        let find = |id: &KeyId| {
            let open = self.open.get(id).map(|open| open.numbered(id.clone()));
            let sealed = self.sealed.iter().filter_map(|batch| {
                let place = batch.keys.binary_search_by(|used| used.id.cmp(id)).ok()?;
                Some((batch.sequence, batch.keys.get(place)?.clone()))
            });
            (id.clone(), open.into_iter().chain(sealed).collect())
        };
        Snapshot(ids.iter().map(find).collect())
    }

    fn next_number(&mut self) {
        self.sequence += 1;
        self.numbered = 0;
    }
}

impl Open {
    fn numbered(self, id: KeyId) -> (u64, KeyUse) {
        let Self { sequence, requests, last_used_at } = self;
        (sequence, KeyUse { id, requests, last_used_at })
    }
}

impl Snapshot {
    /// The whole usage of each key, with what a store says.
    ///
    /// It must have been asked *after* the book was read.
    pub(super) fn on_top_of(self, stored: &StoredUsage) -> Vec<KeyUsage> {
        let figures: HashMap<&KeyId, KeyUsage> =
            stored.keys.iter().map(|(id, usage)| (id, *usage)).collect();
        let total = |(id, uses): (KeyId, Vec<(u64, KeyUse)>)| {
            let mut usage = figures.get(&id).copied().unwrap_or_default();
            missing(&uses, stored.written).for_each(|used| usage.add(used));
            usage
        };
        self.0.into_iter().map(total).collect()
    }

    /// As [`Self::on_top_of`] for the hours of a key. One may be there several times.
    pub(super) fn hours_on_top_of(self, stored: StoredHours) -> Vec<(SystemTime, u64)> {
        let mut hours = stored.hours;
        for (_, uses) in &self.0 {
            let here = missing(uses, stored.written).map(|used| (used.hour(), used.requests));
            hours.extend(here);
        }
        hours
    }

    /// What this node counted and the store may not have.
    #[cfg(any(test, feature = "dashboard"))]
    pub(super) fn alone(self) -> Vec<KeyUsage> {
        self.on_top_of(&StoredUsage::default())
    }
}

/// The uses that a store does not have which has batches up to this number.
fn missing(uses: &[(u64, KeyUse)], written: u64) -> impl Iterator<Item = &KeyUse> {
    uses.iter().filter(move |(sequence, _)| *sequence > written).map(|(_, used)| used)
}
