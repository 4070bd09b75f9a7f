//! What the hook is told, and that it changes nothing.

use std::sync::Arc;

use parking_lot::Mutex;
use tower_layer::Layer;

use super::fixture::*;
use crate::decision::{Decider, Decision, Verdict};
use crate::{AuthLayer, Mode, NewKey, Refusal, RequireScope, ScopeName};

/// Who decided what, why, about which account, and what was missing.
type Heard = (Decider, Verdict, Option<&'static str>, Option<String>, Vec<ScopeName>);

#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<Heard>>>);

impl Notes {
    pub(super) fn taking(&self) -> impl Fn(&Decision<'_>) + Send + Sync + 'static {
        let notes = self.clone();
        move |decision| {
            let account = decision.principal.map(|caller| caller.account().to_string());
            let refusal = decision.refusal.map(Refusal::as_str);
            let missing = decision.missing.to_vec();
            notes.0.lock().push((decision.by, decision.verdict, refusal, account, missing));
        }
    }

    pub(super) fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.0.lock())
    }
}

fn heard(by: Decider, verdict: Verdict, refusal: Option<&'static str>, known: bool) -> Heard {
    (by, verdict, refusal, known.then(|| "acct_platform".to_owned()), Vec::new())
}

#[tokio::test]
async fn each_decision_is_told_once_whether_it_was_waited_for_or_not() {
    let fixture = Fixture::new();
    let (key, notes) = (fixture.test_key().await, Notes::default());
    let revoked = fixture.keys.issue(NewKey::named("revoked")).await.unwrap();
    fixture.keys.revoke(revoked.id()).await.unwrap();
    let layer = AuthLayer::new(fixture.keys.clone()).allow_anonymous().on_decision(notes.taking());
    // Mounted twice it decides once.
    let service = layer.layer(layer.layer(fixture.inner()));
    let refused = |reason| heard(Decider::Auth, Verdict::Refused, Some(reason), false);
    let cases = [
        (with_bearer(&key), heard(Decider::Auth, Verdict::Allowed, None, true)),
        (with_bearer(&key), heard(Decider::Auth, Verdict::Allowed, None, true)),
        (request(&[]), heard(Decider::Auth, Verdict::Allowed, None, false)),
        (with_bearer("nonsense"), refused("malformed_credential")),
        (with_bearer(UNKNOWN), refused("unknown_key")),
        (with_bearer(UNKNOWN), refused("unknown_key")),
        (with_bearer(revoked.key().expose()), refused("revoked")),
    ];
    for (request, expected) in cases {
        send(service.clone(), request).await;
        assert_eq!(notes.take(), [expected]);
    }
}

#[tokio::test]
async fn a_scope_that_is_missing_is_told_by_the_layer_that_was_passed_last() {
    let fixture = Fixture::new();
    let (key, notes) = (fixture.test_key().await, Notes::default());
    let guarded = RequireScope::<LinksWrite>::new().layer(fixture.inner());
    let layer = AuthLayer::new(fixture.keys.clone()).allow_anonymous().on_decision(notes.taking());
    let service = layer.layer(guarded);
    assert_eq!(send(service.clone(), with_bearer(&key)).await.status, 403);
    let mut lacking = heard(Decider::Scope, Verdict::Refused, Some("insufficient_scope"), true);
    lacking.4 = vec![ScopeName::from_static("links:write")];
    assert_eq!(notes.take(), [heard(Decider::Auth, Verdict::Allowed, None, true), lacking]);
    assert_eq!(send(service, request(&[])).await.status, 401);
    let nobody = heard(Decider::Scope, Verdict::Refused, Some("missing_credential"), false);
    assert_eq!(notes.take()[1..], [nobody]);
}

#[tokio::test]
async fn a_hook_that_panics_neither_opens_nor_closes_a_door() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let layer = AuthLayer::new(fixture.keys.clone()).on_decision(|_| panic!("in the hook"));
    let guarded = RequireScope::<LinksWrite>::new().layer(fixture.inner());
    let live = fixture.issue(NewKey::named("live").mode(Mode::Live).scope(LinksWrite)).await;
    for _ in 0..2 {
        assert_eq!(send(layer.layer(fixture.inner()), with_bearer(&key)).await.status, 200);
        assert_eq!(send(layer.layer(fixture.inner()), with_bearer(UNKNOWN)).await.status, 401);
        assert_eq!(send(layer.layer(fixture.inner()), request(&[])).await.status, 401);
        assert_eq!(send(layer.layer(guarded.clone()), with_bearer(&key)).await.status, 403);
        assert_eq!(send(layer.layer(guarded.clone()), with_bearer(&live)).await.status, 200);
    }
    assert_eq!(fixture.runs(), 4);
}
