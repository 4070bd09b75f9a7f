use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::CacheControl;
use crate::{ErrorBody, Principal, Refusal, telemetry};

/// Somebody who is asked whether a request may go on, and who answers for itself if it may not.
pub(crate) trait Question: Future<Output = Result<Principal, Refusal>> + Unpin {
    /// Puts the caller where handlers and inner layers find it.
    fn admit(&self, principal: Principal, request: &mut Extensions);

    /// The answer to the client.
    fn refuse<B: ErrorBody>(&self, refusal: Refusal, request: &Extensions) -> Response<B>;
}

pin_project! {
    /// The future of the layers that let a request through or refuse it.
    pub(crate) struct Gate<S, B, Q>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, Q>,
        caching: Option<Arc<CacheControl>>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, Q>
    where
        S: Service<Request<B>>,
    {
        Open { #[pin] future: S::Future },
        // Both are `None` once they were used.
        Refused { response: Option<S::Response> },
        Asking { waiting: Option<Box<Waiting<S, B, Q>>> },
    }
}

/// A request that waits for an answer.
///
/// In a box: one that does not wait must not carry its size around.
struct Waiting<S, B, Q> {
    question: Q,
    ready: S,
    request: Request<B>,
}

impl<S, B, Q> Gate<S, B, Q>
where
    S: Service<Request<B>>,
{
    /// Calls the inner service, which is ready. The response tells caches what `caching` says, as
    /// it does whoever makes it.
    // Inlined, so that the inner future is written where it stays and not moved there.
    #[inline]
    pub(crate) fn open(
        ready: &mut S,
        request: Request<B>,
        caching: Option<Arc<CacheControl>>,
    ) -> Self {
        Self { state: State::Open { future: ready.call(request) }, caching }
    }

    /// It will not be called.
    pub(crate) fn refused(response: S::Response, caching: Option<Arc<CacheControl>>) -> Self {
        Self { state: State::Refused { response: Some(response) }, caching }
    }

    /// It will be called with the principal that the question ends in.
    pub(crate) fn asking(
        question: Q,
        (ready, request): (S, Request<B>),
        caching: Option<Arc<CacheControl>>,
    ) -> Self {
        let waiting = Some(Box::new(Waiting { question, ready, request }));
        Self { state: State::Asking { waiting }, caching }
    }
}

impl<S, B, Q, ResBody> Future for Gate<S, B, Q>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    Q: Question,
    ResBody: ErrorBody,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let response = match this.state.as_mut().project() {
                StateProjection::Open { future } => Some(ready!(future.poll(cx))?),
                StateProjection::Refused { response } => response.take(),
                StateProjection::Asking { waiting } => {
                    let next = ready!(Waiting::poll(waiting, cx));
                    this.state.set(next);
                    continue;
                }
            };
            // Polled again after it was done: nothing will come.
            let Some(mut response) = response else { return Poll::Pending };
            if let Some(caching) = this.caching.take() {
                caching.apply(response.status(), response.headers_mut());
            }
            return Poll::Ready(Ok(response));
        }
    }
}

impl<S, B, Q, ResBody> Waiting<S, B, Q>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    Q: Question,
    ResBody: ErrorBody,
{
    fn poll(waiting: &mut Option<Box<Self>>, cx: &mut Context<'_>) -> Poll<State<S, B, Q>> {
        let Some(asked) = waiting.as_mut() else { return Poll::Pending };
        let answer = ready!(Pin::new(&mut asked.question).poll(cx));
        match waiting.take() {
            Some(asked) => Poll::Ready(asked.go_on(answer)),
            None => Poll::Pending,
        }
    }

    fn go_on(mut self, answer: Result<Principal, Refusal>) -> State<S, B, Q> {
        match answer {
            Ok(principal) => {
                self.question.admit(principal, self.request.extensions_mut());
                State::Open { future: self.ready.call(self.request) }
            }
            // What `ready` holds goes with it.
            Err(refusal) => {
                let response = self.question.refuse(refusal, self.request.extensions());
                State::Refused { response: Some(response) }
            }
        }
    }
}

impl<S, B, Q> fmt::Debug for Gate<S, B, Q>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Open { .. } => "Open",
            State::Refused { .. } => "Refused",
            State::Asking { .. } => "Asking",
        })
    }
}

/// Puts the caller where handlers and inner layers find it, and into the log. Whether a layer outside
/// had put one there.
pub(crate) fn admit(principal: Principal, request: &mut Extensions) -> bool {
    telemetry::record_principal(&principal);
    let Some(previous) = request.insert(principal) else { return false };
    if let Some(principal) = request.get_mut::<Principal>() {
        principal.succeed(&previous);
    }
    true
}

/// Takes the service that `poll_ready` made ready; a clone of it, not ready, stays behind.
///
/// One that stayed, ready and not called, would keep what readiness holds: the permit of a
/// `ConcurrencyLimit`.
pub(crate) fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    mem::replace(service, clone)
}
