use std::convert::Infallible;

use http::{HeaderMap, HeaderValue, Request, Response};
use tower_layer::Layer;

use super::fixture::*;
use crate::AuthLayer;

/// What caches are told where the handler answers with these headers.
async fn told(says: &[(&'static str, &'static str)]) -> (String, String) {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let headers: HeaderMap = says
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .collect();
    let inner = tower::service_fn(move |_: Request<Body>| {
        let mut response = Response::new(Body::default());
        response.headers_mut().extend(headers.clone());
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let service = AuthLayer::new(fixture.keys.clone()).header("x-api-key").layer(inner);
    let answer = send(service, request(&[("x-api-key", key.as_bytes())])).await;
    (answer.header("vary"), answer.header("cache-control"))
}

#[tokio::test]
async fn a_response_to_a_header_of_the_services_own_is_private() {
    let read = "authorization, x-api-key".to_owned();
    assert_eq!(told(&[]).await, (read.clone(), "private".into()));
    let own = told(&[("cache-control", "public, max-age=60")]).await;
    assert_eq!(own, (read, "public, max-age=60".into()), "the handler knows better");
    let own = told(&[("vary", "accept")]).await;
    assert_eq!(own.0, "accept | authorization, x-api-key", "appended, not replaced");
}

#[tokio::test]
async fn refusals_vary_too_and_are_not_stored() {
    let fixture = Fixture::new();
    let layer = AuthLayer::new(fixture.keys.clone()).header("x-api-key");
    let service = layer.layer(fixture.inner());
    let answer = send(service.clone(), request(&[("x-api-key", b"junk")])).await;
    assert_eq!(answer.header("vary"), "authorization, x-api-key");
    assert_eq!(answer.header("cache-control"), "no-store");
    let answer = send(service, request(&[("x-api-key", b"1"), ("x-api-key", b"2")])).await;
    assert_eq!((answer.status.as_u16(), &*answer.header("cache-control")), (400, "private"));
}

#[tokio::test]
async fn naming_authorization_or_a_header_twice_changes_nothing() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let layer = AuthLayer::new(fixture.keys.clone()).header("Authorization");
    let answer = send(layer.layer(fixture.inner()), with_bearer(&key)).await;
    assert_eq!((answer.status.as_u16(), &*answer.header("vary")), (200, ""));
    let layer = layer.header("X-API-Key").header(http::HeaderName::from_static("x-api-key"));
    let sent = request(&[("x-api-key", key.as_bytes())]);
    assert_eq!(send(layer.layer(fixture.inner()), sent).await.status, 200);
}

#[test]
#[should_panic = "no name of a header"]
fn a_header_that_cannot_be_one_is_told_when_the_layer_is_made() {
    let _ = AuthLayer::new(Fixture::new().keys).header("x api key");
}
