//! Requests that are decided from leases, and how these are filled.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::runtime::Handle;

use super::lease::Taken;
use super::measure::Measure;
use super::near::{Room, Whose};
use super::owned::Owned;
use super::script::{Ask, Reply, What};
use super::{RedisLimiter, name, tend};
use crate::rate_limit::bucket::Standing;
use crate::rate_limit::limiter::{Asked, Charge, Counted};

/// What a look at one lease came to.
struct Seen {
    spent: bool,
    standing: Standing,
    /// What is to be taken out now, of which bucket.
    more: Option<(u32, Arc<str>)>,
}

impl RedisLimiter {
    /// Takes a request out of the leases of all its buckets, or of none.
    pub(super) fn spend(&self, charges: &[Charge<'_>], asked: Asked<'_>) -> Option<Counted> {
        let most = self.config.lease?;
        tend::start(self, asked.clock);
        let (mut spent, mut tightest) = (0_u64, None::<(usize, Standing)>);
        for (at, charge) in charges.iter().enumerate() {
            let measure = Measure::of(charge.quota);
            let seen = self.look(charge, measure, asked, most);
            let Some(Seen { spent: true, standing, .. }) = seen else { continue };
            spent |= 1 << at;
            let key = |s: &Standing| (s.remaining, u64::MAX - s.refill);
            if tightest.is_none_or(|(_, other)| key(&standing) < key(&other)) {
                tightest = Some((charge.of, standing));
            }
        }
        if spent.count_ones() as usize == charges.len() {
            return tightest.map(|(of, standing)| Counted { admitted: true, standing, of });
        }
        // Others may have found too little meanwhile. They asked Redis then.
        for (_, charge) in charges.iter().enumerate().filter(|(at, _)| spent >> at & 1 == 1) {
            let (measure, cost) = (Measure::of(charge.quota), cost(charge, asked));
            self.shared.near.lease(Whose::of(charge), |lease| lease.unspend(measure, cost));
        }
        None
    }

    fn look(
        &self,
        charge: &Charge<'_>,
        measure: Measure,
        asked: Asked<'_>,
        most: NonZeroU32,
    ) -> Option<Seen> {
        let seen = self.shared.near.note(Whose::of(charge), Room::of(asked), |known| {
            let leased = known.lease_or_new(|| name::of(&self.config.prefix, charge));
            let spent = leased.lease.spend(measure, cost(charge, asked), asked.now);
            let more = leased.lease.wants(most.get(), asked.now);
            let gone = leased.lease.gone(measure, asked.now);
            Seen {
                spent,
                standing: measure.standing(gone, asked.cost),
                more: more.map(|more| (more, Arc::clone(&leased.name))),
            }
        });
        if let Some(Seen { more: Some((more, name)), .. }) = &seen {
            self.fill(charge, *more, name, asked);
        }
        seen
    }

    /// Takes more out of a bucket, in the background.
    fn fill(&self, charge: &Charge<'_>, more: u32, name: &str, asked: Asked<'_>) {
        let measure = Measure::of(charge.quota);
        let what = What::Lease(measure.interval() * u64::from(more));
        let filling = Filling {
            limiter: self.clone(),
            charge: Owned::of(charge),
            ask: Ask { name: name.into(), measure, what },
            sent: asked.now,
            told: false,
        };
        // Without a runtime it is dropped, and says so.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(filling.run());
        }
    }
}

/// What a request takes out of a lease: at most the whole burst.
fn cost(charge: &Charge<'_>, asked: Asked<'_>) -> u32 {
    asked.cost.min(charge.quota.burst_count()).get()
}

/// One lease that is being filled. Whatever becomes of it, the lease learns that it is over.
struct Filling {
    limiter: RedisLimiter,
    charge: Owned,
    ask: Ask,
    sent: u64,
    told: bool,
}

impl Filling {
    async fn run(mut self) {
        let RedisLimiter { config, shared } = &self.limiter;
        let reply = shared.link.ask(std::slice::from_ref(&self.ask), &config.terms).await;
        let Ok(Reply { moment, buckets, .. }) = reply else { return };
        let Some(bucket) = buckets.first() else { return };
        let measure = self.ask.measure;
        let more = u32::try_from(bucket.leased / measure.interval()).unwrap_or(u32::MAX);
        let most = config.lease.map_or(0, NonZeroU32::get);
        let taken = Taken { more, moment, sent: self.sent };
        shared.near.lease(Whose::of(&self.charge.as_charge()), |lease| {
            lease.filled(measure, taken, most);
            lease.told(self.sent.saturating_add(measure.nanos(bucket.gone)));
        });
        shared.leasing.store(true, Ordering::Relaxed);
        self.told = true;
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        let whose = self.charge.as_charge();
        self.limiter.shared.near.lease(Whose::of(&whose), |lease| lease.not_filled(self.sent));
    }
}
