use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, HeaderMap, Request, Response};
use tower::Service;

use super::accounts::{Asking, Found};
use super::future::{Asked, ResponseFuture, refuse};
use super::layer::Rules;
use crate::auth::{Gate, admit, caller, take_ready};
use crate::{ErrorBody, Principal, Refusal};

/// The service that [`OnBehalfOfLayer`](super::OnBehalfOfLayer) makes.
#[derive(Debug, Clone)]
pub struct OnBehalfOf<S> {
    inner: S,
    rules: Arc<Rules>,
}

/// What becomes of a request. Made without waiting for anything.
enum Decision {
    /// It goes on as it is: the platform's own, or narrowed by a layer outside.
    AsItIs,
    /// It goes on in the name of an account.
    Narrowed(Principal),
    /// The directory has to be asked.
    Asking(Asking),
    Refused(Refusal),
}

impl<S> OnBehalfOf<S> {
    pub(super) fn new(inner: S, rules: Arc<Rules>) -> Self {
        Self { inner, rules }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for OnBehalfOf<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: ErrorBody,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let caching = Some(Arc::clone(&self.rules.caching));
        let gate = match self.rules.decide(request.headers(), request.extensions()) {
            Decision::AsItIs => Gate::open(&mut self.inner, request, caching),
            Decision::Narrowed(principal) => {
                admit(principal, request.extensions_mut());
                Gate::open(&mut self.inner, request, caching)
            }
            Decision::Asking(asking) => {
                let held = (take_ready(&mut self.inner), request);
                Gate::asking(Asked(asking), held, caching)
            }
            Decision::Refused(refusal) => {
                drop(take_ready(&mut self.inner));
                Gate::refused(refuse(refusal, request.extensions()), caching)
            }
        };
        ResponseFuture::new(gate)
    }
}

impl Rules {
    fn decide(&self, headers: &HeaderMap, extensions: &Extensions) -> Decision {
        self.look(headers, extensions).unwrap_or_else(Decision::Refused)
    }

    fn look(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Decision, Refusal> {
        let caller = caller(extensions)?;
        let Some(account) = self.account(headers)? else { return Ok(Decision::AsItIs) };
        let caller = caller.ok_or(Refusal::MissingCredential)?;
        if caller.on_behalf_of() == Some(&account) {
            return Ok(Decision::AsItIs);
        }
        match self.accounts.find(caller, account) {
            Found::Settled(settled) => settled.map(Decision::Narrowed),
            Found::Asking(asking) => Ok(Decision::Asking(asking)),
        }
    }
}
