use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use http_body::Body;
use tower::Service;

use super::ResponseFuture;
use super::exchange::Exchange;
use super::key::IDEMPOTENCY_KEY;
use super::layer::Config;
use super::mounted::Mounted;
use crate::ErrorBody;

/// The service that [`IdempotencyLayer`](super::IdempotencyLayer) makes.
#[derive(Debug, Clone)]
pub struct Idempotency<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> Idempotency<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }
}

impl<S, B, R> Service<Request<B>> for Idempotency<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: ErrorBody + Body + Send + 'static,
    R::Data: Send,
    R::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Of two layers the outer one is it.
        if !is_mutating(request.method()) || Mounted::find(request.extensions()).is_some() {
            return ResponseFuture::passing(self.inner.call(request));
        }
        if !request.headers().contains_key(IDEMPOTENCY_KEY) {
            Mounted::Unkeyed.mark(request.extensions_mut());
            return ResponseFuture::passing(self.inner.call(request));
        }
        let exchange = Arc::new(Exchange::new(Arc::clone(&self.config)));
        Mounted::Keyed(Arc::clone(&exchange)).mark(request.extensions_mut());
        ResponseFuture::held(self.inner.call(request), exchange)
    }
}

/// Whether requests with this method change something, so that twice is not once.
pub(super) fn is_mutating(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}
