//! Several nodes of one small service in this process, on one store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use keygate::idempotency::{IdempotencyLayer, IdempotencyStore};
use keygate::store::MemoryStore;
use keygate::{AuthLayer, EnvelopeLayer, Idempotent, Keyring, Mode, NewKey, Principal};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;

use super::node::keyring;
use crate::support::{Answer, Call, post as post_call};

pub(super) struct Service {
    pub(super) key: String,
    pub(super) nodes: Vec<Router>,
    pub(super) layers: Vec<IdempotencyLayer>,
    pub(super) bench: Bench,
}

/// What handlers share with the test.
#[derive(Clone)]
pub(super) struct Bench {
    runs: Arc<AtomicUsize>,
    /// A handler that was begun waits for a permit here.
    pub(super) gate: Arc<Semaphore>,
    pub(super) begun: Arc<Semaphore>,
}

impl Service {
    /// So many nodes, whose layers are told the same.
    pub(super) async fn on<S: IdempotencyStore + Clone>(
        store: &S,
        nodes: usize,
        told: impl Fn(IdempotencyLayer) -> IdempotencyLayer,
    ) -> Self {
        let keys = keyring(MemoryStore::new());
        let issued = keys.issue(NewKey::named("shop").mode(Mode::Test)).await.unwrap();
        let bench = Bench {
            runs: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            begun: Arc::new(Semaphore::new(0)),
        };
        let layers: Vec<_> =
            (0..nodes).map(|_| told(IdempotencyLayer::new(store.clone()))).collect();
        let nodes = layers.iter().map(|layer| app(&keys, layer, &bench)).collect();
        Self { key: issued.key().expose().to_owned(), nodes, layers, bench }
    }

    /// As [`Self::on`], where a busy machine is no outage.
    pub(super) async fn patient<S: IdempotencyStore + Clone>(store: &S, nodes: usize) -> Self {
        Self::on(store, nodes, |layer| layer.deadline(Duration::from_secs(30))).await
    }

    pub(super) fn runs(&self) -> usize {
        self.bench.runs.load(Ordering::SeqCst)
    }

    /// An order that waits for the gate.
    pub(super) fn order(&self, idempotency_key: &str) -> Call {
        let call = post_call("/orders").bearer(&self.key);
        call.header("idempotency-key", idempotency_key).body("two of them")
    }

    pub(super) async fn send(&self, node: usize, call: Call) -> Answer {
        call.send(&self.nodes[node]).await
    }
}

fn app(keys: &Keyring, once: &IdempotencyLayer, bench: &Bench) -> Router {
    let layers = ServiceBuilder::new()
        .layer(EnvelopeLayer::standard())
        .layer(AuthLayer::new(keys.clone()))
        .layer(once.clone());
    Router::new().route("/orders", post(order)).with_state(bench.clone()).layer(layers)
}

async fn order(
    _: Principal,
    State(bench): State<Bench>,
    Idempotent(what): Idempotent<String>,
) -> (StatusCode, String) {
    let run = bench.runs.fetch_add(1, Ordering::SeqCst) + 1;
    bench.begun.add_permits(1);
    bench.gate.acquire().await.unwrap().forget();
    (StatusCode::CREATED, format!("order {run}: {what}"))
}
