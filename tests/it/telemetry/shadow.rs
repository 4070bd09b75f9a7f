//! A scope and a limit that are tried out on a service of axum's before they are in force.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::MatchedPath;
use axum::routing::get as on_get;
use keygate::decision::{Decision, Verdict};
use keygate::envelope::RequestId;
use keygate::{
    AuthLayer, EnvelopeLayer, KeyFormat, Keyring, Limit, MemoryStore, NewKey, Quota,
    RateLimitLayer, Refusal, Scoped, scopes,
};
use tower::ServiceBuilder;

use crate::support::{Kept, get};

scopes! {
    /// Everything a key can be issued with.
    catalogue SCOPES;
    /// List refunds.
    RefundsRead = "refunds:read";
}

/// Whose request to which route would be refused, and why.
type Trials = Arc<Mutex<Vec<(String, String, &'static str)>>>;

fn note(trials: &Trials) -> impl Fn(&Decision<'_>) + Send + Sync + 'static {
    let trials = Arc::clone(trials);
    move |decision| {
        assert!(decision.request.get::<RequestId>().is_some());
        if decision.verdict == Verdict::WouldRefuse {
            let route = decision.request.get::<MatchedPath>().unwrap().as_str().to_owned();
            let account = decision.principal.unwrap().account().to_string();
            let reason = decision.refusal.map(Refusal::as_str).unwrap();
            trials.lock().unwrap().push((account, route, reason));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_new_rule_would_refuse_is_counted_told_and_let_through() {
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let format = KeyFormat::base62("ck", 32).unwrap();
    let keys = Keyring::builder(MemoryStore::new(), format).scopes(SCOPES).build().unwrap();
    let old = keys.issue(NewKey::named("from before")).await.unwrap();
    let new = keys.issue(NewKey::named("new").scope(RefundsRead)).await.unwrap();

    let trials = Trials::default();
    let auth = AuthLayer::new(keys).shadow_scope(RefundsRead).on_decision(note(&trials));
    let stricter = Limit::per_key(Quota::per_hour(2)).named("stricter").shadow();
    let limit = RateLimitLayer::per_key(Quota::per_hour(9)).and(stricter);
    let limit = limit.on_decision(note(&trials));
    let refund = async |_: Scoped<RefundsRead>| "a refund";
    let app = Router::new()
        .route("/refunds/{id}", on_get(refund))
        .layer(ServiceBuilder::new().layer(auth).layer(limit))
        .layer(EnvelopeLayer::standard());
    for (key, times) in [(&old, 3), (&new, 2)] {
        for _ in 0..times {
            get("/refunds/7").bearer(key.key().expose()).send(&app).await.expect(200);
        }
    }

    let would = |reason| ("default".to_owned(), "/refunds/{id}".to_owned(), reason);
    let (scope, limit) = (would("insufficient_scope"), would("rate_limited"));
    let expected = [scope.clone(), scope.clone(), limit, scope];
    assert_eq!(*trials.lock().unwrap(), expected);
    let counted = |name: &str| kept.counter(name);
    assert_eq!(counted("keygate_decisions_total,by=scope,outcome=would_refuse"), 3);
    assert_eq!(counted("keygate_limit_decisions_total,limit=stricter,outcome=would_refuse"), 1);
    get("/refunds/7").bearer("ck_test_nonsense").send(&app).await.expect(401);
}
