use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::auth::Anonymous;
use crate::client_ip::Peer;
use crate::envelope::RequestId;
use crate::principal::{Claims, Lineage, Uses};
use crate::{ApiError, ErrorCode, KeyId, KeyKind, ManualClock, Mode, Principal, ScopeSet};

mod remote;
mod several;
mod shadow;

type Body = Full<Bytes>;

/// Answers, and panics if it is called without having been ready since.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        std::future::ready(Ok(Response::default()))
    }
}

fn claims(key: &str, account: &str) -> Claims {
    Claims {
        uses: Uses::default(),
        lineage: Lineage::new(KeyId::parse(key).unwrap()),
        quota: None,
        plan: None,
        key_id: KeyId::parse(key).unwrap(),
        scopes: ScopeSet::empty(),
        account: account.parse().unwrap(),
        catalogue: None,
        issuer: None,
        mode: Mode::Test,
        kind: KeyKind::Secret,
    }
}

fn by(claims: Claims) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(Principal::new(claims.into()));
    request
}

fn by_key(key: &str) -> Request<()> {
    by(claims(key, "acme"))
}

fn from(address: &str) -> Request<()> {
    let mut request = Request::new(());
    let address: IpAddr = address.parse().unwrap();
    request.extensions_mut().insert(Peer { addr: SocketAddr::new(address, 4711), tls: false });
    request
}

/// Sends a request through a fresh clone, as axum does.
async fn send(layer: &RateLimitLayer, request: Request<()>) -> Response<Body> {
    layer.layer(Strict::default()).oneshot(request).await.unwrap()
}

async fn status(layer: &RateLimitLayer, request: Request<()>) -> u16 {
    send(layer, request).await.status().as_u16()
}

fn number(response: &Response<Body>, header: &str) -> u64 {
    response.headers()[header].to_str().unwrap().parse().unwrap()
}

fn seconds_since_epoch(clock: &ManualClock) -> u64 {
    use crate::Clock;
    clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn k8_every_response_shows_limit_remaining_and_reset() {
    let clock = ManualClock::new();
    let layer = RateLimitLayer::per_key(Quota::per_minute(3)).with_clock(clock.clone());
    let mut seen = Vec::new();
    for _ in 0..4 {
        let response = send(&layer, by_key("a")).await;
        seen.push((
            response.status().as_u16(),
            number(&response, "x-ratelimit-limit"),
            number(&response, "x-ratelimit-remaining"),
            number(&response, "x-ratelimit-reset") - seconds_since_epoch(&clock),
        ));
        assert!(!response.headers().contains_key("ratelimit"));
    }
    assert_eq!(seen, [(200, 3, 2, 20), (200, 3, 1, 40), (200, 3, 0, 60), (429, 3, 0, 60)]);
}

#[tokio::test]
async fn k9_a_refusal_says_how_long_to_wait_in_whole_seconds() {
    let clock = ManualClock::new();
    let layer = RateLimitLayer::per_key(Quota::per_minute(40).burst(1)).with_clock(clock.clone());
    assert_eq!(status(&layer, by_key("a")).await, 200);
    for (passed, wait) in [(0, 2), (499, 2), (1, 1), (999, 1)] {
        clock.advance(Duration::from_millis(passed));
        let refused = send(&layer, by_key("a")).await;
        let error = refused.extensions().get::<ApiError>().unwrap();
        assert_eq!(error.code(), ErrorCode::RateLimitExceeded.as_str());
        assert_eq!(error.retry_after(), Some(wait), "after {passed} ms more");
    }
    clock.advance(Duration::from_millis(1));
    assert_eq!(status(&layer, by_key("a")).await, 200);
}

#[tokio::test]
async fn l2_a_client_that_sleeps_exactly_retry_after_is_admitted() {
    let mut seed = 1_u64;
    let mut draw = |end: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((seed >> 33) % end).unwrap()
    };
    for _ in 0..1_000 {
        let period = Duration::from_millis(u64::from(1 + draw(100_000)));
        let (count, burst) = (1 + draw(500), 1 + draw(20));
        let quota = Quota::try_new(count, period, burst).unwrap();
        let clock = ManualClock::new();
        let cost = NonZeroU32::new(1 + draw(30)).unwrap();
        let layer = RateLimitLayer::per_key(quota).cost(cost).with_clock(clock.clone());
        let mut refused = send(&layer, by_key("a")).await;
        while refused.status() != 429 {
            refused = send(&layer, by_key("a")).await;
        }
        let wait = refused.extensions().get::<ApiError>().unwrap().retry_after().unwrap();
        clock.advance(Duration::from_secs(wait));
        assert_eq!(status(&layer, by_key("a")).await, 200, "{quota}, cost {cost}");
    }
}

