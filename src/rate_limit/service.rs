use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

use super::ResponseFuture;
use super::decide::Decision;
use super::layer::Config;
use crate::ErrorBody;

/// The service that [`RateLimitLayer`](super::RateLimitLayer) makes; see [the module](super).
#[derive(Debug, Clone)]
pub struct RateLimit<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> RateLimit<S> {
    pub(crate) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    /// The service that was made ready. One that was not stays behind.
    fn take_ready(&mut self) -> S
    where
        S: Clone,
    {
        let clone = self.inner.clone();
        mem::replace(&mut self.inner, clone)
    }
}

impl<S, B, R> Service<Request<B>> for RateLimit<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: ErrorBody,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.config.decide(&mut request) {
            Decision::Admitted(shown) => ResponseFuture::call(&mut self.inner, request, shown),
            Decision::Refused(refused) => {
                // What the ready service holds, such as a permit, is let go of.
                drop(self.take_ready());
                ResponseFuture::refused(refused, &request)
            }
            Decision::Later(verdicts) => {
                let config = Arc::clone(&self.config);
                ResponseFuture::waiting(verdicts, config, self.take_ready(), request)
            }
        }
    }
}
