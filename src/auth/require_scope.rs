use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;
use tower_layer::Layer;

use super::{authorize, take_ready};
use crate::ErrorBody;
use crate::error::respond;
use crate::scope::Requirement;

/// Asks for a scope on routes whose handlers one cannot touch.
///
/// It stands inside [`AuthLayer`](super::AuthLayer), where a `ServeDir` or somebody else's service
/// is mounted. A caller without the scope gets 403 `insufficient_scope`, an anonymous one 401, and
/// a request that no `AuthLayer` has seen 500 `misconfigured`. Handlers of one's own take
/// `Scoped<…>` instead, which says the same in their signatures.
pub struct RequireScope<R>(PhantomData<fn() -> R>);

/// The service that [`RequireScope`] makes.
pub struct RequireScopeService<S, R> {
    inner: S,
    requirement: PhantomData<fn() -> R>,
}

pin_project! {
    /// The answer of [`RequireScopeService`]: the inner service's, or a refusal.
    #[must_use = "futures do nothing unless polled"]
    pub struct RequireScopeFuture<F, B> {
        #[pin]
        answer: Answer<F, B>,
    }
}

pin_project! {
    #[project = AnswerProjection]
    enum Answer<F, B> {
        Inner { #[pin] future: F },
        // `None` once it was given.
        Refused { response: Option<Response<B>> },
    }
}

impl<R: Requirement> RequireScope<R> {
    /// Asks for `R`: a scope, `AllOf` or `AnyOf`.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<S, R> Layer<S> for RequireScope<R> {
    type Service = RequireScopeService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireScopeService { inner, requirement: PhantomData }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for RequireScopeService<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: ErrorBody,
    R: Requirement,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RequireScopeFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let answer = match authorize::<R>(request.extensions()) {
            Ok(_) => Answer::Inner { future: self.inner.call(request) },
            Err(error) => {
                // The ready service goes, as in `Auth`: it may hold a permit.
                drop(take_ready(&mut self.inner));
                Answer::Refused { response: Some(respond(error, request.extensions())) }
            }
        };
        RequireScopeFuture { answer }
    }
}

impl<F, B, E> Future for RequireScopeFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().answer.project() {
            AnswerProjection::Inner { future } => future.poll(cx),
            AnswerProjection::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
        }
    }
}

impl<R: Requirement> Default for RequireScope<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Clone for RequireScope<R> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<S: Clone, R> Clone for RequireScopeService<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), requirement: PhantomData }
    }
}

impl<R> fmt::Debug for RequireScope<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequireScope").field(&std::any::type_name::<R>()).finish()
    }
}

impl<S: fmt::Debug, R> fmt::Debug for RequireScopeService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireScopeService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<F, B> fmt::Debug for RequireScopeFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireScopeFuture").finish_non_exhaustive()
    }
}
