//! The port: what a layer asks of whatever counts.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;

use super::Quota;
use super::bucket::{Standing, Who};
use super::local::Buckets;
use crate::Clock;

/// Counts requests. One that has to ask another machine answers [`Answer::Later`].
pub(crate) trait Limiter: fmt::Debug + Send + Sync + 'static {
    /// Charges all of `charges` with the cost, or none: there is at least one.
    fn charge(&self, charges: &[Charge<'_>], request: Asked<'_>) -> Answer;
}

/// A bucket and the quota that it is counted under now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge<'r> {
    /// Which of the layer's limits it belongs to.
    pub(crate) of: usize,
    /// The buckets of the limit in this process; they also tell one limit from another.
    pub(crate) buckets: &'r Arc<Buckets>,
    pub(crate) who: Who<'r>,
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
    #[allow(dead_code, reason = "for limiters on another machine")]
    Later(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

/// Whether a request may go on, and what its caller is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) struct Verdict {
    pub(crate) admitted: bool,
    /// Of the tightest bucket: the one with the fewest requests left if admitted, with the longest
    /// wait if not.
    pub(crate) standing: Standing,
    /// Which of the layer's limits that was.
    pub(crate) of: usize,
}
