//! The way of a request to a verdict, without its body and without tower.

use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, Request};

use super::bucket::nanos;
use super::headers::Shown;
use super::layer::{Config, Cost};
use super::limit::{Limit, Payer, RequestHead};
use super::limiter::{Answer, Asked, Charge, Counted, Verdict};
use super::verdicts::{Awaited, Verdicts};
use crate::decision::{self, Decider};
use crate::{ApiError, Principal, Refusal, telemetry};

/// After how long a request that nobody could count is to be sent again.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// What becomes of a request.
pub(crate) enum Decision {
    /// It goes on, and its response shows this; nothing if nothing was charged here.
    Admitted(Option<Shown>),
    Refused(Refused),
    /// Another machine has been asked; [`Config::conclude`] takes what it says.
    Later(Awaited),
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
        match self.ask(head, fresh) {
            Ok(Ok(verdicts)) => match self.conclude(&verdicts, request.extensions()) {
                Ok(shown) => Decision::Admitted(shown),
                Err(refused) => Decision::Refused(refused),
            },
            Ok(Err(awaited)) => Decision::Later(awaited),
            Err(missing) => Decision::Refused(self.misconfigured(missing, request.extensions())),
        }
    }

    /// What verdicts mean for the response.
    pub(crate) fn conclude(
        &self,
        Verdicts { own, shadows }: &Verdicts,
        request: &Extensions,
    ) -> Result<Option<Shown>, Refused> {
        for (of, verdict) in shadows {
            self.note_shadow(*of, verdict, request);
        }
        match own {
            Verdict::Counted(counted) => self.counted(counted, request).map(Some),
            Verdict::Uncounted => {
                self.uncounted.count(|| self.teller("uncounted"));
                self.tell(decision::Verdict::Allowed, None, None, request);
                Ok(None)
            }
            Verdict::Unavailable => {
                let error = ApiError::unavailable(COME_AGAIN).with_refusal(Refusal::LimiterFailed);
                Err(self.refused("unavailable", error, request))
            }
            Verdict::Misconfigured(what) => Err(self.misconfigured(what, request)),
        }
    }

    fn counted(&self, counted: &Counted, request: &Extensions) -> Result<Shown, Refused> {
        let name = self.name_of(counted.of);
        let shown = Shown::new(&counted.standing, self.family, name, self.clock.wall());
        if counted.admitted {
            self.admitted.count(|| self.teller("admitted"));
            self.tell(decision::Verdict::Allowed, None, None, request);
            return Ok(shown);
        }
        telemetry::limited(name, "refused", 1);
        self.tell(decision::Verdict::Refused, Some(&Refusal::RateLimited), Some(name), request);
        let wait = Duration::from_nanos(counted.standing.wait);
        Err(Refused { error: ApiError::rate_limited(wait), shown: Some(shown) })
    }

    /// Notes what a limit in shadow mode would do. It does nothing.
    fn note_shadow(&self, of: usize, verdict: &Verdict, request: &Extensions) {
        if !matches!(verdict, Verdict::Counted(counted) if !counted.admitted) {
            return;
        }
        let name = self.name_of(of);
        telemetry::limited(name, "would_refuse", 1);
        telemetry::over_shadow_limit(name);
        let verdict = decision::Verdict::WouldRefuse;
        self.tell(verdict, Some(&Refusal::RateLimited), Some(name), request);
    }

    fn misconfigured(&self, what: &'static str, request: &Extensions) -> Refused {
        self.refused("misconfigured", ApiError::misconfigured(what), request)
    }

    /// A refusal by no limit.
    fn refused(&self, outcome: &'static str, error: ApiError, request: &Extensions) -> Refused {
        self.teller(outcome)(1);
        self.tell(decision::Verdict::Refused, error.refusal(), None, request);
        Refused { error, shown: None }
    }

    fn tell(
        &self,
        verdict: decision::Verdict,
        refusal: Option<&Refusal>,
        limit: Option<&str>,
        request: &Extensions,
    ) {
        self.hook.tell(|| decision::Decision {
            refusal,
            limit,
            ..decision::Decision::new(Decider::RateLimit, verdict, request)
        });
    }

    fn name_of(&self, of: usize) -> &str {
        self.limits.get(of).map_or("default", |limit| &limit.label.name)
    }

    /// Tells metrics of what no limit but the layer as a whole decides: under the name of the limit
    /// that its constructor made.
    fn teller(&self, outcome: &'static str) -> impl Fn(u64) + Send + 'static {
        let own = self.limits.iter().find(|limit| limit.negotiable);
        let name = own.map_or_else(|| "default".into(), |own| Arc::clone(&own.label.name));
        move |times| telemetry::limited(&name, outcome, times)
    }

    fn mark(&self, extensions: &mut Extensions) -> Fresh {
        let marked = self.limits.iter().map(|limit| limit.buckets.id().mark(extensions));
        Fresh(marked.enumerate().fold(0, |all, (at, first)| all | u64::from(first) << at))
    }

    fn ask(
        &self,
        head: RequestHead<'_>,
        fresh: Fresh,
    ) -> Result<Result<Verdicts, Awaited>, &'static str> {
        let asked = Asked {
            cost: match &self.cost {
                Cost::Same(cost) => *cost,
                Cost::By(cost_of) => cost_of(head),
            },
            now: nanos(self.clock.monotonic()),
            most: self.most,
            clock: &self.clock,
        };
        let own = self.charge(head, fresh, asked)?;
        Ok(Verdicts::of(own, self.charge_shadows(head, fresh, asked)))
    }

    fn charge(
        &self,
        head: RequestHead<'_>,
        fresh: Fresh,
        asked: Asked<'_>,
    ) -> Result<Answer, &'static str> {
        if let [limit] = self.limits.as_slice()
            && !limit.shadow
        {
            return Ok(self.limiter.charge(&[self.charge_to(0, limit, head)?], asked));
        }
        let in_force = self.limits.iter().enumerate().filter(|(_, limit)| !limit.shadow);
        let counting = in_force.filter(|(at, limit)| fresh.has(*at) && limit.counts(head));
        let charges: Result<Vec<_>, _> =
            counting.map(|(at, limit)| self.charge_to(at, limit, head)).collect();
        match charges?.as_slice() {
            [] => Ok(Answer::Now(Verdict::Uncounted)),
            charges => Ok(self.limiter.charge(charges, asked)),
        }
    }

    /// Charges each limit in shadow mode by itself: what one would do is no other's affair.
    fn charge_shadows(
        &self,
        head: RequestHead<'_>,
        fresh: Fresh,
        asked: Asked<'_>,
    ) -> Vec<(usize, Answer)> {
        let shadows = self.limits.iter().enumerate().filter(|(_, limit)| limit.shadow);
        let counting = shadows.filter(|(at, limit)| fresh.has(*at) && limit.counts(head));
        let charge = |(at, limit)| match self.charge_to(at, limit, head) {
            Ok(charge) => Some((at, self.limiter.charge(&[charge], asked))),
            Err(missing) => {
                telemetry::misconfigured(missing);
                None
            }
        };
        counting.filter_map(charge).collect()
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
