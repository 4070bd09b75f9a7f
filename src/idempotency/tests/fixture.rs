//! A router behind the layers, with a handler that does what its body says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyDataStream, BodyExt as _};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::{ServiceBuilder, ServiceExt as _};

use crate::auth::tests::fixture::{Fixture, LinksRead, LinksWrite};
use crate::idempotency::{IdempotencyLayer, MemoryIdempotencyStore, ServerErrors};
use crate::test_util::FaultyStore;
use crate::{
    AccountId, ApiError, AuthLayer, EnvelopeLayer, ErrorCode, Idempotent, Json, ManualClock, Mode,
    NewKey, Scoped,
};

pub(super) type Store = FaultyStore<MemoryIdempotencyStore>;

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) const LEASE: Duration = Duration::from_secs(30);

pub(super) struct Stack {
    pub(super) fixture: Fixture,
    pub(super) store: Store,
    pub(super) clock: ManualClock,
    pub(super) layer: IdempotencyLayer,
    pub(super) bench: Bench,
    pub(super) key: String,
}

/// What the handlers share with the test.
#[derive(Clone)]
pub(super) struct Bench {
    runs: Arc<AtomicUsize>,
    /// A handler that is told to wait waits for a permit here.
    pub(super) gate: Arc<Semaphore>,
    /// Handlers that wait put a permit here.
    pub(super) waiting: Arc<Semaphore>,
    store: Store,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// What the handler is to answer.
    answer: String,
    #[serde(default)]
    wait: bool,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Stack {
    /// Waits until the store was asked for so many leases.
    pub(super) async fn asked_for(&self, leases: usize) {
        let asked = async {
            while self.store.leases() < leases {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, asked).await.expect("the store is asked");
    }

    pub(super) async fn new() -> Self {
        Self::with(|layer| layer).await
    }

    /// With a layer that is told more.
    pub(super) async fn with(told: impl FnOnce(IdempotencyLayer) -> IdempotencyLayer) -> Self {
        let fixture = Fixture::new();
        let clock = ManualClock::new();
        let memory = MemoryIdempotencyStore::new().with_clock(clock.clone());
        let store = FaultyStore::new(memory);
        // Real time, which is not what most tests are about.
        let layer = IdempotencyLayer::new(store.clone()).deadline(Duration::from_secs(20));
        let bench = Bench {
            runs: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            waiting: Arc::new(Semaphore::new(0)),
            store: store.clone(),
        };
        let key = writer(&fixture, "acct_1", Mode::Test).await;
        Self { fixture, store, clock, layer: told(layer), bench, key }
    }

    pub(super) fn runs(&self) -> usize {
        self.bench.runs.load(Ordering::SeqCst)
    }

    pub(super) fn routes(&self) -> Router {
        Router::new()
            .route("/orders", get(list).post(order).put(order).patch(order).delete(order))
            .route("/empty", post(empty))
            .with_state(self.bench.clone())
    }

    pub(super) fn app(&self) -> Router {
        self.app_with(&self.layer)
    }

    pub(super) fn app_with(&self, layer: &IdempotencyLayer) -> Router {
        let layers = ServiceBuilder::new()
            .layer(EnvelopeLayer::standard())
            .layer(AuthLayer::new(self.fixture.keys.clone()))
            .layer(layer.clone());
        self.routes().layer(layers)
    }

    /// `POST /orders` with this idempotency key.
    pub(super) async fn order(&self, key: &str, answer: &str) -> Answer {
        send(&self.app(), self.request(Method::POST, &[key], answer)).await
    }

    pub(super) fn request(&self, method: Method, keys: &[&str], answer: &str) -> Request<Body> {
        request(&self.key, method, keys, format!(r#"{{"answer":"{answer}"}}"#))
    }

    pub(super) fn waiting_request(&self, key: &str, answer: &str) -> Request<Body> {
        let body = format!(r#"{{"answer":"{answer}","wait":true}}"#);
        request(&self.key, Method::POST, &[key], body)
    }
}

/// A key with `links:write` and `links:read`.
pub(super) async fn writer(fixture: &Fixture, account: &str, mode: Mode) -> String {
    let account = AccountId::parse(account).unwrap();
    let new = NewKey::named("writer").mode(mode).account(account);
    fixture.issue(new.scope(LinksWrite).scope(LinksRead)).await
}

pub(super) fn request(
    bearer: &str,
    method: Method,
    keys: &[&str],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri("/orders")
        .header("authorization", format!("Bearer {bearer}"))
        .header("content-type", "application/json");
    for key in keys {
        request = request.header("idempotency-key", *key);
    }
    request.body(body.into()).unwrap()
}

pub(super) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let answer = timeout(PATIENCE, app.clone().oneshot(request)).await;
    read(answer.expect("it is answered").unwrap()).await
}

pub(super) async fn read(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

async fn list(_: Scoped<LinksRead>, _: Idempotent) -> &'static str {
    "all of them"
}

async fn order(
    _: Scoped<LinksWrite>,
    State(bench): State<Bench>,
    Idempotent(Json(order)): Idempotent<Json<Order>>,
) -> Response {
    let run = bench.runs.fetch_add(1, Ordering::SeqCst) + 1;
    if order.wait {
        bench.waiting.add_permits(1);
        bench.gate.acquire().await.unwrap().forget();
    }
    answer(&order.answer, run, &bench)
}

async fn empty(_: Scoped<LinksWrite>, State(bench): State<Bench>, _: Idempotent) -> Response {
    let run = bench.runs.fetch_add(1, Ordering::SeqCst) + 1;
    answer("created", run, &bench)
}

fn answer(order: &str, run: usize, bench: &Bench) -> Response {
    let mine = Json(serde_json::json!({ "run": run }));
    match order {
        "created" => {
            let headers = [("location", "/orders/1"), ("x-own", "own"), ("set-cookie", "a=b")];
            (StatusCode::CREATED, headers, mine).into_response()
        }
        "nothing" => StatusCode::NO_CONTENT.into_response(),
        // The same bytes, of a length that nobody is told.
        "stream" => mine.into_response().map(|body| Body::from_stream(BodyDataStream::new(body))),
        "large" => "a".repeat(2000).into_response(),
        "panic" => panic!("told to panic"),
        "fail the store" => {
            bench.store.set(crate::test_util::Fault::Fail);
            (StatusCode::CREATED, mine).into_response()
        }
        "declined" => ApiError::custom(
            StatusCode::PAYMENT_REQUIRED,
            crate::ErrorType::Permission,
            "card_declined",
            format!("Declined in run {run}."),
        )
        .into_response(),
        "unknown" => ApiError::not_found().into_response(),
        "invalid" => ApiError::invalid_field("answer", "is odd").into_response(),
        "conflict" => ApiError::new(ErrorCode::Conflict).into_response(),
        "later" => ApiError::unavailable(Duration::from_secs(7)).into_response(),
        code => match code.parse::<u16>() {
            Ok(status) => (StatusCode::from_u16(status).unwrap(), mine).into_response(),
            Err(_) => ApiError::new(ErrorCode::Internal).into_response(),
        },
    }
}

pub(super) fn errors_released(layer: IdempotencyLayer) -> IdempotencyLayer {
    layer.server_errors(ServerErrors::Released)
}
