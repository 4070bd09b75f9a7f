//! The Redis that `REDIS_URL` names, in which the instances of a service count together and keep
//! idempotency keys.

use std::error::Error;

use keygate::RateLimitLayer;
use keygate::idempotency::RedisIdempotencyStore;
use keygate::rate_limit::{InvalidRedis, RedisLimiter};

/// What the instances of a service share beside its database; nothing unless they have a Redis.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redis {
    limiter: Option<RedisLimiter>,
}

/// Why there is no Redis. Its texts never have the URL in them, which may hold a password.
#[derive(Debug, thiserror::Error)]
enum CannotConnect {
    #[error("REDIS_URL is no UTF-8")]
    Unreadable,
    #[error("REDIS_URL")]
    Invalid(#[source] InvalidRedis),
}

impl Redis {
    /// Connects to what `REDIS_URL` names. One that does not answer is no error: the server starts,
    /// and each instance counts for itself until it does.
    pub(crate) async fn from_env(service: &str) -> Result<Self, Box<dyn Error>> {
        let Some(url) = url()? else { return Ok(Self::default()) };
        let limiter = RedisLimiter::connect(&url).await.map_err(CannotConnect::Invalid)?;
        Ok(Self { limiter: Some(limiter.prefix(service)) })
    }

    /// Connects once more, for idempotency keys. While it does not answer, requests with such a key
    /// are 503.
    #[allow(dead_code, reason = "two of the servers have no idempotency keys")]
    pub(crate) async fn idempotency_from_env(
        service: &str,
    ) -> Result<Option<RedisIdempotencyStore>, Box<dyn Error>> {
        let Some(url) = url()? else { return Ok(None) };
        let store = RedisIdempotencyStore::connect(&url).await.map_err(CannotConnect::Invalid)?;
        Ok(Some(store.prefix(service)))
    }

    /// The layer, counting here if there is a Redis.
    pub(crate) fn limits(&self, layer: RateLimitLayer) -> RateLimitLayer {
        match &self.limiter {
            Some(limiter) => layer.limiter(limiter.clone()),
            None => layer,
        }
    }
}

fn url() -> Result<Option<String>, CannotConnect> {
    match std::env::var("REDIS_URL") {
        Err(std::env::VarError::NotUnicode(_)) => Err(CannotConnect::Unreadable),
        url => Ok(url.ok().filter(|url| !url.is_empty())),
    }
}
