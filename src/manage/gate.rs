use std::sync::Arc;
use std::task::{Context, Poll};
use std::{future::Future, pin::Pin};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use tower::Service;
use tower_layer::Layer;

use super::cross_site;
use super::problem::Wanted;
use crate::ApiError;

/// Decides who may manage keys.
///
/// [`BasicAuth`](super::BasicAuth) is one, and it limits guesses; put
/// [`RateLimitLayer::per_client_ip`](crate::RateLimitLayer::per_client_ip) around your own. An
/// application with sessions writes a type, or hands a function of the request's head to
/// [`router`](super::router): `|head: &Parts| …`.
///
/// ```
/// use keygate::manage::Gate;
/// use keygate::{ApiError, ErrorCode};
/// use http::request::Parts;
///
/// #[derive(Clone)]
/// struct Operators;
///
/// impl Gate for Operators {
///     async fn admit(&self, request: &Parts) -> Result<(), ApiError> {
///         // A session layer outside has put this here.
///         match request.extensions.get::<&'static str>() {
///             Some(&"operator") => Ok(()),
///             _ => Err(ApiError::new(ErrorCode::Forbidden)),
///         }
///     }
/// }
/// # fn is_gate(_: impl Gate) {}
/// # is_gate(Operators);
/// # is_gate(|_: &Parts| Err(ApiError::new(ErrorCode::Forbidden)));
/// ```
pub trait Gate: Send + Sync + 'static {
    /// Lets the request in, or says what to answer.
    ///
    /// # Errors
    ///
    /// What the client is told.
    fn admit(&self, request: &Parts) -> impl Future<Output = Result<(), ApiError>> + Send;
}

impl<F> Gate for F
where
    F: Fn(&Parts) -> Result<(), ApiError> + Send + Sync + 'static,
{
    async fn admit(&self, request: &Parts) -> Result<(), ApiError> {
        self(request)
    }
}

/// Puts a gate, and the rule against requests from other sites, before a router.
pub(super) struct GateLayer<G> {
    gate: Arc<G>,
}

/// The service of [`GateLayer`].
pub(super) struct Gated<G, S> {
    gate: Arc<G>,
    inner: S,
}

impl<G> GateLayer<G> {
    pub(super) fn new(gate: G) -> Self {
        Self { gate: Arc::new(gate) }
    }
}

impl<G> Clone for GateLayer<G> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate) }
    }
}

impl<G, S: Clone> Clone for Gated<G, S> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate), inner: self.inner.clone() }
    }
}

impl<G, S> Layer<S> for GateLayer<G> {
    type Service = Gated<G, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated { gate: Arc::clone(&self.gate), inner }
    }
}

impl<G, S> Service<Request> for Gated<G, S>
where
    G: Gate,
    S: Service<Request, Response = Response, Error = std::convert::Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    // Boxed with a reason: managing keys is rare, and the gate's future has no name.
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let wanted = Wanted::by(&parts);
            let admitted = match gate.admit(&parts).await {
                Ok(()) => cross_site::check(&parts),
                refused => refused,
            };
            let mut response = match admitted {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await?,
                Err(error) => error.into_response(),
            };
            response = wanted.write(response);
            // Who has which keys, and one answer with a key's text: nobody on the way keeps that.
            // Only the page's own files say otherwise.
            let kept = response.headers_mut().entry(CACHE_CONTROL);
            kept.or_insert(const { HeaderValue::from_static("no-store") });
            Ok(response)
        })
    }
}
