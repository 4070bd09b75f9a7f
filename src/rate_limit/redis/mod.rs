//! Buckets in Redis, which several instances share.
//!
//! 1. **One decision, one script** (`gcra.lua`): it charges all buckets of a request or none, by
//!    Redis' own clock, in whole numbers below 2⁵³. What it decides is what this process would.
//! 2. **Rounding never admits more.** Spans are whole nanoseconds; those of buckets that take over
//!    104 days to fill are microseconds, rounded up.
//! 3. **A bucket is kept as how much of it was gone at a moment.** So a clock that was set back
//!    refuses nobody for longer than the bucket takes to fill. Its key expires when it is full.
//! 4. **Names are the same on all instances** ([`name`]). Two limits of one process with one name
//!    are found when their layers are mounted: the second answers 500 `misconfigured`.
//! 5. **A request waits for Redis until the deadline**, and not at all while the circuit is open:
//!    after three failures in a row, or one without a connection. One task looks for Redis then,
//!    with a pause between tries; requests are decided by the [`Fallback`]. So is a request that a
//!    cluster refuses for its names, which says nothing of others and opens no circuit.
//! 6. **A command that was not answered may have been done.** Then the bucket was charged for a
//!    request that was decided otherwise: too much is counted, never too little.
//! 7. **A refusal is remembered**, with how full each of its buckets was: others take out more, or
//!    give back a lease at the most, and then it holds a little too long. Until they have filled up by themselves as far as a request costs, it is refused without
//!    asking. Another quota, and a smaller cost that may be in there, ask again.
//! 8. **A lease** ([`lease`]) is taken out of the bucket before it is spent here. So in any time `t`
//!    all nodes together admit at most `burst + rate × t + nodes × lease`.

mod circuit;
mod decision;
pub(crate) mod failure;
mod fallback;
mod filling;
mod lease;
mod link;
mod measure;
mod name;
mod near;
mod owned;
mod script;
mod tend;
pub(crate) mod url;
pub(crate) mod wire;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::ConnectionLike;

use self::decision::Pending;
use self::link::{Link, Terms};
use self::measure::Measure;
use self::near::{Near, Room, Whose};
use self::wire::Wire;
use super::bucket::Standing;
use super::label::{Label, fit};
use super::limiter::{Adopted, Answer, Asked, Charge, Counted, Limiter, Verdict};
use super::local::Buckets;

pub use self::fallback::Fallback;

/// What two limits with one name are told.
const ONE_NAME: &str = "two limits that count alike have one name, and would share their buckets \
     in Redis: call `named` on one of them";

/// Counts in a Redis that several instances share; for [`RateLimitLayer::limiter`].
///
/// All instances with the same Redis and [`prefix`](Self::prefix) admit together what one admits
/// alone: in any time `t` at most `burst + rate × t`. Headers and answers are the same.
///
/// Clones share one connection and what is remembered; setters change the clone that they return.
/// To be handed to as many layers as there are, as long as limits that count alike have names of
/// their own ([`RateLimitLayer::named`], [`Limit::named`]).
///
/// It needs Redis 6 or newer (tested with 7.0) or one that is compatible. Each decision is one
/// round trip.
///
/// ```no_run
/// # async fn example() -> Result<(), keygate::rate_limit::InvalidRedis> {
/// use keygate::rate_limit::{Fallback, RedisLimiter};
/// use keygate::{Limit, Quota, RateLimitLayer};
///
/// let redis = RedisLimiter::connect("redis://:password@cache.internal:6379/0")
///     .await?
///     .prefix("shop")
///     .fallback(Fallback::local(3)); // three instances
/// let layer = RateLimitLayer::per_key(Quota::per_minute(300))
///     .and(Limit::per_account(Quota::per_minute(1_000)))
///     .limiter(redis);
/// # Ok(()) }
/// ```
///
/// # Without Redis
///
/// A request waits no longer than the [`deadline`](Self::deadline). After three failures in a row,
/// or one for want of a connection, requests do not wait at all but are decided by the
/// [`fallback`](Self::fallback), while one task looks for Redis with a pause of at most a second
/// between tries. Each change is logged once; the [metrics](super#metrics) tell how many requests
/// were decided without it.
///
/// What Redis forgets (a restart without persistence, `FLUSHALL`, a failover to a replica that lags)
/// it admits once more: up to one burst. So does the share of [`Fallback::Local`], which starts full.
/// A decision that was made too late is counted all the same.
///
/// # Redis Cluster
///
/// Hand over a cluster connection with [`Self::over`]. A script's keys must lie together: limits of
/// keys and accounts do, by their account, and limits of addresses by their address. Put a limit
/// over the whole service, and one of addresses beside one of keys, into a layer of its own: in one
/// layer with others a cluster refuses them (`CROSSSLOT`), and the fallback decides.
///
/// [`RateLimitLayer::limiter`]: super::RateLimitLayer::limiter
/// [`RateLimitLayer::named`]: super::RateLimitLayer::named
/// [`Limit::named`]: super::Limit::named
#[derive(Debug, Clone)]
#[must_use]
pub struct RedisLimiter {
    config: Arc<Config>,
    shared: Arc<Shared>,
}

