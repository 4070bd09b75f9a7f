use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Response, response};
use http_body::Body;
use http_body_util::BodyExt as _;
use http_body_util::combinators::Collect;
use pin_project_lite::pin_project;

use super::exchange::{Exchange, Panicked, Settled};
use crate::ErrorBody;

pin_project! {
    /// The future of an [`EnvelopeService`](super::EnvelopeService).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the inner future; a request that is dropped leaves no line.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B>
    where
        B: Body,
    {
        exchange: Exchange,
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B>
    where
        B: Body,
    {
        Running { #[pin] inner: F },
        Reading { parts: Option<response::Parts>, #[pin] text: Collect<B> },
        Panicked,
        Done,
    }
}

pub(super) fn running<F, B: Body>(exchange: Exchange, inner: F) -> ResponseFuture<F, B> {
    ResponseFuture { exchange, state: State::Running { inner } }
}

pub(super) fn panicked<F, B: Body>(exchange: Exchange, _: Panicked) -> ResponseFuture<F, B> {
    ResponseFuture { exchange, state: State::Panicked }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: ErrorBody + Body,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let exchange = this.exchange;
        let answer = loop {
            match this.state.as_mut().project() {
                StateProjection::Running { inner } => match exchange.step(|| inner.poll(cx)) {
                    Err(Panicked) => this.state.set(State::Panicked),
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(Err(error))) => {
                        exchange.close_without_response();
                        break Err(error);
                    }
                    Ok(Poll::Ready(Ok(response))) => match exchange.settle(response) {
                        Settled::Done(response) => break Ok(response),
                        Settled::Read(parts, body) => this
                            .state
                            .set(State::Reading { parts: Some(parts), text: body.collect() }),
                    },
                },
                StateProjection::Reading { parts, text } => {
                    let text = ready!(text.poll(cx));
                    let Some(parts) = parts.take() else { return Poll::Pending };
                    break Ok(exchange.settle_text(parts, text));
                }
                StateProjection::Panicked => break Ok(exchange.answer_panic()),
                // Polled after its end: nothing will come.
                StateProjection::Done => return Poll::Pending,
            }
        };
        this.state.set(State::Done);
        Poll::Ready(answer)
    }
}

impl<F, B: Body> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("envelope::ResponseFuture").finish_non_exhaustive()
    }
}
