//! X2: what nodes that lease admit together, with answers that are late and lost.

use super::lease::{LIFE, Lease, Stale, Taken};
use super::timed::Timed;
use super::*;
use crate::rate_limit::bucket::oracle::Draw;

const MILLI: u64 = 1_000_000;

/// A bucket as the script keeps it.
#[derive(Default)]
struct Central {
    gone: u64,
    at: u64,
}

impl Central {
    fn pass(&mut self, now: u64) {
        self.gone = self.gone.saturating_sub(now - self.at);
        self.at = now;
    }

    fn take(&mut self, measure: Measure, cost: u64, now: u64) -> bool {
        self.pass(now);
        let admitted = cost <= measure.full() - self.gone;
        self.gone += if admitted { cost } else { 0 };
        admitted
    }

    fn lease(&mut self, measure: Measure, more: u32, now: u64) -> u32 {
        self.pass(now);
        let most = (measure.full() - self.gone) / 2 / measure.interval();
        let more = more.min(u32::try_from(most).unwrap());
        self.gone += u64::from(more) * measure.interval();
        more
    }

    fn give_back(&mut self, stale: Stale, now: u64) {
        self.pass(now);
        let back = u64::from(stale.count) * stale.measure.interval();
        self.gone = self.gone.saturating_sub(back.saturating_sub(now - stale.moment));
    }
}

/// What is on its way to a node or to Redis.
enum Post {
    Filled { node: usize, taken: Taken },
    Lost { node: usize, sent: u64 },
    Back { stale: Stale },
}

/// Nodes with leases on one bucket.
struct Fleet {
    measure: Measure,
    most: u32,
    central: Central,
    nodes: Vec<Lease>,
    post: Vec<(u64, Post)>,
    now: u64,
    /// What is admitted is poured into a bucket that is larger by what all nodes may hold, and
    /// must never overflow it: that is the bound in every window at once.
    poured: Central,
    admitted: u64,
}

impl Fleet {
    fn new(quota: Quota, nodes: usize, most: u32) -> Self {
        Self {
            measure: Measure::of(quota),
            most,
            central: Central::default(),
            nodes: std::iter::repeat_with(Lease::default).take(nodes).collect(),
            post: Vec::new(),
            now: 1,
            poured: Central::default(),
            admitted: 0,
        }
    }

    /// A request to a node; later answers of Redis arrive after `late`, those of `lost` never.
    fn ask(&mut self, node: usize, cost: u32, late: u64, lost: bool) -> bool {
        let (measure, now) = (self.measure, self.now);
        let lease = &mut self.nodes[node];
        let spent = lease.spend(measure, cost, now);
        if let Some(more) = lease.wants(self.most, now) {
            let more = self.central.lease(measure, more, now);
            let taken = Taken { more, moment: now, sent: now };
            let post = Post::Filled { node, taken };
            let post = if lost { Post::Lost { node, sent: now } } else { post };
            self.post.push((now + late, post));
        }
        let takes = u64::from(cost) * measure.interval();
        let admitted = spent || self.central.take(measure, takes, now);
        if admitted {
            self.admitted += u64::from(cost);
            self.poured.pass(now);
            self.poured.gone += takes;
            let held = u64::from(self.most) * self.nodes.len() as u64 * measure.interval();
            assert!(self.poured.gone <= measure.full() + held, "at {now}: {}", self.poured.gone);
        }
        admitted
    }

    fn pass(&mut self, by: u64) {
        self.now += by;
        let (now, measure) = (self.now, self.measure);
        let (arrived, waiting) = self.post.drain(..).partition(|(due, _)| *due <= now);
        self.post = waiting;
        let arrived: Vec<_> = arrived;
        for (_, post) in arrived {
            match post {
                Post::Filled { node, taken } => {
                    self.nodes[node].filled(measure, taken, self.most);
                }
                Post::Lost { node, sent } => self.nodes[node].not_filled(sent),
                Post::Back { stale } => self.central.give_back(stale, now),
            }
        }
    }

    /// What a sweep gives back; it may get lost on its way.
    fn sweep(&mut self, late: u64, lost: bool) {
        for lease in &mut self.nodes {
            if let Some(stale) = lease.take_stale(self.now)
                && !lost
            {
                self.post.push((self.now + late, Post::Back { stale }));
            }
        }
    }
}

