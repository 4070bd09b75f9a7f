use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

use super::decision::Decision;
use super::future::{Asked, ResponseFuture};
use super::gate::{Gate, take_ready};
use super::layer::Rules;
use crate::ErrorBody;

/// The service that [`AuthLayer`](super::AuthLayer) makes.
#[derive(Debug, Clone)]
pub struct Auth<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S> Auth<S> {
    pub(super) fn new(inner: S, rules: Arc<Rules>) -> Self {
        Self { inner, rules }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Auth<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: ErrorBody,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // Refused or not: whoever holds the request from here on may print it.
        self.rules.sources.mark_sensitive(request.headers_mut());
        let caching = match self.rules.decide(request.headers(), request.extensions()) {
            Decision::Accepted(principal) => {
                self.rules.let_in(principal, request.extensions_mut());
                self.rules.caching()
            }
            Decision::Known => {
                self.rules.let_in_known(request.extensions_mut());
                None
            }
            Decision::Anonymous => {
                self.rules.let_in_anonymous(request.extensions_mut());
                self.rules.caching_anonymous()
            }
            Decision::Pending(verification, attempt) => {
                let asked = Asked::new(verification, attempt, Arc::clone(&self.rules));
                let ready = take_ready(&mut self.inner);
                let gate = Gate::asking(asked, (ready, request), self.rules.caching());
                return ResponseFuture::new(gate);
            }
            Decision::Refused(refusal) => {
                drop(take_ready(&mut self.inner));
                let response = self.rules.refuse(refusal, request.extensions());
                return ResponseFuture::new(Gate::refused(response, self.rules.caching()));
            }
        };
        ResponseFuture::new(Gate::open(&mut self.inner, request, caching))
    }
}
