use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::gate::{Gate, Question};
use super::layer::Rules;
use crate::keyring::Verification;
use crate::{ErrorBody, Principal, Refusal};

pin_project! {
    /// The answer of [`Auth`](super::Auth): the inner service's, or a refusal.
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

/// The keyring, asking its store, and the rules for its answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) verification: Verification,
    pub(super) rules: Arc<Rules>,
}

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
        Pin::new(&mut self.verification).poll(cx)
    }
}

impl Question for Asked {
    fn refuse<B: ErrorBody>(&self, refusal: Refusal, request: &Extensions) -> Response<B> {
        self.rules.refuse(refusal, request)
    }
}
