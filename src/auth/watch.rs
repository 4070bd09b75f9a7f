use std::sync::Arc;

use http::Extensions;

use super::admit;
use super::layer::Rules;
use crate::decision::{Decider, Decision, Hook, Verdict};
use crate::{ApiError, Principal, Refusal, ScopeName, telemetry};

/// What an `AuthLayer` was told beside its rules: whom to tell of decisions, and which scopes are
/// not enforced yet. `None`: neither, and no request carries it.
pub(super) type Watch = Option<Arc<Watched>>;

/// What such a layer leaves to who decides about a request that it let through.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    pub(super) hook: Hook,
    pub(super) shadow: Vec<ScopeName>,
}

/// Who watches a request, among its extensions.
#[derive(Clone)]
struct Mark {
    watched: Arc<Watched>,
    /// Whether there was a caller when the mark was made. One whom a layer further inside has let
    /// in since is not this layer's to judge: that one, if nobody watches for it, pays for no look
    /// at a mark that it would have to take away.
    has_caller: bool,
}

impl Rules {
    /// Lets the caller in.
    pub(super) fn let_in(&self, principal: Principal, request: &mut Extensions) {
        if admit(principal, request) || self.watch.is_some() {
            self.mark(request, true);
        }
        self.tell_allowed(request);
    }

    /// Lets a caller in whom a layer outside has accepted.
    pub(super) fn let_in_known(&self, request: &mut Extensions) {
        self.mark(request, true);
    }

    /// Lets a request without a key in.
    pub(super) fn let_in_anonymous(&self, request: &mut Extensions) {
        let is_new = request.insert(super::Anonymous).is_none();
        self.mark(request, request.get::<Principal>().is_some());
        // A layer outside has decided it already.
        if is_new {
            self.anonymous_count.count(|| |times| telemetry::decided("auth", "anonymous", times));
            self.tell_allowed(request);
        }
    }

    /// Has this layer watch the request, and not one outside: what that one does not enforce may be
    /// enforced here.
    fn mark(&self, request: &mut Extensions, has_caller: bool) {
        match &self.watch {
            Some(watched) => {
                let watched = Arc::clone(watched);
                drop(request.insert(Mark { watched, has_caller }));
            }
            None => drop(request.remove::<Mark>()),
        }
    }

    pub(super) fn tell_refused(&self, refusal: &Refusal, request: &Extensions) {
        if let Some(watched) = &self.watch {
            watched.hook.tell(|| Decision {
                refusal: Some(refusal),
                // One that a layer outside has put there is not the one who was refused.
                principal: None,
                ..Decision::new(Decider::Auth, Verdict::Refused, request)
            });
        }
    }

    fn tell_allowed(&self, request: &Extensions) {
        if let Some(watched) = &self.watch {
            watched.hook.tell(|| Decision::new(Decider::Auth, Verdict::Allowed, request));
        }
    }
}

impl Watched {
    /// Of the layer that decided about the caller last.
    pub(super) fn of(request: &Extensions) -> Option<&Self> {
        let mark = request.get::<Mark>()?;
        let is_of_caller = mark.has_caller || request.get::<Principal>().is_none();
        is_of_caller.then_some(&*mark.watched)
    }

    /// Whether nothing is missing but what is not enforced yet.
    pub(super) fn spares(&self, missing: &[ScopeName], request: &Extensions) -> bool {
        let is_shadow = |scope| self.shadow.contains(scope);
        let spared = !missing.is_empty() && missing.iter().all(is_shadow);
        if spared {
            telemetry::decided("scope", "would_refuse", 1);
            telemetry::lacks_shadow_scopes(missing);
            self.hook.tell(|| Decision {
                refusal: Some(&Refusal::InsufficientScope),
                missing,
                ..Decision::new(Decider::Scope, Verdict::WouldRefuse, request)
            });
        }
        spared
    }
}

/// Counts a refusal of somebody inside, and tells it to the layer that the request passed last.
pub(crate) fn refused_inside(by: Decider, error: &ApiError, request: &Extensions) {
    if let Some(refusal) = error.refusal() {
        telemetry::decided(by.as_str(), refusal.as_str(), 1);
    }
    if let Some(watched) = Watched::of(request) {
        watched.hook.tell(|| Decision {
            refusal: error.refusal(),
            missing: error.missing_scopes(),
            ..Decision::new(by, Verdict::Refused, request)
        });
    }
}
