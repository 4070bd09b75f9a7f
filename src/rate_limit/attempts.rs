use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::Quota;
use super::bucket::{Who, nanos};
use super::limiter::{Answer, Asked, Charge, Limiter};
use super::local::{Buckets, LocalLimiter};
use crate::Clock;

/// The most addresses whose failures are remembered; those beyond share one bucket.
const MOST: usize = 100_000;

/// Limits failures, not requests: what succeeds is never charged.
#[derive(Debug, Clone)]
pub(crate) struct Attempts {
    quota: Quota,
    buckets: Arc<Buckets>,
}

impl Attempts {
    pub(crate) fn new(quota: Quota) -> Self {
        Self { quota, buckets: Arc::new(Buckets::new()) }
    }

    /// How long the address has to wait before it may try again, if it has to.
    pub(crate) fn wait(&self, address: IpAddr, clock: &Arc<dyn Clock>) -> Option<Duration> {
        let now = nanos(clock.monotonic());
        let standing = self.buckets.peek(Who::address(address), self.quota, now);
        (standing.remaining == 0).then(|| Duration::from_nanos(standing.wait))
    }

    /// Counts a failure.
    pub(crate) fn count(&self, address: IpAddr, clock: &Arc<dyn Clock>) {
        let charge =
            Charge { of: 0, buckets: &self.buckets, who: Who::address(address), quota: self.quota };
        let now = nanos(clock.monotonic());
        let asked = Asked { cost: NonZeroU32::MIN, now, most: MOST, clock };
        // A failure past the limit was on its way before the limit was reached.
        if let Answer::Now(_verdict) = LocalLimiter.charge(&[charge], asked) {}
    }
}
