//! The way of a request to a verdict, without its body and without tower.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, Request};

use super::bucket::nanos;
use super::headers::Shown;
use super::layer::{Config, Cost};
use super::limit::{Limit, Payer, RequestHead};
use super::limiter::{Answer, Asked, Charge, Counted, Verdict};
use crate::{ApiError, Principal, telemetry};

/// After how long a request that nobody could count is to be sent again.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// What becomes of a request.
pub(crate) enum Decision {
    /// It goes on, and its response shows this; nothing if nothing was charged here.
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
                Ok(shown) => Decision::Admitted(shown),
                Err(refused) => Decision::Refused(refused),
            },
            Ok(Answer::Later(verdict)) => Decision::Later(verdict),
            Err(missing) => Decision::Refused(self.misconfigured(missing)),
        }
    }

    /// What a verdict means for the response.
    pub(crate) fn conclude(&self, verdict: &Verdict) -> Result<Option<Shown>, Refused> {
        match verdict {
            Verdict::Counted(counted) => self.counted(counted).map(Some),
            Verdict::Uncounted => {
                telemetry::limited(&self.own_name(), "uncounted", 1);
                Ok(None)
            }
            Verdict::Unavailable => {
                telemetry::limited(&self.own_name(), "unavailable", 1);
                Err(Refused { error: ApiError::unavailable(COME_AGAIN), shown: None })
            }
            Verdict::Misconfigured(what) => Err(self.misconfigured(what)),
        }
    }

    fn counted(&self, counted: &Counted) -> Result<Shown, Refused> {
        let name = self.limits.get(counted.of).map_or("default", |limit| &limit.label.name);
        let shown = Shown::new(&counted.standing, self.family, name, self.clock.wall());
        if counted.admitted {
            self.admitted.count(|| {
                let name = self.own_name();
                move |times| telemetry::limited(&name, "admitted", times)
            });
            return Ok(shown);
        }
        telemetry::limited(name, "refused", 1);
        let wait = Duration::from_nanos(counted.standing.wait);
        Err(Refused { error: ApiError::rate_limited(wait), shown: Some(shown) })
    }

    /// The name of the limit that the layer's constructor made.
    fn own_name(&self) -> Arc<str> {
        let own = self.limits.iter().find(|limit| limit.negotiable);
        own.map_or_else(|| "default".into(), |own| Arc::clone(&own.label.name))
    }

    fn misconfigured(&self, what: &'static str) -> Refused {
        telemetry::limited(&self.own_name(), "misconfigured", 1);
        Refused { error: ApiError::misconfigured(what), shown: None }
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
        let limits = self.limits.iter().enumerate();
        let counting = limits.filter(|(at, limit)| fresh.has(*at) && limit.counts(head));
        let charges: Result<Vec<_>, _> =
            counting.map(|(at, limit)| self.charge_to(at, limit, head)).collect();
        match charges?.as_slice() {
            [] => Ok(Answer::Now(Verdict::Uncounted)),
            charges => Ok(self.limiter.charge(charges, asked)),
        }
    }

    fn charge_to<'r>(
        &'r self,
        of: usize,
        limit: &'r Limit,
        head: RequestHead<'r>,
    ) -> Result<Charge<'r>, &'static str> {
        let plan_quota = |caller: &Principal| self.plans.as_ref()?.get(caller.plan()?);
        let Payer { who, account, quota } = limit.bucket(head, &self.proxies, plan_quota)?;
        let (label, buckets) = (&limit.label, &limit.buckets);
        Ok(Charge { of, label, buckets, who, account, quota })
    }
}

impl Fresh {
    fn has(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }
}
