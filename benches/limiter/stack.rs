//! A service behind a limit, and how long its requests take.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use keygate::test_util::principal;
use keygate::{Mode, Principal, RateLimitLayer};
use tokio::task::JoinSet;
use tower::util::BoxCloneService;
use tower::{Layer, Service, service_fn};

use crate::median;

/// Between two looks at the clock where a single request is too short for it.
const BATCH: u32 = 16;

type Boxed = BoxCloneService<Request<()>, Response<Full<Bytes>>, Infallible>;

pub struct Stack {
    service: Boxed,
    caller: Principal,
}

impl Stack {
    pub fn new(layer: &RateLimitLayer) -> Self {
        Self::around(BoxCloneService::new(layer.layer(service_fn(answer))))
    }

    pub fn bare() -> Self {
        Self::around(BoxCloneService::new(service_fn(answer)))
    }

    fn around(service: Boxed) -> Self {
        Self { service, caller: principal("acct_1", Mode::Test, []) }
    }

    /// Nanoseconds of a request in the median, of so many at once.
    pub async fn round(&self, requests: usize, at_once: usize) -> f64 {
        timed(requests, at_once, || {
            let (mut service, request) = (self.service.clone(), self.request());
            async move {
                let began = Instant::now();
                let _ = service.call(request).await.unwrap();
                began.elapsed()
            }
        })
        .await
    }

    /// Nanoseconds of a request that waits for nothing, in the median of short batches.
    pub async fn at_rest(&self, requests: u32) -> f64 {
        let mut service = self.service.clone();
        let mut all = Vec::new();
        for _ in 0..requests / BATCH {
            let requests: Vec<_> = (0..BATCH).map(|_| self.request()).collect();
            let began = Instant::now();
            for request in requests {
                let _ = service.call(request).await.unwrap();
            }
            all.push(began.elapsed().as_nanos() as f64 / f64::from(BATCH));
        }
        median(all)
    }

    fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        request.extensions_mut().insert(self.caller.clone());
        request
    }
}

async fn answer(_: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

/// Nanoseconds in the median, of so many, so many of them at once.
pub async fn timed<F>(requests: usize, at_once: usize, request: impl Fn() -> F) -> f64
where
    F: Future<Output = Duration> + Send + 'static,
{
    let mut all = Vec::with_capacity(requests);
    let mut running = JoinSet::<Duration>::new();
    if at_once == 1 {
        for _ in 0..requests {
            all.push(request().await.as_nanos() as f64);
        }
        return median(all);
    }
    for _ in 0..requests {
        if running.len() == at_once {
            all.push(running.join_next().await.unwrap().unwrap().as_nanos() as f64);
        }
        running.spawn(request());
    }
    while let Some(took) = running.join_next().await {
        all.push(took.unwrap().as_nanos() as f64);
    }
    median(all)
}
