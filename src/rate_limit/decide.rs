//! The way of a request to a verdict, without its body and without tower.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::{Extensions, Request};

use super::bucket::nanos;
use super::headers::Shown;
use super::layer::{Config, Cost};
use super::limit::{Limit, RequestHead};
use super::limiter::{Answer, Asked, Charge, Verdict};
use crate::{ApiError, Principal};

/// What becomes of a request.
pub(crate) enum Decision {
    /// It goes on, and its response shows this; nothing if all was charged further out.
    Admitted(Option<Shown>),
    Refused(Refused),
    /// Another machine has been asked; [`Config::conclude`] takes its verdict.
    Later(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

/// An error and the headers that go with it.
pub(crate) struct Refused {
    pub(crate) error: ApiError,
    pub(crate) shown: Option<Shown>,
}

/// Which of a layer's limits a request was not charged to further out, one bit for each.
#[derive(Clone, Copy)]
struct Fresh(u64);

impl Config {
    pub(crate) fn decide<B>(&self, request: &mut Request<B>) -> Decision {
        let fresh = self.mark(request.extensions_mut());
        if fresh.0 == 0 {
            return Decision::Admitted(None);
        }
        let head = RequestHead {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        };
        match self.charge(head, fresh) {
            Ok(Answer::Now(verdict)) => match self.conclude(&verdict) {
                Ok(shown) => Decision::Admitted(Some(shown)),
                Err(refused) => Decision::Refused(refused),
            },
            Ok(Answer::Later(verdict)) => Decision::Later(verdict),
            Err(missing) => {
                Decision::Refused(Refused { error: ApiError::misconfigured(missing), shown: None })
            }
        }
    }

    /// What a verdict means for the response.
    pub(crate) fn conclude(&self, verdict: &Verdict) -> Result<Shown, Refused> {
        let name = self.limits.get(verdict.of).map_or("default", |limit| &limit.name);
        let shown = Shown::new(&verdict.standing, self.family, name, self.clock.wall());
        if verdict.admitted {
            return Ok(shown);
        }
        let wait = Duration::from_nanos(verdict.standing.wait);
        Err(Refused { error: ApiError::rate_limited(wait), shown: Some(shown) })
    }

    fn mark(&self, extensions: &mut Extensions) -> Fresh {
        let marked = self.limits.iter().map(|limit| limit.buckets.id().mark(extensions));
        Fresh(marked.enumerate().fold(0, |all, (at, first)| all | u64::from(first) << at))
    }

    fn charge(&self, head: RequestHead<'_>, fresh: Fresh) -> Result<Answer, &'static str> {
        let asked = Asked {
            cost: match &self.cost {
                Cost::Same(cost) => *cost,
                Cost::By(cost_of) => cost_of(head),
            },
            now: nanos(self.clock.monotonic()),
            most: self.most,
            clock: &self.clock,
        };
        if let [limit] = self.limits.as_slice() {
            return Ok(self.limiter.charge(&[self.charge_to(0, limit, head)?], asked));
        }
        let limits = self.limits.iter().enumerate().filter(|(at, _)| fresh.has(*at));
        let charges: Result<Vec<_>, _> =
            limits.map(|(at, limit)| self.charge_to(at, limit, head)).collect();
        Ok(self.limiter.charge(&charges?, asked))
    }

    fn charge_to<'r>(
        &'r self,
        of: usize,
        limit: &'r Limit,
        head: RequestHead<'r>,
    ) -> Result<Charge<'r>, &'static str> {
        let plan_quota = |caller: &Principal| self.plans.as_ref()?.get(caller.plan()?);
        let (who, quota) = limit.bucket(head, &self.proxies, plan_quota)?;
        Ok(Charge { of, buckets: &limit.buckets, who, quota })
    }
}

impl Fresh {
    fn has(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }
}
