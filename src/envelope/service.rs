use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::exchange::Exchange;
use super::layer::Configuration;
use super::{ResponseFuture, future};
use crate::ErrorBody;

/// The service of an [`EnvelopeLayer`](super::EnvelopeLayer).
#[derive(Clone)]
pub struct EnvelopeService<S> {
    inner: S,
    configuration: Arc<Configuration>,
}

impl<S> EnvelopeService<S> {
    pub(super) fn new(inner: S, configuration: Arc<Configuration>) -> Self {
        Self { inner, configuration }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for EnvelopeService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: ErrorBody + Body,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let mut exchange = Exchange::open(&self.configuration, &mut request);
        let inner = &mut self.inner;
        match exchange.step(|| inner.call(request)) {
            Ok(inner) => future::running(exchange, inner),
            Err(panicked) => future::panicked(exchange, panicked),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for EnvelopeService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
