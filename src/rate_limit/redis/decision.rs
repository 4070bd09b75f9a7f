use std::num::NonZeroU32;
use std::sync::Arc;

use super::RedisLimiter;
use super::measure::Measure;
use super::near::{Room, Whose};
use super::owned::Owned;
use super::script::{Ask, Reply, What};
use super::{name, tend};
use crate::Clock;
use crate::rate_limit::bucket::{Standing, nanos};
use crate::rate_limit::limiter::{Asked, Charge, Counted, Verdict};

/// A request that waits for Redis, with all that is needed to decide it otherwise.
pub(super) struct Pending {
    limiter: RedisLimiter,
    charges: Vec<Owned>,
    asks: Vec<Ask>,
    cost: NonZeroU32,
    /// When it was sent, in this node's time.
    sent: u64,
    most: usize,
    clock: Arc<dyn Clock>,
}

impl Pending {
    pub(super) fn new(limiter: &RedisLimiter, charges: &[Charge<'_>], asked: Asked<'_>) -> Self {
        let ask = |charge: &Charge<'_>| {
            let measure = Measure::of(charge.quota);
            Ask {
                name: name::of(&limiter.config.prefix, charge).into(),
                measure,
                what: What::Charge(measure.cost(asked.cost)),
            }
        };
        Self {
            limiter: limiter.clone(),
            asks: charges.iter().map(ask).collect(),
            charges: charges.iter().map(Owned::of).collect(),
            cost: asked.cost,
            sent: asked.now,
            most: asked.most,
            clock: Arc::clone(asked.clock),
        }
    }

    pub(super) async fn decide(self) -> Verdict {
        let RedisLimiter { config, shared } = &self.limiter;
        if let Ok(reply) = shared.link.ask(&self.asks, &config.terms).await {
            return Verdict::Counted(self.counted(&reply));
        }
        let charges: Vec<_> = self.charges.iter().map(Owned::as_charge).collect();
        config.fallback.decide(&charges, self.asked())
    }

    fn counted(&self, reply: &Reply) -> Counted {
        let charges = self.charges.iter().map(Owned::as_charge);
        let buckets = charges.zip(&self.asks).zip(&reply.buckets);
        let standings = buckets.map(|((charge, ask), bucket)| {
            let gone = ask.measure.nanos(bucket.gone);
            let standing = ask.measure.standing(gone, self.cost);
            self.remember(&charge, ask.measure, reply.admitted, standing);
            (charge.of, standing)
        });
        Counted::tightest(reply.admitted, standings)
    }

    fn remember(&self, charge: &Charge<'_>, measure: Measure, admitted: bool, standing: Standing) {
        let shared = &self.limiter.shared;
        // Redis decided after it was sent: it is refused here no longer than there.
        let full_at = self.sent.saturating_add(standing.refill);
        let whose = Whose::of(charge);
        if admitted {
            shared.near.look(whose, |known| known.told(measure, full_at));
            return;
        }
        let room = Room { most: self.most, now: self.sent };
        shared.near.note(whose, room, |known| known.refused(measure, full_at));
        tend::start(&self.limiter, &self.clock);
    }

    /// The request as it is now.
    fn asked(&self) -> Asked<'_> {
        let now = nanos(self.clock.monotonic());
        Asked { cost: self.cost, now, most: self.most, clock: &self.clock }
    }
}
