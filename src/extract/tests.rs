use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::FromRequest;
use axum::routing::{get, post};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::Scoped;
use crate::auth::tests::fixture::{Fixture, LinksRead, LinksWrite, UNKNOWN};
use crate::{AllOf, AnyOf, AuthLayer, Principal, not_found};

async fn send(app: &Router, method: &str, path: &str, key: Option<&str>) -> (StatusCode, String) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let response = app.clone().oneshot(request.body(Body::from("{")).unwrap()).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn who(caller: Principal) -> String {
    caller.account().to_string()
}

async fn maybe(caller: Option<Principal>) -> String {
    caller.map_or("anonymous".into(), |caller| caller.account().to_string())
}

async fn read(caller: Scoped<LinksRead>) -> String {
    let named = format!("{} {}", caller.account(), caller.mode() == crate::Mode::Test);
    assert_eq!(caller.key_id(), caller.clone().into_principal().key_id());
    named
}

async fn both(_: Scoped<AllOf<(LinksRead, LinksWrite)>>) {}

async fn either(_: Scoped<AnyOf<(LinksRead, LinksWrite)>>) {}

/// A body that must not be read.
struct Untouchable;

impl<S: Send + Sync> FromRequest<S> for Untouchable {
    type Rejection = StatusCode;

    async fn from_request(_: Request<Body>, _: &S) -> Result<Self, StatusCode> {
        Err(StatusCode::IM_A_TEAPOT)
    }
}

async fn write(_: Scoped<LinksWrite>, _: Untouchable) {}

async fn write_here(_: Scoped<LinksRead>, _: Untouchable) {}

fn routes() -> Router {
    Router::new()
        .route("/who", get(who))
        .route("/maybe", get(maybe))
        .route("/read", get(read))
        .route("/both", get(both))
        .route("/either", get(either))
        .route("/write", post(write))
        .route("/write_here", post(write_here))
}

#[tokio::test]
async fn c4_handlers_see_callers_who_may_and_nobody_else() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let app = routes().layer(AuthLayer::new(fixture.keys.clone()));
    for (method, path, status, text) in [
        ("GET", "/who", 200, "acct_platform"),
        ("GET", "/maybe", 200, "acct_platform"),
        ("GET", "/read", 200, "acct_platform true"),
        ("GET", "/either", 200, ""),
        ("GET", "/both", 403, "links:write"),
        ("POST", "/write", 403, "links:write"),
        ("POST", "/write_here", 418, ""),
    ] {
        let (found, body) = send(&app, method, path, Some(&key)).await;
        assert_eq!(found.as_u16(), status, "{path}: {body}");
        assert!(body.contains(text), "{path}: {body}");
        assert_eq!(send(&app, method, path, None).await.0, 401, "{path}");
        assert_eq!(send(&app, method, path, Some(UNKNOWN)).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn anonymous_callers_are_none_and_have_no_scopes() {
    let fixture = Fixture::new();
    let app = routes().layer(AuthLayer::new(fixture.keys.clone()).allow_anonymous());
    assert_eq!(send(&app, "GET", "/maybe", None).await, (StatusCode::OK, "anonymous".into()));
    for path in ["/who", "/read", "/either"] {
        let (status, body) = send(&app, "GET", path, None).await;
        assert_eq!(status, 401, "{path}");
        assert!(body.contains("invalid_api_key"), "{body}");
    }
    assert_eq!(send(&app, "GET", "/maybe", Some("junk")).await.0, 401);
}

#[tokio::test]
async fn h3_a_route_outside_the_layer_is_500_for_everyone() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let layer = AuthLayer::new(fixture.keys.clone());
    let added_after = Router::new().route("/in", get(who)).layer(layer.clone()).merge(routes());
    let nested = Router::new().nest("/api", routes());
    for (app, prefix) in [(routes(), ""), (added_after, ""), (nested, "/api")] {
        for path in ["/who", "/maybe", "/read", "/both", "/either"] {
            let path = format!("{prefix}{path}");
            let (status, body) = send(&app, "GET", &path, Some(&key)).await;
            assert_eq!(status, 500, "{path}");
            assert!(body.contains("misconfigured"), "{body}");
            assert!(!body.contains("AuthLayer"), "the client is not told what: {body}");
            assert_eq!(send(&app, "GET", &path, None).await, (status, body), "{path}");
        }
    }
}

#[tokio::test]
async fn h3_nested_merged_and_unknown_paths_need_a_key_too() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let layer = AuthLayer::new(fixture.keys.clone());
    let nested = Router::new().nest("/api", routes().fallback(not_found).layer(layer.clone()));
    let merged = Router::new()
        .route("/public", get(|| async {}))
        .merge(Router::new().route("/api/who", get(who)).fallback(not_found).layer(layer.clone()));
    for app in [&nested, &merged] {
        for (method, path) in [
            ("GET", "/api/who"),
            ("GET", "/api/unknown"),
            ("DELETE", "/api/who"),
            ("OPTIONS", "/api/who"),
            ("HEAD", "/api/who"),
        ] {
            let (status, _) = send(app, method, path, None).await;
            assert_eq!(status, 401, "{method} {path}");
        }
        assert_eq!(send(app, "GET", "/api/who", Some(&key)).await.0, 200);
        assert_eq!(send(app, "GET", "/api/unknown", Some(&key)).await.0, 404);
        assert_eq!(send(app, "DELETE", "/api/who", Some(&key)).await.0, 405);
    }
    assert_eq!(send(&merged, "GET", "/public", None).await.0, 200);
}