#[test]
fn x2_nodes_that_lease_admit_at_most_the_quota_and_what_they_hold() {
    let mut draw = Draw(7);
    for case in 0..60 {
        let (rate, burst) = (1 + draw.below(5_000), 1 + draw.below(2_000));
        let small = |n: u64| u32::try_from(n).unwrap();
        let quota = Quota::per_second(small(rate)).burst(small(burst));
        let (nodes, most) = (1 + draw.below(5), small(1 + draw.below(300)));
        let mut fleet = Fleet::new(quota, usize::try_from(nodes).unwrap(), most);
        // From far below the quota to far above it.
        let pause = 2 * 1_000 * MILLI / (rate << (case % 6)) * 4;
        for _ in 0..20_000 {
            let longest = if draw.below(500) == 0 { 3 * LIFE } else { pause };
            fleet.pass(draw.below(longest));
            let node = usize::try_from(draw.below(nodes)).unwrap();
            let cost = small(1 + draw.below(3)).min(quota.burst_size());
            let late = draw.below(50 * MILLI);
            fleet.ask(node, cost, late, draw.below(20) == 0);
            if draw.below(100) == 0 {
                fleet.sweep(draw.below(50 * MILLI), draw.below(4) == 0);
            }
        }
    }
}

#[test]
fn clients_within_their_quota_are_not_refused_for_what_other_nodes_hold() {
    let quota = Quota::per_second(1_000).burst(500);
    let mut fleet = Fleet::new(quota, 3, 50);
    let mut draw = Draw(1);
    for number in 0..30_000_u64 {
        // 950 a second, on nodes by chance.
        fleet.pass(1_000 * MILLI / 950);
        let node = usize::try_from(draw.below(3)).unwrap();
        assert!(fleet.ask(node, 1, 2 * MILLI, false), "request {number}");
        if number % 500 == 0 {
            fleet.sweep(MILLI, false);
        }
    }
}

#[test]
fn a_bucket_in_little_demand_is_not_leased() {
    let measure = Measure::of(Quota::per_second(1_000));
    let mut lease = Lease::default();
    for second in 1..20 {
        for _ in 0..7 {
            assert!(!lease.spend(measure, 1, second * LIFE));
            assert_eq!(lease.wants(100, second * LIFE), None, "at {second} s");
        }
    }
    assert!(!lease.spend(measure, 1, 19 * LIFE));
    assert_eq!(lease.wants(100, 19 * LIFE), Some(8));
    assert_eq!(lease.wants(100, 19 * LIFE), None, "that is under way");
    lease.filled(measure, Taken { more: 8, moment: 0, sent: 19 * LIFE }, 100);
    let spent = (0..9).filter(|_| lease.spend(measure, 1, 19 * LIFE + 1)).count();
    assert_eq!(spent, 8);
}