#[tokio::test]
async fn t1_an_hour_more_or_less_on_the_wall_changes_no_decision() {
    use crate::Clock;
    let clock = ManualClock::new();
    let layer = RateLimitLayer::per_key(Quota::per_minute(4)).with_clock(clock.clone());
    let hour = Duration::from_hours(1);
    for (jump, left) in [(clock.wall() + hour, 3), (clock.wall() - hour, 2)] {
        clock.jump_wall(jump);
        let response = send(&layer, by_key("a")).await;
        assert_eq!(number(&response, "x-ratelimit-remaining"), left);
        let reset = number(&response, "x-ratelimit-reset");
        assert_eq!(reset - seconds_since_epoch(&clock), (4 - left) * 15);
    }
}

#[tokio::test]
async fn the_ietf_pair_stands_beside_the_common_three() {
    let layer = RateLimitLayer::per_key(Quota::per_minute(300)).ietf_headers();
    let layer = layer.cost(NonZeroU32::new(53).unwrap()).with_clock(ManualClock::new());
    let response = send(&layer, by_key("a")).await;
    assert_eq!(response.headers()["ratelimit-policy"], "\"default\";q=300;w=60");
    assert_eq!(response.headers()["ratelimit"], "\"default\";r=247;t=1");
    assert_eq!(response.headers().len(), 5);
}

#[tokio::test]
async fn a_keys_own_quota_goes_before_its_plans_and_that_before_the_layers() {
    let plans = Plans::new().with(PlanName::from_static("growth"), Quota::per_minute(1000));
    let layer = RateLimitLayer::per_key(Quota::per_minute(300)).plans(plans.clone());
    let own = Some(Box::new(Quota::per_minute(7)));
    let plan = |name| Some(PlanName::from_static(name));
    for (key, own, plan, limit) in [
        ("own", own, plan("growth"), 7),
        ("plan", None, plan("growth"), 1000),
        ("other", None, plan("unheard-of"), 300),
        ("none", None, None, 300),
    ] {
        let caller = Claims { quota: own, plan, ..claims(key, "acme") };
        let response = send(&layer, by(caller)).await;
        assert_eq!(number(&response, "x-ratelimit-limit"), limit, "{key}");
    }
    plans.set(PlanName::from_static("growth"), Quota::per_minute(2000));
    let caller = Claims { plan: plan("growth"), ..claims("plan", "acme") };
    let response = send(&layer, by(caller)).await;
    assert_eq!(number(&response, "x-ratelimit-limit"), 2000);
    assert_eq!(number(&response, "x-ratelimit-remaining"), 1997, "the fraction that was used");
}

#[tokio::test]
async fn r5_a_key_and_its_successor_share_a_bucket_and_other_keys_do_not() {
    let layer = RateLimitLayer::per_key(Quota::per_hour(1));
    let successor = Claims { key_id: KeyId::parse("b").unwrap(), ..claims("a", "acme") };
    assert_eq!(status(&layer, by_key("a")).await, 200);
    assert_eq!(status(&layer, by(successor)).await, 429);
    assert_eq!(status(&layer, by_key("c")).await, 200);

    let layer = RateLimitLayer::per_account(Quota::per_hour(1));
    assert_eq!(status(&layer, by_key("a")).await, 200);
    assert_eq!(status(&layer, by_key("c")).await, 429);
    assert_eq!(status(&layer, by(claims("c", "other"))).await, 200);
}

