use std::num::NonZeroU32;

use crate::rate_limit::limiter::{Asked, Charge, Verdict};
use crate::rate_limit::local;
use crate::telemetry;

/// What happens to requests while Redis does not decide.
///
/// ```
/// # async fn example() -> Result<(), keygate::rate_limit::InvalidRedis> {
/// use keygate::rate_limit::{Fallback, RedisLimiter};
///
/// // Three instances: each admits a third of every quota.
/// let limiter = RedisLimiter::connect("redis://cache.internal")
///     .await?
///     .fallback(Fallback::local(3));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fallback {
    /// Each node counts in its own memory and admits its share of every quota: the quota divided by
    /// this many nodes, at least one request at once.
    Local {
        /// How many nodes share the quotas.
        nodes: NonZeroU32,
    },
    /// All requests go on, uncounted and without headers of limits.
    Open,
    /// All requests are answered 503 `unavailable`, with `Retry-After`.
    Closed,
}

impl Fallback {
    /// [`Fallback::Local`] for so many nodes; 0 counts as 1.
    #[must_use]
    pub const fn local(nodes: u32) -> Self {
        match NonZeroU32::new(nodes) {
            Some(nodes) => Self::Local { nodes },
            None => Self::Local { nodes: NonZeroU32::MIN },
        }
    }

    /// Decides without Redis.
    pub(super) fn decide(self, charges: &[Charge<'_>], asked: Asked<'_>) -> Verdict {
        telemetry::limiter_fell_back(self.word());
        match self {
            Self::Open => Verdict::Uncounted,
            Self::Closed => Verdict::Unavailable,
            Self::Local { nodes } => Verdict::Counted(match charges {
                [one] => local::count(&[share(one, nodes)], asked),
                several => {
                    let shares = several.iter().map(|charge| share(charge, nodes));
                    local::count(&shares.collect::<Vec<_>>(), asked)
                }
            }),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Local { .. } => "local",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

fn share<'r>(charge: &Charge<'r>, nodes: NonZeroU32) -> Charge<'r> {
    Charge { quota: charge.quota.share(nodes), ..*charge }
}
