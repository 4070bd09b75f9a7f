use tower_layer::Layer;

use super::fixture::*;
use crate::{AllOf, AnyOf, AuthLayer, NewKey, RequireScope, Requirement, Scope, ScopeName};

/// Declared by hand, and so in no catalogue.
struct Undeclared;

impl Scope for Undeclared {
    const NAME: ScopeName = ScopeName::from_static("links:reed");
    const DESCRIPTION: &'static str = "A typing error.";
}

async fn ask<R: Requirement + 'static>(fixture: &Fixture, key: &str) -> Answer {
    let inner = RequireScope::<R>::new().layer(fixture.inner());
    let layer = AuthLayer::new(fixture.keys.clone()).allow_anonymous();
    let sent = if key.is_empty() { request(&[]) } else { with_bearer(key) };
    send(layer.layer(inner), sent).await
}

#[tokio::test]
async fn c4_a_caller_needs_the_scope_and_is_told_which() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    assert_eq!(ask::<LinksRead>(&fixture, &key).await.status, 200);
    assert_eq!(ask::<AnyOf<(LinksRead, LinksWrite)>>(&fixture, &key).await.status, 200);
    assert_eq!(fixture.runs(), 2);
    for answer in [
        ask::<LinksWrite>(&fixture, &key).await,
        ask::<AllOf<(LinksRead, LinksWrite)>>(&fixture, &key).await,
    ] {
        assert_eq!((answer.status.as_u16(), &*answer.code()), (403, "insufficient_scope"));
        assert!(answer.body.contains("links:write") && !answer.body.contains("links:read"));
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, r#"Bearer error="insufficient_scope", scope="links:write""#);
    }
    assert_eq!(fixture.runs(), 2);
}

#[tokio::test]
async fn a_caller_is_told_whether_one_scope_or_each_would_help() {
    type Either = AnyOf<(LinksRead, LinksWrite)>;
    type Both = AllOf<(LinksRead, LinksWrite)>;
    let fixture = Fixture::new();
    let key = fixture.issue(NewKey::named("none")).await;
    for (answer, message) in [
        (ask::<LinksRead>(&fixture, &key).await, "lacks the scope `links:read`."),
        (ask::<Both>(&fixture, &key).await, "lacks the scopes `links:read`, `links:write`."),
        (
            ask::<Either>(&fixture, &key).await,
            "lacks one of the scopes `links:read`, `links:write`.",
        ),
        (
            ask::<AnyOf<(LinksRead, Both)>>(&fixture, &key).await,
            "lacks some of the scopes `links:read`, `links:write`.",
        ),
    ] {
        let told = format!("The API key {message}");
        assert!(answer.body.contains(&told), "{} {told}", answer.body);
        assert_eq!((answer.status.as_u16(), answer.refusal()), (403, "insufficient_scope"));
    }
}

#[tokio::test]
async fn an_anonymous_caller_is_401_and_a_missing_layer_500() {
    let fixture = Fixture::new();
    let answer = ask::<LinksRead>(&fixture, "").await;
    assert_eq!((answer.status.as_u16(), answer.refusal()), (401, "missing_credential"));
    let alone = RequireScope::<LinksRead>::new().layer(fixture.inner());
    let answer = send(alone, with_bearer(UNKNOWN)).await;
    assert_eq!((answer.status.as_u16(), &*answer.code()), (500, "misconfigured"));
    assert_eq!(fixture.runs(), 0);
}

#[tokio::test]
async fn a_scope_that_the_keyring_does_not_know_is_500_for_everyone() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let answer = ask::<Undeclared>(&fixture, &key).await;
    assert_eq!((answer.status.as_u16(), &*answer.code()), (500, "misconfigured"));
    assert_eq!(ask::<AnyOf<(Undeclared, LinksWrite)>>(&fixture, &key).await.status, 500);
}
