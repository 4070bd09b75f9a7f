use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::exchange::Exchange;
use crate::ErrorBody;
use crate::telemetry::{self, CurrentSpan};

pin_project! {
    /// The answer of [`Idempotency`](super::Idempotency): the inner service's, after it was kept.
    ///
    /// # Cancel safety
    ///
    /// Dropped while an operation is carried out, it goes on in a task of its own, and its answer
    /// is kept. Dropped before, the inner future is dropped.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R, E>
    where
        R: Send,
        R: 'static,
        E: Send,
        E: 'static,
    {
        #[pin]
        state: State<F, R, E>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R, E>
    where
        R: Send,
        R: 'static,
        E: Send,
        E: 'static,
    {
        Passing { #[pin] future: F },
        Held { running: Running<R, E> },
    }
}

/// A request with a key on its way through the inner service, until its answer is kept.
struct Running<R: Send + 'static, E: Send + 'static> {
    /// `None` when it has ended or panicked.
    future: Option<Whole<R, E>>,
    exchange: Arc<Exchange>,
    span: CurrentSpan,
}

type Whole<R, E> = Pin<Box<dyn Future<Output = Result<Response<R>, E>> + Send>>;

impl<F, R, E> ResponseFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ErrorBody + Body + Send + 'static,
    R::Data: Send,
    R::Error: Send,
    E: Send + 'static,
{
    pub(super) fn passing(future: F) -> Self {
        Self { state: State::Passing { future } }
    }

    pub(super) fn held(future: F, exchange: Arc<Exchange>) -> Self
    where
        F: Send + 'static,
    {
        let future: Whole<R, E> = Box::pin(carry_out(future, Arc::clone(&exchange)));
        let running = Running { future: Some(future), exchange, span: CurrentSpan::get() };
        Self { state: State::Held { running } }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Send + 'static,
    E: Send + 'static,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passing { future } => future.poll(cx),
            StateProjection::Held { running } => running.poll(cx),
        }
    }
}

impl<R: Send + 'static, E: Send + 'static> Running<R, E> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<R>, E>> {
        // Taken out: one that panics is not put back.
        let Some(mut future) = self.future.take() else { return Poll::Pending };
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            self.future = Some(future);
        }
        polled
    }
}

/// The client has hung up. What was begun is finished.
impl<R: Send + 'static, E: Send + 'static> Drop for Running<R, E> {
    fn drop(&mut self) {
        let Some(mut future) = self.future.take() else { return };
        if !self.exchange.is_under_way() {
            return;
        }
        let span = std::mem::take(&mut self.span);
        self.exchange.spawn(async move {
            let ended = poll_fn(|cx| span.scope(|| future.as_mut().poll(cx))).await;
            let status = ended.ok().map(|response| response.status().as_u16());
            span.scope(|| telemetry::finished_without_client(status));
        });
    }
}

/// The inner service's future and what follows from it.
async fn carry_out<F, R, E>(future: F, exchange: Arc<Exchange>) -> Result<Response<R>, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ErrorBody + Body,
{
    // In a box, so that it can be dropped before its key is free.
    let mut future = Box::pin(future);
    // Nothing of it is looked at after a panic.
    let ended = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await;
    drop(future);
    match ended {
        Ok(Ok(response)) => Ok(exchange.settle(response).await),
        // There is no answer that could be kept.
        Ok(Err(error)) => {
            exchange.abandon().await;
            Err(error)
        }
        Err(panic) => {
            exchange.abandon().await;
            resume_unwind(panic)
        }
    }
}

impl<F, R: Send + 'static, E: Send + 'static> fmt::Debug for ResponseFuture<F, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Passing { .. } => "Passing",
            State::Held { .. } => "Held",
        })
    }
}
