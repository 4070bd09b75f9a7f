//! What the layers decide about requests, told to a function of the service's own.
//!
//! [`AuthLayer::on_decision`](crate::AuthLayer::on_decision) and
//! [`RateLimitLayer::on_decision`](crate::RateLimitLayer::on_decision) take it: for an audit trail,
//! an alarm, whatever neither the log nor metrics do.
//!
//! 1. **Each decision is told once**, when it is made: before the request goes on, or before its
//!    refusal is sent. A layer mounted twice decides once.
//! 2. **What is refused further inside**, for want of a scope (`Scoped`, `RequireScope`) or of a
//!    connected account, is told to the hook of the `AuthLayer` that the request passed last. What
//!    is let through there is not told, nor what `IdempotencyLayer` and `BasicAuth` decide.
//! 3. **It runs on the request's way** and must not block: hand over to a channel, or count.
//! 4. **It changes nothing.** A panic in it is caught and logged once; the decision stands.
//! 5. **No key is in it.** Nothing tells whose key it was that was refused as unknown or revoked.
//! 6. **Without a hook** a request pays for one branch.
//!
//! A rule in *shadow mode*, [`AuthLayer::shadow_scope`](crate::AuthLayer::shadow_scope) and
//! [`Limit::shadow`](crate::Limit::shadow), is decided and refuses nobody: its verdict is
//! [`WouldRefuse`](Verdict::WouldRefuse). It is counted among the metrics under that name, and
//! logged at debug.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::convert::Infallible;
//! use std::sync::mpsc;
//!
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use keygate::decision::{Decision, Verdict};
//! use keygate::{AuthLayer, KeyFormat, Keyring, MemoryStore, Refusal};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
//! let (alarms, alarm) = mpsc::sync_channel(100);
//! let auth = AuthLayer::new(keys).on_decision(move |decision: &Decision<'_>| {
//!     if decision.verdict == Verdict::Refused {
//!         let reason = decision.refusal.map(Refusal::as_str);
//!         let account = decision.principal.map(|caller| caller.account().clone());
//!         // A full channel loses an alarm; a request never waits for one.
//!         let _ = alarms.try_send((reason, account));
//!     }
//! });
//!
//! # let inner = service_fn(async |_: Request<()>| {
//! #     Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default()))
//! # });
//! let refused = auth.layer(inner).oneshot(Request::new(())).await?;
//! assert_eq!(refused.status(), 401);
//! assert_eq!(alarm.try_recv()?, (Some("missing_credential"), None));
//! # Ok(()) }
//! ```

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Extensions;

use crate::{Principal, Refusal, ScopeName, telemetry};

/// What was decided about a request; see [the module](self) for an example.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Decision<'r> {
    /// Who decided.
    pub by: Decider,
    /// What was decided.
    pub verdict: Verdict,
    /// The precise reason; `None` for a request that is allowed.
    pub refusal: Option<&'r Refusal>,
    /// Who calls: the key's id, its account and mode, the connected account. `None` where the key
    /// was not accepted or none was sent.
    pub principal: Option<&'r Principal>,
    /// The name of the limit that refused or would have.
    pub limit: Option<&'r str>,
    /// The scopes that the caller lacks, where that is the reason.
    pub missing: &'r [ScopeName],
    /// The extensions of the request: its [`RequestId`](crate::envelope::RequestId), and with axum
    /// the `MatchedPath`.
    pub request: &'r Extensions,
}

/// Who decides. See [the module](self) for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Decider {
    /// `AuthLayer`.
    Auth,
    /// `Scoped` or `RequireScope`.
    Scope,
    /// `OnBehalfOfLayer`.
    OnBehalfOf,
    /// `RateLimitLayer`.
    RateLimit,
}

/// What is decided. See [the module](self) for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The request goes on.
    Allowed,
    /// It is answered with an error.
    Refused,
    /// It goes on, and were the rule in force it would not.
    WouldRefuse,
}

/// Who is told, if anybody.
#[derive(Clone, Default)]
pub(crate) struct Hook(Option<Arc<Listener>>);

struct Listener {
    tell: Box<dyn Fn(&Decision<'_>) + Send + Sync>,
    has_panicked: AtomicBool,
}

impl Decider {
    /// A short constant name, fit for a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Scope => "scope",
            Self::OnBehalfOf => "on_behalf_of",
            Self::RateLimit => "rate_limit",
        }
    }
}

impl<'r> Decision<'r> {
    /// With nothing known but what was decided, about a request with these extensions.
    pub(crate) fn new(by: Decider, verdict: Verdict, request: &'r Extensions) -> Self {
        let principal = request.get::<Principal>();
        Self { by, verdict, refusal: None, principal, limit: None, missing: &[], request }
    }
}

impl Hook {
    pub(crate) fn new(tell: impl Fn(&Decision<'_>) + Send + Sync + 'static) -> Self {
        let listener = Listener { tell: Box::new(tell), has_panicked: AtomicBool::new(false) };
        Self(Some(Arc::new(listener)))
    }

    /// Tells of a decision, which is put together only if somebody listens.
    #[inline]
    pub(crate) fn tell<'r>(&self, decision: impl FnOnce() -> Decision<'r>) {
        if let Some(listener) = &self.0 {
            listener.hear(&decision());
        }
    }
}

impl Listener {
    fn hear(&self, decision: &Decision<'_>) {
        // What a panic has left half done is the hook's own affair.
        let heard = catch_unwind(AssertUnwindSafe(|| (self.tell)(decision)));
        if heard.is_err() && !self.has_panicked.swap(true, Ordering::Relaxed) {
            telemetry::hook_panicked();
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Hook" } else { "None" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_hook_goes_nowhere_and_is_said_once() {
        let hook = Hook::new(|_| panic!("in the hook"));
        let request = Extensions::new();
        let tell = || {
            hook.tell(|| Decision::new(Decider::Auth, Verdict::Allowed, &request));
            hook.tell(|| Decision::new(Decider::Auth, Verdict::Refused, &request));
        };
        #[cfg(feature = "tracing")]
        {
            let lines = telemetry::captured::lines("info", tell);
            assert_eq!(lines.len(), 1, "{lines:#?}");
            assert!(lines[0].contains("ERROR") && !lines[0].contains("in the hook"), "{lines:#?}");
        }
        #[cfg(not(feature = "tracing"))]
        tell();
    }

    #[test]
    fn nothing_is_put_together_where_nobody_listens() {
        Hook::default().tell(|| unreachable!("nobody listens"));
    }
}