#[tokio::test]
async fn h3_the_layer_counts_the_same_with_route_layer_and_around_the_whole_app() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let layer = AuthLayer::new(fixture.keys.clone());
    let around = Router::new().fallback_service(tower_layer::Layer::layer(&layer, routes()));
    for app in [routes().route_layer(layer.clone()), around] {
        assert_eq!(send(&app, "GET", "/who", None).await.0, 401);
        assert_eq!(send(&app, "GET", "/who", Some(&key)).await.0, 200);
        assert_eq!(send(&app, "DELETE", "/who", None).await.0, 401);
    }
}

#[tokio::test]
async fn h4_no_spelling_of_a_path_or_method_opens_a_handler() {
    let fixture = Fixture::new();
    let app = Router::new()
        .nest("/api", routes().fallback(not_found).layer(AuthLayer::new(fixture.keys.clone())));
    for path in [
        "//api/who",
        "/api//who",
        "/api/%77ho",
        "/%61pi/who",
        "/api/who;x",
        "/api/a/../who",
        "/api/./who",
        "/api/who/",
        "/API/who",
        "/api/who?key=ck",
        "http://elsewhere.example/api/who",
        "/api/who%00",
        "/api/who%2f",
    ] {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "PROPFIND"] {
            let (status, body) = send(&app, method, path, None).await;
            assert!([401, 404].contains(&status.as_u16()), "{method} {path}: {status} {body}");
        }
    }
    for (name, value) in [
        ("x-http-method-override", "GET"),
        ("x-original-url", "/public"),
        ("x-rewrite-url", "/public"),
        ("x-forwarded-prefix", "/public"),
    ] {
        let request = Request::builder().uri("/api/who").header(name, value);
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 401, "{name}");
    }
}

#[tokio::test]
async fn c4_without_the_scope_no_byte_of_the_body_is_read() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let app = Router::new()
        .route("/", post(async |_: Scoped<LinksWrite>, _: Bytes| {}))
        .layer(AuthLayer::new(fixture.keys.clone()));
    let body = watched_body(|| panic!("somebody read the body"));
    let request = Request::post("/").header("authorization", format!("Bearer {key}"));
    let response = app.oneshot(request.body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), 403);
}

/// A body that calls `read` when somebody asks for its first byte.
fn watched_body(read: fn()) -> Body {
    struct Watched(fn());

    impl http_body::Body for Watched {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            (self.0)();
            std::task::Poll::Ready(None)
        }
    }

    Body::new(Watched(read))
}
