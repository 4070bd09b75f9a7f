mod sweep;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    Begin, Begun, Fingerprint, Finish, IdempotencyStore, Known, Lease, OperationId, Token,
};
use crate::store::StoreError;
use crate::{Clock, SystemClock};

/// How many operations are known at once, unless set.
const MAX_OPERATIONS: usize = 100_000;

/// How many bytes of answers are kept at once, unless set.
const MAX_BYTES: usize = 64 << 20;

/// Idempotency keys in the memory of one process, for tests and services of one instance.
///
/// It is exact, and what it knows ends with the process: an operation that is sent again after a
/// restart is carried out again. At its bounds it takes nobody new, who is answered 503, and lets
/// go of nothing before its time. Clones share what they know.
///
/// ```
/// use keygate::idempotency::{IdempotencyLayer, MemoryIdempotencyStore};
///
/// let layer = IdempotencyLayer::new(MemoryIdempotencyStore::new().max_operations(10_000));
/// # let _ = layer;
/// ```
#[derive(Clone)]
#[must_use]
pub struct MemoryIdempotencyStore {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
    max_operations: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct State {
    entries: HashMap<OperationId, Entry>,
    /// When each entry is over.
    ends: BTreeSet<(Duration, OperationId)>,
    /// Of all answers.
    bytes: usize,
    /// Whether a task sweeps while nobody calls.
    tended: bool,
}

/// Times are those of the monotonic clock.
struct Entry {
    fingerprint: Fingerprint,
    token: Token,
    lease_ends: Duration,
    answer: Option<Bytes>,
    ends: Duration,
}

impl MemoryIdempotencyStore {
    /// A store with nothing in it.
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            clock: Arc::new(SystemClock),
            max_operations: MAX_OPERATIONS,
            max_bytes: MAX_BYTES,
        }
    }

    /// How many operations are known at once, running and kept: 100,000 unless set.
    ///
    /// Each takes about 250 bytes and its answer.
    pub fn max_operations(mut self, most: usize) -> Self {
        self.max_operations = most;
        self
    }

    /// How many bytes of answers are kept before nobody new is taken: 64 MiB unless set.
    ///
    /// What runs by then is still kept.
    pub fn max_bytes(mut self, most: usize) -> Self {
        self.max_bytes = most;
        self
    }

    /// Replaces the system's clock. To be called before the first request.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl Default for MemoryIdempotencyStore {
    fn default() -> Self {
        Self::new()
    }
}

impl IdempotencyStore for MemoryIdempotencyStore {
    async fn begin(&self, begin: Begin) -> Result<Begun, StoreError> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        state.sweep(now);
        let outcome = begin.decide(state.known(&begin.lease.operation, now));
        if outcome != Begun::Leased {
            return Ok(outcome);
        }
        // One that takes over an ended lease is nobody new.
        let is_new = !state.entries.contains_key(&begin.lease.operation);
        let is_full = state.entries.len() >= self.max_operations || state.bytes >= self.max_bytes;
        if is_new && is_full {
            return Err(StoreError::transient("as many idempotency keys are known as may be"));
        }
        state.put(begin.lease.operation, Entry::begun(&begin, now));
        sweep::start(&self.state, &mut state, &self.clock);
        Ok(outcome)
    }

    async fn renew(&self, lease: Lease, lease_for: Duration) -> Result<bool, StoreError> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        let Some(mut entry) = state.take_if(&lease, |entry| entry.answer.is_none()) else {
            return Ok(false);
        };
        entry.lease_ends = now.saturating_add(lease_for);
        entry.ends = entry.ends.max(entry.lease_ends);
        state.put(lease.operation, entry);
        Ok(true)
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        let Some(mut entry) = state.take_if(&finish.lease, |_| true) else { return Ok(false) };
        if entry.answer.is_none() {
            entry.answer = Some(finish.answer);
            entry.ends = now.saturating_add(finish.keep_for);
        }
        state.put(finish.lease.operation, entry);
        Ok(true)
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.state.lock().take_if(&lease, |entry| entry.answer.is_none());
        Ok(())
    }
}

impl Entry {
    fn begun(begin: &Begin, now: Duration) -> Self {
        let lease_ends = now.saturating_add(begin.lease_for);
        Self {
            fingerprint: begin.fingerprint,
            token: begin.lease.token,
            lease_ends,
            answer: None,
            ends: now.saturating_add(begin.keep_for).max(lease_ends),
        }
    }

    fn bytes(&self) -> usize {
        self.answer.as_ref().map_or(0, Bytes::len)
    }
}

impl State {
    fn known(&self, operation: &OperationId, now: Duration) -> Option<Known> {
        let entry = self.entries.get(operation).filter(|entry| now < entry.ends)?;
        Some(Known::new(entry.fingerprint, entry.answer.clone(), entry.lease_ends <= now))
    }

    fn put(&mut self, operation: OperationId, entry: Entry) {
        if let Some(before) = self.entries.remove(&operation) {
            self.forget(operation, &before);
        }
        self.bytes += entry.bytes();
        self.ends.insert((entry.ends, operation));
        self.entries.insert(operation, entry);
    }

    /// The entry under this lease, if it is as asked. It is taken out.
    fn take_if(&mut self, lease: &Lease, is: impl FnOnce(&Entry) -> bool) -> Option<Entry> {
        let entry = self.entries.get(&lease.operation)?;
        if entry.token != lease.token || !is(entry) {
            return None;
        }
        let entry = self.entries.remove(&lease.operation)?;
        self.forget(lease.operation, &entry);
        Some(entry)
    }

    fn forget(&mut self, operation: OperationId, entry: &Entry) {
        self.bytes -= entry.bytes();
        self.ends.remove(&(entry.ends, operation));
    }

    /// Removes what is over. Each entry is removed once, so that newcomers pay for it.
    fn sweep(&mut self, now: Duration) {
        while let Some((ends, operation)) = self.ends.first().copied()
            && ends <= now
        {
            self.ends.pop_first();
            if let Some(entry) = self.entries.remove(&operation) {
                self.bytes -= entry.bytes();
            }
        }
    }
}

impl fmt::Debug for MemoryIdempotencyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIdempotencyStore")
            .field("operations", &self.state.lock().entries.len())
            .field("max_operations", &self.max_operations)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}
