//! Variants that take turns in short rounds, so that what else the machine does hits all alike.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri};
use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tower::Service;

use crate::counting::allocations;
use crate::keys::Random;

const ROUNDS: usize = 500;
/// So few that most rounds end before the scheduler takes the processor away.
const REQUESTS: u64 = 200;
/// Before each round, not measured, a request with each key of a variant that has no more: they
/// bring what it keeps back into the processor's caches, as in a server that does nothing else.
const LEAD_IN: u64 = 1_000;

/// Look-ups of a keyring run here.
pub static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

static PATH: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("/v1/payment_links"));

/// The name of a variant and what makes it.
pub type Candidate = (&'static str, fn(&'static str) -> Box<dyn Variant>);

/// Something that requests are sent to.
pub trait Variant {
    fn name(&self) -> &'static str;

    /// Sends that many requests, each with a key drawn anew.
    fn round(&mut self, requests: u64) -> Sample;

    /// Sends a request with each of so many keys, one after the other.
    fn lead_in(&mut self, requests: u64);
}

/// What a round took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    pub time: Duration,
    pub allocations: u64,
}

/// What all rounds of a variant took, for each request.
pub struct Series {
    pub name: &'static str,
    pub nanos: Vec<f64>,
    pub allocations: f64,
}

/// A tower service and the credentials that it is called with.
pub struct Tower<S> {
    name: &'static str,
    service: S,
    credentials: Vec<String>,
    expected: StatusCode,
    random: Random,
}

impl<S> Tower<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    /// Each credential has been used once when this returns.
    pub fn warm(name: &'static str, service: S, credentials: Vec<String>) -> Self {
        Self::answering(StatusCode::OK, name, service, credentials)
    }

    pub fn answering(
        expected: StatusCode,
        name: &'static str,
        mut service: S,
        credentials: Vec<String>,
    ) -> Self {
        let values = credentials.iter().map(|credential| value(credential)).collect();
        RUNTIME.block_on(send(&mut service, values, None));
        Self { name, service, credentials, expected, random: Random(1) }
    }
}

impl<S> Variant for Tower<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&mut self, requests: u64) -> Sample {
        let mut total = Sample::default();
        let mut left = requests;
        while left > 0 {
            let part = left.min(1_000);
            // A server has just read the text from its socket: it is new memory, and at hand.
            let mut draw = || self.random.below(self.credentials.len());
            let values = (0..part).map(|_| value(&self.credentials[draw()])).collect();
            let sample = at_once(send(&mut self.service, values, Some(self.expected)));
            total.time += sample.time;
            total.allocations += sample.allocations;
            left -= part;
        }
        total
    }

    fn lead_in(&mut self, requests: u64) {
        let first = self.random.below(self.credentials.len());
        let (before, after) = self.credentials.split_at(first);
        let turn = after.iter().chain(before).take(usize::try_from(requests).unwrap());
        let values = turn.map(|credential| value(credential)).collect();
        at_once(send(&mut self.service, values, Some(self.expected)));
    }
}

/// Sends a request for each value; all are answered at once but the first ones with a new key.
async fn send<S>(service: &mut S, values: Vec<HeaderValue>, expected: Option<StatusCode>) -> Sample
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let (before, start) = (allocations(), Instant::now());
    for value in values {
        let request = request(value);
        let Ok(()) = std::future::poll_fn(|context| service.poll_ready(context)).await;
        let Ok(response) = service.call(request).await;
        if let Some(expected) = expected {
            assert_eq!(response.status(), expected);
        }
        black_box(response);
    }
    Sample { time: start.elapsed(), allocations: allocations() - before }
}

pub fn request(authorization: HeaderValue) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = PATH.clone();
    request.headers_mut().insert(AUTHORIZATION, authorization);
    request
}

pub fn value(credential: &str) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(credential.as_bytes())).unwrap()
}

/// Polls a future that waits for nothing.
pub fn at_once<F: Future>(future: F) -> F::Output {
    let _entered = RUNTIME.enter();
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a request had to wait"),
    }
}

/// All variants in rounds, in another order each time.
pub fn interleaved(variants: &mut [Box<dyn Variant>]) -> Vec<Series> {
    let mut series: Vec<_> = variants
        .iter()
        .map(|variant| Series { name: variant.name(), nanos: Vec::new(), allocations: 0.0 })
        .collect();
    let mut random = Random(7);
    let mut order: Vec<_> = (0..variants.len()).collect();
    for _ in 0..ROUNDS {
        random.shuffle(&mut order);
        for &at in &order {
            variants[at].lead_in(LEAD_IN);
            let sample = variants[at].round(REQUESTS);
            series[at].nanos.push(sample.time.as_nanos() as f64 / REQUESTS as f64);
            series[at].allocations += sample.allocations as f64 / (REQUESTS * ROUNDS as u64) as f64;
        }
    }
    series
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
