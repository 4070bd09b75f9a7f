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
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Running { inner } => {
                    let polled = exchange.step(|| inner.poll(cx));
                    after_inner(exchange, polled)
                }
                StateProjection::Reading { parts, text } => {
                    let text = ready!(text.poll(cx));
                    let answer = parts.take().map(|parts| exchange.settle_text(parts, text));
                    answer.map_or(Next::Wait, |response| Next::Answer(Ok(response)))
                }
                StateProjection::Panicked => Next::Answer(Ok(exchange.answer_panic())),
                // Polled after its end: nothing will come.
                StateProjection::Done => Next::Wait,
            };
            match next {
                Next::Wait => return Poll::Pending,
                Next::Become(state) => this.state.set(state),
                Next::Answer(answer) => {
                    this.state.set(State::Done);
                    return Poll::Ready(answer);
                }
            }
        }
    }
}

/// What a poll of the current state leads to.
enum Next<F, B: Body, E> {
    Wait,
    Become(State<F, B>),
    Answer(Result<Response<B>, E>),
}

fn after_inner<F, B: ErrorBody + Body, E>(
    exchange: &mut Exchange,
    polled: Result<Poll<Result<Response<B>, E>>, Panicked>,
) -> Next<F, B, E> {
    match polled {
        Err(Panicked) => Next::Become(State::Panicked),
        Ok(Poll::Pending) => Next::Wait,
        Ok(Poll::Ready(Err(error))) => {
            exchange.close_without_response();
            Next::Answer(Err(error))
        }
        Ok(Poll::Ready(Ok(response))) => match exchange.settle(response) {
            Settled::Done(response) => Next::Answer(Ok(response)),
            Settled::Read(parts, body) => {
                Next::Become(State::Reading { parts: Some(parts), text: body.collect() })
            }
        },
    }
}

impl<F, B: Body> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("envelope::ResponseFuture").finish_non_exhaustive()
    }
}