#[test]
fn a_lease_ends_and_one_of_another_quota_is_forgotten() {
    let measure = Measure::of(Quota::per_second(1_000));
    let leased = || {
        let mut lease = Lease::default();
        for _ in 0..10 {
            lease.spend(measure, 1, LIFE);
        }
        lease.wants(100, LIFE).unwrap();
        lease.filled(measure, Taken { more: 10, moment: 77, sent: LIFE }, 100);
        lease
    };
    let mut over = leased();
    assert!(over.spend(measure, 1, 2 * LIFE - 1));
    assert!(!over.spend(measure, 1, 2 * LIFE));
    assert_eq!(over.take_stale(2 * LIFE), Some(Stale { measure, count: 9, moment: 77 }));
    assert_eq!(over.take_stale(2 * LIFE), None, "only once");

    // When the older ones were taken out is not known any more.
    let mut topped_up = leased();
    topped_up.filled(measure, Taken { more: 3, moment: 78, sent: LIFE + 1 }, 100);
    let stale = topped_up.take_stale(3 * LIFE);
    assert_eq!(stale, Some(Stale { measure, count: 3, moment: 78 }));

    let mut changed = leased();
    assert!(!changed.spend(Measure::of(Quota::per_second(2_000)), 1, LIFE));
    assert!(!changed.spend(measure, 1, LIFE), "nor under the first again");
    assert_eq!(changed.take_stale(3 * LIFE), None);
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a whole number")]
fn whole(number: f64) -> u64 {
    assert!(number >= 0.0 && number.fract() == 0.0, "{number}");
    number as u64
}

#[tokio::test]
async fn leases_decide_without_asking_give_back_and_hold_several_limits_together() {
    let Some(database) = server::database().await else { return };
    let timed = Timed::connect(database.url(), 1_790_000_000_000_000).await;
    let limiter = timed.limiter().lease(NonZeroU32::new(100).unwrap());
    let (key, account) = (Fixture::named("key"), Fixture::named("account"));
    let charges = [
        key.charge(Who::V4(1), Quota::per_hour(10_000)),
        Charge { of: 1, ..account.charge(Who::V4(1), Quota::per_hour(1_000)) },
    ];
    let mut at_once = 0;
    for _ in 0..900 {
        let counted = match limiter.charge(&charges, key.asked(ONE)) {
            Answer::Now(verdict) => {
                at_once += 1;
                counted(verdict)
            }
            Answer::Later(verdict) => counted(verdict.await),
        };
        assert!(counted.admitted);
        assert_eq!(counted.of, 1, "the account's is the tighter one");
        // Lets the fillings run.
        tokio::task::yield_now().await;
    }
    assert!(at_once > 500, "{at_once} of 900 from leases");
    // Both buckets were charged for all 900 and for what is leased, most of which comes back.
    let gone = async |name: &str| -> u64 {
        let state: Vec<u8> = server::ask(database.url(), &["GET", name]).await;
        whole(f64::from_le_bytes(state[8..16].try_into().unwrap()))
    };
    let names = ["keygate:i:key:{i:0.0.0.1}", "keygate:i:account:{i:0.0.0.1}"];
    let mut before = Vec::new();
    for (name, charge) in names.iter().zip(&charges) {
        let gone = gone(name).await;
        assert!(gone > 900 * charge.quota.interval_nanos(), "{name}");
        before.push(gone);
    }
    key.clock.advance(Duration::from_secs(2));
    let began = tokio::time::Instant::now();
    for ((name, charge), before) in names.iter().zip(&charges).zip(before) {
        while gone(name).await == before {
            assert!(began.elapsed() < Duration::from_secs(30), "{name}: {before}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(gone(name).await >= 900 * charge.quota.interval_nanos(), "{name}: too much");
    }
}

#[tokio::test]
async fn several_limits_are_taken_out_of_leases_together_or_not_at_all() {
    let Some(database) = server::database().await else { return };
    let timed = Timed::connect(database.url(), 1_790_000_000_000_000).await;
    let limiter = timed.limiter().lease(NonZeroU32::new(20).unwrap());
    let (key, account) = (Fixture::named("key"), Fixture::named("account"));
    let (wide, narrow) = (Quota::per_hour(10_000), Quota::per_hour(150));
    let charges =
        [key.charge(Who::V4(1), wide), Charge { of: 1, ..account.charge(Who::V4(1), narrow) }];
    let mut admitted = 0;
    for _ in 0..600 {
        let decided = counted(verdict(&limiter, &charges, key.asked(ONE)).await);
        admitted += u64::from(decided.admitted);
        tokio::task::yield_now().await;
    }
    assert_eq!(admitted, 150);
    let state: Vec<u8> = server::ask(database.url(), &["GET", "keygate:i:key:{i:0.0.0.1}"]).await;
    let gone = whole(f64::from_le_bytes(state[8..16].try_into().unwrap()));
    let requests = gone / wide.interval_nanos();
    // Those that were admitted, what is held, and what came too late for a place in the lease; the
    // 450 that the other limit refused are not among them.
    assert!((150..200).contains(&requests), "{requests}");
}

#[tokio::test]
async fn what_has_come_back_by_itself_is_not_given_back_again() {
    use super::link::Terms;
    use super::script::{Ask, What};

    let Some(database) = server::database().await else { return };
    let (start, second) = (1_790_000_000_000_000, 1_000_000_000);
    let timed = Timed::connect(database.url(), start).await;
    let limiter = timed.limiter();
    let terms = Terms { deadline: Duration::from_secs(60), probe: "probe".into() };
    let ask = async |what, quota| {
        let ask = Ask { name: "bucket".into(), measure: Measure::of(quota), what };
        let reply = limiter.shared.link.ask(&[ask], &terms).await.unwrap();
        assert!(reply.admitted);
        (reply.buckets[0].gone, reply.buckets[0].leased)
    };
    assert_eq!(ask(What::Charge(20 * second), MINUTE).await, (20 * second, 0));
    assert_eq!(ask(What::Lease(15 * second), MINUTE).await, (35 * second, 15 * second));
    assert_eq!(ask(What::Lease(30 * second), MINUTE).await, (47 * second, 12 * second), "half");
    timed.now.fetch_add(5_000_000, Ordering::SeqCst);
    // Of fifteen five have come back; of two both.
    let given = ask(What::GiveBack(15 * second, start), MINUTE).await;
    assert_eq!(given, (32 * second, 0));
    assert_eq!(ask(What::GiveBack(2 * second, start), MINUTE).await, (32 * second, 0));
    assert_eq!(ask(What::GiveBack(9 * second, start + 5_000_000), MINUTE).await.0, 23 * second);
    // Never more than there is.
    assert_eq!(ask(What::GiveBack(60 * second, start + 5_000_000), MINUTE).await, (0, 0));
    let there: u64 = server::ask(database.url(), &["EXISTS", "bucket"]).await;
    assert_eq!(there, 0, "a full bucket has no key");
    // Of another quota's nothing, nor by a clock that was set back.
    assert_eq!(ask(What::Charge(20 * second), MINUTE).await.0, 20 * second);
    let other = Quota::per_minute(60).burst(120);
    let given = ask(What::GiveBack(9 * second, start + 5_000_000), other).await.0;
    assert!((40 * second..=40 * second + 4).contains(&given), "{given}");
    timed.now.fetch_sub(9_000_000, Ordering::SeqCst);
    assert_eq!(ask(What::GiveBack(9 * second, start), other).await.0, given);
}
