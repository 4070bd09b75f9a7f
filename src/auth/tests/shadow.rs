//! Scopes that are not enforced yet, and what they must never open.

use std::time::Duration;

use tower_layer::Layer;

use super::fixture::*;
use super::watch::Notes;
use crate::decision::{Decider, Verdict};
use crate::{
    AllOf, AnyOf, AuthLayer, Clock as _, ManualClock, NewKey, RequireScope, Requirement, Scope,
    ScopeName,
};

/// Declared by hand, and so in no catalogue.
struct Undeclared;

impl Scope for Undeclared {
    const NAME: ScopeName = ScopeName::from_static("links:reed");
    const DESCRIPTION: &'static str = "A typing error.";
}

type Both = AllOf<(LinksRead, LinksWrite)>;
type Either = AnyOf<(LinksRead, LinksWrite)>;

/// The status of a caller with these scopes where `R` is demanded and `links:write` is in shadow
/// mode.
async fn status<R: Requirement + 'static>(fixture: &Fixture, key: &str) -> u16 {
    let layer = AuthLayer::new(fixture.keys.clone()).shadow_scope(LinksWrite);
    let guarded = RequireScope::<R>::new().layer(fixture.inner());
    send(layer.layer(guarded), with_bearer(key)).await.status.as_u16()
}

#[tokio::test]
async fn only_what_is_in_shadow_mode_is_let_through() {
    let fixture = Fixture::new();
    let none = fixture.issue(NewKey::named("none")).await;
    let read = fixture.issue(NewKey::named("read").scope(LinksRead)).await;
    for key in [&none, &read] {
        assert_eq!(status::<LinksWrite>(&fixture, key).await, 200);
    }
    for (key, expected) in [(&none, 403), (&read, 200)] {
        assert_eq!(status::<LinksRead>(&fixture, key).await, expected);
        assert_eq!(status::<Both>(&fixture, key).await, expected);
        // It was no alternative before, and opens nothing by becoming one.
        assert_eq!(status::<Either>(&fixture, key).await, expected);
    }
    assert_eq!(status::<Undeclared>(&fixture, &read).await, 500);
    assert_eq!(status::<AllOf<(Undeclared, LinksWrite)>>(&fixture, &read).await, 500);
}

#[tokio::test]
async fn no_key_that_is_refused_passes() {
    let clock = ManualClock::new();
    let fixture = Fixture::on(clock.clone());
    let end = clock.wall() + Duration::from_mins(1);
    let expired = fixture.issue(NewKey::named("expired").expires_at(end)).await;
    assert_eq!(status::<LinksWrite>(&fixture, &expired).await, 200);
    clock.advance(Duration::from_mins(1));
    let revoked = fixture.keys.issue(NewKey::named("revoked")).await.unwrap();
    assert_eq!(status::<LinksWrite>(&fixture, revoked.key().expose()).await, 200);
    fixture.keys.revoke(revoked.id()).await.unwrap();
    for key in [&expired, revoked.key().expose(), UNKNOWN, "nonsense"] {
        assert_eq!(status::<LinksWrite>(&fixture, key).await, 401);
    }
    let publishable = fixture.issue(NewKey::named("page").kind(crate::KeyKind::Publishable)).await;
    assert_eq!(status::<LinksWrite>(&fixture, &publishable).await, 401);
    let layer = AuthLayer::new(fixture.keys.clone()).allow_anonymous().shadow_scope(LinksWrite);
    let guarded = RequireScope::<LinksWrite>::new().layer(fixture.inner());
    let answer = send(layer.layer(guarded), request(&[])).await;
    assert_eq!((answer.status.as_u16(), answer.refusal()), (401, "missing_credential"));
    assert_eq!(fixture.runs(), 2);
}

#[tokio::test]
async fn a_layer_further_inside_decides_for_itself() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let lax = AuthLayer::new(fixture.keys.clone()).shadow_scope(LinksWrite);
    let strict = AuthLayer::new(fixture.keys.clone());
    let other = AuthLayer::new(fixture.keys.clone()).on_decision(|_| {});
    let guarded = || RequireScope::<LinksWrite>::new().layer(fixture.inner());
    let status = async |service| -> u16 { send(service, with_bearer(&key)).await.status.as_u16() };
    assert_eq!(status(lax.layer(strict.layer(guarded()))).await, 403);
    assert_eq!(status(lax.layer(other.layer(guarded()))).await, 403);
    assert_eq!(status(strict.layer(lax.layer(guarded()))).await, 200);
    // That of another keyring too, whether it knows the key or lets everyone in.
    let operators = Fixture::new();
    let anyone = AuthLayer::new(operators.keys.clone()).header("x-operator");
    let operator = operators.issue(NewKey::named("operator")).await;
    let service = lax.clone().header("x-key").layer(anyone.layer(guarded()));
    let both = request(&[("x-key", key.as_bytes()), ("x-operator", operator.as_bytes())]);
    assert_eq!(send(service, both).await.status, 403);
    // So does one that finds a key where the layer outside found none.
    let nobody = lax.clone().allow_anonymous();
    let only_inside = || request(&[("x-key", key.as_bytes())]);
    for (inside, expected) in [(&strict, 403), (&other, 403), (&lax, 200)] {
        let service = nobody.layer(inside.clone().header("x-key").layer(guarded()));
        assert_eq!(send(service, only_inside()).await.status, expected);
    }
    // One that finds none leaves the caller of the layer outside, and decides about its scopes.
    let anyone = anyone.allow_anonymous();
    for (inside, expected) in [(anyone.clone().shadow_scope(LinksWrite), 200), (anyone, 403)] {
        let service = lax.clone().header("x-key").layer(inside.layer(guarded()));
        assert_eq!(send(service, only_inside()).await.status, expected);
    }
}

#[tokio::test]
async fn what_would_be_refused_is_told() {
    let fixture = Fixture::new();
    let (key, notes) = (fixture.test_key().await, Notes::default());
    let layer = AuthLayer::new(fixture.keys.clone());
    let layer = layer.shadow_scope(LinksWrite).on_decision(notes.taking());
    let guarded = RequireScope::<AllOf<(LinksRead, LinksWrite)>>::new().layer(fixture.inner());
    assert_eq!(send(layer.layer(guarded), with_bearer(&key)).await.status, 200);
    let account = Some("acct_platform".to_owned());
    let missing = vec![LinksWrite::NAME];
    let why = Some("insufficient_scope");
    let would = (Decider::Scope, Verdict::WouldRefuse, why, account, missing);
    assert_eq!(notes.take()[1..], [would]);
}