#[tokio::test]
async fn callers_without_a_key_are_counted_by_their_address() {
    let layer = RateLimitLayer::per_key(Quota::per_hour(1));
    let anonymous = |address| {
        let mut request = from(address);
        request.extensions_mut().insert(Anonymous);
        request
    };
    assert_eq!(status(&layer, anonymous("192.0.2.1")).await, 200);
    assert_eq!(status(&layer, anonymous("::ffff:192.0.2.1")).await, 429);
    assert_eq!(status(&layer, anonymous("2001:db8::1")).await, 200);
    assert_eq!(status(&layer, anonymous("2001:db8::2")).await, 429);
    assert_eq!(status(&layer, anonymous("2001:db8:0:1::2")).await, 200);
}

#[tokio::test]
async fn who_is_behind_a_trusted_proxy_is_counted_and_not_the_proxy() {
    let layer = RateLimitLayer::per_client_ip(Quota::per_hour(1))
        .trusted_proxies("10.0.0.0/8".parse().unwrap());
    let forwarded = |peer, client: &'static str| {
        let mut request = from(peer);
        request.headers_mut().insert("x-forwarded-for", client.parse().unwrap());
        request
    };
    assert_eq!(status(&layer, forwarded("10.0.0.1", "192.0.2.1")).await, 200);
    assert_eq!(status(&layer, forwarded("10.0.0.1", "192.0.2.2")).await, 200);
    assert_eq!(status(&layer, forwarded("10.0.0.2", "192.0.2.2")).await, 429);
    assert_eq!(status(&layer, forwarded("203.0.113.9", "192.0.2.3")).await, 200);
    assert_eq!(status(&layer, forwarded("203.0.113.9", "192.0.2.4")).await, 429);
}

