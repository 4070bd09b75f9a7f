use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tower::Service;

use super::gate::{Gate, Question};
use super::guard::is_failure;
use super::layer::Rules;
use crate::keyring::{LateVerdict, Verification, Verified};
use crate::rate_limit::Attempt;
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
    /// `None` once it was answered.
    verification: Option<Verification>,
    /// What is counted if the answer is no; `None` if nobody counts, or nothing was asked yet.
    attempt: Option<Box<Attempt>>,
    has_begun: bool,
    rules: Arc<Rules>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    #[inline]
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

impl Asked {
    pub(super) fn new(
        verification: Verification,
        attempt: Option<Box<Attempt>>,
        rules: Arc<Rules>,
    ) -> Self {
        Self { verification: Some(verification), attempt, has_begun: false, rules }
    }
}

impl Future for Asked {
    type Output = Result<Principal, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.has_begun = true;
        let Some(verification) = &mut self.verification else { return Poll::Pending };
        let Verified { answer, late } = ready!(Pin::new(verification).poll(cx));
        self.verification = None;
        if let Some(attempt) = self.attempt.take() {
            settle(attempt, &answer, late);
        }
        Poll::Ready(answer)
    }
}

/// A client that hangs up has tried all the same, and may come again for an answer that is cached
/// by then: the look-up goes on, and so does the attempt.
impl Drop for Asked {
    fn drop(&mut self) {
        let (Some(verification), Some(attempt)) = (self.verification.take(), self.attempt.take())
        else {
            return;
        };
        if self.has_begun
            && let Ok(runtime) = Handle::try_current()
            && let Some(attempt) = attempt.unless_shared()
        {
            runtime.spawn(async move {
                let Verified { answer, late } = verification.await;
                settle(Box::new(attempt), &answer, late);
            });
        }
    }
}

/// Counts the attempt if it has failed. It ends with its look-up: were its place free before, an
/// address could have a slow store asked without an end.
fn settle(attempt: Box<Attempt>, answer: &Result<Principal, Refusal>, late: Option<LateVerdict>) {
    match (late, answer) {
        (Some(late), _) => {
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(settle_late(attempt, late));
            }
        }
        (None, Err(refusal)) if is_failure(refusal) => attempt.fail(),
        _ => {}
    }
}

async fn settle_late(attempt: Box<Attempt>, late: LateVerdict) {
    if late.refusal().await.is_some_and(|refusal| is_failure(&refusal)) {
        attempt.fail();
    }
}

impl Question for Asked {
    fn admit(&self, principal: Principal, request: &mut Extensions) {
        self.rules.let_in(principal, request);
    }

    fn refuse<B: ErrorBody>(&self, refusal: Refusal, request: &Extensions) -> Response<B> {
        self.rules.refuse(refusal, request)
    }
}
