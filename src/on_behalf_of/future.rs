use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::accounts::Asking;
use crate::auth::{Gate, Question, admit, refused_inside};
use crate::decision::Decider;
use crate::error::respond;
use crate::{ApiError, ErrorBody, Principal, Refusal};

pin_project! {
    /// The answer of [`OnBehalfOf`](super::OnBehalfOf): the inner service's, or a refusal.
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        gate: Gate<S, B, Asked>,
    }
}

/// The directory, being asked.
#[derive(Debug)]
pub(super) struct Asked(pub(super) Asking);

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn new(gate: Gate<S, B, Asked>) -> Self {
        Self { gate }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    ResBody: ErrorBody,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().gate.poll(cx)
    }
}

impl Future for Asked {
    type Output = Result<Principal, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Question for Asked {
    fn admit(&self, principal: Principal, request: &mut Extensions) {
        admit(principal, request);
    }

    fn refuse<B: ErrorBody>(&self, refusal: Refusal, request: &Extensions) -> Response<B> {
        refuse(refusal, request)
    }
}

/// The answer to a request that was refused.
pub(super) fn refuse<B: ErrorBody>(refusal: Refusal, request: &Extensions) -> Response<B> {
    let error = ApiError::from(refusal);
    refused_inside(Decider::OnBehalfOf, &error, request);
    respond(error, request)
}
