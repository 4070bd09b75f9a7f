//! Where the layer stands, and what stands around and inside it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequest;
use axum::routing::post;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Service, ServiceBuilder, ServiceExt as _};
use tower_layer::Layer as _;

use super::fixture::{Stack, request, send};
use crate::auth::tests::fixture::LinksWrite;
use crate::extract::Run;
use crate::on_behalf_of::{AccountDirectory, Connection, DirectoryError, OnBehalfOfLayer};
use crate::test_util::{principal, scoped};
use crate::{
    AccountId, AuthLayer, EnvelopeLayer, Idempotent, Mode, Quota, RateLimitLayer, RequireScope,
    Scope as _, Scoped, not_found,
};

#[tokio::test]
async fn h3_a_handler_outside_the_layer_is_500_with_and_without_a_key() {
    let stack = Stack::new().await;
    let auth = AuthLayer::new(stack.fixture.keys.clone());
    let run = Router::new().route("/orders", post(async |_: Run| "never"));
    for routes in [stack.routes(), run] {
        let app = routes.layer(auth.clone());
        for keys in [&["k"][..], &[]] {
            let answer = send(&app, stack.request(Method::POST, keys, "created")).await;
            assert_eq!(answer.status, 500);
            assert!(answer.body.contains("misconfigured"), "{}", answer.body);
            assert!(!answer.body.contains("Layer"), "the client is not told what");
        }
    }
    let app = stack.routes().layer(auth);
    let reads = send(&app, request(&stack.key, Method::GET, &["k"], "")).await;
    assert_eq!(reads.status, 200, "what changes nothing needs no layer");
    assert_eq!(stack.runs(), 0);
}

#[tokio::test]
async fn h3_a_layer_without_callers_is_500_for_requests_with_a_key() {
    let stack = Stack::new().await;
    let app = Router::new()
        .route("/orders", post(async |_: Idempotent<Bytes>| "open"))
        .layer(stack.layer.clone());
    let answer = send(&app, stack.request(Method::POST, &["k"], "created")).await;
    assert_eq!((answer.status, stack.store.leases()), (500, 0));
}

