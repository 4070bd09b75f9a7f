use tower_layer::Layer;

use super::fixture::*;
use crate::AuthLayer;

#[tokio::test]
async fn without_a_credential_the_request_goes_on_marked() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let service = AuthLayer::new(fixture.keys.clone()).allow_anonymous().layer(fixture.inner());
    for lines in [&[][..], &[("authorization", &b""[..])]] {
        let answer = send(service.clone(), request(lines)).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, "anonymous"));
        assert_eq!(answer.header("vary"), "authorization", "a key gives another response");
        assert_eq!(answer.header("cache-control"), "", "this one is everyone's");
    }
    let answer = send(service, with_bearer(&key)).await;
    assert!(answer.body.starts_with("key_"), "{}", answer.body);
}

#[tokio::test]
async fn a_bad_credential_is_still_401_and_a_failing_store_503() {
    let fixture = Fixture::new();
    let layer = AuthLayer::new(fixture.keys.clone()).header("x-api-key").allow_anonymous();
    let service = layer.layer(fixture.inner());
    let bearer = format!("Bearer {UNKNOWN}");
    for (lines, status) in [
        (&[("authorization", &b"Bearer"[..])][..], 401),
        (&[("authorization", b"Basic eDp5")], 401),
        (&[("authorization", bearer.as_bytes())], 401),
        (&[("x-api-key", b"junk")], 401),
        (&[("x-api-key", b"junk"), ("x-api-key", b"junk")], 400),
    ] {
        assert_eq!(send(service.clone(), request(lines)).await.status, status);
    }
    fixture.fail();
    let key = with_bearer("ck_test_abcdefghijklmnopqrstuvwxyz012345");
    assert_eq!(send(service, key).await.status, 503);
    assert_eq!(fixture.runs(), 0);
}