#[derive(Debug, Clone)]
struct Config {
    prefix: Box<str>,
    terms: Terms,
    fallback: Fallback,
    /// How many requests' worth of a bucket a node may hold.
    lease: Option<NonZeroU32>,
}

/// What all clones share.
#[derive(Debug)]
struct Shared {
    link: Arc<Link>,
    near: Near,
    /// Which limit has which name, under which prefix.
    names: Mutex<Names>,
    /// Whether there is a task that sweeps.
    tended: AtomicBool,
    /// Whether anything was ever leased.
    leasing: AtomicBool,
}

type Names = HashMap<(Box<str>, Label), Weak<Buckets>>;

/// Why a Redis cannot be the right one. No message repeats the URL.
///
/// See [`RedisLimiter::connect`] for an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedis {
    /// It is no URL of a Redis.
    #[error(
        "the URL of a Redis is redis://[[user]:password@]host[:port][/database], rediss:// for TLS, \
         or unix:///path of a socket"
    )]
    Url,
    /// It has a parameter that nobody knows.
    #[error(
        "the URL of a Redis has one parameter, `protocol`; of a socket also `db`, `user`, `pass`"
    )]
    Parameter,
    /// It has something after a `#`: certificates are always checked.
    #[error("the URL of a Redis has no fragment: certificates are always checked")]
    Fragment,
    /// Redis asks for a password, does not know this one, or gives its user not the rights.
    #[error(
        "Redis denies access: the user needs its password, and the commands GET, SET, DEL, TIME, \
         EVAL and EVALSHA on the keys of the prefix"
    )]
    Denied,
}

impl RedisLimiter {
    /// Connects to a Redis.
    ///
    /// `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS (by rustls and the
    /// system's certificates), `unix:///path` for a socket. Must be called in a tokio runtime.
    ///
    /// It waits for Redis up to a second. One that is not there by then is no error: the
    /// [`fallback`](Self::fallback) decides until it is.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use keygate::rate_limit::{InvalidRedis, RedisLimiter};
    ///
    /// let error = RedisLimiter::connect("postgres://user:secret@localhost").await.unwrap_err();
    /// assert_eq!(error, InvalidRedis::Url);
    /// assert!(!error.to_string().contains("secret"));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidRedis`] if the URL cannot be right, or Redis denies access.
    pub async fn connect(url: &str) -> Result<Self, InvalidRedis> {
        let limiter = Self::new(Link::down(Wire::own(url::parse(url)?)));
        match limiter.shared.link.start(&limiter.config.terms).await {
            Err(failure) if failure.is_denied() => Err(InvalidRedis::Denied),
            _ => Ok(limiter),
        }
    }

