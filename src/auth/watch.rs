use std::sync::Arc;

use http::Extensions;

use super::admit;
use super::layer::Rules;
use crate::decision::{Decider, Decision, Hook, Verdict};
use crate::{ApiError, Principal, Refusal, ScopeName, telemetry};

/// What an `AuthLayer` was told beside its rules: whom to tell of decisions, and which scopes are
/// not enforced yet. `None`: neither, and no request carries it.
pub(super) type Watch = Option<Arc<Watched>>;

/// Among the extensions of a request that such a layer let through, for who decides about its
/// scopes.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    pub(super) hook: Hook,
    pub(super) shadow: Vec<ScopeName>,
}

impl Rules {
    /// Lets the caller in.
    pub(super) fn let_in(&self, principal: Principal, request: &mut Extensions) {
        if admit(principal, request) || self.watch.is_some() {
            self.mark(request);
        }
        self.tell_allowed(request);
    }

    /// Lets a request without a key in.
    pub(super) fn let_in_anonymous(&self, request: &mut Extensions) {
        let is_new = request.insert(super::Anonymous).is_none();
        self.mark(request);
        // A layer outside has decided it already.
        if is_new {
            self.anonymous_count.count(|| |times| telemetry::decided("auth", "anonymous", times));
            self.tell_allowed(request);
        }
    }

    /// Has this layer watch the request, and not one outside: what that one does not enforce may be
    /// enforced here.
    pub(super) fn mark(&self, request: &mut Extensions) {
        match &self.watch {
            Some(watched) => drop(request.insert(Arc::clone(watched))),
            None => drop(request.remove::<Arc<Watched>>()),
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
    /// Of the layer that the request passed last.
    pub(super) fn of(request: &Extensions) -> Option<&Self> {
        request.get::<Arc<Self>>().map(|watched| &**watched)
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

    pub(super) fn tell_refused(&self, error: &ApiError, request: &Extensions) {
        self.hook.tell(|| Decision {
            refusal: error.refusal(),
            missing: error.missing_scopes(),
            ..Decision::new(Decider::Scope, Verdict::Refused, request)
        });
    }
}
