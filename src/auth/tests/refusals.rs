use tower_layer::Layer;

use super::fixture::*;
use crate::{AuthLayer, KeyKind, Mode, NewKey};

#[tokio::test]
async fn c1_a_good_key_is_let_in_cold_and_hot_and_the_body_is_left_alone() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let echo = tower::service_fn(async |request: http::Request<Body>| {
        assert!(request.extensions().get::<crate::Principal>().is_some());
        let shown = format!("{request:?}");
        assert!(!shown.contains("ck_test"), "the header's value is marked sensitive: {shown}");
        Ok::<_, std::convert::Infallible>(http::Response::new(request.into_body()))
    });
    let service = AuthLayer::new(fixture.keys.clone()).layer(echo);
    for temperature in ["cold", "hot", "hot"] {
        let answer = send(service.clone(), with_bearer(&key)).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, "the body"), "{temperature}");
        assert_eq!(answer.header("vary"), "", "caches keep nothing that had an Authorization");
    }
    assert_eq!(fixture.store.lookups(), 1);
}

#[tokio::test]
async fn c4_whatever_is_no_good_key_is_401_with_a_challenge_and_nothing_runs() {
    let fixture = Fixture::new();
    let service = AuthLayer::new(fixture.keys.clone()).realm("sh\"op\r\n").layer(fixture.inner());
    let long = "a".repeat(400 * 1024);
    let prefixed = format!("ck_test_{}", "a".repeat(400));
    let plain = r#"Bearer realm="sh\"op""#;
    let invalid = r#"Bearer realm="sh\"op", error="invalid_token""#;
    for (value, refusal, challenge) in [
        (&b""[..], "missing_credential", plain),
        (b"Bearer", "malformed_credential", invalid),
        (b"Basic dXNlcjpwYXNz", "malformed_credential", invalid),
        (b"Bearer ck_test_short", "malformed_credential", invalid),
        (b"Bearer xx_test_0123456789abcdefghijklmnopqrstuv", "malformed_credential", invalid),
        (b"Bearer ck_test_0123456789abcdefghijklmnopqrstu-", "malformed_credential", invalid),
        (b"Bearer \x80\xff\xfe", "malformed_credential", invalid),
        (b"Bearer ck_test_0123456789abcdefghijklmnopqrst\xc3\xa9", "malformed_credential", invalid),
        (format!("Bearer {long}").as_bytes(), "malformed_credential", invalid),
        (format!("Bearer {prefixed}").as_bytes(), "malformed_credential", invalid),
        (format!("Bearer {UNKNOWN}").as_bytes(), "unknown_key", invalid),
    ] {
        let answer = send(service.clone(), request(&[("authorization", value)])).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.code(), "invalid_api_key");
        assert_eq!(answer.refusal(), refusal);
        assert_eq!(answer.header("www-authenticate"), challenge);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.body.contains("0123456789"), "nothing is echoed");
    }
    let answer = send(service.clone(), request(&[])).await;
    assert_eq!(
        (answer.refusal(), &*answer.header("www-authenticate")),
        ("missing_credential", plain)
    );
    assert_eq!(fixture.runs(), 0);
    assert_eq!(fixture.store.lookups(), 1, "v8: only the well-formed key was looked up");
}

#[tokio::test]
async fn h1_two_credentials_are_400_even_when_equal_and_good() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let (bearer, key) = (format!("Bearer {key}"), key.as_bytes());
    let layer = AuthLayer::new(fixture.keys.clone()).header("x-api-key");
    for lines in [
        &[("authorization", bearer.as_bytes()), ("authorization", bearer.as_bytes())][..],
        &[("authorization", bearer.as_bytes()), ("x-api-key", key)],
        &[("authorization", bearer.as_bytes()), ("x-api-key", b"junk")],
        &[("authorization", b"Basic eDp5"), ("x-api-key", key)],
        &[("x-api-key", key), ("x-api-key", key)],
        &[("authorization", bearer.as_bytes()), ("authorization", b"")],
        &[("x-api-key", key); 90],
    ] {
        let answer = send(layer.layer(fixture.inner()), request(lines)).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "ambiguous_credentials"));
    }
    assert_eq!((fixture.runs(), fixture.store.lookups()), (0, 0));
}

#[tokio::test]
async fn k3_a_deployment_of_one_mode_refuses_the_other_without_a_look_up() {
    let fixture = Fixture::new();
    let test = fixture.test_key().await;
    let live = fixture.issue(NewKey::named("live").mode(Mode::Live)).await;
    for (mode, good, bad) in [(Mode::Live, &live, &test), (Mode::Test, &test, &live)] {
        let service = AuthLayer::new(fixture.keys.clone()).mode(mode).layer(fixture.inner());
        let before = fixture.store.lookups();
        let answer = send(service.clone(), with_bearer(bad)).await;
        assert_eq!((answer.status.as_u16(), answer.refusal()), (401, "wrong_mode"));
        assert_eq!(fixture.store.lookups(), before);
        assert_eq!(send(service, with_bearer(good)).await.status, 200);
    }
}

#[tokio::test]
async fn k1_a_publishable_key_opens_nothing_unless_it_is_allowed() {
    let fixture = Fixture::new();
    let new = NewKey::named("page").mode(Mode::Test).kind(KeyKind::Publishable);
    let key = fixture.issue(new).await;
    let layer = AuthLayer::new(fixture.keys.clone());
    let answer = send(layer.layer(fixture.inner()), with_bearer(&key)).await;
    assert_eq!((answer.status.as_u16(), answer.refusal()), (401, "wrong_kind"));
    assert_eq!((fixture.runs(), fixture.store.lookups()), (0, 0));
    let layer = layer.allow_publishable();
    assert_eq!(send(layer.layer(fixture.inner()), with_bearer(&key)).await.status, 200);
}

#[tokio::test]
async fn c7_a_revoked_key_looks_like_an_unknown_one() {
    let fixture = Fixture::new();
    let issued = fixture.keys.issue(NewKey::named("old").mode(Mode::Test)).await.unwrap();
    let service = AuthLayer::new(fixture.keys.clone()).layer(fixture.inner());
    let good = with_bearer(issued.key().expose());
    assert_eq!(send(service.clone(), good.clone()).await.status, 200);
    fixture.keys.revoke(issued.id()).await.unwrap();
    let revoked = send(service.clone(), good).await;
    let unknown = send(service, with_bearer(UNKNOWN)).await;
    assert_eq!((revoked.refusal(), unknown.refusal()), ("revoked", "unknown_key"));
    assert_eq!((revoked.body, revoked.headers), (unknown.body, unknown.headers));
}

#[tokio::test]
async fn v2_a_store_that_fails_is_503_and_says_when_to_come_again() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let service = AuthLayer::new(fixture.keys.clone()).layer(fixture.inner());
    fixture.fail();
    for key in [&*key, UNKNOWN] {
        let answer = send(service.clone(), with_bearer(key)).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (503, "unavailable"));
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("www-authenticate"), "");
    }
    assert_eq!(fixture.runs(), 0);
}
