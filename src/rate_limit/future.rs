use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::decide::Refused;
use super::headers::Shown;
use super::layer::Config;
use super::verdicts::{Awaited, Verdicts};
use crate::envelope::RequestId;
use crate::error::respond;
use crate::{ApiError, ErrorBody, ErrorCode, telemetry};

pin_project! {
    /// The response of [`RateLimit`](super::RateLimit), with its headers.
    ///
    /// # Cancel safety
    ///
    /// What was charged stays charged when it is dropped.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Running {
            #[pin]
            response: S::Future,
            shown: Option<Shown>,
            panics: Panics,
        },
        Answered {
            response: Option<S::Response>,
        },
        Waiting {
            verdicts: Awaited,
            config: Arc<Config>,
            held: Option<(S, Request<B>)>,
        },
    }
}

/// What becomes of a panic inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Panics {
    /// It is an error for the `EnvelopeLayer` outside to write, and the headers go with it.
    Caught,
    /// Nobody outside could write it: it goes on.
    Through,
}

impl<S, B, R> ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ErrorBody,
{
    /// Calls the service, which is ready.
    #[inline]
    pub(crate) fn call(service: &mut S, request: Request<B>, shown: Option<Shown>) -> Self {
        Self { state: State::call(service, request, shown) }
    }

    pub(crate) fn refused(refused: Refused, request: &Request<B>) -> Self {
        Self { state: State::refused(refused, request) }
    }

    /// Holds the ready service until the verdicts are there.
    pub(crate) fn waiting(
        verdicts: Awaited,
        config: Arc<Config>,
        service: S,
        request: Request<B>,
    ) -> Self {
        Self { state: State::Waiting { verdicts, config, held: Some((service, request)) } }
    }
}

impl<S, B, R> State<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ErrorBody,
{
    // Inlined, so that the inner future is written where it stays and not moved there.
    #[inline]
    fn call(service: &mut S, request: Request<B>, shown: Option<Shown>) -> Self {
        let enveloped = request.extensions().get::<RequestId>().is_some();
        if shown.is_some() && enveloped {
            return Self::call_and_catch(service, request, shown);
        }
        Self::Running { response: service.call(request), shown, panics: Panics::Through }
    }

    fn call_and_catch(service: &mut S, request: Request<B>, shown: Option<Shown>) -> Self {
        // Nothing of the service is looked at after a panic.
        match catch_unwind(AssertUnwindSafe(|| service.call(request))) {
            Ok(response) => Self::Running { response, shown, panics: Panics::Caught },
            Err(_) => Self::Answered { response: Some(after_panic(shown)) },
        }
    }

    /// After verdicts that had to be waited for.
    fn go_on(config: &Config, verdicts: &Verdicts, held: Option<(S, Request<B>)>) -> Self {
        let Some((mut service, request)) = held else { return Self::Answered { response: None } };
        match config.conclude(verdicts, request.extensions()) {
            Ok(shown) => Self::call(&mut service, request, shown),
            Err(refused) => Self::refused(refused, &request),
        }
    }

    fn refused(refused: Refused, request: &Request<B>) -> Self {
        let response = respond(refused.error, request.extensions());
        Self::Answered { response: Some(with_headers(response, refused.shown)) }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ErrorBody,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Running { response, shown, panics: Panics::Through } => {
                    let response = ready!(response.poll(context))?;
                    return Poll::Ready(Ok(with_headers(response, shown.take())));
                }
                StateProjection::Running { response, shown, panics: Panics::Caught } => {
                    // Nothing of the service is looked at after a panic.
                    let polled = catch_unwind(AssertUnwindSafe(|| response.poll(context)));
                    let shown = shown.take_if(|_| !matches!(polled, Ok(Poll::Pending)));
                    return match polled {
                        Ok(polled) => polled.map_ok(|response| with_headers(response, shown)),
                        Err(_) => Poll::Ready(Ok(after_panic(shown))),
                    };
                }
                StateProjection::Answered { response } => {
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response)),
                        None => Poll::Pending,
                    };
                }
                StateProjection::Waiting { verdicts, config, held } => {
                    let verdicts = ready!(Pin::new(verdicts).poll(context));
                    State::go_on(config, &verdicts, held.take())
                }
            };
            state.set(next);
        }
    }
}

impl<S, B> std::fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

fn with_headers<R>(mut response: Response<R>, shown: Option<Shown>) -> Response<R> {
    if let Some(shown) = shown {
        shown.write(response.headers_mut());
    }
    response
}

/// The error travels in the extensions to the `EnvelopeLayer`, which writes it.
fn after_panic<R: ErrorBody>(shown: Option<Shown>) -> Response<R> {
    telemetry::panicked();
    let error = ApiError::new(ErrorCode::Internal);
    let mut response = Response::new(R::from_bytes(Bytes::new()));
    *response.status_mut() = error.status();
    response.extensions_mut().insert(error);
    with_headers(response, shown)
}