#[tokio::test]
async fn a_layer_mounted_twice_or_outside_the_authentication_is_one_layer() {
    let stack = Stack::new().await;
    let auth = || AuthLayer::new(stack.fixture.keys.clone());
    let twice = stack.routes().layer(stack.layer.clone()).layer(stack.layer.clone()).layer(auth());
    let outside = stack.routes().layer(auth()).layer(stack.layer.clone());
    let route_layer = stack.routes().route_layer(stack.layer.clone()).layer(auth());
    for (number, app) in [twice, outside, route_layer].iter().enumerate() {
        let key = format!("k{number}");
        for _ in 0..2 {
            let answer = send(app, stack.request(Method::POST, &[&key], "created")).await;
            assert_eq!(answer.body, format!(r#"{{"run":{}}}"#, number + 1));
        }
        assert_eq!(stack.store.leases(), 2 * (number + 1));
    }
}

#[tokio::test]
async fn i4_nested_routers_with_one_layer_keep_their_paths_apart() {
    let stack = Stack::new().await;
    let routes = || stack.routes().fallback(not_found).layer(stack.layer.clone());
    let app = Router::new()
        .nest("/a", Router::new().nest("/v1", routes()))
        .nest("/b/{tenant}", routes())
        .layer(AuthLayer::new(stack.fixture.keys.clone()));
    for (path, run) in [
        ("/a/v1/orders", 1),
        ("/b/x/orders", 2),
        ("/b/y/orders", 3),
        ("/a/v1/orders", 1),
        ("/b/x/orders", 2),
        ("/b/y/orders", 3),
    ] {
        let mut request = stack.request(Method::POST, &["k"], "created");
        *request.uri_mut() = path.parse().unwrap();
        assert_eq!(send(&app, request).await.body, format!(r#"{{"run":{run}}}"#), "{path}");
    }
}

#[tokio::test]
async fn i4_services_on_one_store_are_apart_by_their_namespaces() {
    let stack = Stack::new().await;
    let named = |name| stack.app_with(&stack.layer.clone().namespace(name));
    for (app, run) in [(named("a"), 1), (named("b"), 2), (stack.app(), 3), (named("a"), 1)] {
        let answer = send(&app, stack.request(Method::POST, &["k"], "created")).await;
        assert_eq!(answer.body, format!(r#"{{"run":{run}}}"#));
    }
}

/// Connects every account to everybody.
struct Everyone;

impl AccountDirectory for Everyone {
    async fn connection(
        &self,
        _: &AccountId,
        _: &AccountId,
        _: Mode,
    ) -> Result<Option<Connection>, DirectoryError> {
        let capabilities = [LinksWrite::NAME].into_iter().collect();
        Ok(Some(Connection { verified: true, capabilities }))
    }
}

#[tokio::test]
async fn i4_a_platform_has_operations_of_its_own_and_for_each_connected_account() {
    let stack = Stack::new().await;
    let layers = ServiceBuilder::new()
        .layer(AuthLayer::new(stack.fixture.keys.clone()))
        .layer(OnBehalfOfLayer::new(Everyone))
        .layer(stack.layer.clone());
    let app = stack.routes().layer(layers);
    let callers = [(None, 1), (Some("acct_a"), 2), (Some("acct_b"), 3)];
    for (account, run) in callers.into_iter().chain(callers) {
        let mut request = stack.request(Method::POST, &["k"], "created");
        if let Some(account) = account {
            request.headers_mut().insert("x-on-behalf-of", account.parse().unwrap());
        }
        assert_eq!(send(&app, request).await.body, format!(r#"{{"run":{run}}}"#));
    }
}

#[tokio::test]
async fn i7_a_scope_that_a_layer_inside_asks_for_counts_as_one_of_the_handlers() {
    let stack = Stack::new().await;
    let routes = Router::new()
        .route("/orders", post(async |_: Idempotent<Bytes>| "done"))
        .layer(RequireScope::<LinksWrite>::new());
    let auth = AuthLayer::new(stack.fixture.keys.clone());
    let app = routes.layer(stack.layer.clone()).layer(auth.clone());
    assert_eq!(send(&app, stack.request(Method::POST, &["k"], "created")).await.status, 200);
    let reader = crate::KeyUpdate::default().scopes([]);
    let id = stack.fixture.keys.verify(&stack.key).await.unwrap().key_id().clone();
    stack.fixture.keys.update(&id, reader).await.unwrap();
    let open = Router::new()
        .route("/orders", post(async |_: Idempotent<Bytes>| "open"))
        .layer(stack.layer.clone())
        .layer(auth);
    let answer = send(&open, stack.request(Method::POST, &["k"], "created")).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("links:write"), "{}", answer.body);
}

#[tokio::test]
async fn a_panic_frees_the_key_and_goes_on_to_whoever_writes_it() {
    let stack = Stack::new().await;
    let auth = AuthLayer::new(stack.fixture.keys.clone());
    let limit = RateLimitLayer::per_key(Quota::per_minute(60));
    let inside = ServiceBuilder::new().layer(auth.clone()).layer(limit).layer(stack.layer.clone());
    let app = stack.routes().layer(inside).layer(EnvelopeLayer::standard());
    let answer = send(&app, stack.request(Method::POST, &["k"], "panic")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.headers.contains_key("x-ratelimit-limit"));
    assert!(!answer.body.contains("told to"), "{}", answer.body);
    // With nobody to write it, it is the caller's.
    let bare = stack.routes().layer(stack.layer.clone()).layer(auth);
    let request = stack.request(Method::POST, &["k"], "panic");
    let sending = tokio::spawn(async move { send(&bare, request).await });
    let panic = sending.await.err().unwrap().into_panic();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "told to panic");
    assert_eq!(stack.runs(), 2);
    assert_eq!(stack.order("k", "created").await.status, 201, "the key is free");
}

#[tokio::test]
async fn handlers_are_called_by_tests_with_a_body_made_by_hand() {
    let create = async |_: Scoped<LinksWrite>, Idempotent(body): Idempotent<Bytes>| body;
    let caller = principal("acct_1", Mode::Test, [LinksWrite::NAME]);
    assert_eq!(create(scoped(caller).unwrap(), Idempotent("a".into())).await, "a");
}

/// A body that is refused the first time it is asked for.
struct Moody(Arc<AtomicUsize>);

impl FromRequest<Arc<AtomicUsize>> for Moody {
    type Rejection = StatusCode;

    async fn from_request(_: Request<Body>, asked: &Arc<AtomicUsize>) -> Result<Self, StatusCode> {
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Err(StatusCode::INTERNAL_SERVER_ERROR),
            _ => Ok(Self(Arc::clone(asked))),
        }
    }
}

#[tokio::test]
async fn i5_whatever_a_body_is_refused_with_is_not_kept_as_nothing_has_run() {
    let stack = Stack::new().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let handler = async |Idempotent(Moody(asked)): Idempotent<Moody>| {
        format!("asked {}", asked.load(Ordering::SeqCst))
    };
    let app = Router::new()
        .route("/orders", post(handler))
        .with_state(asked)
        .layer(stack.layer.clone())
        .layer(AuthLayer::new(stack.fixture.keys.clone()));
    for (status, body) in [(500, ""), (200, "asked 2"), (200, "asked 2")] {
        let answer = send(&app, stack.request(Method::POST, &["k"], "created")).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
    }
}

/// Answers 200 and counts its clones that were called without having been made ready.
#[derive(Default)]
struct Strict {
    is_ready: bool,
    unready: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { is_ready: false, unready: Arc::clone(&self.unready) }
    }
}

impl<B> Service<Request<B>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        if !std::mem::take(&mut self.is_ready) {
            self.unready.fetch_add(1, Ordering::SeqCst);
        }
        std::future::ready(Ok(Response::new(Full::default())))
    }
}

#[tokio::test]
async fn any_tower_service_is_called_ready_and_its_answer_passes_as_it_is() {
    let stack = Stack::new().await;
    let strict = Strict::default();
    let unready = Arc::clone(&strict.unready);
    let service = stack.layer.layer(strict);
    for method in [Method::GET, Method::POST, Method::OPTIONS] {
        for name in ["idempotency-key", "another-header"] {
            let request = Request::builder().method(method.clone()).header(name, "k");
            let request = request.body(Body::from("any body")).unwrap();
            let response = service.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
            assert!(response.headers().is_empty());
        }
    }
    assert_eq!((unready.load(Ordering::SeqCst), stack.store.leases()), (0, 0));
}

#[tokio::test]
async fn permits_of_a_concurrency_limit_inside_come_back() {
    let stack = Stack::new().await;
    let limited = ServiceBuilder::new()
        .layer(AuthLayer::new(stack.fixture.keys.clone()))
        .layer(stack.layer.clone())
        .concurrency_limit(2);
    let app = stack.routes().layer(limited);
    for number in 0..10 {
        let (key, order) = (format!("k{}", number / 2), ["created", "invalid"][number % 2]);
        send(&app, stack.request(Method::POST, &[&key], order)).await;
        // A future that is never polled.
        drop(app.clone().oneshot(stack.request(Method::POST, &[&key], order)));
    }
    let answer = send(&app, stack.request(Method::POST, &["last"], "created")).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn a_service_that_fails_without_an_answer_frees_the_key() {
    let stack = Stack::new().await;
    let inner = stack.routes().layer(AuthLayer::new(stack.fixture.keys.clone()));
    let inner = tower::service_fn(move |request: Request<Body>| {
        let answer = inner.clone().oneshot(request);
        async move { Err::<Response<Body>, _>(answer.await.unwrap().status()) }
    });
    let failing = ServiceBuilder::new().layer(stack.layer.clone()).service(inner);
    for run in 1..=2 {
        let request = stack.request(Method::POST, &["k"], "created");
        let failed = failing.clone().oneshot(request).await;
        assert_eq!((failed.unwrap_err(), stack.runs()), (StatusCode::CREATED, run));
    }
}
