//! A service as a process of its own, which can be halted at each step of a request: this test
//! binary, run again to serve by one of its ignored tests.

use std::env;
use std::fs::OpenOptions;
use std::future::pending;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;
use keygate::extract::{NoBody, Run};
use keygate::idempotency::{
    Begin, Begun, Finish, IdempotencyLayer, IdempotencyStore, Lease, RedisIdempotencyStore,
};
use keygate::store::{KeyStore, PostgresStore, SqliteStore, StoreError};
use keygate::{ApiError, AuthLayer, ErrorCode, Idempotent, KeyFormat, Keyring, Principal};
use tower::ServiceBuilder;

use crate::support::{Folder, Process};

/// Where the other process finds its idempotency keys.
const STORE: &str = "KEYGATE_NODE_STORE";

/// What it holds a key for.
pub(super) const LEASE: Duration = Duration::from_secs(5);

/// Starts a node on a store, in a folder that has its API keys and what it leaves behind.
pub(super) async fn start(folder: &Folder, store: &str) -> Process {
    Process::start_test(folder, "idempotency::node::serve", &[(STORE, store)]).await
}

/// What is left behind by every run of a handler in this folder.
pub(super) fn effects(folder: &Path) -> usize {
    let effects = std::fs::read_to_string(folder.join("effects")).unwrap_or_default();
    effects.lines().count()
}

/// Where a request stops and never goes on.
#[derive(Debug, Clone, Default)]
struct Halts(Arc<Mutex<Option<String>>>);

impl Halts {
    #[allow(clippy::print_stdout, reason = "the test that has started this process reads it")]
    async fn at(&self, step: &str) {
        let halted = self.0.lock().unwrap().as_deref() == Some(step);
        if halted {
            println!("halted {step}");
            pending::<()>().await;
        }
    }
}

/// A store that may halt before and after it does something.
struct Halting<S>(S, Halts);

impl<S: IdempotencyStore> IdempotencyStore for Halting<S> {
    async fn begin(&self, begin: Begin) -> Result<Begun, StoreError> {
        self.1.at("before the lease").await;
        let outcome = self.0.begin(begin).await;
        self.1.at("after the lease").await;
        outcome
    }

    async fn renew(&self, lease: Lease, lease_for: Duration) -> Result<bool, StoreError> {
        self.0.renew(lease, lease_for).await
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        self.1.at("before the answer is kept").await;
        let finished = self.0.finish(finish).await;
        self.1.at("after the answer is kept").await;
        finished
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.0.release(lease).await
    }
}

#[derive(Clone)]
struct Service {
    halts: Halts,
    /// For handlers that do everything in one transaction.
    postgres: Option<PostgresStore>,
}

/// A body that is ready once the lease is held.
struct Order;

impl FromRequest<Service> for Order {
    type Rejection = std::convert::Infallible;

    async fn from_request(_: Request, service: &Service) -> Result<Self, Self::Rejection> {
        service.halts.at("before the handler").await;
        Ok(Self)
    }
}

/// Leaves a line behind.
async fn order(
    _: Principal,
    State(service): State<Service>,
    _: Idempotent<Order>,
) -> (StatusCode, String) {
    service.halts.at("in the handler").await;
    let file = OpenOptions::new().create(true).append(true).open("effects");
    writeln!(file.unwrap(), "{}", std::process::id()).unwrap();
    service.halts.at("after the effect").await;
    (StatusCode::CREATED, format!("by {}", std::process::id()))
}

/// Leaves a row behind, in one transaction with its answer.
async fn transaction(
    _: Principal,
    State(service): State<Service>,
    run: Run,
    _: Idempotent<NoBody>,
) -> Result<Response, ApiError> {
    let failed = |error: sqlx::Error| ApiError::new(ErrorCode::Internal).with_source(error);
    let store = service.postgres.as_ref().unwrap();
    let mut transaction = store.pool().begin().await.map_err(failed)?;
    let insert = sqlx::query("INSERT INTO effects VALUES (clock_timestamp())");
    insert.execute(&mut *transaction).await.map_err(failed)?;
    service.halts.at("after the effect").await;
    let (finish, response) = run.finish((StatusCode::CREATED, "done")).await;
    store.finish_in(&mut transaction, finish).await?;
    service.halts.at("before the commit").await;
    transaction.commit().await.map_err(failed)?;
    service.halts.at("after the commit").await;
    Ok(response.into_response())
}

async fn halt(State(service): State<Service>, step: String) {
    *service.halts.0.lock().unwrap() = Some(step);
}

/// The keyring of a node and of the test that has started it.
pub(super) fn keyring(store: impl KeyStore) -> Keyring {
    let format = KeyFormat::base62("ck", 32).unwrap();
    Keyring::builder(store, format).deadline(Duration::from_secs(30)).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the other process of the tests beside it"]
async fn serve() {
    let Ok(url) = env::var(STORE) else { return };
    let (halts, mut postgres) = (Halts::default(), None);
    let sqlite = SqliteStore::open("keys.db").await.unwrap();
    let layer = match url.split(':').next().unwrap() {
        "sqlite" => layer(sqlite.clone(), &halts),
        "postgres" => {
            let store = PostgresStore::connect(&url).await.unwrap();
            postgres = Some(store.clone());
            layer(store, &halts)
        }
        _ => layer(RedisIdempotencyStore::connect(&url).await.unwrap(), &halts),
    };
    let layers = ServiceBuilder::new().layer(AuthLayer::new(keyring(sqlite))).layer(layer);
    let service = Service { halts, postgres };
    let app = Router::new()
        .route("/orders", post(order))
        .route("/transactions", post(transaction))
        .layer(layers)
        .route("/halt", post(halt))
        .with_state(service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The harness is in the middle of a line.
    println!("\nlistening on http://{}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}

fn layer(store: impl IdempotencyStore, halts: &Halts) -> IdempotencyLayer {
    let layer = IdempotencyLayer::new(Halting(store, halts.clone()));
    layer.lease(LEASE).deadline(Duration::from_secs(30))
}
