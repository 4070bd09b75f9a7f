//! Failures limited for each client address: what succeeds is never charged.
//!
//! An attempt whose end is not known yet holds a place: an address has no more attempts under way
//! with different credentials than it has failures left. So all failures of an address together
//! keep to `burst + rate × t`, however many of them are tried at once. Several attempts with the
//! same credential hold one place, as one look-up answers them all.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Quota;
use super::bucket::{Who, nanos};
use super::label::{By, Label};
use super::limiter::{Asked, Charge};
use super::local::{Buckets, count};
use crate::{Clock, telemetry};

/// The most addresses whose failures are remembered; those beyond share one bucket.
const MOST: usize = 100_000;

/// The failures of all addresses. Clones share them, whatever their quota and clock.
#[derive(Clone)]
pub(crate) struct Attempts {
    /// What is attempted, as a metric's label.
    of: &'static str,
    quota: Quota,
    clock: Arc<dyn Clock>,
    state: Arc<State>,
}

struct State {
    label: Label,
    buckets: Arc<Buckets>,
    undecided: Mutex<HashMap<Whose, Credentials>>,
}

/// Who fails: an address, or all those that share the one bucket.
type Whose = Option<Who<'static>>;

/// The credentials that are being tried, and by how many attempts each.
type Credentials = HashMap<u64, usize>;

/// An attempt under way. Dropped, it has not failed.
#[derive(Debug)]
#[must_use = "an attempt that is dropped at once holds no place"]
pub(crate) struct Attempt {
    attempts: Attempts,
    who: Who<'static>,
    whose: Whose,
    credential: u64,
    has_place: bool,
}

impl Attempts {
    pub(crate) fn new(of: &'static str, quota: Quota, clock: Arc<dyn Clock>) -> Self {
        let (label, buckets) = (Label::new(By::ClientIp, "attempts"), Arc::new(Buckets::new()));
        let state = State { label, buckets, undecided: Mutex::default() };
        Self { of, quota, clock, state: Arc::new(state) }
    }

    pub(crate) fn quota(self, quota: Quota) -> Self {
        Self { quota, ..self }
    }

    #[cfg(feature = "dashboard")]
    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Counts a failure that is known at once; if none is left, says how long the address has to
    /// wait.
    pub(crate) fn fail(&self, address: IpAddr) -> Result<(), Duration> {
        self.charge(Who::address(address)).inspect_err(|_| telemetry::attempt_limited(self.of))
    }

    /// Begins an attempt with a credential, told apart by its bits; if the address may try no more
    /// of them, says how long it has to wait.
    pub(crate) fn begin(&self, address: IpAddr, credential: u64) -> Result<Attempt, Duration> {
        let who = Who::address(address);
        let now = self.now();
        // Under this lock a place is looked for and taken.
        let mut undecided = self.state.undecided.lock();
        let (bucket, shared) = self.state.buckets.peek(who, MOST);
        let whose = (!shared).then_some(who);
        let tried = undecided.get(&whose);
        let places = tried.map_or(0, Credentials::len);
        let one_more = u32::try_from(places + 1).unwrap_or(u32::MAX);
        let cost = NonZeroU32::new(one_more).unwrap_or(NonZeroU32::MAX);
        let standing = bucket.standing(self.quota, cost, now);
        let is_tried = tried.is_some_and(|tried| tried.contains_key(&credential));
        if !is_tried && standing.remaining < one_more {
            telemetry::attempt_limited(self.of);
            // A bucket that is full has no wait: an end of those under way is waited for.
            let least = self.quota.interval_nanos();
            let wait = if standing.wait == 0 { least } else { standing.wait };
            return Err(Duration::from_nanos(wait));
        }
        *undecided.entry(whose).or_default().entry(credential).or_default() += 1;
        drop(undecided);
        Ok(Attempt { attempts: self.clone(), who, whose, credential, has_place: true })
    }

    fn charge(&self, who: Who<'_>) -> Result<(), Duration> {
        let State { label, buckets, .. } = &*self.state;
        let charge = Charge { of: 0, label, buckets, who, account: None, quota: self.quota };
        let asked =
            Asked { cost: NonZeroU32::MIN, now: self.now(), most: MOST, clock: &self.clock };
        let counted = count(&[charge], asked);
        if counted.admitted { Ok(()) } else { Err(Duration::from_nanos(counted.standing.wait)) }
    }

    fn now(&self) -> u64 {
        nanos(self.clock.monotonic())
    }
}

impl Attempt {
    /// Leaves what comes of it to another attempt with the same credential, if one is under way.
    pub(crate) fn unless_shared(mut self) -> Option<Self> {
        let mut undecided = self.attempts.state.undecided.lock();
        let tried = undecided.get_mut(&self.whose);
        match tried.and_then(|tried| tried.get_mut(&self.credential)) {
            Some(attempts) if *attempts > 1 => {
                *attempts -= 1;
                drop(undecided);
                self.has_place = false;
                None
            }
            _ => {
                drop(undecided);
                Some(self)
            }
        }
    }

    /// It has failed: counts it, if that was not done for it by failures that held no place.
    pub(crate) fn fail(self) {
        // First charged, then the place is given back: in between there is one too few.
        let _ = self.attempts.charge(self.who);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.has_place {
            return;
        }
        let mut undecided = self.attempts.state.undecided.lock();
        let Some(tried) = undecided.get_mut(&self.whose) else { return };
        if let Some(attempts) = tried.get_mut(&self.credential) {
            *attempts -= 1;
            if *attempts == 0 {
                tried.remove(&self.credential);
            }
        }
        if tried.is_empty() {
            undecided.remove(&self.whose);
        }
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").field("quota", &self.quota).finish_non_exhaustive()
    }
}
