//! K8: what fails inside keeps the headers of the limit; a 401 has none. On PayKore's stack.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use keygate::envelope::ShortRequestIds;
use keygate::store::MemoryStore;
use keygate::{
    ApiError, AuthLayer, EnvelopeLayer, Keyring, ManualClock, Mode, NewKey, Principal, Quota,
    RateLimitLayer,
};
use tower::ServiceBuilder;

use crate::apps::{self, paykore};
use crate::support::{self, Answer};

/// PayKore's layers around handlers that fail. Its own app has none.
fn failing(keys: &Keyring) -> Router {
    let auth = AuthLayer::new(keys.clone()).header("x-api-key").mode(Mode::Test);
    let limit = RateLimitLayer::per_key(Quota::per_minute(300))
        .with_clock(Arc::clone(keys.clock()))
        .plans(keys.plans().clone());
    let api = Router::new()
        .route("/panic", get(panics))
        .route("/late-panic", get(panics_later))
        .route("/unavailable", get(unavailable))
        .route("/bare", get(|_: Principal| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/text", get(|_: Principal| async { (StatusCode::BAD_GATEWAY, "db01 is down") }))
        .fallback(keygate::not_found)
        .layer(ServiceBuilder::new().layer(auth).layer(limit));
    let envelope = EnvelopeLayer::new(apps::paykore_envelope()).request_ids(ShortRequestIds);
    Router::new().nest("/v1", api).layer(envelope)
}

/// On a clock that stands still.
fn keyring() -> Keyring {
    let builder = paykore::keyring(MemoryStore::new()).unwrap();
    builder.with_clock(ManualClock::new()).build().unwrap()
}

async fn panics(_: Principal) -> StatusCode {
    panic!("sk_test_never_shown")
}

async fn panics_later(_: Principal) -> StatusCode {
    tokio::task::yield_now().await;
    panic!("sk_test_never_shown")
}

async fn unavailable(_: Principal) -> Result<(), ApiError> {
    Err(ApiError::unavailable(std::time::Duration::from_secs(7)))
}

fn has_the_headers(answer: &Answer, left: u64) {
    assert_eq!(answer.number("x-ratelimit-limit"), 300);
    assert_eq!(answer.number("x-ratelimit-remaining"), left, "{}", answer.status);
    assert!(answer.number("x-ratelimit-reset") > 0);
}

#[tokio::test]
async fn k8_d12_panics_and_failures_inside_keep_the_headers() {
    let keys = keyring();
    let issued = keys.issue(NewKey::named("n")).await.unwrap();
    let app = failing(&keys);
    let mut left = 300;
    for (path, status, code) in [
        ("/v1/panic", 500, "INTERNAL"),
        ("/v1/late-panic", 500, "INTERNAL"),
        ("/v1/unavailable", 503, "UNAVAILABLE"),
        ("/v1/bare", 503, "UNAVAILABLE"),
        ("/v1/text", 502, "UNAVAILABLE"),
        ("/v1/none", 404, "NOT_FOUND"),
    ] {
        let call = support::get(path).header("x-api-key", issued.key().expose());
        let answer = call.send(&app).await.expect(status);
        left -= 1;
        has_the_headers(&answer, left);
        assert_eq!(answer.json()["error"]["code"], code, "{path}");
        assert_eq!(answer.json()["meta"]["request_id"], answer.header("x-request-id"));
        let shown = answer.shown();
        assert!(!shown.contains("never_shown") && !shown.contains("db01"), "{shown}");
        if path == "/v1/unavailable" {
            assert_eq!(answer.header("retry-after"), "7");
        }
    }
    for call in [support::get("/v1/panic"), support::get("/v1/panic").bearer("nonsense")] {
        let answer = call.send(&app).await.expect(401);
        assert!(!answer.has("x-ratelimit-limit"), "no key to count");
    }
}

#[tokio::test]
async fn h3_a_panic_in_one_request_harms_no_other() {
    let keys = keyring();
    let issued = keys.issue(NewKey::named("n")).await.unwrap();
    let app = failing(&keys);
    let http = support::Loopback::serve(&app).await;
    let client = reqwest::Client::new();
    let call = |path: &str| client.get(http.url(path)).header("x-api-key", issued.key().expose());
    for _ in 0..5 {
        for (path, status) in [("/v1/panic", 500), ("/v1/none", 404), ("/v1/late-panic", 500)] {
            assert_eq!(call(path).send().await.unwrap().status(), status);
        }
    }
}
