mod script;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::ConnectionLike;
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::script::{By, Step, command, reply};
use super::{Begin, Begun, Finish, IdempotencyStore, Lease, OperationId};
use crate::rate_limit::InvalidRedis;
use crate::rate_limit::label::fit;
use crate::rate_limit::redis::failure::Failure;
use crate::rate_limit::redis::url;
use crate::rate_limit::redis::wire::Wire;
use crate::store::StoreError;
use crate::unwind::caught;

/// How long a start waits for Redis: a service comes up without it too.
const START: Duration = Duration::from_secs(1);

/// Idempotency keys in a Redis that several instances share.
///
/// Each step is one script and one round trip; leases and answers are measured by Redis' own clock,
/// and expire by themselves. Clones share one connection. It needs Redis 6 or newer, or one that is
/// compatible, and of its commands `GET`, `SET`, `DEL`, `TIME`, `EVAL` and `EVALSHA`.
///
/// ```no_run
/// # async fn example() -> Result<(), keygate::rate_limit::InvalidRedis> {
/// use keygate::idempotency::{IdempotencyLayer, RedisIdempotencyStore};
///
/// let redis = RedisIdempotencyStore::connect("redis://:password@cache.internal:6379/0").await?;
/// let layer = IdempotencyLayer::new(redis.prefix("shop"));
/// # let _ = layer;
/// # Ok(()) }
/// ```
///
/// # What Redis forgets
///
/// An operation that Redis has forgotten is carried out again by a retry, even while it is still
/// running. Redis forgets at a restart without persistence (with `appendonly yes` and
/// `appendfsync everysec` the last second), at a failover to a replica that lags, at `FLUSHALL`,
/// and where memory is short and `maxmemory-policy` is not `noeviction`. Where that must not be,
/// keep idempotency keys in a database.
///
/// While Redis does not answer, or refuses (`READONLY`, `LOADING`, `OOM`), requests with a key are
/// 503 and nothing runs.
#[derive(Debug, Clone)]
#[must_use]
pub struct RedisIdempotencyStore {
    link: Arc<Link>,
    prefix: Arc<str>,
}

/// The way to Redis, which is found again by whoever needs it.
#[derive(Debug)]
struct Link {
    wire: Wire,
    /// How often a connection was made.
    made: AtomicU64,
    /// Held by the one who makes one.
    making: Mutex<()>,
}

impl RedisIdempotencyStore {
    /// Connects to a Redis.
    ///
    /// `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS (by rustls and the
    /// system's certificates), `unix:///path` for a socket. Must be called in a tokio runtime.
    ///
    /// It waits for Redis up to a second. One that is not there by then is no error: requests with
    /// an idempotency key are 503 until it is.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use keygate::idempotency::RedisIdempotencyStore;
    /// use keygate::rate_limit::InvalidRedis;
    ///
    /// let url = "postgres://user:secret@localhost";
    /// let error = RedisIdempotencyStore::connect(url).await.unwrap_err();
    /// assert_eq!(error, InvalidRedis::Url);
    /// assert!(!error.to_string().contains("secret"));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidRedis`] if the URL cannot be right, or Redis denies access.
    pub async fn connect(url: &str) -> Result<Self, InvalidRedis> {
        let store = Self::new(Wire::own(url::parse(url)?));
        // Whether it may do what it will have to, on an operation that nobody has.
        let probe = Step::Release { token: &[0; 16] };
        let asking = store.ask(OperationId::from_bytes([0; 32]), &probe);
        match timeout(START, asking).await {
            Ok(Err(failure)) if failure.is_denied() => Err(InvalidRedis::Denied),
            _ => Ok(store),
        }
    }

