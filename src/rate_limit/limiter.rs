//! The port: what a layer asks of whatever counts.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;

use super::Quota;
use super::bucket::{Standing, Who};
use super::label::Label;
use super::local::Buckets;
use crate::{AccountId, Clock};

/// Counts requests. One that has to ask another machine answers [`Answer::Later`].
pub(crate) trait Limiter: fmt::Debug + Send + Sync + 'static {
    /// Charges all of `charges` with the cost, or none: there is at least one.
    fn charge(&self, charges: &[Charge<'_>], request: Asked<'_>) -> Answer;

    /// What becomes of requests that it cannot count; `None` if it always can.
    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    fn without_counting(&self) -> Option<Verdict> {
        None
    }

    /// Takes note of the limits of a layer that is being mounted, or says why they cannot be
    /// counted.
    fn adopt(&self, _limits: &mut Adopted<'_>) -> Result<(), &'static str> {
        Ok(())
    }
}

/// The limits of a layer, and what tells one from another in this process.
pub(crate) type Adopted<'l> = dyn Iterator<Item = (&'l Label, &'l Arc<Buckets>)> + 'l;

/// A bucket and the quota that it is counted under now.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "names are for other machines"))]
pub(crate) struct Charge<'r> {
    /// Which of the layer's limits it belongs to.
    pub(crate) of: usize,
    /// What tells the limit from others on every machine.
    pub(crate) label: &'r Label,
    /// The buckets of the limit in this process; they also tell one limit from another.
    pub(crate) buckets: &'r Arc<Buckets>,
    pub(crate) who: Who<'r>,
    /// Of the caller, if it is known, whatever the limit counts.
    pub(crate) account: Option<&'r AccountId>,
    pub(crate) quota: Quota,
}

/// What a request asks of all its buckets.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'r> {
    pub(crate) cost: NonZeroU32,
    /// The monotonic time of the request, as [`nanos`](super::bucket::nanos) reads it.
    pub(crate) now: u64,
    /// How many buckets a limit may have in this process.
    pub(crate) most: usize,
    pub(crate) clock: &'r Arc<dyn Clock>,
}

/// A verdict, at once or later.
pub(crate) enum Answer {
    Now(Verdict),
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "all limiters answer at once"))]
    Later(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "this process can always count"))]
pub(crate) enum Verdict {
    Counted(Counted),
    /// Nobody could count it, and it goes on.
    Uncounted,
    /// Nobody could count it, and it is to come again.
    Unavailable,
    /// The service is put together wrongly: this is the matter.
    Misconfigured(&'static str),
}

/// Whether a request may go on, and what its caller is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) struct Counted {
    pub(crate) admitted: bool,
    /// Of the tightest bucket: the one with the fewest requests left if admitted, with the longest
    /// wait if not.
    pub(crate) standing: Standing,
    /// Which of the layer's limits that was.
    pub(crate) of: usize,
}

impl Counted {
    /// Of several buckets, each with its limit: the tightest one.
    pub(crate) fn tightest(
        admitted: bool,
        standings: impl Iterator<Item = (usize, Standing)>,
    ) -> Self {
        let tightest = if admitted {
            standings.min_by_key(|(_, s)| (s.remaining, u64::MAX - s.refill))
        } else {
            standings.max_by_key(|(_, s)| s.wait)
        };
        let (of, standing) = tightest.unwrap_or_default();
        Self { admitted, standing, of }
    }
}
