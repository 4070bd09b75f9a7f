//! `Allow` tells which methods a path has: nobody hears it who may not enter.

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{Request, Response};
use keygate::{
    AuthLayer, EnvelopeLayer, KeyFormat, Keyring, MemoryStore, NewKey, Principal, Quota,
    RateLimitLayer,
};
use tower::{ServiceBuilder, ServiceExt};

async fn handler(_: Principal) {}

fn app(keys: &Keyring) -> Router {
    let layers = ServiceBuilder::new()
        .layer(AuthLayer::new(keys.clone()))
        .layer(RateLimitLayer::per_key(Quota::per_minute(1)));
    let api =
        Router::new().route("/charges", post(handler)).fallback(keygate::not_found).layer(layers);
    Router::new().nest("/v1", api).layer(EnvelopeLayer::standard())
}

async fn delete(app: &Router, path: &str, key: Option<&str>) -> Response<Body> {
    let request = Request::delete(path);
    let request = match key {
        Some(key) => request.header("authorization", format!("Bearer {key}")),
        None => request,
    };
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn h3_a_refusal_does_not_tell_which_paths_exist() {
    let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32).unwrap());
    let keys = keys.build().unwrap();
    let key = keys.issue(NewKey::named("test")).await.unwrap();
    let text = key.key().expose();
    let app = app(&keys);
    let known = delete(&app, "/v1/charges", None).await;
    let unknown = delete(&app, "/v1/nothing", None).await;
    assert_eq!((known.status().as_u16(), unknown.status().as_u16()), (401, 401));
    let names = |response: &Response<Body>| {
        let mut names: Vec<_> = response.headers().keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(names(&known), names(&unknown));

    let allowed = delete(&app, "/v1/charges", Some(text)).await;
    assert_eq!(allowed.status(), 405);
    assert_eq!(allowed.headers()["allow"], "POST");
    let limited = delete(&app, "/v1/charges", Some(text)).await;
    assert_eq!(limited.status(), 429);
    assert!(!limited.headers().contains_key("allow"));
}