    /// Counts over a connection that is there: a `ConnectionManager`, or one to a cluster.
    ///
    /// It has to renew itself; a plain multiplexed connection does not. Its clones must share what
    /// they go through, as those of the `redis` crate do.
    pub fn over<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::new(Link::up(Wire::given(connection)))
    }

    /// Waits that long for a decision; 50 ms unless set.
    pub fn deadline(self, deadline: Duration) -> Self {
        self.set(|config| config.terms.deadline = deadline)
    }

    /// Decides so without Redis; [`Fallback::local(1)`](Fallback::local) unless set: then each node
    /// admits the whole quota by itself. Say how many nodes there are.
    pub fn fallback(self, fallback: Fallback) -> Self {
        self.set(|config| config.fallback = fallback)
    }

    /// Begins the names of all buckets so; `keygate` unless set.
    ///
    /// Services that share a Redis need one each, for what else stands under such names is
    /// overwritten. Characters other than `A-Z a-z 0-9 _ - . : /` become `_`.
    pub fn prefix(self, prefix: &str) -> Self {
        self.set(|config| {
            config.prefix = fit(prefix).into();
            config.terms.probe = probe(&config.prefix);
        })
    }

    /// Lets each node take up to that many requests' worth out of a bucket ahead, and decide by
    /// itself until they are used up; nothing unless set.
    ///
    /// For buckets that are asked thousands of times a second. Only those that a node is asked for
    /// eight times a second or more are leased, as much as it needs in a second and never more than
    /// half of what is left: the emptier a bucket, the more Redis decides itself. What is not spent
    /// within a second goes back.
    ///
    /// In any time `t` all nodes together admit at most `burst + rate × t + nodes × lease`. What
    /// one node holds, another cannot have: a bucket may be empty for one while there are up to
    /// `lease` left at each of the others. Headers tell what this node knows.
    pub fn lease(self, requests: NonZeroU32) -> Self {
        self.set(|config| config.lease = Some(requests))
    }

    fn new(link: Link) -> Self {
        let prefix = Box::from("keygate");
        let terms = Terms { deadline: Duration::from_millis(50), probe: probe(&prefix) };
        let config = Config { prefix, terms, fallback: Fallback::local(1), lease: None };
        let shared = Shared {
            link: Arc::new(link),
            near: Near::new(),
            names: Mutex::default(),
            tended: AtomicBool::new(false),
            leasing: AtomicBool::new(false),
        };
        Self { config: Arc::new(config), shared: Arc::new(shared) }
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }

    /// The verdict on a request that is refused for sure, from memory. All of its buckets have to
    /// be known: another one might have it wait for longer.
    fn remembered(&self, charges: &[Charge<'_>], asked: Asked<'_>) -> Option<Counted> {
        let mut tightest: Option<(usize, Standing)> = None;
        for charge in charges {
            let measure = Measure::of(charge.quota);
            let look = |known: &mut near::Known| known.standing(measure, asked.cost, asked.now);
            let standing = self.shared.near.look(Whose::of(charge), look)??;
            if tightest.is_none_or(|(_, other)| standing.wait > other.wait) {
                tightest = Some((charge.of, standing));
            }
        }
        let (of, standing) = tightest.filter(|(_, standing)| standing.wait > 0)?;
        Some(Counted { admitted: false, standing, of })
    }
}

impl Limiter for RedisLimiter {
    fn charge(&self, charges: &[Charge<'_>], asked: Asked<'_>) -> Answer {
        if let Some(counted) = self.spend(charges, asked) {
            return Answer::Now(Verdict::Counted(counted));
        }
        if let Some(counted) = self.remembered(charges, asked) {
            return Answer::Now(Verdict::Counted(counted));
        }
        if self.shared.link.is_open() {
            self.shared.link.recover(&self.config.terms);
            return Answer::Now(self.config.fallback.decide(charges, asked));
        }
        Answer::Later(Box::pin(Pending::new(self, charges, asked).decide()))
    }

    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    fn without_counting(&self) -> Option<Verdict> {
        match self.config.fallback {
            Fallback::Local { .. } => None,
            Fallback::Open => Some(Verdict::Uncounted),
            Fallback::Closed => Some(Verdict::Unavailable),
        }
    }

    fn adopt(&self, limits: &mut Adopted<'_>) -> Result<(), &'static str> {
        let mut names = self.shared.names.lock();
        for (label, buckets) in limits {
            let name = (self.config.prefix.clone(), label.clone());
            match names.get(&name).and_then(Weak::upgrade) {
                Some(other) if !Arc::ptr_eq(&other, buckets) => return Err(ONE_NAME),
                Some(_) => {}
                None => {
                    // Those of limits that are gone.
                    names.retain(|_, buckets| buckets.strong_count() > 0);
                    names.insert(name, Arc::downgrade(buckets));
                }
            }
        }
        Ok(())
    }
}

impl<'r> Whose<'r> {
    fn of(charge: &Charge<'r>) -> Self {
        Self { limit: charge.buckets.id(), who: charge.who }
    }
}

impl Room {
    fn of(asked: Asked<'_>) -> Self {
        Self { most: asked.most, now: asked.now }
    }
}

/// The name of the bucket that is charged to see whether Redis decides.
fn probe(prefix: &str) -> Box<str> {
    format!("{prefix}:probe").into()
}

#[cfg(test)]
mod tests;