#[tokio::test]
async fn a_layer_that_finds_no_caller_or_no_address_answers_500() {
    let quota = Quota::per_hour(1);
    let mut anonymous = Request::new(());
    anonymous.extensions_mut().insert(Anonymous);
    for (layer, request) in [
        (RateLimitLayer::per_key(quota), from("192.0.2.1")),
        (RateLimitLayer::per_account(quota), from("192.0.2.1")),
        (RateLimitLayer::per_key(quota), anonymous),
        (RateLimitLayer::per_client_ip(quota), by_key("a")),
        (RateLimitLayer::per_client_ip(quota).and(Limit::per_key(quota)), from("192.0.2.1")),
    ] {
        let response = send(&layer, request).await;
        let error = response.extensions().get::<ApiError>().unwrap();
        assert_eq!(error.code(), ErrorCode::Misconfigured.as_str());
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn a_request_costs_what_the_function_says() {
    let layer = RateLimitLayer::per_key(Quota::per_hour(10)).cost_by(|request| {
        let search = request.uri.path() == "/search" && request.method == http::Method::GET;
        NonZeroU32::new(if search { 4 } else { 1 }).unwrap()
    });
    for (path, left) in [("/search", 6), ("/other", 5), ("/search", 1)] {
        let mut request = by_key("a");
        *request.uri_mut() = path.parse().unwrap();
        let response = send(&layer, request).await;
        assert_eq!(number(&response, "x-ratelimit-remaining"), left, "{path}");
    }
}

#[tokio::test]
async fn l7_a_layer_mounted_twice_charges_once() {
    let layer = RateLimitLayer::per_key(Quota::per_hour(3)).with_clock(ManualClock::new());
    let twice = ServiceBuilder::new().layer(layer.clone()).layer(layer.clone());
    for left in [2, 1, 0] {
        let service = twice.clone().service(Strict::default());
        let response = service.oneshot(by_key("a")).await.unwrap();
        assert_eq!(number(&response, "x-ratelimit-remaining"), left);
    }
    // A layer that adds a limit charges only that one.
    let inner = layer.clone().and(Limit::per_account(Quota::per_hour(9)));
    let both = ServiceBuilder::new().layer(layer).layer(inner).service(Strict::default());
    assert_eq!(both.clone().oneshot(by_key("b")).await.unwrap().status(), 200);
    let response = both.oneshot(by_key("b")).await.unwrap();
    assert_eq!(number(&response, "x-ratelimit-remaining"), 1);
}

#[tokio::test]
async fn setters_and_clones_share_the_buckets() {
    let layer = RateLimitLayer::per_key(Quota::per_hour(2));
    let changed = layer.clone().ietf_headers().max_buckets(7).plans(Plans::new());
    assert_eq!(status(&layer, by_key("a")).await, 200);
    assert_eq!(status(&changed, by_key("a")).await, 200);
    assert_eq!(status(&layer, by_key("a")).await, 429);
    assert_eq!(status(&changed, by_key("a")).await, 429);
}

#[tokio::test]
async fn a_refusal_gives_back_what_the_ready_service_held() {
    let layer = RateLimitLayer::per_key(Quota::per_hour(1));
    let mut service = ServiceBuilder::new()
        .layer(layer)
        .layer(ConcurrencyLimitLayer::new(1))
        .service(Strict::default());
    for expected in [200, 429, 429, 429] {
        let ready = service.ready().await.unwrap();
        assert_eq!(ready.call(by_key("a")).await.unwrap().status(), expected);
    }
    assert_eq!(service.ready().await.unwrap().call(by_key("b")).await.unwrap().status(), 200);
    // Neither does a future that is dropped before it ran keep anything.
    drop(service.ready().await.unwrap().call(by_key("a")));
    drop(service.ready().await.unwrap().call(by_key("c")));
    assert_eq!(service.ready().await.unwrap().call(by_key("d")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_panic_keeps_its_headers_where_an_envelope_stands_outside() {
    let layer = RateLimitLayer::per_key(Quota::per_hour(9));
    let eager =
        service_fn(|_: Request<()>| -> std::future::Ready<Result<Response<Body>, Infallible>> {
            panic!("at once")
        });
    let lazy = service_fn(|_: Request<()>| async {
        tokio::task::yield_now().await;
        assert!(std::hint::black_box(false), "later");
        Ok::<_, Infallible>(Response::<Body>::default())
    });
    let enveloped = || {
        let mut request = by_key("a");
        request.extensions_mut().insert(request_id());
        request
    };
    let first = layer.layer(eager).oneshot(enveloped()).await.unwrap();
    let second = layer.layer(lazy).oneshot(enveloped()).await.unwrap();
    for (response, left) in [(first, 8), (second, 7)] {
        assert_eq!(response.status(), 500);
        assert_eq!(number(&response, "x-ratelimit-remaining"), left);
        let error = response.extensions().get::<ApiError>().unwrap();
        assert_eq!(error.code(), ErrorCode::Internal.as_str());
    }
    let bare = tokio::spawn(layer.layer(lazy).oneshot(by_key("a")));
    assert!(bare.await.unwrap_err().is_panic(), "without one it goes on");
}

fn request_id() -> RequestId {
    RequestId::parse("req_1").unwrap()
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn h3_two_routes_a_404_and_a_405_share_one_limit() {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;

    let handled = Arc::new(AtomicUsize::new(0));
    let count = || {
        let handled = Arc::clone(&handled);
        move || async move {
            handled.fetch_add(1, Ordering::Relaxed);
        }
    };
    let router = Router::new()
        .route("/a", get(count()))
        .route("/b", get(count()))
        .layer(RateLimitLayer::per_client_ip(Quota::per_hour(4)));
    let mut seen = Vec::new();
    for (method, path) in
        [("GET", "/a"), ("GET", "/b"), ("GET", "/c"), ("POST", "/a"), ("GET", "/b")]
    {
        let mut request = from("192.0.2.1").map(|()| Body::empty());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let left = response.headers()["x-ratelimit-remaining"].to_str().unwrap().to_owned();
        seen.push((response.status().as_u16(), left));
    }
    let seen: Vec<_> = seen.iter().map(|(status, left)| (*status, left.as_str())).collect();
    assert_eq!(seen, [(200, "3"), (200, "2"), (404, "1"), (405, "0"), (429, "0")]);
    assert_eq!(handled.load(Ordering::Relaxed), 2);
}
