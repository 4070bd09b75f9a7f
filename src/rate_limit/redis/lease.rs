use super::measure::Measure;

/// How long a lease lasts, in nanoseconds: what is left by then is given back.
pub(super) const LIFE: u64 = 1_000_000_000;
/// A bucket that is asked less often within that time is not leased: Redis decides each request.
const LEAST: u32 = 8;
/// How long nothing is leased from a bucket that had nothing to lease.
const REST: u64 = LIFE / 16;

/// Requests' worth that this node has taken out of a bucket ahead: pure.
///
/// What is in here is gone from the bucket in Redis, so spending it admits nothing that was not
/// counted; it was only counted earlier, by as much as the lease at the most.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// Requests of cost 1 that may still go on.
    left: u32,
    /// How many of them were taken out last, and when by Redis' clock.
    fresh: u32,
    moment: u64,
    /// The measure that they were taken out in.
    measure: Option<Measure>,
    /// When what is left is no longer to be spent.
    ends: u64,
    /// What was not spent in time.
    stale: Option<Stale>,
    /// When the bucket is full again, as Redis told last.
    full_at: u64,
    demand: Demand,
    /// Whether more is being taken out.
    filling: bool,
    /// Before then nothing is asked for.
    rests_until: u64,
}

/// What was taken out of the bucket, by a command that was sent at a time of this node and done at
/// a moment of Redis' clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) more: u32,
    pub(super) moment: u64,
    pub(super) sent: u64,
}

/// What is to be given back, and when it was taken out: as much as would have come back by itself
/// since then is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stale {
    pub(super) measure: Measure,
    pub(super) count: u32,
    pub(super) moment: u64,
}

/// How much was asked for, in spans of [`LIFE`].
#[derive(Debug, Default)]
struct Demand {
    since: u64,
    now: u32,
    before: u32,
}

impl Lease {
    /// Takes the cost out of the lease, if it is in there.
    pub(super) fn spend(&mut self, measure: Measure, cost: u32, now: u64) -> bool {
        self.demand.note(cost, now);
        self.pass(measure, now);
        let enough = self.left >= cost;
        if enough {
            self.left -= cost;
        }
        enough
    }

    /// Takes back what was spent a moment ago.
    pub(super) fn unspend(&mut self, measure: Measure, cost: u32) {
        if self.measure == Some(measure) {
            self.left = self.left.saturating_add(cost);
        }
    }

    /// How much more is to be taken out now, if it is time: half of the lease is gone, or there is
    /// none and the bucket is in demand. The caller says how it went, by [`Self::filled`] or
    /// [`Self::not_filled`].
    pub(super) fn wants(&mut self, most: u32, now: u64) -> Option<u32> {
        let wanted = self.demand.rate().min(most);
        let due = !self.filling && now >= self.rests_until && self.demand.rate() >= LEAST;
        let short = u64::from(self.left) * 2 <= u64::from(wanted);
        let more = wanted.saturating_sub(self.left);
        (due && short && more > 0).then(|| {
            self.filling = true;
            more
        })
    }

    /// More was taken out. There are never more than `most`: what requests took back meanwhile may
    /// be too much.
    pub(super) fn filled(&mut self, measure: Measure, taken: Taken, most: u32) {
        self.pass(measure, taken.sent);
        self.filling = false;
        if taken.more == 0 {
            self.rests_until = taken.sent + REST;
            return;
        }
        self.left = self.left.saturating_add(taken.more).min(most);
        (self.fresh, self.moment) = (taken.more, taken.moment);
        self.ends = taken.sent + LIFE;
    }

    /// Nothing was taken out by a command that was sent at `sent`, or nobody knows.
    pub(super) fn not_filled(&mut self, sent: u64) {
        self.filling = false;
        self.rests_until = sent + REST;
    }

    /// Redis told that the bucket is full again at this moment.
    pub(super) fn told(&mut self, full_at: u64) {
        self.full_at = full_at;
    }

    /// How much of the bucket is gone as far as this node knows, without what it can still spend.
    pub(super) fn gone(&self, measure: Measure, now: u64) -> u64 {
        let left = u64::from(self.left) * measure.nanos(measure.interval());
        self.full_at.saturating_sub(now).saturating_sub(left)
    }

    /// What is to be given back.
    pub(super) fn take_stale(&mut self, now: u64) -> Option<Stale> {
        let measure = self.measure?;
        self.pass(measure, now);
        self.stale.take()
    }

    /// Whether nothing is lost when it is forgotten.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        let empty = self.left == 0 && self.stale.is_none();
        empty && !self.filling && now >= self.demand.since + 2 * LIFE
    }

    /// Lets the time pass. What was taken out under another quota is forgotten: how much of the
    /// new one it would be is not known here.
    fn pass(&mut self, measure: Measure, now: u64) {
        if self.measure != Some(measure) {
            (self.left, self.stale, self.measure) = (0, None, Some(measure));
        }
        if now < self.ends || self.left == 0 {
            return;
        }
        // When the older ones were taken out is not known any more.
        let (count, moment) = (self.left.min(self.fresh), self.moment);
        self.left = 0;
        // What a sweep has not seen yet is lost. There was one since, unless the node stood still.
        self.stale = Some(Stale { measure, count, moment });
    }
}

impl Demand {
    fn note(&mut self, cost: u32, now: u64) {
        let passed = now.saturating_sub(self.since);
        if passed >= LIFE {
            let before = if passed < 2 * LIFE { self.now } else { 0 };
            *self = Self { since: now, now: 0, before };
        }
        self.now = self.now.saturating_add(cost);
    }

    fn rate(&self) -> u32 {
        self.now.max(self.before)
    }
}