    /// Keeps idempotency keys over a connection that is there: a `ConnectionManager`, or one to a
    /// cluster.
    ///
    /// It has to renew itself; a plain multiplexed connection does not.
    pub fn over<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::new(Wire::given(connection))
    }

    /// Begins the names of all operations so; `keygate` unless set.
    ///
    /// Services that share a Redis need one each. Characters other than `A-Z a-z 0-9 _ - . : /`
    /// become `_`.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = fit(prefix).into();
        self
    }

    fn new(wire: Wire) -> Self {
        let link = Link { wire, made: AtomicU64::new(0), making: Mutex::default() };
        Self { link: Arc::new(link), prefix: "keygate".into() }
    }

    async fn ask(&self, operation: OperationId, step: &Step<'_>) -> Result<script::Reply, Failure> {
        let mut name = format!("{}:operation:", self.prefix);
        for byte in operation.as_bytes() {
            // Writing to a `String` cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        self.link.ask(&name, step).await
    }
}

impl IdempotencyStore for RedisIdempotencyStore {
    async fn begin(&self, begin: Begin) -> Result<Begun, StoreError> {
        let step = Step::Begin {
            fingerprint: begin.fingerprint.as_bytes(),
            token: begin.lease.token.as_bytes(),
            lease_for: begin.lease_for,
            keep_for: begin.keep_for.max(begin.lease_for),
        };
        let reply = self.ask(begin.lease.operation, &step).await.map_err(store_error)?;
        match reply.code {
            0 => Ok(Begun::Leased),
            1 => Ok(Begun::Running),
            2 => Ok(Begun::Kept(reply.answer.unwrap_or_default())),
            3 => Ok(Begun::Reused),
            _ => Err(store_error(Failure::Unreadable)),
        }
    }

    async fn renew(&self, lease: Lease, lease_for: Duration) -> Result<bool, StoreError> {
        let step = Step::Renew { token: lease.token.as_bytes(), lease_for };
        let reply = self.ask(lease.operation, &step).await.map_err(store_error)?;
        Ok(reply.code == 1)
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        let Finish { lease, answer, keep_for } = &finish;
        let token = lease.token.as_bytes();
        let step = Step::Finish { token, keep_for: *keep_for, answer };
        let reply = self.ask(lease.operation, &step).await.map_err(store_error)?;
        Ok(reply.code == 1)
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        let step = Step::Release { token: lease.token.as_bytes() };
        self.ask(lease.operation, &step).await.map_err(store_error)?;
        Ok(())
    }
}

impl Link {
    /// One step. On a connection that turns out to be closed (idle for too long, a restart) it is
    /// asked again, once, on a new one: each step may be done twice under the same token.
    async fn ask(&self, name: &str, step: &Step<'_>) -> Result<script::Reply, Failure> {
        let made = self.made.load(Ordering::Acquire);
        match self.decide(name, step).await {
            Err(failure) if failure.is_lost() => {
                self.make(made).await?;
                self.decide(name, step).await
            }
            decided => decided,
        }
    }

    async fn decide(&self, name: &str, step: &Step<'_>) -> Result<script::Reply, Failure> {
        match self.send(name, step, By::Hash).await {
            // A Redis that was restarted or flushed; the source tells it again.
            Err(failure) if failure.is_no_script() => self.send(name, step, By::Source).await,
            outcome => outcome,
        }
    }

    async fn send(&self, name: &str, step: &Step<'_>, by: By) -> Result<script::Reply, Failure> {
        reply(self.wire.send(command(name, step, by)).await?)
    }

    /// Makes a connection, unless somebody has since this one was found to be lost.
    async fn make(&self, lost: u64) -> Result<(), Failure> {
        let _making = self.making.lock().await;
        if self.made.load(Ordering::Acquire) == lost {
            caught(self.wire.renew()).await.unwrap_or(Err(Failure::Panicked))?;
            self.made.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }
}

/// What is not mended by somebody is gone at some next try.
fn store_error(failure: Failure) -> StoreError {
    if failure.is_denied() || failure == Failure::Unreadable {
        StoreError::permanent(failure)
    } else {
        StoreError::transient(failure)
    }
}
